"""NMEA: the reference's sentences, and everything that speaks against a fix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.nmea import LINE_BYTES_MAX, Decoder, Fix, checksum

RMC = b"$GNRMC,180012.00,A,1246.8420,S,04513.5030,E,0.05,,231126,,,A*43\r\n"
GGA = b"$GNGGA,180012.00,1246.8420,S,04513.5030,E,1,09,0.92,12.4,M,-18.3,M,,*4D\r\n"
AT_S = 1_795_456_812  # 2026-11-23T18:00:12Z


def sentence(body: str) -> bytes:
    return f"${body}*{checksum(body.encode()):02X}\r\n".encode()


def rmc(**more: str) -> bytes:
    words = {"time": "180012.00", "status": "A", "lat": "1246.8420", "date": "231126"} | more
    return sentence("GPRMC,{time},{status},{lat},S,04513.5030,E,0.05,,{date},,,A".format(**words))


def test_the_reference_sentences() -> None:
    assert Decoder().feed(RMC) == [Fix(AT_S, -12.7807, 45.22505)]
    (fix,) = Decoder().feed(GGA + RMC)
    assert fix.error_m == pytest.approx(4.6)


@given(st.integers(1, 80))
def test_any_pieces(piece: int) -> None:
    decoder, stream = Decoder(), b"\xb5\x62 ubx \n" + GGA + RMC + RMC
    found = [
        fix for at in range(0, len(stream), piece) for fix in decoder.feed(stream[at : at + piece])
    ]
    assert [fix.at_s for fix in found] == [AT_S, AT_S]
    assert decoder.sentences == 3


def test_north_and_west_and_other_talkers() -> None:
    (fix,) = Decoder().feed(sentence("GARMC,000000,A,4530.0000,N,00530.0000,W,,,010127,,"))
    assert (fix.latitude, fix.longitude) == (45.5, -5.5)


@pytest.mark.parametrize(
    "line",
    [
        RMC.replace(b"*43", b"*44"),
        RMC.replace(b"1246", b"1247"),
        rmc(status="V"),
        rmc(date="230407"),  # 1024 weeks too early, as old receivers say
        rmc(date=""),
        rmc(time="240000"),
        rmc(lat="9100.0000"),
        rmc(lat="1260.0000"),
        rmc(lat=""),
        sentence("GPRMC,180012.00,A"),
        sentence("GPGLL,1246.8420,S,04513.5030,E,180012.00,A"),
    ],
)
def test_what_gives_no_fix(line: bytes) -> None:
    assert Decoder().feed(line) == []


def test_quality_0_of_the_same_second_denies_the_fix() -> None:
    none = sentence("GNGGA,180012.00,1246.8420,S,04513.5030,E,0,00,99.9,,M,,M,,")
    assert Decoder().feed(none + RMC) == []
    assert len(Decoder().feed(none + rmc(time="180013.00"))) == 1


def test_endless_lines_take_no_memory() -> None:
    decoder = Decoder()
    for _ in range(1000):
        decoder.feed(b"$GPRMC," * 20)
    assert len(decoder._held) <= LINE_BYTES_MAX
    assert len(decoder.feed(b"\r\n" + RMC)) == 1
