"""A file in records: cut and joined without loss, and nothing but that file ever comes out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.content import Content, decode_content, encode_content
from crisiskit.codec.pieces import (
    FILE_BYTES_MAX,
    SLICE_BYTES,
    SLICE_BYTES_MAX,
    SLICE_BYTES_MIN,
    FileHead,
    Piece,
    cut_file,
    decode_piece,
    file_id,
    is_slice,
    join_file,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.codec.shortest import Codec
from crisiskit.codec.wire import varint
from crisiskit.model import Precedence, Record, RecordKind

MESSAGE = bytes(range(16))
NOISE = Random(7).randbytes(5000)
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30)


def pieces(content: bytes, slice_bytes: int = SLICE_BYTES) -> tuple[FileHead, list[bytes]]:
    found = [decode_piece(data) for data in cut_file(MESSAGE, "a.jpg", content, slice_bytes)]
    read = [one for one in found if isinstance(one, Piece)]
    assert len(read) == len(found) and read[0].head is not None
    assert [one.number for one in read] == list(range(len(read)))
    assert len({one.file for one in read}) == 1
    return read[0].head, [one.content for one in read[1:]]


@given(
    st.binary(min_size=1, max_size=9000),
    NAMES,
    st.integers(SLICE_BYTES_MIN, SLICE_BYTES_MAX),
)
def test_what_is_cut_is_joined_again(content: bytes, name: str, slice_bytes: int) -> None:
    datas = cut_file(MESSAGE, name, content, slice_bytes)
    first, *rest = [decode_piece(data) for data in datas]
    assert isinstance(first, Piece) and first.head is not None
    head = first.head
    assert (head.message, head.name, head.size) == (MESSAGE, name, len(content))
    assert head.count == len(rest)
    slices = [one.content for one in rest if isinstance(one, Piece)]
    assert join_file(head, slices) == content


def test_what_packs_is_packed_and_a_photo_is_not() -> None:
    head, slices = pieces(b"water and bread " * 4000)
    assert head.codec is Codec.ZSTD and sum(map(len, slices)) < 1000
    head, slices = pieces(NOISE)
    assert head.codec is Codec.RAW and b"".join(slices) == NOISE


@pytest.mark.parametrize("size", [1, SLICE_BYTES, SLICE_BYTES + 1, FILE_BYTES_MAX])
def test_every_size_up_to_the_limit_passes(size: int) -> None:
    content = Random(size).randbytes(size)
    head, slices = pieces(content)
    assert join_file(head, slices) == content


def test_beyond_the_limits_nothing_is_cut() -> None:
    for name, content in (("a", b""), ("a", bytes(FILE_BYTES_MAX + 1)), ("", b"x")):
        with pytest.raises(ValueError, match="has 1 "):
            cut_file(MESSAGE, name, content)
    for name in ("é" * 61, "a\0b"):
        with pytest.raises(ValueError, match="name"):
            cut_file(MESSAGE, name, b"x")


def test_a_missing_a_swapped_and_an_altered_slice_make_no_file() -> None:
    head, slices = pieces(NOISE)
    assert isinstance(join_file(head, slices[:-1]), Rejected)
    assert isinstance(join_file(head, [slices[1], slices[0], *slices[2:]]), Rejected)
    altered = bytes([slices[0][0] ^ 1]) + slices[0][1:]
    assert isinstance(join_file(head, [altered, *slices[1:]]), Rejected)
    assert isinstance(join_file(replace(head, digest=bytes(32)), slices), Rejected)


def test_a_packed_file_that_opens_to_more_than_it_says_is_refused() -> None:
    head, slices = pieces(b"water and bread " * 4000)
    assert isinstance(join_file(replace(head, size=1000), slices), Rejected)


def head_data(**changes: int | bytes) -> bytes:
    """The data of a head, with fields changed and its name made right again."""
    fields: dict[str, int | bytes] = {
        "message": MESSAGE,
        "codec": 0,
        "size": 5000,
        "coded": 5000,
        "slice": 1000,
        "digest": bytes(32),
        "name": b"a.jpg",
    }
    fields |= changes
    body = b""
    for key, value in fields.items():
        if isinstance(value, bytes):
            body += value
        else:
            body += bytes([value]) if key == "codec" else varint(value)
    return file_id(body) + b"\0" + body


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": 1},
        {"codec": 2},
        {"size": FILE_BYTES_MAX + 1, "coded": FILE_BYTES_MAX + 1},
        {"coded": 4999},
        {"coded": 5001},
        {"coded": 0, "codec": 4},
        {"slice": SLICE_BYTES_MIN - 1},
        {"slice": SLICE_BYTES_MAX + 1},
        {"name": b""},
        {"name": b"a" * 121},
        {"name": b"a\0b"},
        {"name": b"\xff"},
    ],
)
def test_a_head_that_no_sender_makes_is_refused(changes: dict[str, int | bytes]) -> None:
    assert isinstance(decode_piece(head_data()), Piece)
    assert decode_piece(head_data(**changes)) == Rejected(Reject.FILE)


def test_a_head_under_another_name_is_refused() -> None:
    data = head_data()
    assert decode_piece(bytes(6) + data[6:]) == Rejected(Reject.FILE)


@pytest.mark.parametrize("data", [b"", bytes(6), bytes(6) + b"\1", bytes(6) + b"\xa1\0x"])
def test_a_piece_without_content_or_with_too_high_a_number_is_refused(data: bytes) -> None:
    assert decode_piece(data) == Rejected(Reject.FILE)


def test_pieces_travel_as_records_and_slices_are_told_from_heads() -> None:
    datas = cut_file(MESSAGE, "a.jpg", NOISE)
    records = tuple(Record(RecordKind.FILE, Precedence.ROUTINE, 9, data=data) for data in datas)
    assert [is_slice(record) for record in records] == [False] + [True] * (len(records) - 1)
    assert not is_slice(Record(RecordKind.FORM, Precedence.ROUTINE, 9, data=datas[1]))
    assert not any(record.kind.for_people for record in records)
    found = decode_content(encode_content(Content(records), None), None)
    assert isinstance(found, Content) and found.records == records


def test_the_name_of_a_file_is_that_of_its_head() -> None:
    first = cut_file(MESSAGE, "a.jpg", NOISE)[0]
    label = b"crisiskit/1 file\0"
    assert first[:6] == hashlib.sha256(label + first[7:]).digest()[:6]
