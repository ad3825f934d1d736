"""An envelope crosses a link with small frames in parts: in any order, over several links."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.header import (
    FRAME_BYTES_MAX,
    FRAME_BYTES_MIN,
    FrameKind,
    Header,
    decode_header,
    encode_header,
)
from crisiskit.codec.parts import Part, PartSet, count_parts, cut, open_part
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Direction, Precedence

KEY = b"sixteen byte key"
LONG = Header(FrameKind.SEALED, 9, Direction.UP, Precedence.FLASH, 77, 3, b"salt")
SHORT = replace(LONG, epoch=None, salt=None)


def envelope(size: int, header: Header = SHORT) -> bytes:
    """A whole frame with ``size`` bytes after its header."""
    return encode_header(header) + bytes(at * 31 & 0xFF for at in range(size))


def opened(frames: list[bytes]) -> list[Part]:
    parts = [open_part(frame, KEY) for frame in frames]
    assert not any(isinstance(part, Rejected) for part in parts)
    return [part for part in parts if isinstance(part, Part)]


@given(
    st.integers(13, 16_000),
    st.integers(24, 2000),
    st.sampled_from([LONG, SHORT]),
    st.randoms(use_true_random=False),
)
def test_parts_come_together_in_any_order(size: int, mtu: int, header: Header, rng: object) -> None:
    whole = envelope(size, header)
    count = count_parts(len(whole), len(whole) - size, mtu)
    if count == 0:
        with pytest.raises(ValueError, match="fit"):
            cut(whole, header, mtu, KEY)
        return
    frames = cut(whole, header, mtu, KEY)
    assert len(frames) == count
    assert all(FRAME_BYTES_MIN <= len(frame) <= mtu for frame in frames)
    if count == 1:
        assert frames == [whole]
        return
    parts = opened(frames)
    rng.shuffle(parts)  # type: ignore[attr-defined]
    pieces = PartSet(parts[0].last)
    for part in parts:
        assert pieces.envelope(header) is None
        assert part.index in pieces.missing
        assert pieces.add(part)
    assert pieces.envelope(header) == whole


def test_no_fewer_frames_would_do() -> None:
    whole = envelope(1000)
    for mtu in range(30, 400):
        count = count_parts(len(whole), 4, mtu)
        assert (count - 1) * (mtu - 4 - 2 - 4) < 1000 <= count * (mtu - 4 - 2 - 4)


def test_the_same_number_of_parts_is_the_same_cut_on_every_link() -> None:
    whole = envelope(1000)
    one, other = cut(whole, SHORT, 270, KEY), cut(whole, SHORT, 300, KEY)
    assert len(one) == len(other) == 4
    assert one == other


def test_a_part_names_the_envelope_it_belongs_to() -> None:
    frame = cut(envelope(1000, LONG), LONG, 300, KEY)[2]
    assert decode_header(frame) == (replace(LONG, kind=FrameKind.PART), 10)
    part = open_part(frame, KEY)
    assert isinstance(part, Part)
    assert (part.header, part.index, part.last) == (LONG, 2, 3)


def test_a_foreign_or_changed_part_is_refused_before_it_is_kept() -> None:
    frame = cut(envelope(1000), SHORT, 300, KEY)[1]
    assert open_part(frame, b"another part key") == Rejected(Reject.PART)
    for at in range(len(frame)):
        changed = bytearray(frame)
        changed[at] ^= 0x10
        assert isinstance(open_part(bytes(changed), KEY), Rejected)


@given(st.binary(max_size=40))
def test_any_bytes_are_no_part(frame: bytes) -> None:
    assert isinstance(open_part(frame, KEY), Rejected)


def test_an_envelope_is_not_a_part() -> None:
    assert open_part(envelope(100), KEY) == Rejected(Reject.PART)


def test_a_set_keeps_to_one_cut_and_takes_each_part_once() -> None:
    whole = envelope(1000)
    four, five = opened(cut(whole, SHORT, 300, KEY)), opened(cut(whole, SHORT, 220, KEY))
    pieces = PartSet(3)
    assert pieces.add(four[1])
    assert not pieces.add(four[1])
    assert not pieces.add(five[0])
    assert not pieces.add(replace(four[2], piece=b"x" * 100))
    assert pieces.missing == (0, 2, 3)


@given(st.integers(100, 4000), st.integers(40, 400), st.integers(30, 200), st.data())
def test_a_finer_cut_goes_on_where_a_coarse_one_stopped(
    size: int, wide: int, thin: int, data: st.DataObject
) -> None:
    whole = envelope(size)
    if not count_parts(len(whole), 4, wide) or not count_parts(len(whole), 4, thin):
        return
    coarse = cut(whole, SHORT, wide, KEY)
    fine = cut(whole, SHORT, thin, KEY, multiple=len(coarse))
    if len(coarse) == 1 or len(fine) % len(coarse):
        return
    left = data.draw(st.sets(st.integers(0, len(coarse) - 1)))
    rest = [n for n in range(len(fine)) if n * len(coarse) // len(fine) not in left]
    frames = [*(coarse[n] for n in sorted(left)), *(fine[n] for n in rest)]
    parts = data.draw(st.permutations(opened(frames)))
    pieces = PartSet(parts[0].last)
    for part in parts:
        assert pieces.envelope(SHORT) is None
        assert pieces.add(part)
    assert pieces.envelope(SHORT) == whole
    assert not any(pieces.add(part) for part in opened(fine)), "all of it is there"


def test_what_is_missing_is_named_by_the_finest_cut() -> None:
    whole = envelope(1000)
    four = opened(cut(whole, SHORT, 300, KEY))
    eight = opened(cut(whole, SHORT, 150, KEY, multiple=4))
    assert (len(four), len(eight)) == (4, 8)
    pieces = PartSet(3)
    assert pieces.add(four[1]) and pieces.add(eight[0])
    assert pieces.missing == (1, 4, 5, 6, 7)
    assert not pieces.add(eight[3]), "it is inside of one that is there"
    assert pieces.add(four[0]), "and the other way round"
    assert set(pieces.missing) == {4, 5, 6, 7}


def test_a_set_never_grows_past_the_largest_frame() -> None:
    pieces = PartSet(1)
    assert not pieces.add(Part(SHORT, 0, 1, bytes(FRAME_BYTES_MAX // 2 + 1)))


def test_more_than_64_parts_are_not_made() -> None:
    assert count_parts(5000, 4, 60) == 0
    assert count_parts(5000, 4, 17) == 0
    with pytest.raises(ValueError, match="5000"):
        cut(envelope(4996), SHORT, 60, KEY)
