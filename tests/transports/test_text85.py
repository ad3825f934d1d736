"""Frames as text: every byte survives, a full frame is one message, words are not frames."""

import random

import pytest

from hardware import gsm7
from transports import text85


def test_any_frame_comes_back_and_is_one_message() -> None:
    for size in range(1, text85.BYTES_MAX + 1):
        for frame in (bytes(size), b"\xff" * size, random.Random(size).randbytes(size)):
            text = text85.encode(frame)
            septets = gsm7.encode(text)
            assert septets is not None and len(septets) == len(text) <= 160
            assert text85.decode(text) == frame
    assert text85.BYTES_MAX == 126


@pytest.mark.parametrize(
    "text",
    ["", ":=", ":=0", "hello", ":= hello", ":=été", ":=" + "?" * 159, "x:=00", ":=__", ":=_____"],
)
def test_words_are_not_frames(text: str) -> None:
    assert text85.decode(text) is None
