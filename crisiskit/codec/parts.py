"""Envelopes cut for links with smaller frames, and put together again (docs/wire.md, section 7).

    [header, kind PART or PART_CLEAR][index 1][last index 1][slice][check 4]

The body of an envelope is what follows its header. It is cut into the fewest slices that the
link allows, as even as can be: slice i of n is body[i * len // n : (i + 1) * len // n]. The same
number of parts is then always the same cut, so parts may arrive over several links.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace

from crisiskit.codec.acks import PARTS_MAX
from crisiskit.codec.header import (
    FRAME_BYTES_MAX,
    FrameKind,
    Header,
    decode_header,
    encode_header,
)
from crisiskit.codec.reject import Reject, Rejected

CHECK_BYTES = 4
_PLACE_BYTES = 2
_ROOM_MIN = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One slice whose check was right. ``header`` is that of the envelope, not of the part."""

    header: Header
    index: int
    last: int
    piece: bytes


def count_parts(frame_bytes: int, header_bytes: int, mtu_bytes: int) -> int:
    """Frames a link needs for an envelope: 1 where it fits whole, 0 where it cannot be carried."""
    if frame_bytes <= mtu_bytes:
        return 1
    room = mtu_bytes - header_bytes - _PLACE_BYTES - CHECK_BYTES
    if room < _ROOM_MIN:
        return 0
    count = -(-(frame_bytes - header_bytes) // room)
    return count if count <= PARTS_MAX else 0


def cut(envelope: bytes, header: Header, mtu_bytes: int, part_key: bytes) -> list[bytes]:
    """The frames for a whole ``envelope``, of at most ``mtu_bytes``; itself where it fits.

    ``header`` is that of ``envelope``. Raises ValueError where more than 64 would be needed.
    """
    head = encode_header(header)
    body = envelope[len(head) :]
    count = count_parts(len(envelope), len(head), mtu_bytes)
    if count == 1:
        return [envelope]
    if not count:
        raise ValueError(f"{len(envelope)} B do not fit frames of {mtu_bytes} B")
    kind = FrameKind.PART_CLEAR if header.kind.clear else FrameKind.PART
    part_head = encode_header(replace(header, kind=kind))
    frames: list[bytes] = []
    for index in range(count):
        piece = body[index * len(body) // count : (index + 1) * len(body) // count]
        checked = part_head + bytes([index, count - 1]) + piece
        frames.append(checked + _check(checked, part_key))
    return frames


def open_part(frame: bytes, part_key: bytes) -> Part | Rejected:
    """The part in a frame of kind PART or PART_CLEAR, if its check is right."""
    found = decode_header(frame)
    if isinstance(found, Rejected):
        return found
    header, at = found
    if not header.kind.is_part or len(frame) <= at + _PLACE_BYTES + CHECK_BYTES:
        return Rejected(Reject.PART)
    checked, check = frame[:-CHECK_BYTES], frame[-CHECK_BYTES:]
    if not hmac.compare_digest(_check(checked, part_key), check):
        return Rejected(Reject.PART)
    index, last = frame[at], frame[at + 1]
    if not index <= last < PARTS_MAX:
        return Rejected(Reject.PART)
    whole = FrameKind.CLEAR if header.kind.clear else FrameKind.SEALED
    return Part(replace(header, kind=whole), index, last, checked[at + _PLACE_BYTES :])


@dataclass(slots=True)
class PartSet:
    """Collects the parts of one cut of one envelope; bounded by the largest frame."""

    last: int
    pieces: dict[int, bytes] = field(default_factory=dict)

    def add(self, part: Part) -> bool:
        """Take a part; False where it brings nothing new or does not belong to this cut."""
        if part.last != self.last or part.index in self.pieces or not self._fits(part):
            return False
        self.pieces[part.index] = part.piece
        return True

    @property
    def missing(self) -> tuple[int, ...]:
        """The indexes still to come, as a ``PartRequest`` names them."""
        return tuple(index for index in range(self.last + 1) if index not in self.pieces)

    def envelope(self, header: Header) -> bytes | None:
        """The whole frame under ``header``, that of a part of it, once nothing is missing.

        Its tag has the last word.
        """
        if self.missing:
            return None
        body = b"".join(self.pieces[index] for index in range(self.last + 1))
        return encode_header(header) + body

    def _fits(self, part: Part) -> bool:
        """The slices of one cut differ by one byte at most."""
        sizes = {len(piece) for piece in (*self.pieces.values(), part.piece)}
        return max(sizes) - min(sizes) <= 1 and min(sizes) * (self.last + 1) <= FRAME_BYTES_MAX


def _check(checked: bytes, part_key: bytes) -> bytes:
    return hashlib.blake2s(checked, key=part_key, digest_size=CHECK_BYTES).digest()
