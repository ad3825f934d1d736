"""What came in, on disk: envelopes, the records they carry, and what is kept beside them."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from typing import Any

from crisiskit.codec.header import is_clear
from crisiskit.codec.record import record_id
from crisiskit.model import Direction, Record, RecordKind
from crisiskit.step import (
    Arrived,
    Forked,
    Located,
    Unpacked,
)
from crisiskit.store import pieces
from crisiskit.store.connect import Database
from crisiskit.store.frames import stored
from crisiskit.store.own import note_named
from crisiskit.store.schema import Sealed as Column

_PLACE = struct.Struct(">ddI")


def _arrived(db: Database, c: Arrived, now: int) -> None:
    db.execute(
        "INSERT INTO arrived (pairing, epoch, salt, seq, frame, leaf, signature, digests, link,"
        " at, waits, undecodable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            c.pairing,
            c.epoch,
            c.salt,
            c.seq,
            stored(db.vault, c.frame, Column.ARRIVED_FRAME, c.pairing, c.epoch, c.seq),
            c.leaf,
            c.signature,
            b"".join(c.digests),
            c.link,
            now,
            int(c.waits),
            c.undecodable,
        ),
    )
    _records_in(db, c, now)


def _unpacked(db: Database, change: Unpacked, now: int) -> None:
    c = change.arrived
    db.execute(
        "UPDATE arrived SET leaf = ?, signature = ?, digests = ?, waits = 0, undecodable = ?"
        " WHERE pairing = ? AND epoch = ? AND salt = ? AND seq = ?",
        (
            c.leaf,
            c.signature,
            b"".join(c.digests),
            c.undecodable,
            c.pairing,
            c.epoch,
            c.salt,
            c.seq,
        ),
    )
    _records_in(db, c, now)


def _records_in(db: Database, c: Arrived, now: int) -> None:
    shares = len(c.records)
    for place, (record, digest) in enumerate(zip(c.records, c.digests, strict=True)):
        row = _record_in(db, c, place, record, digest, share(len(c.frame), place, shares), now)
        if row is not None and record.kind is RecordKind.FILE:
            pieces.note_in(db, row, c.pairing, record, now)
        note_named(db, c, record)


def _forked(db: Database, c: Forked, now: int) -> None:
    frame = stored(db.vault, c.frame, Column.FORK_FRAME, c.pairing, c.epoch, c.seq)
    db.execute(
        "INSERT INTO fork (pairing, epoch, salt, seq, frame, at) VALUES (?, ?, ?, ?, ?, ?)",
        (c.pairing, c.epoch, c.salt, c.seq, frame, now),
    )


def _located(db: Database, c: Located, now: int) -> None:
    place = _PLACE.pack(c.latitude, c.longitude, c.radius_km)
    row = f"{c.pairing}/{c.epoch}/{c.seq}".encode()
    db.execute(
        "INSERT OR IGNORE INTO whereabouts (pairing, epoch, salt, seq, place)"
        " VALUES (?, ?, ?, ?, ?)",
        (c.pairing, c.epoch, c.salt, c.seq, db.vault.seal(place, Column.WHEREABOUTS, row)),
    )


def read_place(packed: bytes) -> tuple[float, float, int]:
    """Latitude and longitude in degrees, and the radius in km, as ``Located`` was stored."""
    latitude, longitude, radius_km = _PLACE.unpack(packed)
    return latitude, longitude, radius_km


def _record_in(
    db: Database,
    c: Arrived,
    place: int,
    record: Record,
    digest: bytes,
    frame_bytes: int,
    now: int,
) -> int | None:
    """The row of one record that came in; a digest known already is the same again (P4): None."""
    ref = record.answers
    row = db.execute(
        "INSERT OR IGNORE INTO record (digest, code, box, author, kind, precedence, minute, twin,"
        " clock, data, text, written_at, received_at, answers, answers_direction, answers_epoch,"
        " answers_seq, answers_place, clear)"
        " VALUES (?, ?, 'in', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            digest,
            record_id(digest),
            c.pairing,
            int(record.kind),
            int(record.precedence),
            record.minute,
            record.twin,
            int(record.clock),
            db.vault.seal(record.data, Column.DATA, digest),
            db.vault.seal(record.text.encode(), Column.TEXT, digest),
            record.minute * 60_000,
            now,
            "" if ref is None else _code_at(db, c.pairing, c.direction, ref),
            None if ref is None else int(ref.direction),
            None if ref is None else ref.epoch,
            None if ref is None else ref.seq,
            None if ref is None else ref.index,
            int(is_clear(c.frame)),
        ),
    )
    if row.rowcount != 1:
        _known_already(db, c, digest)
        return None
    listed = record.kind.for_people
    db.execute(
        "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at, epoch,"
        " salt, seq, place, link, frame_bytes) VALUES (?, ?, 'in', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.lastrowid,
            c.pairing,
            int(listed),
            int(record.precedence),
            "held" if listed else "read",
            now,
            c.epoch,
            c.salt,
            c.seq,
            place,
            c.link,
            frame_bytes,
        ),
    )
    return row.lastrowid


def _known_already(db: sqlite3.Connection, c: Arrived, digest: bytes) -> None:
    """A record that comes again, in a frame that all can read, can be read by all."""
    if is_clear(c.frame):
        db.execute("UPDATE record SET clear = 1 WHERE digest = ?", (digest,))


def _code_at(db: sqlite3.Connection, pairing: int, came: Direction, ref: Any) -> str:
    box = "in" if ref.direction == came else "out"
    row = db.execute(
        "SELECT r.code FROM delivery d JOIN record r ON r.id = d.record WHERE d.pairing = ?"
        " AND d.box = ? AND d.epoch = ? AND d.seq = ? AND d.place = ?",
        (pairing, box, ref.epoch, ref.seq, ref.index),
    ).fetchone()
    return "" if row is None else str(row[0])


def share(total: int, i: int, n: int) -> int:
    """The i-th of n whole shares that add up to the total."""
    return total * (i + 1) // n - total * i // n


WRITERS: dict[type, Callable[[Database, Any, int], None]] = {
    Arrived: _arrived,
    Located: _located,
    Unpacked: _unpacked,
    Forked: _forked,
}
