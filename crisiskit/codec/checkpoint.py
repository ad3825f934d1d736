"""What stations tell each other of their logs: the checkpoint and the query.

A checkpoint names the life before this one and how it ended, so that a signature in this life
vouches for the earlier one too. A query asks what the other side holds of the lives named; it
is answered with ack blocks (docs/wire.md, sections 4 and 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import Reader

SALT_BYTES = 4
DIGEST_BYTES = 32
QUERY_EPOCHS_MAX = 60


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a life ended: its epoch and salt, how many envelopes it had, its last chain value."""

    epoch: int
    salt: bytes
    count: int
    digest: bytes


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """40 bytes: epoch 2, salt 4, count 2, digest 32."""
    head = checkpoint.epoch.to_bytes(2, "big") + checkpoint.salt
    return head + checkpoint.count.to_bytes(2, "big") + checkpoint.digest


def decode_checkpoint(data: bytes) -> Checkpoint | Rejected | None:
    """The way back; None for the empty checkpoint of a first life."""
    if not data:
        return None
    reader = Reader(data, Reject.RECORD)
    try:
        epoch, salt = reader.uint(2), reader.take(SALT_BYTES)
        found = Checkpoint(epoch, salt, reader.uint(2), reader.take(DIGEST_BYTES))
    except MalformedError as bad:
        return Rejected(bad.code)
    return found if reader.done else Rejected(Reject.RECORD)


def encode_query(epochs: Sequence[tuple[int, int]]) -> bytes:
    """4 bytes for each epoch: its number, and how many envelopes the asker has of it."""
    if not 0 < len(epochs) <= QUERY_EPOCHS_MAX:
        raise ValueError("a query names 1 to 60 epochs")
    return b"".join(e.to_bytes(2, "big") + count.to_bytes(2, "big") for e, count in epochs)


def decode_query(data: bytes) -> tuple[tuple[int, int], ...]:
    """The epochs asked for, with the asker's counts; hostile bytes ask for nothing."""
    if len(data) % 4 or len(data) > 4 * QUERY_EPOCHS_MAX:
        return ()
    pieces = (data[at : at + 4] for at in range(0, len(data), 4))
    return tuple((int.from_bytes(p[:2], "big"), int.from_bytes(p[2:], "big")) for p in pieces)
