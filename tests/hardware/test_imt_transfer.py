"""Segments find their place whatever their order, and only what is whole is a message."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.imt_receiving import MESSAGES_MAX, Arrivals
from hardware.imt_status import COMPLETE, MtBegin, MtFinal, MtSegment
from hardware.imt_transfer import (
    MESSAGE_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Incoming,
    segment,
    with_crc,
    without_crc,
)


def test_the_vector() -> None:
    assert with_crc(b"Hello") == bytes.fromhex("48656c6c6fcbd6")
    assert with_crc(b"123456789")[-2:] == bytes.fromhex("31c3")
    assert without_crc(with_crc(b"Hello")) == b"Hello"


def test_a_crc_of_zero_is_legal() -> None:
    payload = next(
        bytes([a, b, c])
        for a in range(1, 256)
        for b in range(256)
        for c in range(256)
        if with_crc(bytes([a, b, c]))[-2:] == b"\0\0"
    )
    assert without_crc(with_crc(payload)) == payload


@pytest.mark.parametrize("message", [b"", b"\0", b"\0\0", b"Hello", with_crc(b"Hello")[:-1]])
def test_what_is_no_message(message: bytes) -> None:
    assert without_crc(message) is None


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (0, 0), (0, 8), (7, 1), (6, 2), (99, 1)])
def test_bytes_that_do_not_exist_are_not_supplied(start: int, length: int) -> None:
    assert segment(with_crc(b"Hello"), start, length) is None


def test_bytes_that_exist_are() -> None:
    assert segment(with_crc(b"Hello"), 0, 7) == with_crc(b"Hello")
    assert segment(with_crc(b"Hello"), 6, 1) == b"\xd6"


@given(st.binary(min_size=1, max_size=400), st.integers(1, 50), st.integers(0, 1 << 32))
def test_segments_in_any_order_repeated_and_overlapping(
    payload: bytes, size: int, seed: int
) -> None:
    message = with_crc(payload)
    chance = random.Random(seed)
    pieces = [
        (start, start + size + chance.randrange(20)) for start in range(0, len(message), size)
    ]
    pieces += chance.choices(pieces, k=5)
    chance.shuffle(pieces)
    found = Incoming(len(message) + chance.randrange(9))
    for start, end in pieces:
        assert found.put(start, message[start:end])
    assert found.payload() == payload


def test_a_gap_or_a_wrong_byte_is_no_message() -> None:
    message = with_crc(b"Hello")
    found = Incoming()
    found.put(0, message[:2])
    found.put(3, message[3:])
    assert found.payload() is None
    found.put(2, b"x")
    assert found.payload() is None
    found.put(2, message[2:3])
    assert found.payload() == b"Hello"


def test_what_lies_outside_is_refused_and_costs_nothing() -> None:
    found = Incoming(10)
    assert not found.put(9, b"xx")
    assert not found.put(-1, b"xx")
    assert not Incoming(10**9).put(MESSAGE_BYTES_MAX, b"x")
    assert len(found._bytes) == 0


def test_the_largest_message() -> None:
    payload = random.Random(1).randbytes(PAYLOAD_BYTES_MAX)
    message = with_crc(payload)
    assert len(message) == MESSAGE_BYTES_MAX
    found = Incoming(len(message))
    for start in range(0, len(message), 1446):
        found.put(start, message[start : start + 1446])
    assert found.payload() == payload


def pieces(payload: bytes, name: int) -> list[MtSegment]:
    message = with_crc(payload)
    return [
        MtSegment(244, name, start, len(message[start : start + 4]), message[start : start + 4])
        for start in range(0, len(message), 4)
    ]


def test_several_arrive_at_once_and_are_told_apart() -> None:
    arrivals = Arrivals()
    first, second = pieces(b"first message", 1), pieces(b"second one", 2)
    arrivals.begin(MtBegin(244, 1, 15))
    for one in first[:2]:
        arrivals.put(one)
    arrivals.begin(MtBegin(244, 2, 12))
    for one in [*second, *first[2:]]:
        arrivals.put(one)
    assert arrivals.end(MtFinal(244, 2, COMPLETE)) == b"second one"
    assert arrivals.end(MtFinal(244, 1, COMPLETE)) == b"first message"
    assert arrivals.end(MtFinal(244, 1, COMPLETE)) is None
    assert arrivals.damaged == 1


@pytest.mark.parametrize(
    "word", ["message_timed_out", "message_cancelled", "crc_error_in_transfer", "completed", ""]
)
def test_only_one_word_means_complete(word: str) -> None:
    arrivals = Arrivals()
    for one in pieces(b"payload", 1):
        arrivals.put(one)
    assert arrivals.end(MtFinal(244, 1, word)) is None
    assert arrivals.damaged == 0


def test_a_length_that_is_not_that_of_the_data() -> None:
    arrivals = Arrivals()
    arrivals.put(MtSegment(244, 1, 0, 3, b"four"))
    assert arrivals.end(MtFinal(244, 1, COMPLETE)) is None


def test_messages_that_never_end_cost_no_more_than_some() -> None:
    arrivals = Arrivals()
    for topic in range(64, 364):
        arrivals.put(MtSegment(topic, 1, 0, 1, b"x"))
    assert len(arrivals._open) == MESSAGES_MAX
