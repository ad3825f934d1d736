"""Frames on the disk: as they went through the air, but sealed where all could read them there.

A sealed one begins with ``SEALED``, which no frame does: its first two bits are the version
(docs/wire.md, section 3). What was stored otherwise by an older version opens as it stands.
"""

from __future__ import annotations

import hashlib

from crisiskit.codec.acks import PARTS_MAX
from crisiskit.codec.header import FrameKind, decode_header
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.vault import TAG_BYTES as VAULT_BYTES
from crisiskit.crypto.vault import Vault
from crisiskit.store.schema import Sealed

SEALED = b"\xff"
TAG_BYTES = 8
# The size of a frame in SQL, without what sealing adds.
BYTES_IN_SQL = f"(length(frame) - {1 + VAULT_BYTES} * (substr(frame, 1, 1) = x'ff'))"
_ENCRYPTED = frozenset({FrameKind.SEALED, FrameKind.PART, FrameKind.RECEIPT})


def stored(vault: Vault, frame: bytes, place: Sealed, *row: int) -> bytes:
    """A frame as it may stand on a disk; ``row`` are the numbers that name it in its table."""
    if _is_encrypted(frame):
        return frame
    return SEALED + vault.seal(frame, place, _bound(row))


def opened(vault: Vault, stored: bytes, place: Sealed, *row: int) -> bytes:
    """The frame again, nothing where it was dropped. Raises TrustError ``sealed_otherwise``."""
    if not stored.startswith(SEALED):
        return stored
    return vault.open(stored[len(SEALED) :], place, _bound(row))


def tag_of(frame: bytes) -> bytes:
    """What tells frames apart, 8 bytes: the tag of a whole one, else a hash of what it says."""
    found = decode_header(frame)
    if not isinstance(found, Rejected) and found[0].kind.has_tag:
        return frame[-TAG_BYTES:]
    return hashlib.sha256(frame).digest()[:TAG_BYTES]


def _is_encrypted(frame: bytes) -> bool:
    """False for what is no frame: nobody knows what stands in it."""
    found = decode_header(frame)
    return not isinstance(found, Rejected) and found[0].kind in _ENCRYPTED


def _bound(row: tuple[int, ...]) -> bytes:
    return "/".join(map(str, row)).encode()


def part_place(index: int, last: int) -> int:
    """One number for a part among those of all cuts of its envelope."""
    return last * PARTS_MAX + index


def part_index(place: int) -> int:
    """The index of the part with this number; rows of before have the index alone."""
    return place % PARTS_MAX
