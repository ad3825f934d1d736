"""The decoders of what comes over a link (docs/wire.md), with valid bytes for each."""

from __future__ import annotations

import hashlib
import random
import unicodedata
from dataclasses import replace

from crisiskit.codec.acks import PartRequest, Receipt, ack_block, decode_receipt, encode_receipt
from crisiskit.codec.batch import BATCH_FRAMES_MAX, encode_batch, frames_of
from crisiskit.codec.content import Content, decode_content, encode_content
from crisiskit.codec.forms import Filled, Schema, pack, unpack
from crisiskit.codec.header import (
    FRAME_BYTES_MAX,
    FrameKind,
    Header,
    decode_header,
    encode_header,
)
from crisiskit.codec.parts import Part, PartSet, cut, open_part
from crisiskit.codec.pieces import (
    FILE_ID_BYTES,
    Piece,
    cut_file,
    decode_piece,
    encode_head,
    file_id,
    join_file,
)
from crisiskit.codec.readings import decode_references, encode_references
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.shortest import TEXT_BYTES_MAX, decode_text, encode_text
from crisiskit.codec.wire import varint
from crisiskit.forms import catalog
from crisiskit.model import Direction, Precedence, Record, RecordKind, Reference
from crisiskit.render import body_lines, one_line
from crisiskit.sim.fuzz.bodies import MINUTE, SIGNS
from crisiskit.sim.fuzz.decoder import Decoder

KEY = bytes(range(16))
CHECK_BYTES = 4
_NUMBER_AT = FILE_ID_BYTES
UNSHOWABLE = ("Cc", "Cs", "Zl", "Zp")
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
_HEADER = Header(FrameKind.SEALED, 300, Direction.UP, Precedence.FLASH, 7, 9, b"salt")
_REFERENCE = Reference(Direction.UP, 300, 41, 3)


def decoders() -> tuple[Decoder, ...]:
    """All of them."""
    return (
        Decoder("header", _headers(), _header, again=_header_again, canonical=True),
        Decoder("content", _contents(), _content, again=_content_again),
        Decoder("receipt", _receipts(), decode_receipt, again=encode_receipt),
        Decoder("references", (_references(),), decode_references, again=encode_references),
        Decoder("part", _parts(), _part, again=_part_again, canonical=True, seal=_sealed_part),
        Decoder("parts", (bytes([0, 1, 60, 1, 1, 60]), bytes([0, 3, 9] * 4)), _part_set),
        Decoder("piece", _pieces(), decode_piece, again=_piece_again, canonical=True, seal=_named),
        Decoder("file", _heads(), _file),
        Decoder("batch", _batches(), _batch),
        Decoder("text", _texts(), _text, (MalformedError,), again=_text_again),
        Decoder("form", _forms(), _form),
        Decoder("shown", (*_forms(), b"\0" + SIGNS.encode()), _shown),
    )


# -- frames ----------------------------------------------------------------------------------


def _headers() -> tuple[bytes, ...]:
    short = replace(_HEADER, epoch=None, salt=None, kit_number=5, kind=FrameKind.RECEIPT)
    return tuple(encode_header(header) + bytes(20) for header in (_HEADER, short))


def _header(data: bytes) -> tuple[Header, bytes] | Rejected:
    found = decode_header(data)
    return found if isinstance(found, Rejected) else (found[0], data[found[1] :])


def _header_again(value: tuple[Header, bytes]) -> bytes:
    return encode_header(value[0]) + value[1]


def _parts() -> tuple[bytes, ...]:
    envelope = encode_header(_HEADER) + random.Random(1).randbytes(200)
    return tuple(cut(envelope, _HEADER, 80, KEY))


def _part(data: bytes) -> tuple[Part, bytes] | Rejected:
    part = open_part(data, KEY)
    return part if isinstance(part, Rejected) else (part, data[-CHECK_BYTES:])


def _part_again(value: tuple[Part, bytes]) -> bytes:
    part, check = value
    head = encode_header(replace(part.header, kind=FrameKind.PART))
    return head + bytes([part.index, part.last]) + part.piece + check


def _sealed_part(data: bytes) -> bytes:
    """The same with the right check, which only the sender can make."""
    checked = data[:-CHECK_BYTES]
    return checked + hashlib.blake2s(checked, key=KEY, digest_size=CHECK_BYTES).digest()


def _part_set(data: bytes) -> None:
    """Any parts in any order: three bytes each say index, last index and a hundredth of size."""
    pieces = PartSet(data[1] % 64 if len(data) > 1 else 0)
    for at in range(0, len(data) - 2, 3):
        index, last, size = data[at : at + 3]
        pieces.add(Part(_HEADER, index % (last % 64 + 1), last % 64, bytes(size * 100)))
    held = sum(map(len, pieces.pieces.values()))
    assert held <= 2 * FRAME_BYTES_MAX, f"{held} bytes are held"
    pieces.envelope(_HEADER)


# -- files -----------------------------------------------------------------------------------


def _pieces() -> tuple[bytes, ...]:
    """Heads and slices of a file that packs and of one that does not."""
    noise = random.Random(2).randbytes(700)
    files = (noise, b"water and bread " * 90)
    return tuple(data for file in files for data in cut_file(bytes(16), "pont.jpg", file, 300))


def _heads() -> tuple[bytes, ...]:
    return tuple(data for data in _pieces() if not data[_NUMBER_AT])


def _piece_again(value: Piece) -> bytes:
    head, number = value.head, varint(value.number)
    return value.file + number + (value.content if head is None else encode_head(head))


def _named(data: bytes) -> bytes:
    """A head under the name that its bytes give it, so that changes in it are looked at."""
    if data[_NUMBER_AT : _NUMBER_AT + 1] != b"\0":
        return data
    return file_id(data[_NUMBER_AT + 1 :]) + data[_NUMBER_AT:]


def _file(data: bytes) -> bytes | Rejected:
    """A head, and slices of the sizes that it asks for, the right ones where there are such."""
    piece = decode_piece(_named(data))
    if isinstance(piece, Rejected) or piece.head is None:
        return Rejected(Reject.FILE)
    head = piece.head
    known = {len(data): data for data in (one[_NUMBER_AT + 1 :] for one in _pieces())}
    sizes = [head.slice_size(number) for number in range(1, head.count + 1)]
    assert sum(sizes) == head.coded_bytes, "a head that leaves bytes without a slice"
    slices = [known.get(size, bytes(size)) for size in sizes]
    join_file(head, slices)
    return b"".join(slices)


def _batches() -> tuple[bytes, ...]:
    return tuple(encode_batch(frames, Precedence.FLASH) for frames in (_headers(), _parts()))


def _batch(data: bytes) -> None:
    """The pieces are few, and no byte is in two of them."""
    pieces = frames_of(data)
    assert len(pieces) <= BATCH_FRAMES_MAX + 1, f"{len(pieces)} pieces"
    assert sum(map(len, pieces)) <= len(data), "more came out than went in"


# -- what is inside --------------------------------------------------------------------------


def _contents() -> tuple[bytes, ...]:
    ack = ack_block(9, 5, b"dgst", (7, 8, 30))
    heads = (
        Record(RecordKind.TEXT, Precedence.FLASH, MINUTE, "Pont coupé à Sada"),
        Record(RecordKind.FORM, Precedence.ROUTINE, MINUTE - 90, "école", b"\1\2\3", twin=2),
        Record(RecordKind.ORDER, Precedence.IMMEDIATE, MINUTE, "Return", answers=_REFERENCE),
        Record(RecordKind.READ, Precedence.ROUTINE, MINUTE + 1, data=_references()),
        Record(RecordKind.TEXT, Precedence.PRIORITY, MINUTE, "water needed, " * 90),
    )
    made = [Content(heads[:count], ack) for count in range(1, len(heads) + 1)]
    return tuple(encode_content(one, base) for one in made for base in (None, MINUTE))


def _content(data: bytes) -> Content | Rejected:
    return decode_content(data, MINUTE)


def _content_again(value: Content) -> bytes:
    return encode_content(value, MINUTE)


def _receipts() -> tuple[bytes, ...]:
    blocks = (
        ack_block(2, 0, bytes(4), ()),
        ack_block(3, 9, b"dgst", range(11, 60, 3), b"sa"),
        ack_block(4, 100, b"dgst", [*range(120, 300), *range(420, 600)]),
        PartRequest(3, 12, 20, (1, 2, 19)),
    )
    return tuple(encode_receipt(Receipt(MINUTE, blocks[:count])) for count in range(5))


def _references() -> bytes:
    return encode_references([_REFERENCE, Reference(Direction.DOWN, 0, 0, 0)] * 3)


def _texts() -> tuple[bytes, ...]:
    """Codec 1, coded text."""
    words = "Pont coupé à Sada, 12 blessés. ".encode()
    texts = (words, words * 4, words * 40, words + b"?" * 40)
    coded = [encode_text(text) for text in texts]
    return tuple(bytes([codec]) + stream for codec, stream in coded)


def _text(data: bytes) -> bytes:
    codec, stream = (data[0] & 7, data[1:]) if data else (0, b"")
    text = decode_text(codec, stream)
    assert len(text) <= max(TEXT_BYTES_MAX, len(stream)), f"{len(text)} bytes"
    return text


def _text_again(value: bytes) -> bytes:
    codec, stream = encode_text(value)
    return bytes([codec]) + stream


# -- forms -----------------------------------------------------------------------------------


def _forms() -> tuple[bytes, ...]:
    """Size of the data 1, data, words."""
    made = []
    for name in catalog.names():
        schema = catalog.schema(name)
        made.append(bytes([40]) + bytes([schema.id]) + b"\xb6" * 39 + "Sada\x1féco le\x1f".encode())
    return tuple(made)


def _split(data: bytes) -> tuple[bytes, str]:
    size = data[0] if data else 0
    return data[1 : 1 + size], data[1 + size :].decode(errors="replace")


def _form(data: bytes) -> Filled | Rejected | None:
    packed, text = _split(data)
    schema = catalog.by_id(packed[0]) if packed else None
    if schema is None:
        return None
    filled = unpack(schema, packed, text)
    if isinstance(filled, Filled) and not filled.more:
        _same_again(schema, filled)
    return filled


def _same_again(schema: Schema, filled: Filled) -> None:
    """A writer may refuse what a reader takes: limits bind the writer."""
    try:
        written = pack(schema, filled.values)
    except ValueError:
        return
    assert unpack(schema, *written) == filled, f"{written} reads otherwise"


def _shown(data: bytes) -> list[str]:
    """A message as any form and as words, in both languages: every line is harmless."""
    packed, text = _split(data)
    lines = []
    for kind in (RecordKind.FORM, RecordKind.TEXT):
        for lang in ("en", "fr"):
            lines += [*body_lines(kind, packed, text, lang, MINUTE), one_line(kind, packed, text)]
    for line in lines:
        bad = [c for c in line if unicodedata.category(c) in UNSHOWABLE and c != "\t"]
        assert not bad and not TURNS & set(line), f"shows {line!r}"
        assert line.count("\u2068") == line.count("\u2069"), f"is not closed: {line!r}"
    return lines
