"""AX.25 UI frames as bytes and back: addresses, digipeaters, information. Pure.

An address is six characters, padded with spaces, each shifted left by one, and a byte with the
SSID; a UI frame is destination, source, up to eight digipeaters, ``03``, a protocol id and the
information. The frame check belongs to the TNC. Source: AX.25 Link Access Protocol 2.2, TAPR
1998. Bad bytes raise :class:`Malformed` and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

INFO_BYTES_MAX = 256
VIA_MAX = 8
SSID_MAX = 15
NO_LAYER_3 = 0xF0

NAME_BYTES = 6
ADDRESS_BYTES = NAME_BYTES + 1
FRAME_BYTES_MAX = (2 + VIA_MAX) * ADDRESS_BYTES + 2 + INFO_BYTES_MAX

_UI = 0x03
_POLL = 0x10
_LAST = 0x01
_RESERVED = 0x60
_TOP = 0x80  # of a digipeater: has repeated it; of the others: command or response
_SSID_MASK = 0x1E
_ADDRESS = re.compile(r"([A-Z0-9]{1,6})(?:-(0|[1-9]|1[0-5]))?")
# Article 19.68 of the Radio Regulations: a prefix with a letter in it, a digit, a suffix that
# ends with a letter; three characters of prefix for series like 3DA.
_CALL_SIGN = re.compile(r"(?:[A-Z]|[A-Z][A-Z0-9]|[0-9][A-Z]|[0-9][A-Z]{2})[0-9][A-Z0-9]{0,3}[A-Z]")
_NOBODY = "N0CALL"  # what manuals write where one's own should stand


class Malformed(ValueError):  # noqa: N818 - a judgement on bytes, not a failure of ours
    """These bytes are no AX.25 UI frame, or this text is no address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A station: one to six letters A-Z and digits, and an SSID from 0 to 15."""

    name: str
    ssid: int = 0

    def __str__(self) -> str:
        return f"{self.name}-{self.ssid}" if self.ssid else self.name

    @property
    def is_call_sign(self) -> bool:
        """Whether it has the form of an amateur's call sign and is no well-known placeholder."""
        return bool(_CALL_SIGN.fullmatch(self.name)) and self.name != _NOBODY


@dataclass(frozen=True, slots=True)
class UiFrame:
    """An unnumbered information frame. ``repeated``: so many of ``via`` have passed it on."""

    to: Address
    source: Address
    info: bytes
    via: tuple[Address, ...] = ()
    repeated: int = 0
    pid: int = NO_LAYER_3


def parse_address(text: str) -> Address:
    """``F4XYZ-7`` as an address; small letters are taken for capitals. Raises Malformed."""
    found = _ADDRESS.fullmatch(text.upper())
    if found is None or not text.isascii():
        raise Malformed(f"no AX.25 address: {text[:16]!r}")
    return Address(found.group(1), int(found.group(2) or 0))


def frame_bytes(info_bytes: int, digipeaters: int) -> int:
    """The length of a UI frame without its flags and its frame check."""
    return (2 + digipeaters) * ADDRESS_BYTES + 2 + info_bytes


def encode(frame: UiFrame) -> bytes:
    """The bytes of a frame. ValueError for more digipeaters or information than there may be."""
    if len(frame.via) > VIA_MAX or len(frame.info) > INFO_BYTES_MAX:
        raise ValueError("at most 8 digipeaters and 256 bytes of information")
    addresses = [
        _address(frame.to, top=True),  # destination set, source not: a command
        _address(frame.source, top=False),
        *(_address(one, top=place < frame.repeated) for place, one in enumerate(frame.via)),
    ]
    head = bytearray(b"".join(addresses))
    head[-1] |= _LAST
    return bytes(head) + bytes([_UI, frame.pid]) + frame.info


def decode(data: bytes) -> UiFrame:
    """The UI frame in these bytes. Raises Malformed, also for frames that are no UI frame."""
    addresses: list[tuple[Address, bool]] = []
    at, last = 0, False
    while not last:
        piece = data[at : at + ADDRESS_BYTES]
        if len(piece) < ADDRESS_BYTES or len(addresses) == 2 + VIA_MAX:
            raise Malformed("the addresses have no end")
        addresses.append(_read_address(piece))
        at, last = at + ADDRESS_BYTES, bool(piece[-1] & _LAST)
    if len(addresses) < 2:
        raise Malformed("there is no source")
    control = data[at : at + 2]
    info = data[at + 2 :]
    if len(control) < 2 or control[0] & ~_POLL != _UI:
        raise Malformed("not a UI frame")
    if len(info) > INFO_BYTES_MAX:
        raise Malformed(f"{len(info)} bytes of information")
    (to, _), (source, _), *via = addresses
    marks = [mark for _, mark in via]
    repeated = marks.count(True)
    if marks[:repeated] != [True] * repeated:
        raise Malformed("a digipeater was left out")
    return UiFrame(to, source, info, tuple(one for one, _ in via), repeated, control[1])


def _address(address: Address, *, top: bool) -> bytes:
    name = bytes(character << 1 for character in address.name.ljust(NAME_BYTES).encode("ascii"))
    return name + bytes([(_TOP if top else 0) | _RESERVED | address.ssid << 1])


def _read_address(piece: bytes) -> tuple[Address, bool]:
    if any(byte & 1 for byte in piece[:NAME_BYTES]):
        raise Malformed("an address ends too early")
    name = bytes(byte >> 1 for byte in piece[:NAME_BYTES]).decode("ascii").rstrip(" ")
    if not _ADDRESS.fullmatch(name):
        raise Malformed("an address with other characters")
    return Address(name, (piece[-1] & _SSID_MASK) >> 1), bool(piece[-1] & _TOP)
