"""Check bytes mend a damaged byte wherever it is, and never make good bytes bad."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.framing import Decoder, encode, encoded_bytes_max
from transports.repair import check_bytes_of, protected, repaired, split

FRAME_BYTES = 600


@settings(deadline=None)
@given(body=st.binary(min_size=1, max_size=FRAME_BYTES))
def test_what_is_unharmed_comes_back(body: bytes) -> None:
    data = protected(body)
    assert len(data) == len(body) + check_bytes_of(len(body))
    assert split(data)[0] == body and repaired(*split(data)) == body


@pytest.mark.parametrize("size", [1, 2, 100, 254, 255, 256, 510, 511])
def test_any_one_damaged_byte_is_mended(size: int) -> None:
    chance = random.Random(size)
    body = chance.randbytes(size)
    data = protected(body)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= chance.randint(1, 255)
        assert repaired(*split(bytes(damaged))) == body


def test_two_neighbours_in_a_long_frame_are_mended() -> None:
    body = random.Random(1).randbytes(482)
    data = bytearray(protected(body))
    data[200] ^= 0x55
    data[201] ^= 0xAA
    assert repaired(*split(bytes(data))) == body


def test_a_frame_of_480_bytes_takes_four_more_and_survives_nearly_all_single_damage() -> None:
    chance = random.Random(2)
    frame = chance.randbytes(480)
    good = encode(frame, mends=True)
    assert len(good) == len(encode(frame)) + 4
    came = mended = 0
    for place in range(len(good)):
        damaged = bytearray(good)
        damaged[place] ^= chance.randint(1, 255)
        decoder = Decoder(FRAME_BYTES, mends=True)
        came += decoder.feed(bytes(damaged)) == [frame]
        mended += decoder.mended
    # Not what the framing itself stands on: a delimiter, a length, a byte that became a zero.
    assert came >= 0.97 * len(good) and mended > 0.9 * came


@settings(deadline=None)
@given(data=st.binary(max_size=2 * FRAME_BYTES))
def test_junk_is_junk(data: bytes) -> None:
    decoder = Decoder(FRAME_BYTES, mends=True)
    for frame in decoder.feed(data):
        assert len(encode(frame, mends=True)) <= encoded_bytes_max(FRAME_BYTES, mends=True)
    body, checks = split(data)
    assert len(repaired(body, checks)) == len(body)
