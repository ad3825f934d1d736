"""Ground Control's web service, played: signed pushes to a center, MT over HTTP.

Modems connect as to :class:`hardware.sim.gateway.PlayedGateway`. The key is made for the play
and its public half told to the center, the login is ``LOGIN``. Needs aiohttp and pyjwt.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hardware.directip import MoMessage, MtMessage, MtStatus, decode_mo, is_imei
from hardware.rockblock import MT_PATH, TOKEN, MtCode
from hardware.sim.gateway import CREDIT_BYTES
from hardware.sim.webservice import PlayedService, WebFaults

LOGIN = ("crisiskit", "simulation")
KEY_BITS = 2048
_CODES = {
    MtStatus.UNKNOWN_IMEI: MtCode.UNKNOWN_IMEI,
    MtStatus.TOO_BIG: MtCode.TOO_LONG,
    MtStatus.PAYLOAD_EXPECTED: MtCode.NO_DATA,
}
_TEXTS = {
    MtCode.LOGIN: "Invalid login credentials",
    MtCode.UNKNOWN_IMEI: "No RockBLOCK with this IMEI found on your account",
    MtCode.NO_LINE_RENTAL: "RockBLOCK has no line rental",
    MtCode.NO_CREDIT: "Your account has insufficient credit",
    MtCode.BAD_HEX: "Could not decode hex data",
    MtCode.TOO_LONG: "Data too long",
    MtCode.NO_DATA: "No data",
    MtCode.SYSTEM: "System error",
}


class PlayedGroundControl(PlayedService):
    """See the module. ``credits``: what the account has for MT, None for no end of it.

    ``as_json``: pushes are JSON, else forms.
    """

    def __init__(
        self,
        url: str,
        key: RSAPrivateKey,
        *,
        faults: WebFaults | None = None,
        credits: int | None = None,
        as_json: bool = True,
        **more: object,
    ) -> None:
        faults = faults or WebFaults()
        super().__init__(url, faults, **more)
        self.credits = credits
        self._key = key
        self._other = generate_private_key(65_537, KEY_BITS) if faults.forged else key
        self._as_json = as_json
        self._refusals = itertools.chain(faults.refusals, itertools.repeat(0))
        self._doubled, self._forged = faults.doubled, faults.forged
        self.forged_accepted = 0

    async def _push(self, message: bytes) -> bool:
        mo = decode_mo(message)
        if self._mo_chance.random() < self._forged:
            self.forged_accepted += await self._call(mo, self._other) == 200
        await self._delay()
        accepted = await self._call(mo, self._key) == 200
        if accepted and self._mo_chance.random() < self._doubled:
            await self._call(mo, self._key)
        return self._heard(accepted)

    async def _call(self, mo: MoMessage, key: RSAPrivateKey) -> int:
        return await self.post(*signed_push(mo, key, int(self._clock()), as_json=self._as_json))

    def _taking_mt(self) -> AbstractAsyncContextManager[int]:
        return self._listening(self._take)

    async def _take(self, path: str, fields: Mapping[str, str]) -> tuple[int, str] | None:
        if path != MT_PATH:
            return 404, "not found"
        number = self._next_number()
        code = next(self._refusals) or self._refusal(fields, number)
        if self._mt_chance.random() < self._faults.mt_confirm_loss:
            return None
        return 200, f"FAILED,{code},{_TEXTS[MtCode(code)]}" if code else f"OK,{number}"

    def _refusal(self, fields: Mapping[str, str], number: int) -> int:
        """Take the message, or why not; 0 where it was taken."""
        if (fields.get("username"), fields.get("password")) != LOGIN:
            return MtCode.LOGIN
        imei = fields.get("imei", "")
        try:
            data = bytes.fromhex(fields.get("data", ""))
        except ValueError:
            return MtCode.BAD_HEX
        price = -(-len(data) // CREDIT_BYTES)
        if self.credits is not None and self.credits < price:
            return MtCode.NO_CREDIT
        if not is_imei(imei):
            return MtCode.UNKNOWN_IMEI
        status = self._take_mt(MtMessage(b"", imei, payload=data or None), number)
        if status < 0:
            return _CODES.get(MtStatus(status), MtCode.SYSTEM)
        if self.credits is not None:
            self.credits -= price
        return 0


def signed_push(
    mo: MoMessage, key: RSAPrivateKey, now_s: int, *, as_json: bool
) -> tuple[str, bytes]:
    """The content type and the body of a push that is signed at ``now_s``, Unix seconds."""
    fields = {
        "imei": mo.imei,
        "serial": "14125",
        "momsn": str(mo.momsn),
        "transmit_time": _date(mo.session_at),
        "data": (mo.payload or b"").hex(),
        "device_type": "ROCKBLOCK",
    }
    if mo.location is not None:
        fields |= {
            "iridium_latitude": f"{mo.location.latitude:.4f}",
            "iridium_longitude": f"{mo.location.longitude:.4f}",
            "iridium_cep": str(mo.location.radius_km or 0),
        }
    claims = {"iss": "Rock 7", "iat": now_s, **fields}
    signed = {**fields, TOKEN: jwt.encode(claims, key, algorithm="RS256")}
    if as_json:
        return "application/json", msgspec.json.encode(signed)
    return "application/x-www-form-urlencoded", urlencode(signed).encode()


def kept_key(path: Path) -> RSAPrivateKey:
    """The key in this file, made where there is none; beside it, in ``.pub``, its public half."""
    if path.exists():
        key = load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"{path} is no RSA key")
    else:
        key = generate_private_key(65_537, KEY_BITS)
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(key.private_bytes(*form))
    path.with_name(path.name + ".pub").write_bytes(public_pem(key))
    return key


def public_pem(key: RSAPrivateKey) -> bytes:
    """The public half, as a center takes it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _date(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%y-%m-%d %H:%M:%S")
