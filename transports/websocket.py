"""Frames over WebSocket on HTTPS: ``wss`` calls out, ``wss-listen`` is called.

For networks that let out nothing but web pages: hotels, hospitals, airports. One frame is one
binary message (RFC 6455). The caller makes sure whom it talks to, by the server's certificate
or by its pinned public key; who calls is proved above, by the seal of each envelope.
Needs aiohttp (extra ``web``).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Annotated

import msgspec

from transports.calling import (
    PAUSE_S_MAX,
    Caller,
    CallSettings,
    IpSettings,
    ip_traits,
)
from transports.common import Connections, PortOrAny, check_size, hand_up, needing
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.tcp import SILENCE_METERED_S, SILENCE_S, tune
from transports.tls import PIN_PATTERN, client_tls, server_tls

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse, web

log = logging.getLogger(__name__)

CONNECT_S_MAX = 30.0
SEND_S_MAX = 15.0
CLOSE_S_MAX = 2.0
HTTPS_PORT = 443

Url = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s/?#@]+(/[^\s?#]*)?$", max_length=512)]
UrlPath = Annotated[str, msgspec.Meta(pattern=r"^/[^\s?#]*$", max_length=256)]
Pin = Annotated[str, msgspec.Meta(pattern=PIN_PATTERN)]
FilePath = Annotated[str, msgspec.Meta(max_length=1024)]


class WssSettings(CallSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to call. ``pin``: only a server with this public key; else its certificate decides.

    ``ca_file`` (PEM) holds the authorities to believe instead of the system's. ``proxy``: take
    the proxy that HTTPS_PROXY names.
    """

    url: Url
    pin: Pin | None = None
    ca_file: FilePath | None = None
    proxy: bool = True


class WssListenSettings(IpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to be called. ``certificate`` and ``key`` are PEM files.

    Without them it speaks plain HTTP, for a reverse proxy on the same machine.
    """

    bind: str = "127.0.0.1"
    port: PortOrAny
    path: UrlPath = "/link"
    certificate: FilePath | None = None
    key: FilePath | None = None
    connections_max: Connections = 256


class Wss:
    """Link kind ``wss``."""

    kind = "wss"
    extra = "web"
    needs = ("aiohttp",)
    Settings = WssSettings
    asks = ("pin",)

    def traits(self, settings: WssSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return ip_traits(settings, price, listens=False)

    def open(self, settings: WssSettings, traits: Traits) -> WssLink:
        """See :class:`transports.link.LinkKind`."""
        return WssLink(settings, traits)


class WssListen:
    """Link kind ``wss-listen``."""

    kind = "wss-listen"
    extra = "web"
    needs = ("aiohttp",)
    Settings = WssListenSettings
    asks = ("bind", "certificate", "key")

    def traits(self, settings: WssListenSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return ip_traits(settings, price, listens=True)

    def open(self, settings: WssListenSettings, traits: Traits) -> WssListenLink:
        """See :class:`transports.link.LinkKind`."""
        return WssListenLink(settings, traits)


class WssLink:
    """Calls ``url`` as long as it runs, see :class:`transports.calling.Caller`."""

    def __init__(
        self, settings: WssSettings, traits: Traits, chance: random.Random | None = None
    ) -> None:
        self.traits = traits
        self._settings = settings
        host, port = _place(settings.url)
        self._caller = Caller(host, port, settings, traits, chance or random.Random())
        self._socket: ClientWebSocketResponse | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Gives up only where it can never work."""
        with needing("web"):
            import aiohttp  # noqa: F401 - told at once, as is a wrong file
        client_tls(self._settings.pin, self._settings.ca_file)

        async def call(traits: Traits) -> tuple[str, Trouble, bool]:
            receiver.state(LinkState(Phase.OPENING))
            return await self._call_once(receiver, traits)

        await self._caller.run(receiver, call)

    async def _call_once(self, receiver: Receiver, traits: Traits) -> tuple[str, Trouble, bool]:
        """One connection to its end; why it ended, in a word too, and whether it was of use."""
        import aiohttp

        settings = self._settings
        began_at = asyncio.get_running_loop().time()
        heartbeat_s = SILENCE_METERED_S if traits.metered else SILENCE_S
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S_MAX)
        try:
            async with aiohttp.ClientSession(trust_env=settings.proxy, timeout=timeout) as session:
                async with asyncio.timeout(CONNECT_S_MAX):
                    called = await session.ws_connect(
                        settings.url,
                        ssl=client_tls(settings.pin, settings.ca_file),
                        max_msg_size=traits.mtu_bytes + 1,  # aiohttp means below it
                        heartbeat=heartbeat_s,
                        compress=0,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S_MAX),
                    )
                tune(called.get_extra_info("socket"), heartbeat_s)
                self.traits, self._socket = traits, called
                receiver.state(LinkState(Phase.READY))
                frames = await _serve(called, receiver, "")
        except TimeoutError:
            return "no answer", Trouble.NO_SERVICE, False
        except aiohttp.ServerFingerprintMismatch:
            return "another public key than the pinned one", Trouble.UNTRUSTED, False
        except aiohttp.ClientError as error:
            return str(error), _trouble(error), False
        except OSError as error:
            return str(error), Trouble.NO_SERVICE, False
        finally:
            self._socket = None
        age_s = asyncio.get_running_loop().time() - began_at
        return "closed", Trouble.NO_SERVICE, frames > 0 or age_s > PAUSE_S_MAX

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`."""
        check_size(frame, self.traits)
        if self._socket is None:
            raise LinkError(Trouble.NO_SERVICE, "not connected", retry_after_s=0.5)
        await _send(self._socket, frame)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""


class WssListenLink:
    """Serves many callers. The ``peer`` word is the number of the connection."""

    def __init__(self, settings: WssListenSettings, traits: Traits) -> None:
        self.traits = traits
        self.port = settings.port
        self._settings = settings
        self._numbers = count(1)
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._transports: dict[str, asyncio.Transport] = {}
        self._gave: dict[str, None] = {}  # who gave a frame, the longest silent first

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        with needing("web"):
            from aiohttp import web

            from transports.http_door import http_door

        settings = self._settings

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            asked = web.WebSocketResponse(
                max_msg_size=self.traits.mtu_bytes + 1,
                heartbeat=SILENCE_S,
                compress=False,
                timeout=CLOSE_S_MAX,
            )
            if request.path != settings.path or not asked.can_prepare(request).ok:
                return web.Response(status=404)
            await asked.prepare(request)
            if request.transport is not None:
                await self._serve(asked, receiver, request.transport)
            return asked

        receiver.state(LinkState(Phase.OPENING))
        tls = server_tls(settings.certificate, settings.key)
        try:
            async with http_door(
                settings.bind,
                self.port,
                answer,
                tls=tls,
                callers_max=settings.connections_max,
                make_room=self._make_room,
            ) as port:
                self.port = port
                receiver.state(LinkState(Phase.READY))
                await asyncio.Event().wait()
        finally:
            self._sockets.clear()
            self._transports.clear()
            self._gave.clear()
            receiver.state(LinkState(Phase.DOWN))

    def _make_room(self) -> None:
        """End the connection that never gave a frame, the oldest, else the one silent longest."""
        never = (peer for peer in self._sockets if peer not in self._gave)
        peer = next(never, None) or next(iter(self._gave), None)
        if peer is not None:
            self._sockets.pop(peer, None)
            self._gave.pop(peer, None)
            self._transports.pop(peer).abort()

    async def _serve(
        self, caller: web.WebSocketResponse, receiver: Receiver, transport: asyncio.Transport
    ) -> None:
        tune(caller.get_extra_info("socket"), SILENCE_S)
        peer = str(next(self._numbers))
        self._sockets[peer], self._transports[peer] = caller, transport
        frames = 0

        def heard() -> None:
            if peer in self._sockets:
                self._gave.pop(peer, None)
                self._gave[peer] = None

        try:
            frames = await _serve(caller, receiver, peer, heard)
        finally:
            for known in (self._sockets, self._transports, self._gave):
                known.pop(peer, None)
            if frames:
                receiver.peer_lost(peer)

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`."""
        check_size(frame, self.traits)
        caller = self._sockets.get(peer)
        if caller is None:
            raise LinkError(Trouble.NO_SERVICE, "this peer is gone")
        await _send(caller, frame)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""


async def _serve(
    ends: ClientWebSocketResponse | web.WebSocketResponse,
    receiver: Receiver,
    peer: str,
    heard: Callable[[], None] = lambda: None,
) -> int:
    """Hand up what comes until it ends; how many frames. What is no frame ends it."""
    from aiohttp import WSMsgType

    frames = 0
    async for message in ends:
        if message.type is not WSMsgType.BINARY or not message.data:
            break
        frames += 1
        heard()
        await hand_up(receiver, bytes(message.data), peer)
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_S_MAX):
            await ends.close()
    return frames


async def _send(ends: ClientWebSocketResponse | web.WebSocketResponse, frame: bytes) -> None:
    """Return when the kernel took the frame. A frame under way is never cut by a cancel."""
    sending = asyncio.ensure_future(ends.send_bytes(frame))
    try:
        async with asyncio.timeout(SEND_S_MAX):
            await asyncio.shield(sending)
    except TimeoutError as error:
        sending.cancel()
        raise LinkError(Trouble.NO_SERVICE, "the other side takes no bytes") from error
    except (OSError, RuntimeError) as error:  # aiohttp: a socket that is closing
        raise LinkError(Trouble.NO_SERVICE, str(error)) from error


def _place(url: str) -> tuple[str, int]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.hostname or "", parts.port or HTTPS_PORT


def _trouble(error: Exception) -> Trouble:
    """Nobody there; somebody who cannot prove who it is; somebody who does not want us."""
    import aiohttp

    if isinstance(error, aiohttp.ClientSSLError):
        return Trouble.UNTRUSTED
    if isinstance(error, aiohttp.WSServerHandshakeError | aiohttp.ClientHttpProxyError):
        return Trouble.REFUSED
    return Trouble.NO_SERVICE
