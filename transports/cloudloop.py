"""Cloudloop at the center: kind ``cloudloop``, for SBD and IMT. The ``peer`` word is a thing.

MO: the platform calls our web server; it signs nothing, so that the path of its calls is a
secret, and is answered once the frame is durable. MT: we call the platform, which queues the
message for the thing, Cloudloop's name of a modem. A call whose answer was lost may have
counted: the frame is sent again later, and the far end drops the repeat. Needs the extra
``web``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from hardware.cloudloop import (
    DELIVERY,
    IMT_BYTES_MAX,
    SBD_BYTES_MAX,
    Answer,
    Malformed,
    Network,
    answer_of,
    is_delivered,
    is_name,
    lingo_mo,
    send_form,
)
from transports.common import NotNegative, Positive, check_size, needing, secret_text
from transports.link import LinkError, LinkState, Phase, Place, Receiver, Traits, Trouble
from transports.websettings import ServerSettings, check_url

if TYPE_CHECKING:
    from transports.push import Pushed, PushServer
    from transports.webcall import WebCaller

BODY_BYTES_MAX = 160_000
FOLLOWED_MAX = 50
RETRY_S = 30.0
LIMITED_S = 300.0
PERMANENT_S = 3600.0
RATE_BYTES_S = {Network.SBD: 1000.0, Network.IMT: 800.0}

_TROUBLES: dict[int, tuple[Trouble, float]] = {
    402: (Trouble.OUT_OF_CREDIT, PERMANENT_S),
    413: (Trouble.TOO_LARGE, PERMANENT_S),
    429: (Trouble.BUSY, LIMITED_S),
}


class CloudloopSettings(ServerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sizes in bytes, times in seconds; where calls come in, see :class:`ServerSettings`.

    ``api_url``: the platform. ``token_file``: the account's token. ``ca_file``: who may vouch
    for the platform, where that is not who usually does. ``topic``: where IMT messages go; the
    kit's modem must listen there. ``mtu`` 0 is the most the network takes. ``status_every_s``:
    how often the platform is asked whether the newest IMT messages were delivered.
    """

    path_secret_file: Annotated[str, msgspec.Meta(min_length=1)]
    network: Network
    api_url: str = "https://api.cloudloop.com"
    token_file: Annotated[str, msgspec.Meta(min_length=1)]
    ca_file: str = ""
    topic: Literal["RAW", "PURPLE", "PINK", "RED", "ORANGE", "YELLOW"] = "RAW"
    mtu: Annotated[int, msgspec.Meta(ge=0, le=IMT_BYTES_MAX)] = 0
    credit_bytes: Annotated[int, msgspec.Meta(ge=0)] = 50
    latency_s: NotNegative = 30.0
    receipt_delay_s: NotNegative = 600.0
    repeat_s: Positive = 1800.0
    status_every_s: Positive = 300.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.api_url)
        if self.network is Network.SBD and self.mtu > SBD_BYTES_MAX:
            raise ValueError(f"mtu is at most {SBD_BYTES_MAX} for sbd")
        if 0 < self.mtu < 64:
            raise ValueError("mtu is at least 64")


class Cloudloop:
    """Link kind ``cloudloop``."""

    kind = "cloudloop"
    Settings = CloudloopSettings
    extra = "web"
    needs = ("aiohttp",)

    def traits(self, settings: CloudloopSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        most = SBD_BYTES_MAX if settings.network is Network.SBD else IMT_BYTES_MAX
        return Traits(
            mtu_bytes=settings.mtu or most,
            latency_s=settings.latency_s,
            rate_bytes_s=RATE_BYTES_S[settings.network],
            credit_bytes=settings.credit_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=True,
            lasting_peers=True,
        )

    def open(self, settings: CloudloopSettings, traits: Traits) -> CloudloopLink:
        """See :class:`transports.link.LinkKind`."""
        return CloudloopLink(settings, traits)


class CloudloopLink:
    """A web server for what the platform has and a client for what it should take."""

    def __init__(self, settings: CloudloopSettings, traits: Traits) -> None:
        self.traits = traits
        self._settings = settings
        self._api = settings.api_url.rstrip("/")
        self._server: PushServer | None = None
        self._caller: WebCaller | None = None
        self._receiver: Receiver | None = None
        self._token = ""
        self._followed: deque[str] = deque(maxlen=FOLLOWED_MAX)

    @property
    def port(self) -> int:
        """Where calls come in, once it runs."""
        return self._settings.port if self._server is None else self._server.port

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        receiver.state(LinkState(Phase.OPENING))
        with needing("web"):
            from transports.push import PushServer
            from transports.webcall import calling
        self._token = secret_text(self._settings.token_file)
        if self._server is None:
            self._server = PushServer(self._settings, BODY_BYTES_MAX, self.read)
        try:
            async with calling(self._settings.ca_file) as caller, self._server.serving(receiver):
                self._caller, self._receiver = caller, receiver
                receiver.state(LinkState(Phase.READY))
                await self._follow(receiver)
        finally:
            self._caller = self._receiver = None
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """Put one frame into the queue of this thing.

        LinkError TOO_LARGE; REFUSED for good; OUT_OF_CREDIT; BUSY when the platform asks for
        patience; NO_SERVICE when nothing was confirmed (it may be queued).
        """
        check_size(frame, self.traits)
        receiver = self._receiver
        if receiver is None:
            raise LinkError(Trouble.NO_SERVICE, "the link does not run")
        if not is_name(peer):
            raise LinkError(Trouble.REFUSED, "the peer is no thing", PERMANENT_S)
        path, fields = send_form(self._settings.network, peer, frame, self._settings.topic)
        try:
            answer = await self._call(path, fields)
        except LinkError as error:
            if error.retry_after_s >= PERMANENT_S:
                receiver.notice("gateway_refuses", f"{peer}, {error.detail}")
                receiver.state(LinkState(Phase.READY, None, error.code, error.detail))
            raise
        if self._settings.network is Network.IMT and answer.id:
            self._followed.append(answer.id)
        receiver.state(LinkState(Phase.READY, waiting=len(self._followed)))

    async def poll(self) -> None:
        """Nothing to ask: the platform calls."""

    def read(self, content_type: str, body: bytes) -> Pushed:
        """The message in a call. Raises ``RefusedError``."""
        from transports.push import Pushed, RefusedError

        if content_type != "application/json":
            raise RefusedError(415)
        try:
            found = lingo_mo(body)
        except Malformed:
            raise RefusedError(400) from None
        place = None if found.place is None else Place(*found.place)
        return Pushed((found.id, found.thing), found.thing, found.payload, place)

    async def _call(self, path: str, fields: Mapping[str, str]) -> Answer:
        """One call of the platform. LinkError where it did not do what was asked."""
        if self._caller is None:
            raise LinkError(Trouble.NO_SERVICE, "the link does not run")
        status, body = await self._caller.post(self._api + path, {"token": self._token, **fields})
        if 400 <= status < 500:
            code, wait_s = _TROUBLES.get(status, (Trouble.REFUSED, PERMANENT_S))
            raise LinkError(code, f"platform: HTTP {status}", wait_s)
        try:
            answer = answer_of(body)
        except Malformed as error:
            why = f"the platform answers HTTP {status}, {error}"
            raise LinkError(Trouble.NO_SERVICE, why, RETRY_S) from error
        if status != 200:
            raise LinkError(Trouble.NO_SERVICE, f"the platform answers HTTP {status}", RETRY_S)
        if answer.error:
            raise LinkError(Trouble.REFUSED, f"platform: {answer.error}", PERMANENT_S)
        return answer

    async def _follow(self, receiver: Receiver) -> None:
        """Ask now and then what became of the newest IMT messages, for the link bar alone."""
        while True:
            await asyncio.sleep(self._settings.status_every_s)
            for name in tuple(self._followed):
                try:
                    answer = await self._call(DELIVERY, {"message": name})
                except LinkError:
                    break
                if is_delivered(answer.status) and name in self._followed:
                    self._followed.remove(name)
                    receiver.state(LinkState(Phase.READY, waiting=len(self._followed)))
