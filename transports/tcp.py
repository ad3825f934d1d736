"""Frames over TCP: ``tcp`` calls out (a kit), ``tcp-listen`` is called (a center).

No encryption here: envelopes are sealed above. Both ends cut the stream by
:mod:`transports.framing`. A connection is worth nothing until it has given a whole frame:
junk gets no answer, costs bounded memory and ends after ``JUNK_BYTES_MAX``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

from transports.calling import (
    PAUSE_S_MAX,
    PAUSE_S_MIN,
    Caller,
    CallSettings,
    IpSettings,
    ip_traits,
)
from transports.common import (
    Connections,
    PortNumber,
    PortOrAny,
    check_size,
    hand_up,
    listening,
)
from transports.framing import Decoder, encode
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble

log = logging.getLogger(__name__)

READ_BYTES = 16_384
JUNK_BYTES_MAX = 65_536
KERNEL_BYTES_MAX = 65_536  # what waits in the kernel cannot be overtaken by something urgent
CONNECT_S_MAX = 20.0
SEND_S_MAX = 15.0
DEAD_PEER_S = 60
SILENCE_S = 30
SILENCE_METERED_S = 600  # each question whether the peer still lives is billed there


class TcpSettings(CallSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to call."""

    host: str = "127.0.0.1"
    port: PortNumber


class TcpListenSettings(IpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to be called. Port 0 takes a free one and keeps it as long as the link object."""

    bind: str = "127.0.0.1"
    port: PortOrAny
    connections_max: Connections = 256


class Tcp:
    """Link kind ``tcp``."""

    kind = "tcp"
    Settings = TcpSettings
    asks = ("host",)

    def traits(self, settings: TcpSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return ip_traits(settings, price, listens=False)

    def open(self, settings: TcpSettings, traits: Traits) -> TcpLink:
        """See :class:`transports.link.LinkKind`."""
        return TcpLink(settings, traits)


class TcpListen:
    """Link kind ``tcp-listen``."""

    kind = "tcp-listen"
    Settings = TcpListenSettings
    asks = ("bind",)

    def traits(self, settings: TcpListenSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return ip_traits(settings, price, listens=True)

    def open(self, settings: TcpListenSettings, traits: Traits) -> TcpListenLink:
        """See :class:`transports.link.LinkKind`."""
        return TcpListenLink(settings, traits)


class TcpLink:
    """Calls ``host:port`` as long as it runs, see :class:`transports.calling.Caller`."""

    def __init__(
        self, settings: TcpSettings, traits: Traits, chance: random.Random | None = None
    ) -> None:
        self.traits = traits
        self._settings = settings
        self._caller = Caller(
            settings.host, settings.port, settings, traits, chance or random.Random()
        )
        self._connection: _Connection | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Never gives up by itself."""

        async def call(traits: Traits) -> tuple[str, Trouble, bool]:
            reason, useful = await self._call_once(receiver, traits)
            return reason, Trouble.NO_SERVICE, useful

        await self._caller.run(receiver, call)

    async def _call_once(self, receiver: Receiver, traits: Traits) -> tuple[str, bool]:
        """Call and serve one connection to its end; why it ended, and whether it was of use."""
        receiver.state(LinkState(Phase.OPENING))
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                reader, writer = await asyncio.open_connection(
                    self._settings.host,
                    self._settings.port,
                    limit=READ_BYTES,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError:
            return "no answer", False
        except OSError as error:
            return str(error), False
        self.traits = traits
        connection = _Connection(reader, writer, traits)
        self._connection = connection
        receiver.state(LinkState(Phase.READY))
        try:
            reason = await connection.serve(receiver, "")
            return reason, connection.proven or connection.age_s > PAUSE_S_MAX
        finally:
            self._connection = None
            connection.close()

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`."""
        check_size(frame, self.traits)
        if self._connection is None:
            raise LinkError(Trouble.NO_SERVICE, "not connected", retry_after_s=PAUSE_S_MIN)
        await self._connection.send(frame)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""


class TcpListenLink:
    """Serves many callers. The ``peer`` word is the number of the connection."""

    def __init__(self, settings: TcpListenSettings, traits: Traits) -> None:
        self.traits = traits
        self.port = settings.port
        self._settings = settings
        self._numbers = count(1)
        self._connections: dict[str, _Connection] = {}

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        limit = self._settings.connections_max
        receiver.state(LinkState(Phase.OPENING))
        try:
            async with (
                listening(self._settings.bind, self.port, limit, READ_BYTES) as (port, callers),
                asyncio.TaskGroup() as tasks,
            ):
                self.port = port
                receiver.state(LinkState(Phase.READY))
                while True:
                    connection = _Connection(*await callers.get(), self.traits)
                    self._make_room()
                    peer = str(next(self._numbers))
                    self._connections[peer] = connection
                    tasks.create_task(self._serve(connection, receiver, peer))
        finally:
            self._connections.clear()
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`."""
        check_size(frame, self.traits)
        connection = self._connections.get(peer)
        if connection is None:
            raise LinkError(Trouble.NO_SERVICE, "this peer is gone")
        await connection.send(frame)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""

    async def _serve(self, connection: _Connection, receiver: Receiver, peer: str) -> None:
        try:
            reason = await connection.serve(receiver, peer)
            log.info("tcp-listen ended peer=%s reason=%s", peer, reason)
        finally:
            self._connections.pop(peer, None)
            connection.close()
            if connection.proven:
                receiver.peer_lost(peer)

    def _make_room(self) -> None:
        """End the connection that has been silent longest, those that never gave a frame first."""
        if len(self._connections) >= self._settings.connections_max:
            idlest = min(self._connections, key=lambda peer: self._connections[peer].standing)
            self._connections.pop(idlest).end("made room for another")


class _Connection:
    """One TCP connection with frames on it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, traits: Traits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder(traits.mtu_bytes)
        self._now = asyncio.get_running_loop().time
        self._began_at = self._heard_at = self._now()
        self._ended = ""
        writer.transport.set_write_buffer_limits(high=0)
        tune(writer.get_extra_info("socket"), SILENCE_METERED_S if traits.metered else SILENCE_S)

    @property
    def proven(self) -> bool:
        """Whether at least one whole frame came."""
        return self._decoder.frames > 0

    @property
    def age_s(self) -> float:
        """How long it has been open."""
        return self._now() - self._began_at

    @property
    def standing(self) -> tuple[bool, float]:
        """Sorts connections: whoever proved nothing first, then by the last frame's time."""
        return self.proven, self._heard_at

    async def serve(self, receiver: Receiver, peer: str) -> str:
        """Hand up what comes until the connection ends; the reason of the end."""
        while not self._ended:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError as error:
                return self._ended or str(error)
            if not data:
                return self._ended or "closed by the other side"
            for frame in self._decoder.feed(data):
                self._heard_at = self._now()
                await hand_up(receiver, frame, peer)
            if self._decoder.junk_bytes_since_frame > JUNK_BYTES_MAX:
                return "only junk came"
        return self._ended

    async def send(self, frame: bytes) -> None:
        """Return when the kernel took the frame. A frame under way is never cut by a cancel."""
        try:
            async with asyncio.timeout(SEND_S_MAX):
                await self._writer.drain()
                self._writer.write(encode(frame))
                await self._writer.drain()
        except TimeoutError as error:
            self.end("takes no bytes")
            raise LinkError(Trouble.NO_SERVICE, "the other side takes no bytes") from error
        except OSError as error:
            raise LinkError(Trouble.NO_SERVICE, str(error)) from error

    def end(self, reason: str) -> None:
        """Break it off; ``serve`` returns soon."""
        self._ended = reason
        self._writer.transport.abort()

    def close(self) -> None:
        """Close; what the kernel took still goes out, the rest is dropped."""
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()
        self._writer.close()


def tune(sock: socket.socket, silence_s: int) -> None:
    """Small frames leave at once; a dead peer is noticed; little waits in the kernel."""
    options = [
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.SOL_SOCKET, "SO_SNDBUF", KERNEL_BYTES_MAX),
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", silence_s),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", DEAD_PEER_S * 1000),
    ]
    for level, name, value in options:
        with suppress(OSError, AttributeError):  # not every system has every option
            sock.setsockopt(level, getattr(socket, name), value)
