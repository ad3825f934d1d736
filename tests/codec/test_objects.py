"""A signed object has one form in bytes, and hostile bytes give a value, never trouble."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.content import Content, decode_content, encode_content
from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.codec.object_frame import decode_object_frame, encode_object_frame
from crisiskit.codec.objects import (
    DUTY_MAX,
    TEXT_BYTES_MAX,
    ObjectKind,
    SignedObject,
    answer_code,
    decode_answer,
    decode_object,
    encode_answer,
    object_data,
    object_digest,
    signed_bytes,
    whole_bytes,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.codec.shortest import Codec, encode_text
from crisiskit.model import Direction, Precedence, Record, RecordKind

NETWORK = b"n" * 16
numbers = st.integers(1, 0xFFFF)
kit_lists = st.lists(st.integers(0, 0xFFFF), max_size=20, unique=True).map(sorted).map(tuple)
words = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200
)


@st.composite
def objects(draw: st.DrawFn) -> SignedObject:
    kind = draw(st.sampled_from(ObjectKind))
    listed = kind is ObjectKind.TRUST_LIST
    signers = draw(st.lists(st.integers(0, 255), min_size=1, max_size=2, unique=True))
    body, text, kits = b"", "", draw(kit_lists)
    if kind is ObjectKind.CANCEL:
        body = draw(numbers).to_bytes(2, "big")
    if kind is ObjectKind.DUTY_KEY:
        body = bytes([draw(st.integers(0, DUTY_MAX))]) + draw(st.binary(min_size=32, max_size=32))
        text = draw(st.sampled_from(["Prefect", "Ali Ousséni", "x" * 32]))
    if kind in (ObjectKind.ORDER, ObjectKind.WIPE, ObjectKind.CANCEL):
        text = draw(words)
    if kind is ObjectKind.WIPE:
        kits = (draw(numbers),)
    return SignedObject(
        kind,
        draw(numbers),
        draw(st.integers(0, 2**32 - 1)),
        tuple(signers),
        exercise=draw(st.booleans()),
        answer=kind is ObjectKind.ORDER and draw(st.booleans()),
        delta=listed and draw(st.booleans()),
        life=0 if listed else draw(st.integers(0, 255)),
        kits=kits,
        body=body,
        text=text,
        signatures=tuple(draw(st.binary(min_size=64, max_size=64)) for _ in signers),
    )


def order(**changes: object) -> SignedObject:
    plain = SignedObject(
        ObjectKind.ORDER, 7, 1_790_000_000, (0,), life=8, text="Go.", signatures=(bytes(64),)
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@given(objects())
def test_an_object_comes_back_from_its_record(signed: SignedObject) -> None:
    assert decode_object(object_data(signed), signed.text) == signed


@given(objects(), st.sampled_from(Precedence))
def test_an_object_comes_back_from_its_own_frame(
    signed: SignedObject, precedence: Precedence
) -> None:
    assert decode_object_frame(encode_object_frame(signed, precedence)) == signed


@given(objects())
def test_it_travels_as_a_record_among_others(signed: SignedObject) -> None:
    record = Record(RecordKind.ORDER, Precedence.FLASH, 9, signed.text, object_data(signed))
    other = Record(RecordKind.TEXT, Precedence.ROUTINE, 9, "other")
    found = decode_content(encode_content(Content((record, other)), None), None)
    assert isinstance(found, Content) and found.records == (record, other)


@given(objects(), st.integers(0), st.integers(1, 255))
def test_every_byte_of_it_is_covered(signed: SignedObject, place: int, flip: int) -> None:
    data = bytearray(object_data(signed))
    data[place % len(data)] ^= flip
    found = decode_object(bytes(data), signed.text)
    if isinstance(found, SignedObject):
        assert object_digest(found) != object_digest(signed)
        signatures_only = found.signatures != signed.signatures
        covered = signed_bytes(NETWORK, found) != signed_bytes(NETWORK, signed)
        assert signatures_only or covered


@given(st.binary(max_size=400), words)
def test_junk_is_refused_or_has_exactly_these_bytes(data: bytes, text: str) -> None:
    found = decode_object(data, text)
    if isinstance(found, SignedObject):
        assert object_data(found) == data


@given(st.binary(max_size=200))
def test_a_frame_of_junk_is_refused(junk: bytes) -> None:
    header = Header(FrameKind.OBJECT, 0, Direction.DOWN, Precedence.ROUTINE, 7)
    found = decode_object_frame(encode_header(header) + junk)
    assert isinstance(found, Rejected | SignedObject)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": 65536},
        {"issued_s": 2**32},
        {"life": 256},
        {"kits": (3, 3)},
        {"kits": (4, 3)},
        {"kits": tuple(range(256))},
        {"signers": ()},
        {"signers": (1, 1)},
        {"signers": (1, 2, 3)},
        {"body": b"x"},
        {"text": ""},
        {"text": "a\0b"},
        {"text": "x" * (TEXT_BYTES_MAX + 1)},
        {"delta": True},
        {"kind": ObjectKind.CANCEL, "body": bytes(2)},
        {"kind": ObjectKind.CANCEL, "body": b"\0\1", "answer": True},
        {"kind": ObjectKind.TRUST_LIST, "life": 0},
        {"kind": ObjectKind.TRUST_LIST, "text": ""},
        {"kind": ObjectKind.WIPE, "kits": ()},
        {"kind": ObjectKind.WIPE, "kits": (1, 2)},
        {"kind": ObjectKind.TIME},
        {"kind": ObjectKind.DUTY_KEY, "body": bytes([0xF0]) + bytes(32)},
        {"kind": ObjectKind.DUTY_KEY, "body": bytes(33), "text": " blank"},
        {"kind": ObjectKind.DUTY_KEY, "body": bytes(33), "text": "x" * 33},
        {"kind": ObjectKind.DUTY_KEY, "body": bytes(33), "text": "turn\u202e"},
    ],
)
def test_what_has_no_wire_form_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no wire form"):
        whole_bytes(order(**changes))


def test_it_leaves_only_when_all_have_signed() -> None:
    with pytest.raises(ValueError, match="all have signed"):
        object_data(order(signers=(0, 1)))


@pytest.mark.parametrize("flags", [0x10, 0x20, 0x40, 0x80])
def test_flags_that_mean_nothing_are_refused(flags: int) -> None:
    data = bytearray(object_data(order()))
    data[1] |= flags
    assert decode_object(bytes(data), "Go.") == Rejected(Reject.OBJECT)


def test_a_frame_is_for_nobody_in_particular_and_names_its_object() -> None:
    frame = encode_object_frame(order(), Precedence.FLASH)
    assert frame[:4] == bytes([5 << 3 | 3, 1, 0, 7])
    for place, value in ((0, 5 << 3 | 4), (1, 0), (1, 3), (3, 8)):
        bad = bytearray(frame)
        bad[place] = value
        assert isinstance(decode_object_frame(bytes(bad)), Rejected)
    assert isinstance(decode_object_frame(frame[:-1] + b"\xff"), Rejected)


@pytest.mark.parametrize("codec", [Codec.RAW, Codec.DEFLATE, Codec.ZSTD])
def test_its_text_ends_where_no_object_has_more(codec: Codec) -> None:
    """A frame that anybody can send is not decoded to more than an object can say."""
    good = encode_object_frame(order(text="x"), Precedence.FLASH, {Codec.RAW})[:-2]
    for size, fits in ((TEXT_BYTES_MAX, True), (TEXT_BYTES_MAX + 1, False), (4000, False)):
        found, coded = encode_text(b"x" * size, {codec})
        assert found is codec
        opened = decode_object_frame(good + bytes([codec]) + coded)
        expected = order(text="x" * size) if fits else Rejected(Reject.TEXT)
        assert opened == expected


@pytest.mark.parametrize("codec", [Codec.TEXT, 3, 5, 255])
def test_its_text_has_no_other_codec(codec: int) -> None:
    good = encode_object_frame(order(), Precedence.FLASH, {Codec.RAW})
    bad = good.removesuffix(b"\0Go.") + bytes([codec]) + b"Go."
    assert decode_object_frame(bad) == Rejected(Reject.CODEC)


@pytest.mark.parametrize(("room", "entries"), [(270, 94), (340, 129), (140, 29)])
def test_a_trust_list_fits_links_as_designed(room: int, entries: int) -> None:
    def size(count: int) -> int:
        kits = tuple(range(1, count + 1))
        listed = order(kind=ObjectKind.TRUST_LIST, life=0, text="", kits=kits)
        return len(encode_object_frame(listed, Precedence.FLASH))

    assert size(entries) <= room < size(entries + 1)


def test_exercise_is_inside_the_signed_bytes() -> None:
    drill = signed_bytes(NETWORK, order(exercise=True))
    assert drill != signed_bytes(NETWORK, order())
    assert answer_code(order(exercise=True)) != answer_code(order())


@given(numbers, st.integers(0, 9999))
def test_an_answer_comes_back(number: int, code: int) -> None:
    assert decode_answer(encode_answer(number, f"{code:04}")) == (number, f"{code:04}")


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", b"\0\1\x27\x10", b"\0\1\0\0\0"])
def test_what_is_no_answer_is_none(data: bytes) -> None:
    assert decode_answer(data) is None


@pytest.mark.parametrize("code", ["", "123", "12345", "١٢٣٤", "-123"])
def test_a_code_has_four_digits(code: str) -> None:
    with pytest.raises(ValueError, match="four digits"):
        encode_answer(1, code)
