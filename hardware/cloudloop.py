"""Cloudloop's web service as bytes and back. Pure: no socket, no clock.

MO comes as JSON of the platform's own form ("Lingo", knowledge.cloudloop.com/docs/lingo): the
payload in base64 under ``message``, who sent it under ``identity``, and for SBD where it was
heard under ``sbd.location``. MT and its delivery status go as forms to ``Data/...``. What the
answers look like is documented in parts only: see ``answer_of``. Bad bytes raise
:class:`Malformed` and nothing else.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from hardware.rockblock import as_place

SBD_BYTES_MAX = 270
IMT_BYTES_MAX = 100_000
NAME_CHARACTERS_MAX = 64
SEND_SBD = "/Data/DoSendSbdMessage"
SEND_IMT = "/Data/DoSendImtMessage"
DELIVERY = "/Data/GetMtDeliveryStatus"
TOPICS = ("RAW", "PURPLE", "PINK", "RED", "ORANGE", "YELLOW")
# A device has it. Whatever else is said, it may still be on its way.
_DELIVERED = {"DELIVERED", "ACKNOWLEDGED", "MT_DELIVERED", "MT_ACKNOWLEDGED", "COMPLETE"}


class Malformed(ValueError):  # noqa: N818 - a judgement on bytes, not a failure of ours
    """These bytes are no message of this service."""


class Network(StrEnum):
    """Which of Iridium's messages a modem has."""

    SBD = "sbd"
    IMT = "imt"


@dataclass(frozen=True, slots=True)
class LingoMo:
    """An MO message. ``id`` is the platform's, ``thing`` its name for the modem; ``place`` as
    in :class:`hardware.rockblock.Push`; no payload: a mailbox check."""

    id: str
    thing: str
    payload: bytes | None
    place: tuple[float, float, int] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform says to a call. ``id`` is that of the message it took, where told."""

    error: str
    id: str
    status: str


class _Location(msgspec.Struct):
    latitude: float | None = None
    longitude: float | None = None
    cep: float | None = None


class _Sbd(msgspec.Struct):
    location: _Location | None = None


class _Identity(msgspec.Struct):
    thing: str | None = msgspec.field(default=None, name="thingId")


class _Lingo(msgspec.Struct):
    id: str
    identity: _Identity
    message: str | None = None
    sbd: _Sbd | None = None


def lingo_mo(body: bytes) -> LingoMo:
    """The MO message in a call of the platform; fields that are not known are left out."""
    try:
        found = msgspec.json.decode(body, type=_Lingo)
        payload = base64.b64decode(found.message or "", validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error) as error:
        raise Malformed(f"no Lingo message: {type(error).__name__}") from error
    except ValueError as error:
        raise Malformed("the message is not base64") from error
    thing = found.identity.thing or ""
    if not is_name(thing) or not is_name(found.id):
        raise Malformed("no name of a thing, or none of the message")
    if len(payload) > IMT_BYTES_MAX:
        raise Malformed(f"payload of {len(payload)} bytes")
    at = found.sbd.location if found.sbd else None
    place = as_place(at.latitude, at.longitude, at.cep) if at else None
    return LingoMo(found.id, thing, payload or None, place)


def is_name(text: str) -> bool:
    """Whether it has the form of one of the platform's names: letters, digits, dashes."""
    plain = text.replace("-", "")
    return 0 < len(text) <= NAME_CHARACTERS_MAX and plain.isascii() and plain.isalnum()


def send_form(
    network: Network, thing: str, payload: bytes, topic: str
) -> tuple[str, dict[str, str]]:
    """The path and the fields of a call that sends MT; the token is still to be added."""
    if network is Network.SBD:
        return SEND_SBD, {"thing": thing, "message": payload.hex()}
    fields = {
        "thing": thing,
        "message": base64.b64encode(payload).decode(),
        "topic": f"IMT_TOPIC_{topic}",
    }
    return SEND_IMT, fields


def answer_of(body: bytes) -> Answer:
    """A JSON object is an answer; ``error`` in it a refusal. Its ``id`` may stand deeper.

    Assumed, for the documentation shows no answer: ``id`` or ``message.id`` names the message,
    ``status`` or ``deliveryStatus`` is a word.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("no JSON object") from error
    inside = found.get("message")
    deeper = inside.get("id") if isinstance(inside, dict) else None
    status = found.get("status") or found.get("deliveryStatus")
    refused = found.get("error")
    refusal = _word(refused) or ("unknown" if refused else "")
    return Answer(refusal, _word(found.get("id") or deeper), _word(status))


def is_delivered(status: str) -> bool:
    """Whether this status says that the device has the message; an unknown word does not."""
    return status.upper().removeprefix("DELIVERY_") in _DELIVERED


def _word(value: object) -> str:
    return str(value)[:NAME_CHARACTERS_MAX] if isinstance(value, str | int) and value else ""
