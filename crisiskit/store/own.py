"""What stations say to each other in a log: their own records, and the lives these name.

A checkpoint or a query that this station wrote is no message, nobody reads it; the log needs
it to be checked against its digest.
"""

from __future__ import annotations

import sqlite3

from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.model import Precedence, Record, RecordKind
from crisiskit.step import Arrived

_HEAD_BYTES = 6


def encode_own(record: Record | None) -> bytes:
    """Kind 1, precedence 1, minute 4, data; nothing for no record."""
    if record is None:
        return b""
    return bytes([record.kind, record.precedence]) + record.minute.to_bytes(4, "big") + record.data


def decode_own(data: bytes) -> Record | None:
    """The way back; None for what is no record."""
    if len(data) < _HEAD_BYTES:
        return None
    try:
        kind, precedence = RecordKind(data[0]), Precedence(data[1])
    except ValueError:
        return None
    minute = int.from_bytes(data[2:_HEAD_BYTES], "big")
    return Record(kind, precedence, minute, data=data[_HEAD_BYTES:])


def is_query(data: bytes) -> bool:
    """Whether it is a query that wants an answer."""
    record = decode_own(data)
    return record is not None and record.kind is RecordKind.QUERY and bool(record.data)


def sign_named(db: sqlite3.Connection, pairing: int, own: Record) -> None:
    """A signed checkpoint of ours covers the life it names."""
    named = decode_checkpoint(own.data) if own.kind is RecordKind.CHECKPOINT else None
    if isinstance(named, Checkpoint):
        db.execute(
            "UPDATE sending_epoch SET signed_below = max(signed_below, ?)"
            " WHERE pairing = ? AND epoch = ? AND salt = ?",
            (named.count, pairing, named.epoch, named.salt),
        )


def note_named(db: sqlite3.Connection, came: Arrived, record: Record) -> None:
    """Remember the checkpoint that came in a life."""
    if record.kind is RecordKind.CHECKPOINT and record.data:
        db.execute(
            "UPDATE heard_epoch SET names = ?, names_at = ?"
            " WHERE pairing = ? AND epoch = ? AND salt = ?",
            (record.data, came.seq, came.pairing, came.epoch, came.salt),
        )
