"""What a serial device may be, judged from its USB ids, its own texts and what it was heard to say.

Pure: facts in, candidates out. An adapter's number says nothing of the device behind it, so it
makes many things possible and none likely. Sources: usb.ids 2025.07; the makers' manuals;
JSPR of rock7/RockBLOCK-9704; NMEA 0183; Chepponis and Karn, "The KISS TNC", 1987.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from hardware import ax25, kiss, nmea
from hardware.devices import Device

HEARD_BYTES_MAX = 4096
MODEL_MAX = 64


class Role(StrEnum):
    """What sits behind a port. ``LINE``: bytes go to another station as they are."""

    SBD = "sbd"
    IMT = "imt"
    GSM = "gsm"
    TNC = "tnc"
    LINE = "line"
    GPS = "gps"
    LORA = "lora"


class Trust(IntEnum):
    """How far a judgement may be relied on."""

    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """``why`` is ``usb_id``, ``usb_text``, ``heard`` or ``answered``; ``detail`` is technical."""

    role: Role
    trust: Trust
    why: str
    detail: str = ""


ANYTHING = (Role.SBD, Role.IMT, Role.TNC, Role.LINE, Role.GPS)
ADAPTERS = {
    "0403:6001": "FTDI FT232",
    "0403:6010": "FTDI FT2232",
    "0403:6011": "FTDI FT4232",
    "0403:6014": "FTDI FT232H",
    "0403:6015": "FTDI FT-X",
    "10c4:ea60": "Silicon Labs CP210x",
    "10c4:ea70": "Silicon Labs CP2105",
    "10c4:ea71": "Silicon Labs CP2108",
    "1a86:7523": "WCH CH340",
    "1a86:55d4": "WCH CH9102",
    "067b:2303": "Prolific PL2303",
    "067b:23a3": "Prolific PL2303G",
}
RECEIVERS = {f"1546:01a{digit}": f"u-blox {digit}" for digit in (6, 7, 8, 9)}
BOARDS = {"303a:1001": "Espressif ESP32-S3"}
BOARD_MAKERS = {"239a": "Adafruit or RAK nRF52"}
CELLULAR_MAKERS = {
    "2c7c": "Quectel",
    "1e0e": "SIMCom",
    "12d1": "Huawei",
    "1199": "Sierra Wireless",
    "19d2": "ZTE",
    "1bc7": "Telit",
    "2cb7": "Fibocom",
}
# brltty takes these for braille displays (its udev rules): adapters of many other devices, too.
BRAILLE_IDS = ("0403:6001", "10c4:ea60", "1a86:7523", "067b:2303")

_TEXTS = (
    (re.compile(r"9704|\bIMT\b", re.I), Role.IMT),
    (re.compile(r"iridium|\b960[123]\b|rockblock", re.I), Role.SBD),
    (re.compile(r"\bGPS\b|GNSS|u-blox", re.I), Role.GPS),
    (re.compile(r"\bTNC|mobilinkd|ninotnc|\bKISS\b|digirig", re.I), Role.TNC),
    (re.compile(r"rnode|\blora|meshtastic|\bT-?Beam\b|heltec", re.I), Role.LORA),
    (re.compile(r"\b(LTE|GSM|UMTS|4G|5G)\b|EC2[15]|SIM7\d\d\d", re.I), Role.GSM),
)
_SAYINGS = (
    (re.compile(rb"\r\nSBDRING\r\n"), Role.SBD, "SBDRING"),
    (re.compile(rb"(?:^|[\r\n])[^\r\n]{0,80}?299 [A-Za-z]\w{0,39} \{"), Role.IMT, "JSPR"),
    (re.compile(rb"\xc0\x08\x46\xc0|RNode"), Role.LORA, "RNode"),
    (re.compile(rb"\r\n(?:\+C(?:MTI|REG|GREG|EREG|DS): |\^BOOT:|\+QIND:)"), Role.GSM, "AT"),
)


def judge(device: Device, heard: bytes = b"", answered: Candidate | None = None) -> list[Candidate]:
    """What it may be, the most trusted first, each role once. Empty for what is not known."""
    found = [answered] if answered is not None else []
    if (told := recognize(heard)) is not None:
        found.append(told)
    found += _by_text(device)
    found += _by_number(device)
    best: dict[Role, Candidate] = {}
    for one in sorted(found, key=lambda one: -one.trust):
        best.setdefault(one.role, one)
    return list(best.values())


def recognize(heard: bytes) -> Candidate | None:
    """What gives itself away unasked; None for silence and for noise. Looks at 4096 bytes."""
    heard = heard[:HEARD_BYTES_MAX]
    decoder = nmea.Decoder()
    decoder.feed(heard + b"\n")
    if decoder.sentences:
        return Candidate(Role.GPS, Trust.CERTAIN, "heard", "NMEA")
    if _hears_packets(heard):
        return Candidate(Role.TNC, Trust.CERTAIN, "heard", "KISS")
    for pattern, role, detail in _SAYINGS:
        if pattern.search(heard):
            return Candidate(role, Trust.CERTAIN, "heard", detail)
    return None


def _hears_packets(heard: bytes) -> bool:
    """Whether a packet radio modem repeats here what it hears."""
    for frame in kiss.Decoder(HEARD_BYTES_MAX).feed(heard):
        with suppress(ax25.Malformed):
            ax25.decode(frame.data)
            return True
    return False


def identified(model: str, maker: str = "") -> Candidate:
    """What a modem is that answered ``+CGMM`` and ``+CGMI``: an Iridium one, else a cellular."""
    words = plain(f"{maker} {model}")
    role = Role.SBD if re.search(r"iridium|960[0-3]|SBD", words, re.I) else Role.GSM
    return Candidate(role, Trust.CERTAIN, "answered", words)


def plain(words: str) -> str:
    """A device's words as one short line of plain letters."""
    kept = "".join(letter if " " <= letter <= "~" else " " for letter in words)
    return " ".join(kept.split())[:MODEL_MAX]


def _by_text(device: Device) -> list[Candidate]:
    words = f"{device.maker} {device.model}"
    return [
        Candidate(role, Trust.LIKELY, "usb_text", plain(words))
        for pattern, role in _TEXTS
        if pattern.search(words)
    ][:1]


def _by_number(device: Device) -> list[Candidate]:
    number, maker = device.usb_id, device.usb_id[:4]
    if number in ADAPTERS:
        return [Candidate(role, Trust.POSSIBLE, "usb_id", ADAPTERS[number]) for role in ANYTHING]
    for known, role in (
        (RECEIVERS.get(number), Role.GPS),
        (BOARDS.get(number) or BOARD_MAKERS.get(maker), Role.LORA),
        (CELLULAR_MAKERS.get(maker), Role.GSM),
    ):
        if known:
            return [Candidate(role, Trust.LIKELY, "usb_id", known)]
    return []
