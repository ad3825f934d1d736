"""What is inside a seal: records, the ack block, the clock (docs/wire.md, section 4).

    c = S A qq kkk w    signature | ack block | clock quality | codec of the text | wide minute
    minute              of the first record: 4 bytes if w, else the low 2
    ack block           if A
    record heads        each says whether another follows
    text stream         the texts in order, coded as one
    signature           64 bytes at the end, if S

An envelope carries at least one record; an ack alone travels as a RECEIPT. Reading goes in two
steps, since texts may take long to decode: ``open_content`` reads all but the texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from crisiskit.codec.acks import AckBlock, encode_block, read_block
from crisiskit.codec.record import DATA_BYTES_MAX, encode_reference, read_reference
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.shortest import (
    ALL_CODECS,
    QUICK_CODECS,
    TEXT_BYTES_MAX,
    Codec,
    TextsMeter,
    decode_texts,
    encode_texts,
    join_texts,
)
from crisiskit.codec.wire import Reader, unzigzag, varint, zigzag
from crisiskit.model import ClockQuality, Precedence, Record, RecordKind

CONTENT_BYTES_MAX = 16364
RECORDS_MAX = 255
MINUTE_MAX = 0xFFFFFFFF
_NARROW = 1 << 16
_SIGNED, _ACKED, _WIDE = 0x80, 0x40, 0x01
_MORE, _ANSWERS, _TWIN = 0x04, 0x02, 0x01
SIGNATURE_BYTES = 64
_QUICK_CODECS = QUICK_CODECS
_KINDS = frozenset(RecordKind)
_WITHOUT_DATA = frozenset({RecordKind.TEXT})


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one envelope. ``clock`` holds for all its records.

    ``signature`` is empty, or 64 bytes over the log up to and with this envelope.
    """

    records: tuple[Record, ...]
    ack: AckBlock | None = None
    clock: ClockQuality = ClockQuality.UNKNOWN
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Coded:
    """A content whose texts are not decoded yet. ``heads`` are the records without texts."""

    heads: tuple[Record, ...]
    ack: AckBlock | None
    clock: ClockQuality
    codec: Codec
    coded: bytes
    signature: bytes = b""

    @property
    def slow(self) -> bool:
        """Whether decoding the texts is work to be done beside the receiving of frames."""
        return self.codec not in _QUICK_CODECS and bool(self.coded)

    def decode(self) -> Content | Rejected:
        """The whole content, or why its texts cannot be read."""
        try:
            texts = decode_texts(self.codec, self.coded, len(self.heads))
        except MalformedError as bad:
            return Rejected(bad.code)
        both = zip(self.heads, texts, strict=True)
        records = tuple(replace(head, text=text) for head, text in both)
        return Content(records, self.ack, self.clock, self.signature)


def encode_content(
    content: Content, base_minute: int | None, codecs: Collection[Codec] = ALL_CODECS
) -> bytes:
    """The bytes to seal. ``base_minute``: that of the epoch's envelope 0, None to be wide.

    Raises ValueError for records that have no wire form (NUL in a text, too large, too many).
    """
    records = content.records
    if not 0 < len(records) <= RECORDS_MAX:
        raise ValueError("an envelope carries 1 to 255 records")
    texts = [record.text for record in records]
    if len(join_texts(texts)) > TEXT_BYTES_MAX:
        raise ValueError("too much text for one envelope")
    return _assemble(content, base_minute, *encode_texts(texts, codecs))


def decode_content(data: bytes, base_minute: int | None) -> Content | Rejected:
    """The way back; NO_BASE where the minute cannot be told until envelope 0 is known."""
    opened = open_content(data, base_minute)
    return opened if isinstance(opened, Rejected) else opened.decode()


def open_content(data: bytes, base_minute: int | None) -> Coded | Rejected:
    """Everything but the texts; NO_BASE as in :func:`decode_content`."""
    try:
        return _read_content(data, base_minute)
    except MalformedError as bad:
        return Rejected(bad.code)


def wide_minute(data: bytes) -> int | None:
    """The minute that a content says in full, even where the rest cannot be decoded."""
    if len(data) < 5 or not data[0] & _WIDE:
        return None
    return int.from_bytes(data[1:5], "big")


def fill(
    records: Sequence[Record],
    room_bytes: int,
    base_minute: int | None,
    ack: AckBlock | None,
    codecs: Collection[Codec] = ALL_CODECS,
) -> tuple[bytes, int]:
    """As many leading records as fit into ``room_bytes`` of content, and how many they are.

    At least one, even where it does not fit. The envelope's clock is the least of theirs.
    """
    if not records:
        raise ValueError("nothing to fill with")
    heads = 1 + len(_encode_minute(records[0].minute, base_minute))
    heads += len(encode_block(ack)) if ack else 0
    room_bytes = min(room_bytes, CONTENT_BYTES_MAX)
    meter = TextsMeter(codecs)
    taken: list[Record] = []
    for record in records[:RECORDS_MAX]:
        heads += len(_encode_head(record, taken[-1] if taken else None, more=False))
        if not meter.add(record.text, room_bytes - heads):
            break
        taken.append(record)
    if not taken:
        content = Content((records[0],), ack, records[0].clock)
        return encode_content(content, base_minute, codecs), 1
    clock = min(record.clock for record in taken)
    content = Content(tuple(taken), ack, clock)
    return _assemble(content, base_minute, *meter.shortest()), len(taken)


def resolve_minute(low: int, base_minute: int) -> int:
    """The minute with these low 16 bits that lies nearest to ``base_minute``."""
    near = base_minute + (low - base_minute + _NARROW // 2) % _NARROW - _NARROW // 2
    if near < 0:
        return near + _NARROW
    return near - _NARROW if near > MINUTE_MAX else near


def _assemble(content: Content, base_minute: int | None, codec: Codec, coded: bytes) -> bytes:
    """The bytes to seal, the texts being coded."""
    records = content.records
    minute = _encode_minute(records[0].minute, base_minute)
    wide = len(minute) > 2
    ack = encode_block(content.ack) if content.ack else b""
    first = _ACKED * bool(ack) | content.clock << 4 | codec << 1 | _WIDE * wide
    heads = bytearray()
    for place, record in enumerate(records):
        before = records[place - 1] if place else None
        heads += _encode_head(record, before, more=place + 1 < len(records))
    out = bytes([first]) + minute + ack + heads + coded
    if len(out) > CONTENT_BYTES_MAX:
        raise ValueError("too large for one envelope")
    return out


def with_signature(content: bytes, signature: bytes) -> bytes:
    """An encoded content with a signature of 64 bytes at its end."""
    if len(signature) != SIGNATURE_BYTES or len(content) + SIGNATURE_BYTES > CONTENT_BYTES_MAX:
        raise ValueError("no room for a signature, or none of 64 bytes")
    return bytes([content[0] | _SIGNED]) + content[1:] + signature


def _encode_minute(minute: int, base_minute: int | None) -> bytes:
    if not 0 <= minute <= MINUTE_MAX:
        raise ValueError("a minute has four bytes")
    low = minute % _NARROW
    if base_minute is not None and resolve_minute(low, base_minute) == minute:
        return low.to_bytes(2, "big")
    return minute.to_bytes(4, "big")


def _encode_head(record: Record, before: Record | None, more: bool) -> bytes:
    if not 0 <= record.twin <= 0xFF or not 0 <= record.minute <= MINUTE_MAX:
        raise ValueError("twin has one byte, minute four")
    answers, twin = record.answers, record.twin
    flags = _MORE * more | _ANSWERS * (answers is not None) | _TWIN * bool(twin)
    out = bytearray([record.kind << 5 | record.precedence << 3 | flags])
    if before is not None:
        out += varint(zigzag(record.minute - before.minute))
    if answers is not None:
        out += encode_reference(answers)
    if twin:
        out.append(twin)
    if record.kind not in _WITHOUT_DATA:
        if len(record.data) > DATA_BYTES_MAX:
            raise ValueError("too much data for one record")
        out += varint(len(record.data)) + record.data
    elif record.data:
        raise ValueError("a text has no data")
    return bytes(out)


def _read_content(data: bytes, base_minute: int | None) -> Coded:
    if len(data) > CONTENT_BYTES_MAX:
        raise MalformedError(Reject.LENGTH)
    signature = b""
    if data and data[0] & _SIGNED:
        if len(data) <= SIGNATURE_BYTES:
            raise MalformedError(Reject.SIGNED)
        data, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    reader = Reader(data, Reject.RECORD)
    first = reader.uint(1)
    minute = reader.uint(4 if first & _WIDE else 2)
    if not first & _WIDE:
        if base_minute is None:
            raise MalformedError(Reject.NO_BASE)
        minute = resolve_minute(minute, base_minute)
    ack = _read_ack(reader) if first & _ACKED else None
    clock = ClockQuality(first >> 4 & 3)
    heads = _read_heads(reader, minute, clock)
    codec = first >> 1 & 7
    if codec not in ALL_CODECS:
        raise MalformedError(Reject.CODEC)
    return Coded(tuple(heads), ack, clock, Codec(codec), reader.rest(), signature)


def _read_ack(reader: Reader) -> AckBlock:
    block = read_block(reader)
    if not isinstance(block, AckBlock):
        raise MalformedError(Reject.ACK)
    return block


def _read_heads(reader: Reader, minute: int, clock: ClockQuality) -> list[Record]:
    """The records without their texts."""
    heads: list[Record] = []
    more = True
    while more:
        if len(heads) == RECORDS_MAX:
            raise MalformedError(Reject.RECORD)
        first = reader.uint(1)
        if heads:
            minute += unzigzag(reader.varint(2 * MINUTE_MAX + 1))
        if first >> 5 not in _KINDS or not 0 <= minute <= MINUTE_MAX:
            raise MalformedError(Reject.RECORD)
        kind, precedence = RecordKind(first >> 5), Precedence(first >> 3 & 3)
        answers = read_reference(reader) if first & _ANSWERS else None
        twin = reader.uint(1) if first & _TWIN else 0
        data = b"" if kind in _WITHOUT_DATA else reader.take(reader.varint(DATA_BYTES_MAX))
        if first & _TWIN and not twin:
            raise MalformedError(Reject.RECORD)
        heads.append(Record(kind, precedence, minute, "", data, twin, answers, clock))
        more = bool(first & _MORE)
    return heads
