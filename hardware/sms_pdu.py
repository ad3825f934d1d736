"""Short messages as octets: SMS-SUBMIT out, SMS-DELIVER and SMS-STATUS-REPORT in. Pure.

A message is what one radio block holds: 140 octets of data, 160 septets or 70 UCS-2 units.
Longer texts are cut into parts that a header in front of each ties together.
Source: 3GPP TS 23.040 (9.1.2.5 addresses, 9.2.2 messages, 9.2.3.24 headers), TS 23.038
(4 coding scheme, 6 alphabet), TS 27.005 (PDU mode: service center address in front).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from hardware import gsm7

DATA_BYTES_MAX = 140
SEPTETS_MAX = 160
PDU_BYTES_MAX = 255  # of service center and message together; no real one is longer than 180
PARTS_MAX = 255
NUMBER = re.compile(r"\+?[0-9]{3,20}")

_HEADER_BIT = 0x40
_REPORT_BIT = 0x20
_RELATIVE_VALIDITY = 0x10
_SUBMIT = 0x01
_INTERNATIONAL = 0x91
_NATIONAL = 0x81
_ALPHANUMERIC = 0x50
_CONCAT_8 = 0x00
_CONCAT_16 = 0x08
_DIGITS = "0123456789*#abc"


class PduError(ValueError):
    """These octets are no message that can be understood."""


class Coding(IntEnum):
    """How the user data are to be read (TS 23.038, 4)."""

    GSM7 = 0
    DATA = 4
    UCS2 = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts of a long message. ``number`` counts from 1 to ``total``."""

    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message that came. ``data`` of Coding.DATA, else ``text``; ``sent_at`` by the center.

    ``sender``: digits, with + where international, or the words of an alphanumeric sender.
    """

    sender: str
    coding: Coding
    text: str = ""
    data: bytes = b""
    part: Part | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message sent: ``status`` 0..2 delivered, 32..63 still tried, else failed."""

    recipient: str
    reference: int
    status: int

    @property
    def delivered(self) -> bool:
        """Whether the phone has it."""
        return self.status <= 2

    @property
    def final(self) -> bool:
        """Whether no other report will follow."""
        return not 32 <= self.status < 64


@dataclass(frozen=True, slots=True)
class Submit:
    """A message to send: the octets for the modem, and how many +CMGS has to be told."""

    pdu: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Piece:
    """User data of one message as it is sent: packed octets, their length as UDL counts it."""

    coding: Coding
    length: int
    octets: bytes
    header: bool


# -- sending ---------------------------------------------------------------------------------


def of_data(data: bytes, part: Part | None = None) -> Piece:
    """A piece of 8-bit data: at most 140 octets, 134 with a part number. PduError if more."""
    octets = _header(part) + data
    if len(octets) > DATA_BYTES_MAX:
        raise PduError(f"{len(data)} bytes are too many for one message")
    return Piece(Coding.DATA, len(octets), octets, part is not None)


def of_text(text: str, reference: int = 0) -> tuple[Piece, ...]:
    """The pieces of a text: one of 160 or 70 characters, else several tied by ``reference``.

    PduError for an empty text or one of more than 255 parts.
    """
    if not text:
        raise PduError("an empty text")
    septets = gsm7.encode(text)
    if septets is None:
        return _of_ucs2(text, reference)
    if len(septets) <= SEPTETS_MAX:
        return (_of_septets(septets, None),)
    room = SEPTETS_MAX - 7  # the header of 6 octets and one bit of fill
    parts = _cut(septets, room, lambda left: left[-1] == gsm7.ESCAPE)
    return tuple(_of_septets(one, part) for one, part in _numbered(parts, reference))


def submit(
    number: str, piece: Piece, *, validity_s: float | None = None, report: bool = False
) -> Submit:
    """SMS-SUBMIT to ``number``, by the service center the SIM card names.

    ``validity_s``: how long the network keeps trying, rounded up to what it can say.
    """
    first = _SUBMIT | (_RELATIVE_VALIDITY if validity_s is not None else 0)
    first |= (_HEADER_BIT if piece.header else 0) | (_REPORT_BIT if report else 0)
    validity = b"" if validity_s is None else bytes([validity_code(validity_s)])
    head = bytes([first, 0]) + _address(number) + bytes([0, piece.coding]) + validity
    message = head + bytes([piece.length]) + piece.octets
    return Submit(b"\0" + message, len(message))


def validity_code(seconds: float) -> int:
    """The relative validity period of at least so many seconds, at most 63 weeks."""
    minutes = seconds / 60
    if minutes <= 720:
        return max(0, -int(-minutes // 5) - 1)
    if minutes <= 1440:
        return 143 - int(-(minutes - 720) // 30)
    days = -int(-minutes // 1440)
    if days <= 30:
        return 166 + days
    return 192 + min(63, -(-days // 7))


def _of_septets(septets: bytes, part: Part | None) -> Piece:
    header = _header(part)
    fill_bits = -8 * len(header) % 7
    length = (8 * len(header) + fill_bits) // 7 + len(septets)
    return Piece(Coding.GSM7, length, header + gsm7.pack(septets, fill_bits), part is not None)


def _of_ucs2(text: str, reference: int) -> tuple[Piece, ...]:
    octets = text.encode("utf-16-be", "replace")
    if len(octets) <= DATA_BYTES_MAX:
        return (Piece(Coding.UCS2, len(octets), octets, False),)
    # A pair of surrogates stays together.
    parts = _cut(octets, 134, lambda left: 0xD8 <= left[-2] <= 0xDB, 2)
    return tuple(
        Piece(Coding.UCS2, len(header + one), header + one, True)
        for one, part in _numbered(parts, reference)
        for header in (_header(part),)
    )


def _cut(octets: bytes, room: int, torn: Callable[[bytes], bool], unit: int = 1) -> list[bytes]:
    """Slices of at most ``room`` octets. One that is ``torn`` gives its last unit to the next."""
    slices = []
    while octets:
        end = room
        if len(octets) > room and torn(octets[:end]):
            end -= unit
        slices.append(octets[:end])
        octets = octets[end:]
    return slices


def _numbered(parts: list[bytes], reference: int) -> list[tuple[bytes, Part]]:
    if len(parts) > PARTS_MAX:
        raise PduError(f"a text of {len(parts)} messages")
    total = len(parts)
    return [(one, Part(reference & 0xFF, total, place)) for place, one in enumerate(parts, 1)]


def _header(part: Part | None) -> bytes:
    """User data header with its length in front; a reference over 255 takes one octet more."""
    if part is None:
        return b""
    if part.reference > 0xFF:
        wide = part.reference.to_bytes(2, "big")
        return bytes([6, _CONCAT_16, 4]) + wide + bytes([part.total, part.number])
    return bytes([5, _CONCAT_8, 3, part.reference, part.total, part.number])


def _address(number: str) -> bytes:
    if not NUMBER.fullmatch(number):
        raise PduError("not a phone number")
    digits = number.removeprefix("+")
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL
    swapped = digits + "F" * (len(digits) % 2)
    pairs = "".join(swapped[at + 1] + swapped[at] for at in range(0, len(swapped), 2))
    return bytes([len(digits), kind]) + bytes.fromhex(pairs)


# -- receiving -------------------------------------------------------------------------------


def decode(pdu: bytes) -> Deliver | Report:
    """A message as +CMGR and +CMGL give it. PduError for anything else."""
    if len(pdu) > PDU_BYTES_MAX:
        raise PduError("too long")
    reader = _Reader(pdu)
    reader.take(reader.octet())  # the service center it came by
    first = reader.octet()
    if first & 3 == 0:
        return _deliver(reader, bool(first & _HEADER_BIT))
    if first & 3 == 2:
        return _report(reader)
    raise PduError("neither a message nor a report")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise PduError("it ends too early")
        self._at += count
        return found

    def rest(self) -> bytes:
        return self._data[self._at :]


def _deliver(reader: _Reader, header: bool) -> Deliver:
    sender = _sender(reader)
    reader.octet()  # protocol
    coding = _coding(reader.octet())
    sent_at = _timestamp(reader.take(7))
    length = reader.octet()
    octets = -(-7 * length // 8) if coding is Coding.GSM7 else length
    if octets > DATA_BYTES_MAX:
        raise PduError("more user data than a message has")
    user = reader.take(octets)
    part, head = _part(user) if header else (None, 0)
    if coding is Coding.GSM7:
        fill_bits = -8 * head % 7
        septets = gsm7.unpack(user[head:], length - (8 * head + fill_bits) // 7, fill_bits)
        return Deliver(sender, coding, gsm7.decode(septets), b"", part, sent_at)
    body = user[head:]
    if coding is Coding.UCS2:
        text = body.decode("utf-16-be", "replace")
        return Deliver(sender, coding, text, b"", part, sent_at)
    return Deliver(sender, coding, "", body, part, sent_at)


def _report(reader: _Reader) -> Report:
    reference = reader.octet()
    recipient = _sender(reader)
    reader.take(14)  # when the center got it, and when this was found
    return Report(recipient, reference, reader.octet())


def _sender(reader: _Reader) -> str:
    digits = reader.octet()
    kind = reader.octet()
    if digits > 20:
        raise PduError("an address that is too long")
    octets = reader.take((digits + 1) // 2)
    if kind & 0x70 == _ALPHANUMERIC:
        return gsm7.decode(gsm7.unpack(octets, digits * 4 // 7))
    text = "".join(_digit(octet & 15) + _digit(octet >> 4) for octet in octets)[:digits]
    return ("+" if kind & 0x70 == _INTERNATIONAL & 0x70 else "") + text


def _digit(nibble: int) -> str:
    return _DIGITS[nibble] if nibble < len(_DIGITS) else ""


def _coding(scheme: int) -> Coding:
    """Data coding scheme, all groups of TS 23.038, 4. Compressed text is nothing anybody sends."""
    group = scheme >> 4
    if group < 8:
        if scheme & 0x20:
            raise PduError("a compressed message")
        return (Coding.GSM7, Coding.DATA, Coding.UCS2, Coding.GSM7)[scheme >> 2 & 3]
    if group == 0xE:
        return Coding.UCS2
    return Coding.DATA if group == 0xF and scheme & 4 else Coding.GSM7


def _timestamp(octets: bytes) -> datetime | None:
    """When the service center took it; None where that is no date."""
    year, month, day, hour, minute, second = [_swapped(octet) for octet in octets[:6]]
    zone = octets[6]
    quarters = _swapped(zone & ~8)
    offset = timedelta(minutes=-15 * quarters if zone & 8 else 15 * quarters)
    try:
        place = timezone(offset)
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=place)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _swapped(octet: int) -> int:
    """Two decimal digits, the tens in the low half."""
    return (octet & 15) * 10 + (octet >> 4)


def _part(user: bytes) -> tuple[Part | None, int]:
    """Which part it is, if one, and the length of the header in octets."""
    head = user[0] + 1 if user else 0
    if not head or head > len(user):
        raise PduError("a header longer than the message")
    elements = _Reader(user[1:head])
    part = None
    while len(elements.rest()) >= 2:
        kind = elements.octet()
        value = elements.take(elements.octet())
        wide = kind == _CONCAT_16
        if kind in (_CONCAT_8, _CONCAT_16) and len(value) == 3 + wide:
            found = Part(int.from_bytes(value[: 1 + wide], "big"), value[-2], value[-1])
            # A number that cannot be is to be ignored, TS 23.040, 9.2.3.24.1.
            part = found if 1 <= found.number <= found.total else part
    return part, head
