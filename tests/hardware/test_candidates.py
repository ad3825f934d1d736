"""What a device may be, from the facts of many machines: numbers, texts, bytes that were heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.ax25 import Address, UiFrame
from hardware.ax25 import encode as encode_ax25
from hardware.candidates import (
    ADAPTERS,
    ANYTHING,
    MODEL_MAX,
    Candidate,
    Role,
    Trust,
    identified,
    judge,
    recognize,
)
from hardware.devices import Device
from hardware.kiss import KissFrame
from hardware.kiss import encode as encode_kiss

NMEA = b"$GNRMC,180012.00,A,1246.8420,S,04513.5030,E,0.05,,231126,,,A*43\r\n"
PACKET = UiFrame(Address("F4ABC", 0), Address("F4XYZ", 7), b"a frame of somebody else")


def usb(number: str, maker: str = "", model: str = "") -> Device:
    vendor, product = (int(half, 16) for half in number.split(":"))
    return Device("/dev/ttyUSB0", "/dev/serial/by-id/x", vendor, product, "", maker, model)


# As lsusb shows them on real machines.
RECORDED = [
    (usb("0403:6015", "FTDI", "FT230X Basic UART"), list(ANYTHING), Trust.POSSIBLE),
    (usb("10c4:ea60", "Silicon Labs", "CP2102 USB to UART Bridge"), list(ANYTHING), Trust.POSSIBLE),
    (usb("1a86:7523", "", "USB Serial"), list(ANYTHING), Trust.POSSIBLE),
    (usb("067b:2303", "Prolific Technology Inc.", "USB-Serial"), list(ANYTHING), Trust.POSSIBLE),
    (usb("1546:01a8", "u-blox AG", "u-blox GNSS receiver"), [Role.GPS], Trust.LIKELY),
    (usb("1546:01a7", "u-blox AG - www.u-blox.com", "u-blox 7 - GPS"), [Role.GPS], Trust.LIKELY),
    (usb("2c7c:0125", "Quectel", "EC25-E"), [Role.GSM], Trust.LIKELY),
    (usb("12d1:1506", "HUAWEI", "HUAWEI Mobile"), [Role.GSM], Trust.LIKELY),
    (usb("1e0e:9001", "SimTech, Incorporated", "SIM7600"), [Role.GSM], Trust.LIKELY),
    (usb("303a:1001", "Espressif", "USB JTAG/serial debug unit"), [Role.LORA], Trust.LIKELY),
    (usb("239a:8029", "RAKwireless", "WisCore RAK4631 Board"), [Role.LORA], Trust.LIKELY),
    (usb("04d8:00df", "Microchip", "Fun Cube"), [], None),
    (Device("/dev/ttyS0", "/dev/ttyS0"), [], None),
]


@pytest.mark.parametrize(("device", "roles", "trust"), RECORDED, ids=lambda one: str(one)[:40])
def test_recorded_devices(device: Device, roles: list[Role], trust: Trust | None) -> None:
    found = judge(device)
    assert sorted(one.role for one in found) == sorted(roles)
    assert all(one.trust is trust for one in found)


def test_a_device_that_names_itself_is_likely_and_the_rest_stays_possible() -> None:
    best, *rest = judge(usb("0403:6015", "Ground Control", "RockBLOCK 9704"))
    assert (best.role, best.trust, best.why) == (Role.IMT, Trust.LIKELY, "usb_text")
    assert {one.role for one in rest} == set(ANYTHING) - {Role.IMT}
    assert all(one.trust is Trust.POSSIBLE for one in rest)


@pytest.mark.parametrize(
    ("heard", "role"),
    [
        (NMEA, Role.GPS),
        (b"\xff\x00\x13" + NMEA, Role.GPS),
        (b"\r\nSBDRING\r\n", Role.SBD),
        (b'299 constellationState {"signal_bars": 3}\r', Role.IMT),
        (b'\x00boot v1.2\r299 simConfig {"interface": "internal"}\r', Role.IMT),
        (b'\r\n+CMTI: "SM",3\r\n', Role.GSM),
        (b"\xc0\x08\x46\xc0", Role.LORA),
        (encode_kiss(KissFrame(0, encode_ax25(PACKET))), Role.TNC),
    ],
)
def test_what_gives_itself_away(heard: bytes, role: Role) -> None:
    told = recognize(heard)
    assert told is not None and told.role is role and told.why == "heard"
    assert judge(usb("0403:6001"), heard)[0].role is role


@pytest.mark.parametrize(
    "heard",
    [
        b"",
        b"OK\r\n",
        b"login: ",
        NMEA.replace(b"*43", b"*44"),
        b"\xc0\x00only bytes between two of them\xc0",
        b"200 apiVersion ",
    ],
)
def test_what_says_nothing_is_not_guessed(heard: bytes) -> None:
    assert recognize(heard) is None


def test_the_answer_of_the_device_goes_before_all_else() -> None:
    answered = identified("IRIDIUM 9600 Family SBD Transceiver", "Iridium")
    best = judge(usb("0403:6015", "FTDI", "GPS cable"), b"", answered)[0]
    assert best == answered == Candidate(Role.SBD, Trust.CERTAIN, "answered", best.detail)
    assert identified("EC25", "Quectel").role is Role.GSM


def test_a_role_is_named_once() -> None:
    for number in ADAPTERS:
        roles = [one.role for one in judge(usb(number, "x", "GPS"), NMEA)]
        assert len(roles) == len(set(roles))


@given(st.binary(max_size=600), st.text(max_size=200))
def test_no_bytes_and_no_words_break_it(heard: bytes, words: str) -> None:
    recognize(heard)
    detail = identified(words).detail
    assert len(detail) <= MODEL_MAX and detail.isascii() and detail.isprintable()
