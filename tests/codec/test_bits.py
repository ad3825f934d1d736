"""Numbers as bits come back, and a reader of bits is bounded by what it is told to expect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.bits import BitReader, BitWriter
from crisiskit.codec.reject import MalformedError, Reject

LIMIT = 1024
numbers = st.lists(st.integers(0, LIMIT), max_size=20)


@given(numbers, st.integers(0, 6))
def test_rice_comes_back(values: list[int], k: int) -> None:
    writer = BitWriter()
    for value in values:
        writer.rice(value, k)
    reader = BitReader(bytes(writer), Reject.ACK)
    assert [reader.rice(k, LIMIT) for _ in values] == values
    assert reader.close() == len(bytes(writer))


@given(numbers, st.integers(0, 6))
def test_exp_golomb_comes_back(values: list[int], k: int) -> None:
    writer = BitWriter()
    for value in values:
        writer.exp_golomb(value, k)
    reader = BitReader(bytes(writer), Reject.ACK)
    assert [reader.exp_golomb(k, LIMIT) for _ in values] == values


@pytest.mark.parametrize(("value", "k", "bits"), [(0, 0, "1"), (1, 0, "010"), (7, 2, "01011")])
def test_exp_golomb_is_the_published_code(value: int, k: int, bits: str) -> None:
    writer = BitWriter()
    writer.exp_golomb(value, k)
    assert f"{bytes(writer)[0]:08b}".startswith(bits)


@given(st.binary(max_size=40), st.integers(0, 6), st.booleans())
def test_any_bits_give_a_number_within_the_limit_or_are_refused(
    data: bytes, k: int, rice: bool
) -> None:
    reader = BitReader(data, Reject.ACK)
    try:
        value = reader.rice(k, LIMIT) if rice else reader.exp_golomb(k, LIMIT)
    except MalformedError:
        return
    assert 0 <= value <= LIMIT


def test_a_long_run_of_ones_is_refused_long_before_its_end() -> None:
    reader = BitReader(b"\xff" * 10_000, Reject.ACK)
    with pytest.raises(MalformedError):
        reader.rice(0, LIMIT)


def test_the_bits_that_fill_the_last_byte_are_zero() -> None:
    reader = BitReader(b"\x81", Reject.ACK)
    assert reader.bit() == 1
    with pytest.raises(MalformedError):
        reader.close()
