"""The state of an installation as last committed, for an engine to start from."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.crypto.vault import Vault
from crisiskit.errors import TrustError
from crisiskit.model import ClockQuality, Direction, Precedence, Record, RecordKind, Reference
from crisiskit.snapshot import (
    HEARD_EPOCHS_KEPT,
    HeardEpoch,
    MostHeld,
    PairingState,
    SealedEnvelope,
    SendingEpoch,
    Snapshot,
)
from crisiskit.step import PartArrived, Queued
from crisiskit.store import spending
from crisiskit.store.connect import Database
from crisiskit.store.frames import TAG_BYTES, opened, part_index
from crisiskit.store.own import is_query
from crisiskit.store.schema import Sealed as Column


def snapshot(db: Database, now: int) -> Snapshot:
    """All pairings and all that waits to be sealed, and what the links have cost."""
    rows = db.execute("SELECT id FROM pairing ORDER BY id").fetchall()
    kept = [r[0] for r in db.execute("SELECT id FROM delivery WHERE state = 'kept' ORDER BY id")]
    pairings = tuple(_pairing(db, row[0], now) for row in rows)
    return Snapshot(
        pairings, queued(db, kept, now), purses=spending.purses(db), days=spending.days(db, now)
    )


def queued(db: Database, deliveries: Sequence[int], now: int) -> tuple[Queued, ...]:
    """Deliveries that still wait, with their records, in the order given.

    One whose words were altered on the disk is left out: it stays kept and shown as altered.
    """
    found = []
    for delivery in deliveries:
        row = db.execute(
            "SELECT d.id, d.pairing, r.kind, r.precedence, r.minute, r.text, r.data, r.twin,"
            " r.answers_direction, r.answers_epoch, r.answers_seq, r.answers_place, r.clock,"
            " r.digest, r.expires_at, r.clear, r.written_at"
            " FROM delivery d JOIN record r ON r.id = d.record WHERE d.id = ? AND d.state = 'kept'",
            (delivery,),
        ).fetchone()
        if row is not None:
            with suppress(TrustError):
                found.append(_queued(db.vault, row, now))
    return tuple(found)


def _queued(vault: Vault, row: Sequence[object], now: int) -> Queued:
    (delivery, pairing, kind, precedence, minute, text, data, twin, *rest) = row
    direction, epoch, seq, place, clock, digest, expires_at, released, written_at = rest
    answers = None
    if direction is not None:
        answers = Reference(Direction(int(str(direction))), _int(epoch), _int(seq), _int(place))
    digest = _bytes(digest)
    record = Record(
        RecordKind(_int(kind)),
        Precedence(_int(precedence)),
        _int(minute),
        vault.open(_bytes(text), Column.TEXT, digest).decode(),
        vault.open(_bytes(data), Column.DATA, digest),
        _int(twin),
        answers,
        ClockQuality(_int(clock)),
    )
    expiry = None if expires_at is None else _int(expires_at)
    clear = bool(released) and _may_be_read(record)
    return Queued(
        _int(delivery),
        _int(pairing),
        record,
        digest,
        expiry,
        _always_signed(record),
        clear,
        min(_int(written_at), now),
    )


def _always_signed(record: Record) -> bool:
    """Whether it is a report whose form asks for a signature; the forms are slow to load."""
    if record.kind is not RecordKind.FORM:
        return False
    from crisiskit.forms.catalog import always_signed

    return always_signed(record)


def _may_be_read(record: Record) -> bool:
    """Whether nothing in it is only for the eyes of a few."""
    from crisiskit.forms.personal import may_be_read

    return may_be_read(record.kind, record.data, record.text)


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def _pairing(db: Database, pairing: int, now: int) -> PairingState:
    row = db.execute(
        "SELECT kit_number, kit_fp, peer_fp, send_epoch, send_chain, heard_chain_epoch,"
        " heard_chain, keeps_root, peer_public, announce FROM pairing WHERE id = ?",
        (pairing,),
    ).fetchone()
    facts = dict(db.execute("SELECT key, value FROM meta WHERE key IN ('network_id', 'own_fp')"))
    waiting = _outstanding(db, pairing, now)
    doubtful = db.execute(
        "SELECT epoch FROM sending_epoch WHERE pairing = ? AND in_doubt = 1", (pairing,)
    )
    epochs = {envelope.epoch for envelope in waiting} | {epoch for (epoch,) in doubtful}
    return PairingState(
        pairing=pairing,
        network_id=facts.get("network_id", b""),
        kit_number=row[0],
        kit_fp=row[1],
        own_fp=facts.get("own_fp", b""),
        peer_fp=row[2],
        peer_public=row[8],
        sends=Direction.DOWN if row[7] else Direction.UP,
        send_epoch=row[3],
        send_chain=db.vault.open(row[4], Column.SEND_CHAIN),
        heard_chain_epoch=row[5],
        heard_chain=db.vault.open(row[6], Column.HEARD_CHAIN),
        keeps_root=bool(row[7]),
        secrets=tuple(
            (epoch, db.vault.open(secret, Column.EPOCH_SECRET))
            for epoch, secret in db.execute(
                "SELECT epoch, secret FROM epoch_secret WHERE pairing = ? ORDER BY epoch",
                (pairing,),
            )
        ),
        sending=tuple(_sending(db, pairing, epoch) for epoch in sorted(epochs)),
        outstanding=waiting,
        heard=_heard(db, pairing),
        parts=_parts(db, pairing),
        paths=tuple(
            db.execute(
                "SELECT link, peer FROM path WHERE pairing = ? ORDER BY at", (pairing,)
            ).fetchall()
        ),
        last_life=_last_life(db, pairing),
        most_held=_most_held(db, pairing),
        announce=bool(row[9]),
    )


def _most_held(db: sqlite3.Connection, pairing: int) -> MostHeld | None:
    row = db.execute(
        "SELECT s.epoch, s.salt, s.held_below, s.held_by, s.held_by_salt FROM sending_epoch s"
        " JOIN pairing p ON p.id = s.pairing WHERE p.id = ? AND s.held_below > 0"
        " AND s.held_by = p.confirmed_epoch AND s.held_by_salt = p.confirmed_salt"
        " ORDER BY s.epoch DESC LIMIT 1",
        (pairing,),
    ).fetchone()
    return None if row is None else MostHeld(row[0], row[1], row[2], (row[3], row[4]))


def _last_life(db: sqlite3.Connection, pairing: int) -> Checkpoint | None:
    row = db.execute(
        "SELECT epoch, salt, count, digest FROM sending_epoch WHERE pairing = ? AND count > 0"
        " ORDER BY epoch DESC LIMIT 1",
        (pairing,),
    ).fetchone()
    return None if row is None else Checkpoint(*row)


def _outstanding(db: Database, pairing: int, now: int) -> tuple[SealedEnvelope, ...]:
    rows = db.execute(
        "SELECT epoch, seq, frame, precedence, digest, state, own, sealed_at FROM envelope"
        " WHERE pairing = ? AND held_at IS NULL ORDER BY epoch, seq",
        (pairing,),
    )
    return tuple(
        SealedEnvelope(
            epoch,
            seq,
            opened(db.vault, frame, Column.ENVELOPE_FRAME, pairing, epoch, seq),
            Precedence(p),
            digest,
            state == "arrived",
            state != "sealed",
            is_query(own),
            min(sealed_at, now),
        )
        for epoch, seq, frame, p, digest, state, own, sealed_at in rows
    )


def _sending(db: Database, pairing: int, epoch: int) -> SendingEpoch:
    row = db.execute(
        "SELECT salt, part_key, in_doubt FROM sending_epoch WHERE pairing = ? AND epoch = ?",
        (pairing, epoch),
    ).fetchone()
    digests = db.execute(
        "SELECT digest FROM envelope WHERE pairing = ? AND epoch = ? ORDER BY seq",
        (pairing, epoch),
    ).fetchall()
    part_key = db.vault.open(row[1], Column.PART_KEY)
    return SendingEpoch(epoch, row[0], part_key, tuple(d[0] for d in digests), bool(row[2]))


def _heard(db: Database, pairing: int) -> tuple[HeardEpoch, ...]:
    rows = db.execute(
        "SELECT epoch, salt, next_seq, digest, base_minute, signed_below, owed, names, names_at"
        " FROM heard_epoch WHERE pairing = ? ORDER BY epoch DESC, nth DESC LIMIT ?",
        (pairing, HEARD_EPOCHS_KEPT),
    ).fetchall()
    heard = []
    for epoch, salt, next_seq, digest, base_minute, signed_below, owed, *named in reversed(rows):
        names = decode_checkpoint(named[0])
        ahead = db.execute(
            "SELECT seq, leaf, signature FROM arrived WHERE pairing = ? AND epoch = ?"
            " AND salt = ? AND seq >= ? AND waits = 0 ORDER BY seq",
            (pairing, epoch, salt, next_seq),
        ).fetchall()
        waiting = db.execute(
            "SELECT seq, frame, link FROM arrived WHERE pairing = ? AND epoch = ? AND salt = ?"
            " AND waits = 1 ORDER BY seq",
            (pairing, epoch, salt),
        ).fetchall()
        heard.append(
            HeardEpoch(
                epoch,
                salt,
                next_seq,
                digest,
                base_minute,
                tuple(ahead),
                tuple(
                    (seq, opened(db.vault, frame, Column.ARRIVED_FRAME, pairing, epoch, seq), link)
                    for seq, frame, link in waiting
                ),
                bool(owed),
                signed_below,
                names if isinstance(names, Checkpoint) else None,
                named[1],
            )
        )
    return tuple(heard)


def _parts(db: Database, pairing: int) -> tuple[PartArrived, ...]:
    rows = db.execute(
        "SELECT epoch, salt, seq, place, last, frame FROM part WHERE pairing = ?"
        " ORDER BY at, epoch, seq, place",
        (pairing,),
    )
    return tuple(
        PartArrived(
            pairing,
            epoch,
            salt,
            seq,
            part_index(place),
            last,
            opened(db.vault, frame, Column.PART_FRAME, pairing, epoch, seq, place),
        )
        for epoch, salt, seq, place, last, frame in rows
    )


def tag(db: Database, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
    """The tag of an envelope that came in, None if it is not stored."""
    row = db.execute(
        "SELECT frame FROM arrived WHERE pairing = ? AND epoch = ? AND salt = ? AND seq = ?",
        (pairing, epoch, salt, seq),
    ).fetchone()
    if row is None:
        return None
    return opened(db.vault, row[0], Column.ARRIVED_FRAME, pairing, epoch, seq)[-TAG_BYTES:]


def leaves(
    db: sqlite3.Connection, pairing: int, epoch: int, salt: bytes, count: int
) -> list[bytes]:
    """The leaves of the first ``count`` envelopes that came in under a life, without gap."""
    rows = db.execute(
        "SELECT seq, leaf FROM arrived"
        " WHERE pairing = ? AND epoch = ? AND salt = ? AND seq < ? ORDER BY seq",
        (pairing, epoch, salt, count),
    )
    return [leaf for place, (seq, leaf) in enumerate(rows) if seq == place]
