"""The header of every frame: the bytes that travel in clear (docs/wire.md, section 3).

b0 = vv kkk n pp    version | kind | epoch and salt present | precedence
station             varint of kit number << 1 | direction
epoch 2, salt 4     only if n
counter 2
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import Reader, varint
from crisiskit.model import Direction, Precedence

VERSION = 0
FRAME_BYTES_MIN = 13
FRAME_BYTES_MAX = 16384
KIT_NUMBER_MAX = 0xFFFF
SALT_BYTES = 4
_EPOCH_FLAG = 0x04


class FrameKind(IntEnum):
    """What a frame is; three bits. The other numbers are reserved and refused."""

    SEALED = 0
    CLEAR = 1
    PART = 2
    PART_CLEAR = 3
    RECEIPT = 4
    OBJECT = 5
    RECEIPT_CLEAR = 7

    @property
    def clear(self) -> bool:
        """Whether all can read such a frame: it is authenticated and not encrypted."""
        return self in (FrameKind.CLEAR, FrameKind.PART_CLEAR, FrameKind.RECEIPT_CLEAR)

    @property
    def is_part(self) -> bool:
        """Whether it is a slice of an envelope."""
        return self in (FrameKind.PART, FrameKind.PART_CLEAR)

    @property
    def is_receipt(self) -> bool:
        """Whether it says what is stored."""
        return self in (FrameKind.RECEIPT, FrameKind.RECEIPT_CLEAR)

    @property
    def has_tag(self) -> bool:
        """Whether it is an envelope or a receipt, whole: what a pairing seals."""
        return not self.is_part and self is not FrameKind.OBJECT


@dataclass(frozen=True, slots=True)
class Header:
    """The clear fields. ``epoch`` and ``salt`` are both given or both None (flag N)."""

    kind: FrameKind
    kit_number: int
    direction: Direction
    precedence: Precedence
    counter: int
    epoch: int | None = None
    salt: bytes | None = None


def encode_header(header: Header) -> bytes:
    """4 to 6 bytes, 6 more with epoch and salt. Raises ValueError for fields out of range."""
    named = header.epoch is not None
    if named != (header.salt is not None):
        raise ValueError("epoch and salt travel together")
    first = VERSION << 6 | header.kind << 3 | named << 2 | header.precedence
    out = bytearray([first])
    if not 0 <= header.kit_number <= KIT_NUMBER_MAX:
        raise ValueError("kit number out of range")
    out += varint(header.kit_number << 1 | header.direction)
    if header.epoch is not None and header.salt is not None:
        if len(header.salt) != SALT_BYTES:
            raise ValueError("a salt has four bytes")
        out += _two(header.epoch) + header.salt
    return bytes(out + _two(header.counter))


def decode_header(frame: bytes) -> tuple[Header, int] | Rejected:
    """The header of a frame and its length, or why the frame is junk. Looks at no other byte."""
    if not FRAME_BYTES_MIN <= len(frame) <= FRAME_BYTES_MAX:
        return Rejected(Reject.LENGTH)
    first = frame[0]
    if first >> 6 != VERSION:
        return Rejected(Reject.VERSION)
    try:
        kind = FrameKind(first >> 3 & 7)
    except ValueError:
        return Rejected(Reject.KIND)
    reader = Reader(frame, Reject.HEADER, at=1)
    try:
        station = reader.varint(KIT_NUMBER_MAX << 1 | 1)
        named = bool(first & _EPOCH_FLAG)
        epoch = reader.uint(2) if named else None
        salt = reader.take(SALT_BYTES) if named else None
        counter = reader.uint(2)
    except MalformedError as bad:
        return Rejected(bad.code)
    direction, precedence = Direction(station & 1), Precedence(first & 3)
    return Header(kind, station >> 1, direction, precedence, counter, epoch, salt), reader.at


def associated_data(header: Header) -> bytes:
    """What the seal covers of the header: b0 with N cleared, station, counter."""
    return encode_header(replace(header, epoch=None, salt=None))


def precedence_of(frame: bytes) -> Precedence:
    """How urgent a frame says it is."""
    return Precedence(frame[0] & 3)


def is_clear(frame: bytes) -> bool:
    """Whether all can read this frame. False for what is no frame at all."""
    found = decode_header(frame)
    return not isinstance(found, Rejected) and found[0].kind.clear


def with_epoch(frame: bytes, epoch: int, salt: bytes) -> bytes:
    """The same sealed bytes under a header that names epoch and salt."""
    return _reheaded(frame, epoch, salt)


def without_epoch(frame: bytes) -> bytes:
    """The same sealed bytes under the short header."""
    return _reheaded(frame, None, None)


def _reheaded(frame: bytes, epoch: int | None, salt: bytes | None) -> bytes:
    found = decode_header(frame)
    if isinstance(found, Rejected) or not found[0].kind.has_tag:
        raise ValueError("only a whole envelope or receipt takes another header")
    header, length = found
    return encode_header(replace(header, epoch=epoch, salt=salt)) + frame[length:]


def _two(value: int) -> bytes:
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"{value} does not fit two bytes")
    return value.to_bytes(2, "big")
