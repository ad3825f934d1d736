"""Frames survive any stream: any chunking, any junk around them, bounded memory."""

from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.framing import Decoder, encode, encoded_bytes_max

MTU = 600
frames_lists = st.lists(
    st.binary(min_size=1, max_size=MTU) | st.integers(1, MTU).map(bytes), max_size=6
)


def in_chunks(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(stream[:size])
        stream = stream[size:]
    return [*chunks, stream]


def is_subsequence(wanted: list[bytes], got: list[bytes]) -> bool:
    rest = iter(got)
    return all(frame in rest for frame in wanted)


@pytest.mark.parametrize(
    ("frame", "stream"),
    [
        (b"123456789", "0c31323334353637383931c300"),  # 31c3: the check value of CRC-16/XMODEM
        (b"\0", "0101010100"),
        (b"\0\xff\0", "0102ff0303ff00"),
    ],
)
def test_the_bytes_on_the_line_are_these(frame: bytes, stream: str) -> None:
    assert encode(frame).hex() == stream
    assert Decoder(MTU).feed(bytes.fromhex(stream)) == [frame]


def test_a_short_frame_costs_four_bytes() -> None:
    assert len(encode(b"x" * 100)) == 104


@settings(deadline=None)
@given(frames=frames_lists, sizes=st.lists(st.integers(0, 300), max_size=20))
def test_any_frames_come_back_in_any_chunking(frames: list[bytes], sizes: list[int]) -> None:
    decoder = Decoder(MTU)
    stream = b"".join(map(encode, frames))
    assert [f for chunk in in_chunks(stream, sizes) for f in decoder.feed(chunk)] == frames
    assert decoder.frames == len(frames)
    assert decoder.junk_bytes == 0


@settings(deadline=None)
@given(frame=st.binary(min_size=1, max_size=2000))
def test_nothing_inside_a_frame_looks_like_its_end(frame: bytes) -> None:
    assert encode(frame).index(0) == len(encode(frame)) - 1
    assert len(encode(frame)) <= encoded_bytes_max(len(frame))


@pytest.mark.parametrize("size", [251, 252, 253, 254, 255, 506, 508, 509])
@pytest.mark.parametrize("fill", [b"\0", b"\1", b"\xff"])
def test_the_edges_of_full_runs(size: int, fill: bytes) -> None:
    assert Decoder(MTU).feed(encode(fill * size)) == [fill * size]


@settings(deadline=None)
@given(
    pieces=st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=MTU)), max_size=8),
    sizes=st.lists(st.integers(0, 300), max_size=20),
)
def test_garbage_between_frames_costs_at_most_the_frame_it_touches(
    pieces: list[tuple[bool, bytes]], sizes: list[int]
) -> None:
    stream, untouched, clean = b"", [], True
    for is_frame, data in pieces:
        stream += encode(data) if is_frame else data
        if is_frame and clean:
            untouched.append(data)
        clean = is_frame or data.endswith(b"\0")
    decoder = Decoder(MTU)
    got = [f for chunk in in_chunks(stream, sizes) for f in decoder.feed(chunk)]
    assert is_subsequence(untouched, got)


@settings(deadline=None)
@given(
    frames=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=6),
    at=st.integers(0, 10_000),
    noise=st.binary(min_size=1, max_size=40),
    replaced=st.integers(0, 40),
)
def test_garbage_inside_loses_only_the_frames_it_touches(
    frames: list[bytes], at: int, noise: bytes, replaced: int
) -> None:
    encoded = [encode(frame) for frame in frames]
    stream = b"".join(encoded)
    at %= len(stream)
    upto = min(at + replaced, len(stream))
    untouched, start = [], 0
    for frame, raw in zip(frames, encoded, strict=True):
        end = start + len(raw)
        # Noise put in right before a frame, or over its last byte, touches it as well.
        if end <= at or start > max(upto, at):
            untouched.append(frame)
        start = end
    got = Decoder(MTU).feed(stream[:at] + noise + stream[upto:])
    assert is_subsequence(untouched, got)


@settings(deadline=None)
@given(st.binary(max_size=4000), st.lists(st.integers(0, 300), max_size=10))
def test_no_bytes_make_it_fail_and_every_byte_is_accounted_for(
    stream: bytes, sizes: list[int]
) -> None:
    decoder = Decoder(100)
    frames = [f for chunk in in_chunks(stream, sizes) for f in decoder.feed(chunk)]
    in_frames = sum(len(encode(frame)) for frame in frames)
    # The rest of the last frame may still be under way.
    assert decoder.junk_bytes + in_frames <= len(stream) + len(frames)
    assert decoder.junk_bytes + in_frames >= len(stream) - encoded_bytes_max(100) - len(frames)


def test_memory_is_bounded_whatever_comes() -> None:
    decoder = Decoder(100)
    noise = random.Random(1).randbytes(65536).replace(b"\0", b"\1")
    for _ in range(50):
        decoder.feed(noise)
        assert sys.getsizeof(decoder._held) < 2 * encoded_bytes_max(100)
    assert decoder.junk_bytes == 50 * 65536
    assert decoder.feed(b"\0" + encode(b"after")) == [b"after"]
    assert decoder.junk_bytes_since_frame == 0


def test_a_frame_over_the_limit_is_junk_and_the_next_is_not() -> None:
    decoder = Decoder(100)
    assert decoder.feed(encode(b"x" * 101) + encode(b"y" * 100)) == [b"y" * 100]


def test_a_flipped_bit_is_noticed() -> None:
    stream = bytearray(encode(b"a position report"))
    for bit in range(8 * (len(stream) - 1)):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        assert Decoder(100).feed(bytes(damaged)) == []


def test_an_empty_frame_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="empty"):
        encode(b"")
