"""A signed object alone in an OBJECT frame: only its signatures vouch for it (wire.md, 11)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from crisiskit.codec.header import FrameKind, Header, decode_header, encode_header
from crisiskit.codec.objects import (
    TEXT_BYTES_MAX,
    SignedObject,
    decode_head,
    decode_object,
    object_data,
)
from crisiskit.codec.record import DATA_BYTES_MAX
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.shortest import ALL_CODECS, Codec, decode_text, encode_text
from crisiskit.codec.wire import Reader, varint
from crisiskit.model import Direction, Precedence


@dataclass(frozen=True, slots=True)
class CodedObject:
    """An object whose text is still coded: ``head`` is all of it but for the text."""

    head: SignedObject
    data: bytes
    codec: int
    coded: bytes

    def decode(self) -> SignedObject | Rejected:
        """The whole object."""
        try:
            text = decode_text(self.codec, self.coded, TEXT_BYTES_MAX).decode()
        except MalformedError as bad:
            return Rejected(bad.code)
        except UnicodeDecodeError:
            return Rejected(Reject.TEXT)
        return decode_object(self.data, text)


def encode_object_frame(
    signed: SignedObject, precedence: Precedence, codecs: Collection[Codec] = ALL_CODECS
) -> bytes:
    """The OBJECT frame: header, length of data, data, codec, coded text."""
    header = Header(FrameKind.OBJECT, 0, Direction.DOWN, precedence, signed.number)
    data = object_data(signed)
    codec, coded = encode_text(signed.text.encode(), codecs)
    return encode_header(header) + varint(len(data)) + data + bytes([codec]) + coded


def decode_object_frame(frame: bytes) -> SignedObject | Rejected:
    """The object in an OBJECT frame. The precedence of the frame is nobody's word."""
    opened = open_object_frame(frame)
    return opened if isinstance(opened, Rejected) else opened.decode()


def open_object_frame(frame: bytes) -> CodedObject | Rejected:
    """Everything but the text."""
    found = decode_header(frame)
    if isinstance(found, Rejected):
        return found
    header, length = found
    if (
        header.kind is not FrameKind.OBJECT
        or header.kit_number
        or header.direction is not Direction.DOWN
        or header.epoch is not None
    ):
        return Rejected(Reject.HEADER)
    reader = Reader(frame, Reject.OBJECT, at=length)
    try:
        data = reader.take(reader.varint(DATA_BYTES_MAX))
        codec, coded = reader.uint(1), reader.rest()
    except MalformedError as bad:
        return Rejected(bad.code)
    head = decode_head(data)
    if isinstance(head, Rejected):
        return head
    if head.number != header.counter:
        return Rejected(Reject.OBJECT)
    return CodedObject(head, data, codec, coded)
