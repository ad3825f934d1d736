"""Link kind ``udp``: each frame is one datagram to one known address.

An example to start from: see docs/write-a-link.md. Datagrams get lost, doubled and reordered,
and anybody can send them: the engine above is built for all of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec

from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble

WAITING_MAX = 256  # datagrams that came in while an earlier one is being stored

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class UdpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to listen, and the one address that frames go to and come from."""

    bind: str = "127.0.0.1"
    port: Port
    peer_host: str = "127.0.0.1"
    peer_port: Port
    mtu: Annotated[int, msgspec.Meta(ge=64, le=1400)] = 1200


class Udp:
    """The kind: what the entry point names."""

    kind = "udp"
    Settings = UdpSettings

    def traits(self, settings: UdpSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            price_credit_micros=price.get("credit_micros", 0),
            price_byte_micros=price.get("byte_micros", 0),
        )

    def open(self, settings: UdpSettings, traits: Traits) -> UdpLink:
        """See :class:`transports.link.LinkKind`."""
        return UdpLink(settings, traits)


class UdpLink:
    """One socket. ``run`` owns it; ``send`` borrows it."""

    def __init__(self, settings: UdpSettings, traits: Traits) -> None:
        self.traits = traits
        self._settings = settings
        self._transport: asyncio.DatagramTransport | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        settings = self._settings
        receiver.state(LinkState(Phase.OPENING))
        inbox: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        try:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Socket(inbox, settings.mtu),
                local_addr=(settings.bind, settings.port),
                remote_addr=(settings.peer_host, settings.peer_port),
            )
        except OSError as error:
            receiver.state(LinkState(Phase.DOWN, None, Trouble.NO_SERVICE, str(error)))
            raise LinkError(Trouble.NO_SERVICE, str(error), retry_after_s=10.0) from error
        self._transport = transport
        receiver.state(LinkState(Phase.READY))
        try:
            while True:
                frame = await inbox.get()
                try:
                    await receiver.frame(frame)
                except Exception:  # not stored: no receipt goes out, so it comes again
                    continue
        finally:
            self._transport = None
            transport.abort()
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. The first hop is this machine's own network."""
        if len(frame) > self.traits.mtu_bytes:
            raise LinkError(Trouble.TOO_LARGE, f"{len(frame)} bytes")
        if self._transport is None:
            raise LinkError(Trouble.NO_SERVICE, "not running")
        self._transport.sendto(frame)

    async def poll(self) -> None:
        """Nothing to ask: datagrams come by themselves."""


class _Socket(asyncio.DatagramProtocol):
    """Puts what comes into the inbox; drops what is too large, and what overflows it."""

    def __init__(self, inbox: asyncio.Queue[bytes], mtu_bytes: int) -> None:
        self._inbox = inbox
        self._mtu_bytes = mtu_bytes

    def datagram_received(self, data: bytes, addr: object) -> None:
        if 0 < len(data) <= self._mtu_bytes and not self._inbox.full():
            self._inbox.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        """The peer does not listen now (ICMP): frames to it are lost, as on any radio."""
