"""Envelopes cut for links with smaller frames, and put together again (docs/wire.md, section 7).

    [header, kind PART or PART_CLEAR][index 1][last index 1][slice][check 4]

The body of an envelope is what follows its header. It is cut into the fewest slices that the
link allows, as even as can be: slice i of n is body[i * len // n : (i + 1) * len // n]. The same
number of parts is then always the same cut, so parts may arrive over several links. A cut into a
multiple of n divides the slices of the cut into n: what arrived need not be sent in smaller ones.
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


def cut(
    envelope: bytes, header: Header, mtu_bytes: int, part_key: bytes, multiple: int = 1
) -> list[bytes]:
    """The frames for a whole ``envelope``, of at most ``mtu_bytes``; itself where it fits.

    ``header`` is that of ``envelope``. Their number is a ``multiple`` of another cut's where 64
    suffice for that. Raises ValueError where more than 64 would be needed.
    """
    head = encode_header(header)
    body = envelope[len(head) :]
    count = count_parts(len(envelope), len(head), mtu_bytes)
    finer = -(-count // multiple) * multiple
    count = finer if finer <= PARTS_MAX else count
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
    """Collects the parts of one envelope, of one cut or of such as divide one another.

    ``last`` is that of the finest cut. ``pieces`` are by index and number of parts, none of
    them inside another; bounded by the largest frame.
    """

    last: int
    pieces: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def takes(self, last: int) -> bool:
        """Whether a cut goes together with all of which there are parts."""
        count = last + 1
        cuts = {other for _, other in self.pieces} or {self.last + 1}
        return all(count % other == 0 or other % count == 0 for other in cuts)

    def add(self, part: Part) -> bool:
        """Take a part; False where it brings nothing new or does not belong to this cut."""
        index, count = part.index, part.last + 1
        if not self.takes(part.last) or self._covered(index, count) or not self._fits(part):
            return False
        inside = [(i, c) for i, c in self.pieces if c % count == 0 and i * count // c == index]
        for piece in inside:
            del self.pieces[piece]
        self.pieces[index, count] = part.piece
        self.last = max(self.last, part.last)
        return True

    @property
    def missing(self) -> tuple[int, ...]:
        """The indexes of the finest cut still to come, as a ``PartRequest`` names them."""
        count = self.last + 1
        return tuple(index for index in range(count) if not self._covered(index, count))

    def envelope(self, header: Header) -> bytes | None:
        """The whole frame under ``header``, that of a part of it, once nothing is missing.

        Its tag has the last word.
        """
        if self.missing:
            return None
        count = self.last + 1
        in_order = sorted(self.pieces, key=lambda piece: piece[0] * count // piece[1])
        return encode_header(header) + b"".join(self.pieces[piece] for piece in in_order)

    def _covered(self, index: int, count: int) -> bool:
        """Whether a piece, or one that it is inside of, is there."""
        return any(count % c == 0 and index * c // count == i for i, c in self.pieces)

    def _fits(self, part: Part) -> bool:
        """The slices of one cut differ by one byte at most."""
        count = part.last + 1
        sizes = {len(piece) for (_, c), piece in self.pieces.items() if c == count}
        sizes.add(len(part.piece))
        return max(sizes) - min(sizes) <= 1 and min(sizes) * count <= FRAME_BYTES_MAX


def _check(checked: bytes, part_key: bytes) -> bytes:
    return hashlib.blake2s(checked, key=part_key, digest_size=CHECK_BYTES).digest()
