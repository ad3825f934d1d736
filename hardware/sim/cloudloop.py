"""Cloudloop's web service, played: pushes to a center at a secret path, MT over HTTP.

Modems for SBD connect as to :class:`hardware.sim.gateway.PlayedGateway`. Modems for IMT are
somebody else's: what one sends is given to ``put_mo``, and ``imt`` is called with what is for
one. The token is ``TOKEN``, and a thing is named after its IMEI. Needs aiohttp.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import msgspec

from hardware.cloudloop import DELIVERY, IMT_BYTES_MAX, SEND_IMT, SEND_SBD
from hardware.directip import Location, MtMessage, decode_mo, is_imei
from hardware.sim.webservice import PlayedService, WebFaults

TOKEN = "7d6c1d4e-simulation"
STATUSES_MAX = 1000

TakeImt = Callable[[str, bytes, str], bool]
"""IMEI, payload and topic name of a message for an IMT modem; whether it is known and took it."""


def thing_of(imei: str) -> str:
    """The name of the modem with this IMEI at the played platform."""
    return f"Thing{imei}"


class _Mo(msgspec.Struct, array_like=True):
    """An IMT message on its way to the center; it begins with 0x9, a DirectIP message with 0."""

    number: int
    imei: str
    topic: int
    payload: bytes
    at: int


class PlayedCloudloop(PlayedService):
    """See the module. ``delivered`` names the IMT messages that a modem is said to have."""

    def __init__(
        self,
        url: str,
        *,
        faults: WebFaults | None = None,
        imt: TakeImt | None = None,
        **more: object,
    ) -> None:
        faults = faults or WebFaults()
        super().__init__(url, faults, **more)
        self.imt = imt
        self.delivered: dict[str, bool] = {}
        self._refusals = itertools.chain(faults.refusals, itertools.repeat(0))
        self._doubled = faults.doubled

    def put_mo(self, imei: str, payload: bytes, topic: int = 244) -> None:
        """An IMT modem has sent this; durable on return, given to the center until it has it."""
        number = self._next_number()
        message = _Mo(number, imei, topic, payload, int(self._clock()))
        self._mo.put(f"1-{number:012d}", msgspec.msgpack.encode(message))
        self._mo_news.set()

    async def _push(self, message: bytes) -> bool:
        await self._delay()
        body = msgspec.json.encode(_lingo(message))
        accepted = await self.post("application/json", body) == 200
        if accepted and self._mo_chance.random() < self._doubled:
            await self.post("application/json", body)
        return self._heard(accepted)

    def _taking_mt(self) -> AbstractAsyncContextManager[int]:
        return self._listening(self._take)

    async def _take(self, path: str, fields: Mapping[str, str]) -> tuple[int, str] | None:
        number = self._next_number()
        status, words = self._done(path, fields, number)
        if status == 200 and (refusal := next(self._refusals)):
            status, words = refusal, {"error": "refused"}
        if self._mt_chance.random() < self._faults.mt_confirm_loss:
            return None
        return status, msgspec.json.encode(words).decode()

    def _done(
        self, path: str, fields: Mapping[str, str], number: int
    ) -> tuple[int, dict[str, str]]:
        if fields.get("token") != TOKEN:
            return 401, {"error": "token"}
        if path == DELIVERY:
            known = self.delivered.get(fields.get("message", ""))
            return 200, {"status": "DELIVERED" if known else "PENDING"}
        imei = fields.get("thing", "").removeprefix("Thing")
        if path not in (SEND_SBD, SEND_IMT) or not is_imei(imei):
            return 404, {"error": "unknown"}
        name = f"MT{number}"
        if path == SEND_SBD:
            return self._sbd(imei, fields, number, name)
        return self._imt(imei, fields, name)

    def _sbd(
        self, imei: str, fields: Mapping[str, str], number: int, name: str
    ) -> tuple[int, dict[str, str]]:
        try:
            data = bytes.fromhex(fields.get("message", ""))
        except ValueError:
            return 400, {"error": "message is not hex"}
        status = self._take_mt(MtMessage(b"", imei, payload=data or None), number)
        return (200, {"id": name}) if status > 0 else (400, {"error": f"status {status}"})

    def _imt(self, imei: str, fields: Mapping[str, str], name: str) -> tuple[int, dict[str, str]]:
        try:
            data = base64.b64decode(fields.get("message", ""), validate=True)
        except (binascii.Error, ValueError):
            return 400, {"error": "message is not base64"}
        if not 0 < len(data) <= IMT_BYTES_MAX:
            return 413, {"error": "size"}
        if self.imt is None or not self.imt(imei, data, fields.get("topic", "")):
            return 404, {"error": "unknown thing"}
        self.delivered[name] = False
        if len(self.delivered) > STATUSES_MAX:
            del self.delivered[next(iter(self.delivered))]
        return 200, {"id": name}


def _lingo(message: bytes) -> dict[str, object]:
    """A message of the queue as the platform tells it."""
    if message[0] == 1:
        mo = decode_mo(message)
        told = _common(mo.auto_id, mo.imei, mo.payload or b"", mo.session_at)
        sbd: dict[str, object] = {"imei": mo.imei, "momsn": mo.momsn, "mtmsn": mo.mtmsn}
        if mo.location is not None:
            sbd["location"] = _location(mo.location)
        return {**told, "sbd": {**sbd, "status": "SESSION_STATUS_OK"}}
    imt = msgspec.msgpack.decode(message, type=_Mo)
    told = _common(imt.number, imt.imei, imt.payload, imt.at)
    return {**told, "imt": {"topic": imt.topic}}


def _common(number: int, imei: str, payload: bytes, at_s: int) -> dict[str, object]:
    when = datetime.fromtimestamp(at_s, UTC)
    return {
        "id": f"{imei}-{number}",
        "receivedAt": {
            "year": when.year,
            "month": when.month,
            "day": when.day,
            "hour": when.hour,
            "minute": when.minute,
            "second": when.second,
        },
        "identity": {
            "accountId": "Account",
            "hardware": {"imei": imei},
            "identifier": imei,
            "thingId": thing_of(imei),
        },
        "message": base64.b64encode(payload).decode(),
    }


def _location(place: Location) -> dict[str, float]:
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "cep": float(place.radius_km or 0),
    }
