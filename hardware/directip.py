"""Iridium DirectIP messages as bytes and back. Pure: no socket, no clock.

A message is ``01`` (protocol revision), the length of the rest (u16) and information
elements: id (u8), length (u16), content; all big endian. MO comes from a terminal, MT goes to
one. Bad bytes raise :class:`Malformed` and nothing else; elements of unknown id are skipped.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Any, Protocol

REVISION = 1
HEADER_BYTES = 3
MESSAGE_BYTES_MAX = 4096
MO_PAYLOAD_BYTES_MAX = 1960
MT_PAYLOAD_BYTES_MAX = 1890
QUEUE_FRAMES_MAX = 50
IMEI_DIGITS = 15
CLIENT_ID_BYTES = 4
PRIORITY_LAST = 5

_ELEMENT = struct.Struct(">BH")
_MO_HEADER = struct.Struct(">I15sBHHI")
_MT_HEADER = struct.Struct(">4s15sH")
_MT_CONFIRMATION = struct.Struct(">4s15sIh")
_LOCATION = struct.Struct(">BBHBH")
_RADIUS = struct.Struct(">I")
_PRIORITY = struct.Struct(">H")
_WEST, _SOUTH, _OTHER_FORMAT = 1, 2, 0b1100
_MINUTE_PARTS = 60_000


class Malformed(ValueError):  # noqa: N818 - a judgement on bytes, not a failure of ours
    """These bytes are no such DirectIP message."""


class Stream(Protocol):
    """What is read from, such as an ``asyncio.StreamReader``."""

    async def readexactly(self, n: int, /) -> bytes:
        """Exactly so many bytes, or an error."""


class Element(IntEnum):
    """Ids of information elements."""

    MO_HEADER = 0x01
    MO_PAYLOAD = 0x02
    MO_LOCATION = 0x03
    MO_CONFIRMATION = 0x05
    MT_HEADER = 0x41
    MT_PAYLOAD = 0x42
    MT_LOCATION = 0x43
    MT_CONFIRMATION = 0x44
    MT_PRIORITY = 0x46


class SessionStatus(IntEnum):
    """How the session of an MO message went; the field may hold other numbers."""

    OK = 0
    MT_TOO_BIG = 1
    LOCATION_POOR = 2
    TIMEOUT = 10
    MO_TOO_BIG = 12
    RF_LOSS = 13
    IMEI_ANOMALY = 14
    IMEI_PROHIBITED = 15


class MtFlag(IntFlag):
    """Disposition flags of an MT message."""

    NONE = 0
    FLUSH = 1
    RING = 2
    UPDATE_LOCATION = 8
    HIGH_PRIORITY = 16
    CLIENT_ID_AS_MTMSN = 32


class MtStatus(IntEnum):
    """Answers to an MT message that are no place in the queue (1 to 50)."""

    OK = 0
    BAD_IMEI = -1
    UNKNOWN_IMEI = -2
    TOO_BIG = -3
    PAYLOAD_EXPECTED = -4
    QUEUE_FULL = -5
    NO_RESOURCES = -6
    VIOLATION = -7
    RING_DISABLED = -8
    NOT_ATTACHED = -9
    ADDRESS_REFUSED = -10
    MTMSN_RANGE = -11
    CERTIFICATE_REFUSED = -12


class Outcome(StrEnum):
    """What the sender of an MT message does next.

    ``PERMANENT`` is about this message or its modem, ``STOP`` about the sender: it is refused
    whatever it sends.
    """

    OK = "ok"
    RETRY = "retry"
    QUEUE_FULL = "queue_full"
    PERMANENT = "permanent"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Location:
    """Degrees, north and east positive, to a thousandth of a minute. ``radius_km`` only for MO."""

    latitude: float
    longitude: float
    radius_km: int | None = None


@dataclass(frozen=True, slots=True)
class MoMessage:
    """From a terminal. ``session_at`` in Unix seconds; no payload: a mailbox check."""

    auto_id: int
    imei: str
    status: int
    momsn: int
    mtmsn: int
    session_at: int
    payload: bytes | None = None
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class MtMessage:
    """To a terminal. ``priority`` 1 (highest) to 5."""

    client_id: bytes
    imei: str
    flags: MtFlag = MtFlag.NONE
    payload: bytes | None = None
    priority: int | None = None
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class MtConfirmation:
    """The gateway's answer: a place in the queue 1 to 50, or a :class:`MtStatus`."""

    client_id: bytes
    imei: str
    auto_id: int
    status: int


def outcome(status: int) -> Outcome:
    """What an MT status means for the message."""
    if status >= MtStatus.OK:
        return Outcome.OK
    if status == MtStatus.NO_RESOURCES:
        return Outcome.RETRY
    if status == MtStatus.QUEUE_FULL:
        return Outcome.QUEUE_FULL
    if status in (MtStatus.ADDRESS_REFUSED, MtStatus.CERTIFICATE_REFUSED):
        return Outcome.STOP
    return Outcome.PERMANENT


def is_imei(text: str) -> bool:
    """Whether it has the form of an IMEI: 15 ASCII digits."""
    return len(text) == IMEI_DIGITS and text.isascii() and text.isdigit()


def body_bytes(header: bytes) -> int:
    """How many bytes follow these first three."""
    if len(header) != HEADER_BYTES or header[0] != REVISION:
        raise Malformed("no DirectIP revision 1 header")
    length = int.from_bytes(header[1:])
    if length > MESSAGE_BYTES_MAX - HEADER_BYTES:
        raise Malformed(f"{length} bytes announced")
    return length


async def read_message(stream: Stream) -> bytes:
    """One whole message from a stream; a length out of bounds is refused before it is read."""
    header = await stream.readexactly(HEADER_BYTES)
    return header + await stream.readexactly(body_bytes(header))


def encode_mo(message: MoMessage) -> bytes:
    """An MO message as the gateway sends it."""
    header = _MO_HEADER.pack(
        message.auto_id,
        message.imei.encode("ascii"),
        message.status,
        message.momsn,
        message.mtmsn,
        message.session_at,
    )
    elements = [(Element.MO_HEADER, header)]
    if message.location is not None:
        radius = _RADIUS.pack(message.location.radius_km or 0)
        elements.append((Element.MO_LOCATION, _put_location(message.location) + radius))
    if message.payload is not None:
        elements.append((Element.MO_PAYLOAD, message.payload))
    return _join(elements)


def decode_mo(data: bytes) -> MoMessage:
    """An MO message; an impossible location is left out, the rest must be right."""
    elements = _elements(data)
    auto_id, imei, status, momsn, mtmsn, session_at = _unpack(
        _MO_HEADER, elements, Element.MO_HEADER
    )
    payload = _payload(elements, Element.MO_PAYLOAD, MO_PAYLOAD_BYTES_MAX)
    location = _take_location(elements.get(Element.MO_LOCATION, b""), _RADIUS.size)
    return MoMessage(auto_id, _take_imei(imei), status, momsn, mtmsn, session_at, payload, location)


def encode_mo_confirmation(accepted: bool) -> bytes:
    """Our answer to an MO message; accepted means durable."""
    return _join([(Element.MO_CONFIRMATION, bytes([accepted]))])


def decode_mo_confirmation(data: bytes) -> bool:
    """Whether the vendor's server accepted the MO message."""
    content = _elements(data).get(Element.MO_CONFIRMATION)
    if content not in (b"\0", b"\1"):
        raise Malformed("no MO confirmation")
    return content == b"\1"


def encode_mt(message: MtMessage) -> bytes:
    """An MT message for the gateway."""
    header = _MT_HEADER.pack(message.client_id, message.imei.encode("ascii"), message.flags)
    elements = [(Element.MT_HEADER, header)]
    if message.payload is not None:
        elements.append((Element.MT_PAYLOAD, message.payload))
    if message.location is not None:
        elements.append((Element.MT_LOCATION, _put_location(message.location)))
    if message.priority is not None:
        elements.append((Element.MT_PRIORITY, _PRIORITY.pack(message.priority)))
    return _join(elements)


def decode_mt(data: bytes) -> MtMessage:
    """An MT message. The length of its payload is for the gateway to judge."""
    elements = _elements(data)
    client_id, imei, flags = _unpack(_MT_HEADER, elements, Element.MT_HEADER)
    payload = _payload(elements, Element.MT_PAYLOAD, MESSAGE_BYTES_MAX)
    priority = None
    if Element.MT_PRIORITY in elements:
        (priority,) = _unpack(_PRIORITY, elements, Element.MT_PRIORITY)
    location = _take_location(elements.get(Element.MT_LOCATION, b""), 0)
    return MtMessage(client_id, _take_imei(imei), MtFlag(flags), payload, priority, location)


def encode_mt_confirmation(answer: MtConfirmation) -> bytes:
    """The gateway's answer to an MT message."""
    content = _MT_CONFIRMATION.pack(
        answer.client_id, answer.imei.encode("ascii"), answer.auto_id, answer.status
    )
    return _join([(Element.MT_CONFIRMATION, content)])


def decode_mt_confirmation(data: bytes) -> MtConfirmation:
    """The gateway's answer to an MT message."""
    elements = _elements(data)
    client_id, imei, auto_id, status = _unpack(_MT_CONFIRMATION, elements, Element.MT_CONFIRMATION)
    return MtConfirmation(client_id, _take_imei(imei), auto_id, status)


def _join(elements: list[tuple[Element, bytes]]) -> bytes:
    body = b"".join(_ELEMENT.pack(key, len(content)) + content for key, content in elements)
    return bytes([REVISION]) + len(body).to_bytes(2) + body


def _elements(data: bytes) -> dict[int, bytes]:
    """The elements of a whole message by id. One id twice is malformed."""
    if len(data) - HEADER_BYTES != body_bytes(data[:HEADER_BYTES]):
        raise Malformed("not as long as announced")
    found: dict[int, bytes] = {}
    at = HEADER_BYTES
    while at < len(data):
        if len(data) - at < _ELEMENT.size:
            raise Malformed("an element is cut off")
        key, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        content = data[at : at + length]
        if len(content) < length:
            raise Malformed(f"element {key:02x} is cut off")
        if key in found:
            raise Malformed(f"element {key:02x} comes twice")
        found[key] = content
        at += length
    return found


def _unpack(form: struct.Struct, elements: dict[int, bytes], key: Element) -> tuple[Any, ...]:
    content = elements.get(key, b"")
    if len(content) != form.size:
        raise Malformed(f"element {key:02x} has {len(content)} bytes")
    return form.unpack(content)


def _payload(elements: dict[int, bytes], key: Element, bytes_max: int) -> bytes | None:
    """The payload; an empty one is none."""
    payload = elements.get(key) or None
    if payload is not None and len(payload) > bytes_max:
        raise Malformed(f"payload of {len(payload)} bytes")
    return payload


def _take_imei(raw: bytes) -> str:
    imei = raw.decode("latin-1")
    if not is_imei(imei):
        raise Malformed("the IMEI is not 15 digits")
    return imei


def _put_location(place: Location) -> bytes:
    sides = _SOUTH * (place.latitude < 0) | _WEST * (place.longitude < 0)
    return _LOCATION.pack(sides, *_put_angle(place.latitude), *_put_angle(place.longitude))


def _put_angle(degrees: float) -> tuple[int, int]:
    return divmod(math.floor(abs(degrees) * _MINUTE_PARTS + 0.5), _MINUTE_PARTS)


def _take_location(content: bytes, radius_bytes: int) -> Location | None:
    """A location is a bonus: one that cannot be, or that is written in another format, is
    dropped, its message is not."""
    if len(content) != _LOCATION.size + radius_bytes:
        return None
    sides, lat_degrees, lat_parts, lon_degrees, lon_parts = _LOCATION.unpack_from(content)
    latitude = (lat_degrees * _MINUTE_PARTS + lat_parts) / _MINUTE_PARTS
    longitude = (lon_degrees * _MINUTE_PARTS + lon_parts) / _MINUTE_PARTS
    if sides & _OTHER_FORMAT or max(lat_parts, lon_parts) >= _MINUTE_PARTS:
        return None
    if latitude > 90 or longitude > 180:
        return None
    return Location(
        -latitude if sides & _SOUTH else latitude,
        -longitude if sides & _WEST else longitude,
        _RADIUS.unpack_from(content, _LOCATION.size)[0] if radius_bytes else None,
    )
