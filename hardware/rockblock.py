"""Ground Control's web service for RockBLOCK modems as bytes and back. Pure: no socket, no clock.

MO comes as a form or as JSON, once more as the claims of a signed token in its field ``JWT``,
all of them strings. MT goes as a form and is answered by one line: ``OK,<id>`` or
``FAILED,<code>,<text>``. Bad bytes raise :class:`Malformed` and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from urllib.parse import parse_qsl

import msgspec

from hardware.directip import MO_PAYLOAD_BYTES_MAX, is_imei

TOKEN = "JWT"
FIELDS_MAX = 64
ANSWER_CHARACTERS_MAX = 200
MT_PAYLOAD_BYTES_MAX = 270
MT_PATH = "/rockblock/MT"
NUMBER_DIGITS_MAX = 10
RADIUS_KM_MAX = 20_000
_DATES = ("%y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")


class Malformed(ValueError):  # noqa: N818 - a judgement on bytes, not a failure of ours
    """These bytes are no message of this service."""


class MtCode(IntEnum):
    """Why an MT message was refused; other numbers may come."""

    LOGIN = 10
    UNKNOWN_IMEI = 11
    NO_LINE_RENTAL = 12
    NO_CREDIT = 13
    BAD_HEX = 14
    TOO_LONG = 15
    NO_DATA = 16
    SYSTEM = 99


@dataclass(frozen=True, slots=True)
class Push:
    """An MO message. ``sent_at`` in Unix seconds; ``place`` latitude and longitude in degrees
    and radius in km; no payload: a mailbox check."""

    imei: str
    momsn: int
    sent_at: int | None
    payload: bytes | None
    place: tuple[float, float, int] | None


@dataclass(frozen=True, slots=True)
class MtAnswer:
    """``code`` 0: the message waits for its modem under the number ``text``."""

    code: int
    text: str


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form or a JSON object as strings; what JSON has deeper is left out."""
    try:
        if content_type == "application/json":
            found = msgspec.json.decode(body, type=dict[str, object])
            if len(found) > FIELDS_MAX:
                raise Malformed(f"{len(found)} fields")
            return {name: _as_text(value) for name, value in found.items() if _is_flat(value)}
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"no fields: {type(error).__name__}") from error
    except ValueError as error:
        raise Malformed(str(error)) from error
    if len(dict(pairs)) != len(pairs):
        raise Malformed("a field comes twice")
    return dict(pairs)


def same(plain: str, claim: str) -> bool:
    """Whether a field says what its claim says; numbers may be written otherwise."""
    return plain == claim or (math.isfinite(_number(plain)) and _number(plain) == _number(claim))


def push_of(fields: Mapping[str, str]) -> Push:
    """The MO message in these fields or claims."""
    imei = fields.get("imei", "")
    if not is_imei(imei):
        raise Malformed("the IMEI is not 15 digits")
    momsn = fields.get("momsn", "")
    if not (momsn.isascii() and momsn.isdecimal() and len(momsn) <= NUMBER_DIGITS_MAX):
        raise Malformed("no message number")
    try:
        payload = bytes.fromhex(fields.get("data", ""))
    except ValueError as error:
        raise Malformed("the data is not hex") from error
    if len(payload) > MO_PAYLOAD_BYTES_MAX:
        raise Malformed(f"payload of {len(payload)} bytes")
    sent_at = unix_time(fields.get("transmit_time", ""))
    return Push(imei, int(momsn), sent_at, payload or None, _place(fields))


def unix_time(text: str) -> int | None:
    """``21-10-31 10:41:50`` or ``2021-10-31T10:41:50Z`` as Unix seconds, None for others."""
    for form in _DATES:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None


def as_place(
    latitude: object, longitude: object, radius_km: object
) -> tuple[float, float, int] | None:
    """A place as numbers or strings say it; None for one that cannot be."""
    north, east, radius = (_number(str(value)) for value in (latitude, longitude, radius_km))
    if not (abs(north) <= 90 and abs(east) <= 180):
        return None
    return north, east, math.ceil(radius) if 0 <= radius <= RADIUS_KM_MAX else 0


def mt_answer(body: bytes) -> MtAnswer:
    """The service's answer to an MT message."""
    words = body.decode("latin-1")[:ANSWER_CHARACTERS_MAX].strip().split(",", 2)
    if words[0] == "OK" and len(words) == 2:
        return MtAnswer(0, words[1].strip())
    if words[0] == "FAILED" and len(words) > 1 and words[1].isascii() and words[1].isdecimal():
        code = int(words[1][:9])
        if code:
            return MtAnswer(code, words[2].strip() if len(words) > 2 else "")
    raise Malformed("neither OK nor FAILED")


def _place(fields: Mapping[str, str]) -> tuple[float, float, int] | None:
    names = ("iridium_latitude", "iridium_longitude", "iridium_cep")
    return as_place(*(fields.get(name, "") for name in names))


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str) -> float:
    try:
        return float(text) if len(text) <= 40 else math.nan
    except ValueError:
        return math.nan
