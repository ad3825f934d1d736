"""What was not sealed by the holder of the keys is not opened, in whatever way it was changed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.header import (
    FrameKind,
    Header,
    decode_header,
    encode_header,
    with_epoch,
    without_epoch,
)
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EpochKeys, root_key
from crisiskit.crypto.seal import TAG_BYTES, frame_tag, open_frame, seal
from crisiskit.model import Direction, Precedence

SALT = b"salt"
ROOT = root_key(b"p" * 32, b"n" * 16, b"k" * 16, Direction.UP)
KEYS = ROOT.forward(3).secret().keys(SALT)
HEADER = Header(FrameKind.SEALED, 70, Direction.UP, Precedence.PRIORITY, 258)
CONTENT = b"what the records say"


def opened(frame: bytes, keys: EpochKeys = KEYS) -> bytes | None:
    """As a receiver does it: believe the header of the frame, then the tag."""
    found = decode_header(frame)
    if isinstance(found, Rejected) or found[0].kind is FrameKind.PART:
        return None
    return open_frame(keys, found[0], frame)


@given(
    st.sampled_from([FrameKind.SEALED, FrameKind.RECEIPT]),
    st.integers(0, 0xFFFF),
    st.sampled_from(Precedence),
    st.integers(0, 0xFFFF),
    st.booleans(),
    st.binary(min_size=1, max_size=200),
)
def test_a_sealed_frame_opens(
    kind: FrameKind, kit: int, precedence: Precedence, counter: int, named: bool, content: bytes
) -> None:
    header = Header(kind, kit, Direction.UP, precedence, counter)
    if named:
        header = replace(header, epoch=3, salt=SALT)
    frame = seal(KEYS, header, content)
    assert len(frame) == len(encode_header(header)) + len(content) + TAG_BYTES
    assert opened(frame) == content


def test_a_retry_may_name_the_epoch_or_not() -> None:
    frame = seal(KEYS, HEADER, CONTENT)
    long = with_epoch(frame, 3, SALT)
    assert opened(long) == CONTENT
    assert without_epoch(long) == frame
    assert frame_tag(long) == frame_tag(frame)


@pytest.mark.parametrize("kind", [FrameKind.SEALED, FrameKind.RECEIPT])
@pytest.mark.parametrize("named", [False, True])
def test_no_bit_can_be_changed(kind: FrameKind, named: bool) -> None:
    header = replace(HEADER, kind=kind)
    frame = seal(KEYS, replace(header, epoch=3, salt=SALT) if named else header, CONTENT)
    for at in range(len(frame) * 8):
        changed = bytearray(frame)
        changed[at // 8] ^= 1 << at % 8
        assert opened(bytes(changed)) is None, f"bit {at}"


def test_no_random_change_passes() -> None:
    rng = random.Random(1)
    frames = [seal(KEYS, replace(HEADER, counter=at), CONTENT * at) for at in range(1, 5)]
    for _ in range(5000):
        frame = bytearray(rng.choice(frames))
        for _ in range(rng.randint(1, 4)):
            frame[rng.randrange(len(frame))] ^= rng.randint(1, 255)
        if bytes(frame) not in frames:
            assert opened(bytes(frame)) is None


@given(st.data())
def test_no_cut_and_no_splice_passes(data: st.DataObject) -> None:
    one, other = (seal(KEYS, replace(HEADER, counter=at), CONTENT * 2) for at in (1, 2))
    at = data.draw(st.integers(0, len(one) - 1))
    assert opened(one[:at]) is None
    # Before byte 5 the two frames differ in their counter only.
    if at > 5:
        assert opened(one[:at] + other[at:]) is None


def test_only_the_keys_of_that_life_open_it() -> None:
    frame = seal(KEYS, HEADER, CONTENT)
    others = [
        ROOT.forward(4).secret().keys(SALT),
        ROOT.forward(3).secret().keys(b"sale"),
        root_key(b"p" * 32, b"n" * 16, b"k" * 16, Direction.DOWN).forward(3).secret().keys(SALT),
        root_key(b"p" * 32, b"n" * 16, b"K" * 16, Direction.UP).forward(3).secret().keys(SALT),
    ]
    assert [opened(frame, keys) for keys in others] == [None] * 4


def test_the_name_of_the_epoch_cannot_be_replaced() -> None:
    frame = seal(KEYS, HEADER, CONTENT)
    assert opened(with_epoch(frame, 4, SALT)) is None
    assert opened(with_epoch(frame, 3, b"sale")) is None


def test_an_envelope_is_not_taken_for_a_receipt() -> None:
    frame = bytearray(seal(KEYS, HEADER, CONTENT))
    frame[0] |= FrameKind.RECEIPT << 3
    assert opened(bytes(frame)) is None


def test_equal_contents_are_sealed_differently() -> None:
    bodies = {
        seal(KEYS, replace(HEADER, counter=at, kind=kind), CONTENT)[5:]
        for at in range(50)
        for kind in (FrameKind.SEALED, FrameKind.RECEIPT)
    }
    assert len(bodies) == 100


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, direction=Direction.DOWN),
        replace(HEADER, epoch=4, salt=SALT),
        replace(HEADER, epoch=3, salt=b"sale"),
        replace(HEADER, kind=FrameKind.PART),
    ],
)
def test_a_header_of_other_keys_is_an_error_of_the_sealer(header: Header) -> None:
    with pytest.raises(ValueError, match=r".+"):
        seal(KEYS, header, CONTENT)
