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
QUERY_LIVES_MAX = 60
ASKED_BYTES = 6


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A life asked for: its epoch, the first two bytes of its salt, the asker's count of it."""

    epoch: int
    salt: bytes
    count: int


def encode_query(lives: Sequence[Asked]) -> bytes:
    """6 bytes for each life: epoch 2, salt 2, count 2."""
    if not 0 < len(lives) <= QUERY_LIVES_MAX:
        raise ValueError("a query names 1 to 60 lives")
    return b"".join(
        one.epoch.to_bytes(2, "big") + one.salt + one.count.to_bytes(2, "big") for one in lives
    )


def decode_query(data: bytes) -> tuple[Asked, ...]:
    """The lives asked for; hostile bytes ask for nothing."""
    if len(data) % ASKED_BYTES or len(data) > ASKED_BYTES * QUERY_LIVES_MAX:
        return ()
    reader, found = Reader(data, Reject.RECORD), []
    while not reader.done:
        found.append(Asked(reader.uint(2), reader.take(2), reader.uint(2)))
    return tuple(found)
