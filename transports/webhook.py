"""Ground Control's web service at the center: kind ``webhook``. The ``peer`` word is an IMEI.

MO: the service calls our web server, with each message in a token that it signed; nothing
else is believed. It is answered once the frame is durable. MT: we call the service, which
queues the message for its modem. A call whose answer was lost may have counted: the frame is
sent again later, and the far end drops the repeat. Needs the extra ``web``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hardware.directip import is_imei
from hardware.rockblock import (
    MT_PATH,
    MT_PAYLOAD_BYTES_MAX,
    TOKEN,
    Malformed,
    MtAnswer,
    MtCode,
    fields_of,
    mt_answer,
    push_of,
    same,
)
from transports.common import (
    UNUSABLE_S,
    NotNegative,
    Positive,
    check_size,
    needing,
    secret_text,
)
from transports.link import LinkError, LinkState, Phase, Place, Receiver, Traits, Trouble
from transports.websettings import ServerSettings, check_url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from transports.push import Pushed, PushServer
    from transports.webcall import WebCaller

BODY_BYTES_MAX = 32_768
KEY_BYTES_MAX = 16_384
KEY_BITS_MIN = 2048
AHEAD_S = 600.0
RATE_BYTES_S = 1000.0
RETRY_S = 30.0
SYSTEM_S = 60.0
PERMANENT_S = 3600.0

_TROUBLES: dict[int, Trouble] = {
    MtCode.NO_CREDIT: Trouble.OUT_OF_CREDIT,
    MtCode.TOO_LONG: Trouble.TOO_LARGE,
}


class WebhookSettings(ServerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sizes in bytes, times in seconds; where calls come in, see :class:`ServerSettings`.

    ``key_file``: the service's public key, PEM or one line of base64. ``window_s``: how old a
    token may be. ``mt_url``: the service. ``credentials_file``: user name and password, a line
    each. ``ca_file``: who may vouch for the service, where that is not who usually does.
    """

    key_file: Annotated[str, msgspec.Meta(min_length=1)]
    window_s: Positive = 259_200.0
    mt_url: str = "https://rockblock.rock7.com"
    credentials_file: Annotated[str, msgspec.Meta(min_length=1)]
    ca_file: str = ""
    mtu: Annotated[int, msgspec.Meta(ge=64, le=MT_PAYLOAD_BYTES_MAX)] = MT_PAYLOAD_BYTES_MAX
    credit_bytes: Annotated[int, msgspec.Meta(ge=0)] = 50
    latency_s: NotNegative = 30.0
    receipt_delay_s: NotNegative = 600.0
    repeat_s: Positive = 1800.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.mt_url)


class Webhook:
    """Link kind ``webhook``."""

    kind = "webhook"
    Settings = WebhookSettings
    extra = "web"
    needs = ("aiohttp", "jwt")

    def traits(self, settings: WebhookSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=settings.latency_s,
            rate_bytes_s=RATE_BYTES_S,
            credit_bytes=settings.credit_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=True,
            lasting_peers=True,
        )

    def open(self, settings: WebhookSettings, traits: Traits) -> WebhookLink:
        """See :class:`transports.link.LinkKind`."""
        return WebhookLink(settings, traits)


class WebhookLink:
    """A web server for what the service has and a client for what it should take."""

    def __init__(
        self,
        settings: WebhookSettings,
        traits: Traits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.traits = traits
        self._settings = settings
        self._clock = clock
        self._server: PushServer | None = None
        self._caller: WebCaller | None = None
        self._receiver: Receiver | None = None
        self._key: RSAPublicKey | None = None
        self._login = ("", "")

    @property
    def port(self) -> int:
        """Where calls come in, once it runs."""
        return self._settings.port if self._server is None else self._server.port

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        receiver.state(LinkState(Phase.OPENING))
        with needing("web"):
            import jwt  # noqa: F401 - looked for before calls come in

            from transports.push import PushServer
            from transports.webcall import calling
        self._key = load_key(self._settings.key_file)
        self._login = _login(self._settings.credentials_file)
        if self._server is None:
            self._server = PushServer(self._settings, BODY_BYTES_MAX, self.read)
        try:
            async with calling(self._settings.ca_file) as caller, self._server.serving(receiver):
                self._caller, self._receiver = caller, receiver
                receiver.state(LinkState(Phase.READY))
                await asyncio.Event().wait()
        finally:
            self._caller = self._receiver = None
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """Put one frame into the queue of the modem with this IMEI.

        LinkError TOO_LARGE; REFUSED for good; OUT_OF_CREDIT; BUSY when the service has trouble;
        NO_SERVICE when nothing was confirmed (it may be queued).
        """
        check_size(frame, self.traits)
        if self._caller is None or self._receiver is None:
            raise LinkError(Trouble.NO_SERVICE, "the link does not run")
        if not is_imei(peer):
            raise LinkError(Trouble.REFUSED, "the peer is no IMEI", PERMANENT_S)
        user, password = self._login
        fields = {"imei": peer, "username": user, "password": password, "data": frame.hex()}
        receiver = self._receiver
        status, body = await self._caller.post(self._settings.mt_url.rstrip("/") + MT_PATH, fields)
        try:
            answer = mt_answer(body)
        except Malformed as error:
            why = f"the service answers HTTP {status}, {error}"
            raise LinkError(Trouble.NO_SERVICE, why, RETRY_S) from error
        if answer.code:
            raise _refusal(answer, peer, receiver)
        receiver.state(LinkState(Phase.READY))

    async def poll(self) -> None:
        """Nothing to ask: the service calls."""

    def read(self, content_type: str, body: bytes) -> Pushed:
        """The message in a call, if its token is good. Raises ``RefusedError``."""
        from transports.push import Pushed, RefusedError

        try:
            fields = fields_of(content_type, body)
            if TOKEN not in fields:
                raise RefusedError(401)
            claims = self._claims(fields.pop(TOKEN))
            if not all(same(value, claims.get(name, value)) for name, value in fields.items()):
                raise RefusedError(403)
            if "data" in fields and "data" not in claims:
                raise RefusedError(403)
            push = push_of(claims)
        except Malformed:
            raise RefusedError(400) from None
        digest = hashlib.sha256(push.payload or b"").digest()
        name = (push.imei, push.momsn, claims["iat"], digest)
        place = None if push.place is None else Place(*push.place)
        return Pushed(name, push.imei, push.payload, place)

    def _claims(self, token: str) -> dict[str, str]:
        """What the token says, as strings. RefusedError 401 for one that is not the service's,
        403 for one too old or of the future."""
        import jwt

        from transports.push import RefusedError

        assert self._key is not None
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=["RS256"],
                options={"require": ["iat"], "verify_iat": False, "verify_aud": False},
            )
            issued_s = float(found["iat"])
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
            raise RefusedError(401) from None
        if not -AHEAD_S <= self._clock() - issued_s <= self._settings.window_s:
            raise RefusedError(403)
        return {name: str(value) for name, value in found.items()}


def load_key(path: str) -> RSAPublicKey:
    """A public RSA key in PEM, or as one line of base64. LinkError where there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_public_key,
        load_pem_public_key,
    )

    try:
        with Path(path).open("rb") as file:
            raw = file.read(KEY_BYTES_MAX)
        if b"BEGIN" in raw:
            key = load_pem_public_key(raw)
        else:
            key = load_der_public_key(base64.b64decode(b"".join(raw.split()), validate=True))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise LinkError(Trouble.UNUSABLE, f"{path}: {error}", UNUSABLE_S) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        why = f"{path}: no RSA key of {KEY_BITS_MIN} bits or more"
        raise LinkError(Trouble.UNUSABLE, why, UNUSABLE_S)
    return key


def _login(path: str) -> tuple[str, str]:
    lines = [line.strip() for line in secret_text(path).splitlines()]
    if len(lines) != 2 or not all(lines):
        why = f"{path}: a user name and a password, a line each"
        raise LinkError(Trouble.UNUSABLE, why, UNUSABLE_S)
    return lines[0], lines[1]


def _refusal(answer: MtAnswer, peer: str, receiver: Receiver) -> LinkError:
    known = answer.code in MtCode.__members__.values()
    word = MtCode(answer.code).name.lower() if known else "code"
    detail = f"service: {word} ({answer.code})"
    if answer.code == MtCode.SYSTEM:
        return LinkError(Trouble.BUSY, detail, SYSTEM_S)
    code = _TROUBLES.get(answer.code, Trouble.REFUSED)
    receiver.notice("gateway_refuses", f"{peer}, {word} ({answer.code})")
    receiver.state(LinkState(Phase.READY, None, code, detail))
    return LinkError(code, detail, PERMANENT_S)
