"""Each change of a ``Step`` as SQL. All of a step shares one transaction of the caller."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from crisiskit.step import (
    Acknowledged,
    Advanced,
    Announced,
    Answered,
    Change,
    ClockAgreed,
    ClockJumped,
    Contact,
    Doubted,
    EpochHeard,
    EpochOpened,
    Expired,
    PartArrived,
    PartsDropped,
    PurseMoved,
    Raised,
    ReadThere,
    Receipted,
    Requeued,
    Sealed,
    Sent,
    Spent,
    Vouched,
)
from crisiskit.store import arrivals, orders, pieces, relay, spending
from crisiskit.store.arrivals import share
from crisiskit.store.connect import Database
from crisiskit.store.frames import part_place, stored
from crisiskit.store.own import encode_own, sign_named
from crisiskit.store.schema import Sealed as Column

SECRETS_KEPT = 1024


class WithdrawnError(Exception):
    """A delivery was cancelled by somebody else before it could be sealed."""


def apply(db: Database, changes: Sequence[Change], now: int) -> None:
    """Write all changes. Raises ``WithdrawnError`` when one of them lost a race."""
    for change in changes:
        _WRITERS[type(change)](db, change, now)


def _epoch_opened(db: Database, c: EpochOpened, now: int) -> None:
    db.execute(
        "INSERT INTO sending_epoch (pairing, epoch, salt, part_key) VALUES (?, ?, ?, ?)",
        (c.pairing, c.epoch, c.salt, db.vault.seal(c.part_key, Column.PART_KEY)),
    )
    db.execute(
        "UPDATE pairing SET send_epoch = ?, send_chain = ? WHERE id = ?",
        (c.epoch + 1, db.vault.seal(c.chain_key, Column.SEND_CHAIN), c.pairing),
    )


def _sealed(db: Database, c: Sealed, now: int) -> None:
    db.execute(
        "INSERT INTO envelope (pairing, epoch, seq, frame, precedence, leaf, digest, signature,"
        " digests, own, state, sealed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'sealed', ?)",
        (
            c.pairing,
            c.epoch,
            c.seq,
            stored(db.vault, c.frame, Column.ENVELOPE_FRAME, c.pairing, c.epoch, c.seq),
            int(c.precedence),
            c.leaf,
            c.digest,
            c.signature,
            b"".join(c.digests),
            encode_own(c.own),
            now,
        ),
    )
    if c.own is not None and c.signature:
        sign_named(db, c.pairing, c.own)
    db.execute(
        "UPDATE sending_epoch SET count = ?, digest = ?,"
        " signed_below = CASE WHEN ? THEN ? ELSE signed_below END"
        " WHERE pairing = ? AND epoch = ?",
        (c.seq + 1, c.digest, bool(c.signature), c.seq + 1, c.pairing, c.epoch),
    )
    done = db.executemany(
        "UPDATE delivery SET state = 'sealed', state_at = ?, epoch = ?, seq = ?, place = ?"
        " WHERE id = ? AND state = 'kept'",
        [(now, c.epoch, c.seq, place, d) for place, d in enumerate(c.deliveries)],
    )
    if done.rowcount != len(c.deliveries):
        raise WithdrawnError


def _sent(db: sqlite3.Connection, c: Sent, now: int) -> None:
    key = (c.pairing, c.epoch, c.seq)
    rows = db.execute(
        "SELECT id FROM delivery WHERE pairing = ? AND box = 'out' AND epoch = ? AND seq = ?"
        " ORDER BY place",
        key,
    ).fetchall()
    n = len(rows)
    db.executemany(
        "UPDATE delivery SET frame_bytes = frame_bytes + ?, credits = credits + ?, link = ?"
        " WHERE id = ?",
        [
            (share(c.frame_bytes, i, n), share(c.credits, i, n), c.link, row[0])
            for i, row in enumerate(rows)
        ],
    )
    if not c.whole:
        return
    db.execute(
        "UPDATE envelope SET state = 'sent'"
        " WHERE pairing = ? AND epoch = ? AND seq = ? AND state = 'sealed'",
        key,
    )
    db.execute(
        "UPDATE delivery SET state = 'sent', state_at = ? WHERE pairing = ? AND box = 'out'"
        " AND epoch = ? AND seq = ? AND state = 'sealed'",
        (now, *key),
    )


def _acknowledged(db: Database, c: Acknowledged, now: int) -> None:
    below = (c.pairing, c.epoch, c.held_below)
    db.execute(
        "UPDATE envelope SET state = 'held', held_at = ?"
        " WHERE pairing = ? AND epoch = ? AND seq < ? AND held_at IS NULL",
        (now, *below),
    )
    db.execute(
        "UPDATE delivery SET state = 'held', state_at = ? WHERE pairing = ? AND box = 'out'"
        " AND epoch = ? AND seq < ? AND state IN ('sealed', 'sent', 'arrived')"
        f" AND NOT {pieces.PENDING}",
        (now, *below),
    )
    db.execute(  # what is left of them waits for its files
        "UPDATE delivery SET state = 'arrived', state_at = ? WHERE pairing = ? AND box = 'out'"
        " AND epoch = ? AND seq < ? AND state IN ('sealed', 'sent')",
        (now, *below),
    )
    db.execute(
        "UPDATE sending_epoch SET held_below = max(held_below, ?), held_by = ?, held_by_salt = ?"
        " WHERE pairing = ? AND epoch = ?",
        (c.held_below, *c.by, c.pairing, c.epoch),
    )
    if c.confirms:
        db.execute(
            "UPDATE pairing SET confirmed_epoch = ?, confirmed_salt = ? WHERE id = ?",
            (*c.by, c.pairing),
        )
    db.executemany(
        "UPDATE envelope SET state = 'arrived' WHERE pairing = ? AND epoch = ? AND seq = ?"
        " AND held_at IS NULL",
        [(c.pairing, c.epoch, seq) for seq in c.arrived],
    )
    db.executemany(
        "UPDATE delivery SET state = 'arrived', state_at = ? WHERE pairing = ? AND box = 'out'"
        " AND epoch = ? AND seq = ? AND state IN ('sealed', 'sent')",
        [(now, c.pairing, c.epoch, seq) for seq in c.arrived],
    )
    pieces.promote(db, c.pairing, now)


def _doubted(db: Database, c: Doubted, now: int) -> None:
    db.execute(
        "UPDATE pairing SET send_epoch = ?, send_chain = ? WHERE id = ? AND send_epoch <= ?",
        (c.send_epoch, db.vault.seal(c.chain_key, Column.SEND_CHAIN), c.pairing, c.send_epoch),
    )
    doubt(db, c.pairing)


def doubt(db: sqlite3.Connection, pairing: int) -> None:
    """What the far end holds of the envelopes kept here is to be asked for."""
    db.execute(
        "UPDATE sending_epoch SET in_doubt = 1, held_below = 0 WHERE pairing = ? AND epoch IN"
        " (SELECT DISTINCT epoch FROM envelope WHERE pairing = ? AND frame <> x''"
        " AND state <> 'closed')",
        (pairing, pairing),
    )


def _answered(db: Database, c: Answered, now: int) -> None:
    """What is not there any more is repeated; people go on seeing what they saw."""
    key = (c.pairing, c.epoch)
    db.execute(
        "UPDATE sending_epoch SET in_doubt = 0 WHERE pairing = ? AND epoch = ?",
        key,
    )
    db.execute(
        "UPDATE envelope SET state = 'sent', held_at = NULL"
        " WHERE pairing = ? AND epoch = ? AND seq >= ? AND state NOT IN ('sealed', 'closed')",
        (*key, c.held_below),
    )
    if c.proved:
        _acknowledged(db, Acknowledged(*key, c.held_below, c.arrived, c.by), now)
    else:
        there = (*range(c.held_below), *c.arrived)
        _acknowledged(db, Acknowledged(*key, 0, there, c.by), now)


def _requeued(db: sqlite3.Connection, c: Requeued, now: int) -> None:
    """Records of a closed epoch wait again, those held too: nothing of it is sure any more."""
    db.execute(
        "UPDATE delivery SET state = 'kept', state_at = ?, epoch = NULL, seq = NULL,"
        " place = NULL WHERE pairing = ? AND box = 'out' AND epoch = ?"
        " AND state IN ('sealed', 'sent', 'arrived', 'held')",
        (now, c.pairing, c.epoch),
    )
    db.execute(
        "UPDATE envelope SET state = 'closed', held_at = coalesce(held_at, ?)"
        " WHERE pairing = ? AND epoch = ?",
        (now, c.pairing, c.epoch),
    )
    db.execute(
        "UPDATE sending_epoch SET in_doubt = 0 WHERE pairing = ? AND epoch = ?",
        (c.pairing, c.epoch),
    )


def _announced(db: sqlite3.Connection, c: Announced, now: int) -> None:
    db.execute("UPDATE pairing SET announce = 0 WHERE id = ?", (c.pairing,))


def _epoch_heard(db: Database, c: EpochHeard, now: int) -> None:
    db.execute(
        "INSERT INTO heard_epoch (pairing, epoch, salt, digest, nth) VALUES (?, ?, ?, ?,"
        " (SELECT coalesce(max(nth), 0) + 1 FROM heard_epoch WHERE pairing = ?))",
        (c.pairing, c.epoch, c.salt, c.digest, c.pairing),
    )
    if not c.secrets:
        return
    db.executemany(
        "INSERT OR IGNORE INTO epoch_secret (pairing, epoch, secret) VALUES (?, ?, ?)",
        [(c.pairing, epoch, db.vault.seal(s, Column.EPOCH_SECRET)) for epoch, s in c.secrets],
    )
    db.execute(
        "DELETE FROM epoch_secret WHERE pairing = ? AND epoch < ?",
        (c.pairing, c.epoch - SECRETS_KEPT),
    )
    db.execute(
        "UPDATE pairing SET heard_chain_epoch = ?, heard_chain = ? WHERE id = ?",
        (c.chain_epoch, db.vault.seal(c.chain_key, Column.HEARD_CHAIN), c.pairing),
    )


def _advanced(db: sqlite3.Connection, c: Advanced, now: int) -> None:
    db.execute(
        "UPDATE heard_epoch SET next_seq = ?, digest = ?, base_minute = ?, signed_below = ?,"
        " owed = 1 WHERE pairing = ? AND epoch = ? AND salt = ?",
        (c.next_seq, c.digest, c.base_minute, c.signed_below, c.pairing, c.epoch, c.salt),
    )


def _vouched(db: sqlite3.Connection, c: Vouched, now: int) -> None:
    db.execute(
        "UPDATE heard_epoch SET signed_below = ? WHERE pairing = ? AND epoch = ? AND salt = ?",
        (c.signed_below, c.pairing, c.epoch, c.salt),
    )


def _receipted(db: sqlite3.Connection, c: Receipted, now: int) -> None:
    db.executemany(
        "UPDATE heard_epoch SET owed = 0 WHERE pairing = ? AND epoch = ? AND salt = ?",
        [(c.pairing, epoch, salt) for epoch, salt in c.lives],
    )


def _clock_agreed(db: sqlite3.Connection, c: ClockAgreed, now: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('clock_agreed_at', ?)",
        (str(now).encode(),),
    )


def _clock_jumped(db: sqlite3.Connection, c: ClockJumped, now: int) -> None:
    db.execute(
        "UPDATE record SET expires_at = expires_at + ? WHERE expires_at IS NOT NULL AND id IN"
        " (SELECT record FROM delivery WHERE state = 'kept')",
        (c.by_ms,),
    )
    db.execute("DELETE FROM meta WHERE key = 'clock_agreed_at'")
    db.execute("UPDATE carried SET at = at + ?", (c.by_ms,))
    db.execute("UPDATE neighbour SET met_at = met_at + ?", (c.by_ms,))
    orders.clock_jumped(db, c)


def _part_arrived(db: Database, c: PartArrived, now: int) -> None:
    place = part_place(c.index, c.last)
    row = (c.pairing, c.epoch, c.seq, place)
    frame = stored(db.vault, c.frame, Column.PART_FRAME, *row)
    db.execute(
        "INSERT OR IGNORE INTO part (pairing, epoch, salt, seq, place, last, frame, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (c.pairing, c.epoch, c.salt, c.seq, place, c.last, frame, now),
    )


def _parts_dropped(db: sqlite3.Connection, c: PartsDropped, now: int) -> None:
    db.execute(
        "DELETE FROM part WHERE pairing = ? AND epoch = ? AND salt = ? AND seq = ?",
        (c.pairing, c.epoch, c.salt, c.seq),
    )


def _read_there(db: sqlite3.Connection, c: ReadThere, now: int) -> None:
    db.executemany(
        "UPDATE delivery SET state = 'read', state_at = ? WHERE pairing = ? AND box = 'out'"
        " AND epoch = ? AND seq = ? AND place = ?"
        " AND state IN ('sealed', 'sent', 'arrived', 'held')",
        [(now, c.pairing, ref.epoch, ref.seq, ref.index) for ref in c.references],
    )


def _contact(db: sqlite3.Connection, c: Contact, now: int) -> None:
    db.execute(
        "INSERT INTO path (pairing, link, peer, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (pairing, link) DO UPDATE SET peer = excluded.peer, at = excluded.at",
        (c.pairing, c.link, c.peer, now),
    )
    db.execute(
        "UPDATE pairing SET last_contact_at = ?, last_link = ? WHERE id = ?",
        (now, c.link, c.pairing),
    )


def _expired(db: Database, c: Expired, now: int) -> None:
    db.executemany(
        "UPDATE delivery SET state = 'expired', state_at = ? WHERE id = ? AND state = 'kept'",
        [(now, delivery) for delivery in c.deliveries],
    )
    for (pairing,) in db.execute(
        "SELECT DISTINCT pairing FROM delivery WHERE box = 'out' AND state = 'arrived'"
    ).fetchall():
        pieces.promote(db, pairing, now)


def _raised(db: Database, c: Raised, now: int) -> None:
    detail = db.vault.seal(c.notice.detail.encode(), Column.DETAIL, str(now).encode())
    db.execute(
        "INSERT INTO notice (at, pairing, code, detail) VALUES (?, ?, ?, ?)",
        (now, c.pairing, c.notice.code, detail),
    )


_WRITERS: dict[type, Callable[[Database, Any, int], None]] = {
    EpochOpened: _epoch_opened,
    Sealed: _sealed,
    Sent: _sent,
    Spent: spending.add,
    PurseMoved: spending.move,
    Acknowledged: _acknowledged,
    Doubted: _doubted,
    Answered: _answered,
    Requeued: _requeued,
    Announced: _announced,
    EpochHeard: _epoch_heard,
    Advanced: _advanced,
    Vouched: _vouched,
    Receipted: _receipted,
    ClockAgreed: _clock_agreed,
    ClockJumped: _clock_jumped,
    PartArrived: _part_arrived,
    PartsDropped: _parts_dropped,
    ReadThere: _read_there,
    Contact: _contact,
    Expired: _expired,
    Raised: _raised,
    **orders.WRITERS,
    **arrivals.WRITERS,
    **relay.WRITERS,
}
