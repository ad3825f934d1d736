"""Integers come back as they were, in one form only, and reading never runs past the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader, unzigzag, varint, zigzag

LIMIT = 2**35 - 1


def read(data: bytes, limit: int = LIMIT) -> int:
    return Reader(data, Reject.HEADER).varint(limit)


@given(st.integers(0, LIMIT))
def test_a_varint_comes_back(value: int) -> None:
    assert read(varint(value)) == value


@pytest.mark.parametrize(
    ("value", "raw"), [(0, "00"), (127, "7f"), (128, "8100"), (16383, "ff7f"), (16384, "818000")]
)
def test_the_most_significant_group_comes_first(value: int, raw: str) -> None:
    assert varint(value) == bytes.fromhex(raw)


@pytest.mark.parametrize("raw", ["8001", "80", "81", "8181818181", "", "ffffffffff7f"])
def test_a_varint_has_one_form_and_an_end(raw: str) -> None:
    with pytest.raises(MalformedError):
        read(bytes.fromhex(raw))


def test_a_varint_above_its_limit_is_refused() -> None:
    assert read(varint(300), 300) == 300
    with pytest.raises(MalformedError):
        read(varint(301), 300)


@pytest.mark.parametrize("value", [-1, LIMIT + 1])
def test_what_fits_no_varint_is_an_error_of_the_caller(value: int) -> None:
    with pytest.raises(ValueError, match="varint"):
        varint(value)


@given(st.integers(-LIMIT, LIMIT))
def test_zigzag_comes_back(value: int) -> None:
    assert unzigzag(zigzag(value)) == value


def test_small_numbers_of_either_sign_come_first() -> None:
    assert [zigzag(value) for value in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]


@given(st.binary(max_size=8), st.integers(0, 12))
def test_a_reader_gives_what_there_is_or_refuses(data: bytes, count: int) -> None:
    reader = Reader(data, Reject.RECORD)
    if count > len(data):
        with pytest.raises(MalformedError) as refused:
            reader.take(count)
        assert refused.value.code is Reject.RECORD
    else:
        assert reader.take(count) + reader.rest() == data
        assert reader.done
