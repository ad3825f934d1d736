"""AX.25 UI frames: the reference's bytes, call signs, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.ax25 import (
    INFO_BYTES_MAX,
    Address,
    Malformed,
    UiFrame,
    decode,
    encode,
    frame_bytes,
    parse_address,
)

# Decoded from audio by Dire Wolf.
HEARD = bytes.fromhex("86a492a692a6e08c6882848640e103f068656c6c6f2066726f6d20746865206669656c640a")
CENTER, KIT = Address("CRISIS"), Address("F4XYZ", 7)
ADDRESSES = st.builds(Address, st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True), st.integers(0, 15))


def test_a_frame_that_direwolf_heard() -> None:
    frame = decode(HEARD)
    assert (str(frame.to), str(frame.source)) == ("CRISIS", "F4ABC")
    assert frame.info == b"hello from the field\n"


def test_the_reference_frame_is_written() -> None:
    wire = bytes.fromhex("86a492a692a6e08c68b0b2b4406f03f0c0db0062696e")
    assert encode(UiFrame(CENTER, KIT, b"\xc0\xdb\x00bin")) == wire


@given(
    ADDRESSES,
    ADDRESSES,
    st.binary(max_size=INFO_BYTES_MAX),
    st.lists(ADDRESSES, max_size=8).map(tuple),
    st.integers(0, 8),
    st.integers(0, 255),
)
def test_frames_come_back(
    to: Address,
    source: Address,
    info: bytes,
    via: tuple[Address, ...],
    repeated: int,
    pid: int,
) -> None:
    frame = UiFrame(to, source, info, via, min(repeated, len(via)), pid)
    wire = encode(frame)
    assert decode(wire) == frame
    assert len(wire) == frame_bytes(len(info), len(via))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_malformed(data: bytes) -> None:
    try:
        frame = decode(data)
    except Malformed:
        return
    assert len(frame.info) <= INFO_BYTES_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEARD[:13],  # no end of the addresses
        HEARD[:14],  # no control
        HEARD[:15],  # no protocol id
        HEARD[:14] + b"\x3f\xf0x",  # SABM: a connection
        HEARD[:6] + b"\xe1" + HEARD[7:],  # one address alone
        b"\x86" + bytes([HEARD[1] | 1]) + HEARD[2:],  # an end inside a name
        b"\x42" + HEARD[1:],  # an exclamation mark
        b"\x40\x86" + HEARD[2:],  # a space before the name
        HEARD + bytes(INFO_BYTES_MAX),
        (HEARD[:7] * 11) + HEARD[7:],  # more digipeaters than eight
    ],
)
def test_what_is_no_ui_frame_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)


def test_too_much_is_not_written() -> None:
    with pytest.raises(ValueError, match="256"):
        encode(UiFrame(CENTER, KIT, bytes(INFO_BYTES_MAX + 1)))
    with pytest.raises(ValueError, match="8 digipeaters"):
        encode(UiFrame(CENTER, KIT, b"", (KIT,) * 9))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("f4xyz-7", KIT),
        ("CRISIS", CENTER),
        ("F4XYZ-0", Address("F4XYZ")),
        ("1-15", Address("1", 15)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "-1", "F4XYZ-16", "F4XYZ-07", "F4XYZZZ", "F4 XYZ", "F4XYZ-", "\u017f4XYZ", "F4X\n"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(Malformed):
        parse_address(text)


@pytest.mark.parametrize("text", ["F4XYZ-7", "W1AW", "9A1A", "2E0AAA", "3DA0RS", "FH8AB", "TO5A"])
def test_call_signs(text: str) -> None:
    assert parse_address(text).is_call_sign


@pytest.mark.parametrize("text", ["CRISIS", "N0CALL", "WIDE1-1", "KIT1", "F4", "123456", "4XYZ"])
def test_what_is_no_call_sign(text: str) -> None:
    assert not parse_address(text).is_call_sign
