"""The clear fields come back, reserved ones are refused, a retry may drop epoch and salt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.header import (
    FRAME_BYTES_MAX,
    FrameKind,
    Header,
    associated_data,
    decode_header,
    encode_header,
    with_epoch,
    without_epoch,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Direction, Precedence

SALT = b"salt"
BODY = b"sealed bytes and tag"

named = st.one_of(
    st.just((None, None)), st.tuples(st.integers(0, 0xFFFF), st.binary(min_size=4, max_size=4))
)
headers = st.builds(
    lambda kind, kit, way, precedence, counter, name: Header(
        kind, kit, way, precedence, counter, *name
    ),
    st.sampled_from(FrameKind),
    st.integers(0, 0xFFFF),
    st.sampled_from(Direction),
    st.sampled_from(Precedence),
    st.integers(0, 0xFFFF),
    named,
)


def header(kit_number: int = 5, **changes: object) -> Header:
    plain = Header(FrameKind.SEALED, kit_number, Direction.UP, Precedence.ROUTINE, 7)
    return replace(plain, **changes)  # type: ignore[arg-type]


@given(headers)
def test_a_header_comes_back_with_its_length(given_header: Header) -> None:
    raw = encode_header(given_header)
    assert decode_header(raw + BODY) == (given_header, len(raw))


@pytest.mark.parametrize(("kit", "size"), [(0, 4), (63, 4), (64, 5), (8191, 5), (8192, 6)])
def test_a_small_kit_number_costs_one_byte(kit: int, size: int) -> None:
    assert len(encode_header(header(kit))) == size
    assert len(encode_header(header(kit, epoch=1, salt=SALT))) == size + 6


@given(headers)
def test_what_the_seal_covers_does_not_depend_on_epoch_and_salt(given_header: Header) -> None:
    short = replace(given_header, epoch=None, salt=None)
    assert associated_data(given_header) == encode_header(short)


@given(headers.filter(lambda one: one.kind.has_tag))
def test_a_frame_is_reheaded_without_touching_what_is_sealed(given_header: Header) -> None:
    short = encode_header(replace(given_header, epoch=None, salt=None)) + BODY
    long = with_epoch(encode_header(given_header) + BODY, 513, SALT)
    assert long == encode_header(replace(given_header, epoch=513, salt=SALT)) + BODY
    assert without_epoch(long) == short
    assert without_epoch(short) == short


@pytest.mark.parametrize("kind", [FrameKind.PART, FrameKind.PART_CLEAR])
def test_a_part_is_not_reheaded(kind: FrameKind) -> None:
    part = encode_header(header(kind=kind)) + BODY
    with pytest.raises(ValueError, match="header"):
        with_epoch(part, 1, SALT)


@pytest.mark.parametrize("kind", [6])
def test_reserved_kinds_are_refused(kind: int) -> None:
    assert decode_header(bytes([kind << 3]) + bytes(20)) == Rejected(Reject.KIND)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_other_versions_are_refused(version: int) -> None:
    assert decode_header(bytes([version << 6]) + bytes(20)) == Rejected(Reject.VERSION)


@pytest.mark.parametrize("size", [0, 1, 12, FRAME_BYTES_MAX + 1])
def test_a_frame_of_impossible_length_is_refused(size: int) -> None:
    assert decode_header(bytes(size)) == Rejected(Reject.LENGTH)


def test_a_station_has_one_form_and_a_highest_number() -> None:
    assert decode_header(b"\0\x80\x01" + bytes(12)) == Rejected(Reject.HEADER)
    assert decode_header(b"\0\x88\x80\0" + bytes(12)) == Rejected(Reject.HEADER)
    assert isinstance(decode_header(b"\0\x87\xff\x7f" + bytes(12)), tuple)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_header_or_refused(frame: bytes) -> None:
    found = decode_header(frame)
    if not isinstance(found, Rejected):
        assert frame.startswith(encode_header(found[0]))


@pytest.mark.parametrize(
    "changes",
    [{"kit_number": 65536}, {"counter": 65536}, {"epoch": 1}, {"epoch": 1, "salt": b"long one"}],
)
def test_a_header_out_of_range_is_an_error_of_the_caller(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_header(header(**changes))  # type: ignore[arg-type]
