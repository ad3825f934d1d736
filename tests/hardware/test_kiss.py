"""KISS: the reference's bytes, any pieces, bounded memory, no answer to junk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.kiss import FRAME_END, Command, Decoder, KissFrame, encode

# Worked out by hand from the KISS paper: F4XYZ-7 > CRISIS, information c0 db 00 "bin".
WIRE = bytes.fromhex("c00086a492a692a6e08c68b0b2b4406f03f0dbdcdbdd0062696ec0")
DATA = bytes.fromhex("86a492a692a6e08c68b0b2b4406f03f0c0db0062696e")


def test_the_reference_frame_both_ways() -> None:
    assert encode(KissFrame(Command.DATA, DATA)) == WIRE
    assert Decoder(400).feed(WIRE) == [KissFrame(Command.DATA, DATA)]


def test_port_and_command_share_a_byte() -> None:
    wire = encode(KissFrame(Command.TX_DELAY, b"\x1e", port=2))
    assert wire == b"\xc0\x21\x1e\xc0"
    assert Decoder(8).feed(wire) == [KissFrame(Command.TX_DELAY, b"\x1e", 2)]


def test_port_twelve_is_escaped_in_the_type_byte_itself() -> None:
    wire = encode(KissFrame(Command.DATA, b"x", port=12))
    assert wire == b"\xc0\xdb\xdcx\xc0"
    assert Decoder(8).feed(wire) == [KissFrame(Command.DATA, b"x", 12)]


@pytest.mark.parametrize(("command", "port"), [(16, 0), (0, 16), (-1, 0)])
def test_numbers_that_do_not_fit_are_refused(command: int, port: int) -> None:
    with pytest.raises(ValueError, match="0 to 15"):
        encode(KissFrame(command, b"", port))


@given(
    st.lists(st.builds(KissFrame, st.integers(0, 15), st.binary(max_size=80), st.integers(0, 15))),
    st.integers(1, 50),
)
def test_frames_survive_any_pieces(frames: list[KissFrame], piece: int) -> None:
    wire = b"".join(map(encode, frames))
    decoder = Decoder(80)
    found = [
        one for at in range(0, len(wire), piece) for one in decoder.feed(wire[at : at + piece])
    ]
    assert found == frames
    assert decoder.junk_bytes == 0


def test_fends_between_frames_are_no_frames() -> None:
    assert len(Decoder(400).feed(3 * FRAME_END + WIRE + 2 * FRAME_END + WIRE)) == 2


def test_a_wrong_escape_costs_its_frame_alone() -> None:
    decoder = Decoder(400)
    assert len(decoder.feed(b"\xc0\x00ab\xdbx\xc0" + WIRE)) == 1
    assert len(decoder.feed(b"\xc0\x00ab\xdb\xc0" + WIRE)) == 1
    assert decoder.junk_bytes == 6 + 5


def test_too_long_frames_are_dropped_and_memory_stays_bounded() -> None:
    decoder = Decoder(10)
    for _ in range(1000):
        assert decoder.feed(b"x" * 100) == []
    assert len(decoder._held) == 0
    assert decoder.junk_bytes_since_frame == 100_000
    assert decoder.feed(encode(KissFrame(0, b"0123456789"))) == [KissFrame(0, b"0123456789")]
    assert decoder.feed(encode(KissFrame(0, b"0123456789a"))) == []
    assert decoder.junk_bytes_since_frame > 0
