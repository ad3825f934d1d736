"""Signed objects, trust and quarantine on disk: the writers of their changes, and their state."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from crisiskit.codec.objects import ObjectKind
from crisiskit.codec.record import RECORD_DIGEST_BYTES, record_id
from crisiskit.model import RecordKind, Verdict
from crisiskit.step import ClockJumped
from crisiskit.store.connect import Database
from crisiskit.store.frames import BYTES_IN_SQL, stored, tag_of
from crisiskit.store.schema import Sealed as Column
from crisiskit.trusted import (
    DutyKey,
    DutyKeyLearned,
    Judged,
    KnownObject,
    OrderAnswered,
    OrderCancelled,
    Ordered,
    OrderState,
    Quarantined,
    Trust,
    TrustListed,
    WipeOrdered,
)

TRUST_FACT = "trust_changed"
WIPE_FACT = "wipe_ordered"
KEY_BYTES = 32
PENDING_MAX = 64
RING_BYTES_MAX = 1024 * 1024
REFUSED_BYTES_MAX = 16 * 1024 * 1024
# Valid ones change whom this station trusts and need nobody's eyes.
SILENT_KINDS = frozenset({ObjectKind.TRUST_LIST, ObjectKind.DUTY_KEY, ObjectKind.TIME})


# -- state -----------------------------------------------------------------------------------


def load(db: Database, now: int) -> OrderState:
    """What an engine must know to judge orders and to refuse kits."""
    facts = {name: _fact(db, name) for name in ("role", "kit_number", "clock_agreed_at")}
    pairing = db.execute("SELECT id FROM pairing WHERE keeps_root = 0").fetchone()
    known = db.execute(
        "SELECT digest, kind, number, exercise, verdict, expires_at FROM signed_object"
        " WHERE box = 'in' AND digest IS NOT NULL"
    )
    pending = db.execute(
        "SELECT digest, data, text, at, number FROM signed_object WHERE box = 'in' AND verdict = ?"
        " ORDER BY id DESC LIMIT ?",
        (Verdict.UNKNOWN_SIGNER, PENDING_MAX),
    )
    agreed = facts["clock_agreed_at"]
    return OrderState(
        load_trust(db),
        int(facts["kit_number"] or b"0") if facts["role"] == b"kit" else 0,
        0 if pairing is None else pairing[0],
        tuple(
            KnownObject(digest, kind, number, bool(exercise), Verdict(verdict), expires_at)
            for digest, kind, number, exercise, verdict, expires_at in known
        ),
        tuple(
            (digest, *opened_object(db, number, data, text), at)
            for digest, data, text, at, number in pending
        )[::-1],
        frozenset(
            (number, bool(exercise))
            for number, exercise in db.execute("SELECT number, exercise FROM cancelled_order")
        ),
        frozenset(row[0] for row in db.execute("SELECT pairing FROM refused")),
        int(agreed) if agreed else None,
    )


def load_trust(db: Database) -> Trust:
    """Whom this installation believes."""
    keys = _fact(db, "authorities")
    lists = db.execute("SELECT version, whole, entries FROM trust_list").fetchall()
    duty = db.execute("SELECT place, name, public FROM duty_key ORDER BY place")
    return Trust(
        _fact(db, "network_id"),
        _fact(db, "exercise") == b"1",
        tuple(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)),
        {place: DutyKey(place, name, public) for place, name, public in duty},
        frozenset(_fact(db, "grave")),
        {version: frozenset(_numbers(entries)) for version, _whole, entries in lists},
        max((version for version, whole, _entries in lists if whole), default=0),
    )


def _fact(db: Database, key: str) -> bytes:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return b"" if row is None else bytes(row[0])


def sealed_object(db: Database, number: int, data: bytes, text: str) -> tuple[bytes, bytes]:
    """Data and text of a signed object as they stand on the disk."""
    row = str(number).encode()
    sealed = db.vault.seal(text.encode(), Column.OBJECT_TEXT, row)
    return db.vault.seal(data, Column.OBJECT_DATA, row), sealed


def opened_object(db: Database, number: int, data: bytes, text: bytes) -> tuple[bytes, str]:
    """The way back from :func:`sealed_object`."""
    row = str(number).encode()
    opened = db.vault.open(text, Column.OBJECT_TEXT, row).decode()
    return db.vault.open(data, Column.OBJECT_DATA, row), opened


def _numbers(entries: bytes) -> list[int]:
    return [int.from_bytes(entries[at : at + 2], "big") for at in range(0, len(entries), 2)]


# -- writers ---------------------------------------------------------------------------------


def _ordered(db: Database, c: Ordered, now: int) -> None:
    """A message stands in the list once, whatever ways its object came by."""
    record = _carrier(db, c, now) if c.carrier or not _known(db, c.digest) else None
    if c.digest and _known(db, c.digest):
        if record is not None:
            _unlist(db, record, c.digest)
        return
    db.execute(
        "INSERT INTO signed_object (box, digest, record, kind, number, exercise, answer,"
        " precedence, issued_s, expires_at, verdict, code, data, text, at)"
        " VALUES ('in', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            c.digest or None,
            record,
            c.kind,
            c.number,
            int(c.exercise),
            int(c.answer),
            int(c.precedence),
            c.issued_s,
            c.expires_at,
            c.verdict,
            c.code,
            *sealed_object(db, c.number, c.data, c.text),
            now,
        ),
    )
    if c.verdict is Verdict.VALID and c.kind in SILENT_KINDS and record is not None:
        _hide(db, record)


def _known(db: Database, digest: bytes) -> bool:
    row = db.execute("SELECT 1 FROM signed_object WHERE digest = ?", (digest,)).fetchone()
    return row is not None


def _carrier(db: Database, c: Ordered, now: int) -> int | None:
    """The record that brought it; one that came alone gets a record of its own."""
    if c.carrier:
        row = db.execute("SELECT id FROM record WHERE digest = ?", (c.carrier,)).fetchone()
        return None if row is None else int(row[0])
    name = c.digest[:RECORD_DIGEST_BYTES]
    cursor = db.execute(
        "INSERT INTO record (digest, code, box, author, kind, precedence, minute, twin, clock,"
        " data, text, written_at, received_at) VALUES (?, ?, 'in', ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)",
        (
            name,
            record_id(name),
            c.pairing,
            int(RecordKind.ORDER),
            int(c.precedence),
            c.issued_s // 60,
            db.vault.seal(c.data, Column.DATA, name),
            db.vault.seal(c.text.encode(), Column.TEXT, name),
            c.issued_s * 1000,
            now,
        ),
    )
    db.execute(
        "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at)"
        " VALUES (?, ?, 'in', 1, ?, 'held', ?)",
        (cursor.lastrowid, c.pairing, int(c.precedence), now),
    )
    return cursor.lastrowid


def _unlist(db: Database, record: int, digest: bytes) -> None:
    """The same object came again in another record."""
    first = db.execute("SELECT record FROM signed_object WHERE digest = ?", (digest,)).fetchone()
    if first[0] != record:
        _hide(db, record)


def _hide(db: Database, record: int) -> None:
    db.execute("UPDATE delivery SET listed = 0, state = 'read' WHERE record = ?", (record,))


def _judged(db: Database, c: Judged, now: int) -> None:
    db.execute(
        "UPDATE signed_object SET verdict = ?, expires_at = ? WHERE digest = ?",
        (c.verdict, c.expires_at, c.digest),
    )


def _order_cancelled(db: Database, c: OrderCancelled, now: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO cancelled_order (number, exercise, by, at) VALUES (?, ?, ?, ?)",
        (c.number, int(c.exercise), c.by, now),
    )


def _trust_listed(db: Database, c: TrustListed, now: int) -> None:
    if not c.delta:
        db.execute("DELETE FROM trust_list WHERE version < ?", (c.version,))
    entries = b"".join(number.to_bytes(2, "big") for number in c.revoked)
    db.execute(
        "INSERT OR IGNORE INTO trust_list (version, whole, issued_s, entries, at)"
        " VALUES (?, ?, ?, ?, ?)",
        (c.version, int(not c.delta), c.issued_s, entries, now),
    )


def _duty_key_learned(db: Database, c: DutyKeyLearned, now: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO duty_key (place, name, public) VALUES (?, ?, ?)",
        (c.index, c.name, c.public),
    )


def _wipe_ordered(db: Database, c: WipeOrdered, now: int) -> None:
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
        (WIPE_FACT, str(c.number).encode()),
    )


def _order_answered(db: Database, c: OrderAnswered, now: int) -> None:
    """A right code stands for ever; a wrong one until a right one comes."""
    row = db.execute(
        "SELECT o.code FROM signed_object o JOIN delivery d ON d.record = o.record"
        " WHERE o.box = 'out' AND o.kind = ? AND o.number = ? AND d.pairing = ?",
        (int(ObjectKind.ORDER), c.number, c.pairing),
    ).fetchone()
    if row is None:
        return
    db.execute(
        "INSERT INTO order_answer (number, pairing, at, correct, text) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (number, pairing) DO UPDATE SET at = excluded.at,"
        " correct = excluded.correct, text = excluded.text WHERE correct = 0",
        (
            c.number,
            c.pairing,
            now,
            int(row[0] == c.code),
            db.vault.seal(c.text.encode(), Column.ANSWER, str(c.number).encode()),
        ),
    )


def _quarantined(db: Database, c: Quarantined, now: int) -> None:
    """What is unknown goes round in a ring; of a revoked kit the first frames are kept, once."""
    held = db.execute(
        f"SELECT coalesce(sum({BYTES_IN_SQL}), 0) FROM quarantine WHERE pairing IS ?", (c.pairing,)
    ).fetchone()[0]
    if c.pairing is not None and held + len(c.frame) > REFUSED_BYTES_MAX:
        _tell_full(db, c.pairing, now)
        return
    frame = stored(db.vault, c.frame, Column.SET_ASIDE_FRAME, now)
    db.execute(
        "INSERT OR IGNORE INTO quarantine (pairing, kit_number, link, at, tag, frame)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (c.pairing, c.kit_number, c.link, now, tag_of(c.frame), frame),
    )
    over = held + len(c.frame) - RING_BYTES_MAX if c.pairing is None else 0
    for number, size in db.execute(
        f"SELECT id, {BYTES_IN_SQL} FROM quarantine WHERE pairing IS NULL ORDER BY id LIMIT 4096"
    ).fetchall():
        if over <= 0:
            break
        db.execute("DELETE FROM quarantine WHERE id = ?", (number,))
        over -= size


def _tell_full(db: Database, pairing: int, now: int) -> None:
    """Once for each kit: from here on what it sends is not kept."""
    detail = db.vault.seal(b"", Column.DETAIL, str(now).encode())
    db.execute(
        "INSERT INTO notice (at, pairing, code, detail) SELECT ?, ?, 'quarantine_full', ?"
        " WHERE NOT EXISTS"
        " (SELECT 1 FROM notice WHERE pairing = ? AND code = 'quarantine_full')",
        (now, pairing, detail, pairing),
    )


def clock_jumped(db: sqlite3.Connection, c: ClockJumped) -> None:
    """The lives of orders that came in move along with the clock."""
    db.execute(
        "UPDATE signed_object SET expires_at = expires_at + ?"
        " WHERE box = 'in' AND expires_at IS NOT NULL",
        (c.by_ms,),
    )


def refused(db: sqlite3.Connection, pairings: Sequence[int]) -> list[int]:
    """Those of the pairings that were revoked."""
    gone = {row[0] for row in db.execute("SELECT pairing FROM refused")}
    return [pairing for pairing in pairings if pairing in gone]


WRITERS: dict[type, Callable[[Database, Any, int], None]] = {
    Ordered: _ordered,
    Judged: _judged,
    OrderCancelled: _order_cancelled,
    TrustListed: _trust_listed,
    DutyKeyLearned: _duty_key_learned,
    WipeOrdered: _wipe_ordered,
    OrderAnswered: _order_answered,
    Quarantined: _quarantined,
}
