"""Several frames in one come apart as they were; a broken batch harms no frame before the break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.batch import (
    BATCH_BYTES_MAX,
    BATCH_FRAMES_MAX,
    encode_batch,
    frames_of,
    is_batch,
)
from crisiskit.codec.header import FRAME_BYTES_MAX, decode_header
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Precedence

frames = st.binary(min_size=13, max_size=300).filter(lambda frame: not is_batch(frame))
batches = st.lists(frames, min_size=2, max_size=20)


@given(batches, st.sampled_from(Precedence))
def test_a_batch_comes_apart_as_it_was(some: list[bytes], precedence: Precedence) -> None:
    batch = encode_batch(some, precedence)
    assert is_batch(batch) and not any(is_batch(frame) for frame in some)
    assert frames_of(batch) == some
    assert batch[0] == 0x30 | precedence
    assert len(batch) == 1 + sum(len(f) + 1 + (len(f) > 127) for f in some)


@given(frames)
def test_a_frame_alone_is_itself(frame: bytes) -> None:
    assert frames_of(frame) == [frame]


@given(batches, st.data())
def test_what_is_cut_off_harms_no_frame_before_it(some: list[bytes], data: st.DataObject) -> None:
    batch = encode_batch(some, Precedence.ROUTINE)
    cut = data.draw(st.integers(1, len(batch) - 1))
    found = frames_of(batch[:cut])
    whole = [f for f in found if f in some]
    assert whole == some[: len(whole)]
    assert len(found) - len(whole) <= 1


@given(st.binary(max_size=2000))
def test_junk_gives_a_bounded_number_of_pieces(junk: bytes) -> None:
    found = frames_of(b"\x30" + junk)
    assert len(found) <= BATCH_FRAMES_MAX + 1
    assert sum(map(len, found)) <= len(junk) + 1


def test_what_is_no_batch_is_not_made() -> None:
    frame = bytes(13)
    inner = encode_batch([frame, frame], Precedence.ROUTINE)
    for wrong in ([frame], [frame, bytes(12)], [frame, inner], [frame] * 256):
        with pytest.raises(ValueError, match="batch"):
            encode_batch(wrong, Precedence.ROUTINE)
    with pytest.raises(ValueError, match="too many"):
        encode_batch([bytes(FRAME_BYTES_MAX)] * 9, Precedence.ROUTINE)


def test_a_batch_in_a_batch_and_one_too_long_are_refused_as_frames() -> None:
    frame = bytes(13)
    inner = encode_batch([frame, frame], Precedence.ROUTINE)
    outer = b"\x30" + bytes([len(frame)]) + frame + bytes([len(inner)]) + inner
    assert frames_of(outer) == [frame, inner]
    assert decode_header(inner) == Rejected(Reject.KIND)
    assert frames_of(b"\x30" + bytes(BATCH_BYTES_MAX)) == [b"\x30" + bytes(BATCH_BYTES_MAX)]
