"""Frames over packet radio: AX.25 UI frames through a KISS TNC, on a serial port or TCP.

A kit names the ``destination`` it talks to; a link without one listens to all and its peers are
call signs. On amateur bands nothing may be encrypted and every frame carries a call sign: there
a link without a true one is refused. The channel is shared: this link has one frame in the TNC
at a time, waits out its air time, then leaves a pause, and answers after a random one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Literal

import msgspec

from hardware.ax25 import (
    INFO_BYTES_MAX,
    NO_LAYER_3,
    Address,
    Malformed,
    UiFrame,
    decode,
    encode,
    frame_bytes,
    parse_address,
)
from hardware.port import PortError, PortTrouble, open_port
from hardware.tnc import Radio, Tnc, open_tcp
from transports.common import NotNegative, Positive, WrongSetting, check_size, hand_up
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.serial import TROUBLES

log = logging.getLogger(__name__)

PATHS_MAX = 256
PORT_NUMBER_MAX = 65_535
JUNK_BYTES_MAX = 65_536
STALL_S_MAX = 15.0
QUEUE_S_MAX = 60.0
QUEUE_POLL_S = 0.5
QUIET_S_MAX = 15.0  # on a channel that is never quiet the TNC's own dice decide

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Delay = Annotated[float, msgspec.Meta(ge=0, le=2.55)]  # one byte of 10 ms each
Station = Annotated[str, msgspec.Meta(max_length=9)]


class Ax25Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``call`` is the own call sign with SSID, ``destination`` that of the center.

    ``port`` is a serial port, or ``tcp`` HOST:PORT of a TNC that listens. ``bit_s`` is the speed
    on the air. Times in seconds: ``pause_s`` is left to others after each frame, ``answer_s``
    bounds the random wait after something was heard. ``acks``: the TNC has ACKMODE.
    """

    call: Station
    destination: Station = ""
    via: Annotated[tuple[Station, ...], msgspec.Meta(max_length=2)] = ()
    band: Literal["amateur", "licensed"] = "amateur"
    port: str = ""
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 9600
    tcp: Annotated[str, msgspec.Meta(max_length=255)] = ""
    kiss_port: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    acks: bool = False
    mtu: Annotated[int, msgspec.Meta(ge=64, le=INFO_BYTES_MAX)] = INFO_BYTES_MAX
    bit_s: Annotated[float, msgspec.Meta(ge=45, le=10_000_000)] = 1200.0
    tx_delay_s: Delay = 0.3
    tx_tail_s: Delay = 0.1
    persistence: Share = 0.25
    slot_s: Delay = 0.1
    pause_s: NotNegative = 1.0
    answer_s: NotNegative = 1.0
    receipt_delay_s: NotNegative = 5.0
    repeat_s: Positive = 30.0

    def __post_init__(self) -> None:
        """Raise WrongSetting for what no single bound can tell."""
        own = _station("call", self.call)
        named = [_station("destination", self.destination)] if self.destination else []
        for one in self.via:
            _station("via", one)
        if own in named:
            raise WrongSetting("destination", "own_call_sign")
        if self.band == "amateur":
            if not own.is_call_sign:
                raise WrongSetting("call", "call_sign")
            if not all(one.is_call_sign for one in named):
                raise WrongSetting("destination", "call_sign")
        if bool(self.port) == bool(self.tcp):
            raise WrongSetting("port", "port_or_tcp")
        if self.tcp:
            _tcp_address(self.tcp)

    @property
    def radio(self) -> Radio:
        """What is told to the TNC."""
        return Radio(self.bit_s, self.tx_delay_s, self.tx_tail_s, self.persistence, self.slot_s)


class Ax25:
    """Link kind ``ax25``."""

    kind = "ax25"
    Settings = Ax25Settings
    devices = ("tnc",)
    asks = ("destination", "band", "port", "tcp")

    def traits(self, settings: Ax25Settings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`. The rate is that of full frames, pauses too."""
        radio, hops = settings.radio, 1 + len(settings.via)
        frame_s = hops * radio.air_s(frame_bytes(settings.mtu, len(settings.via)))
        pause_s = radio.access_s + settings.pause_s
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=hops * radio.tx_delay_s + pause_s + settings.answer_s / 2,
            rate_bytes_s=settings.mtu / (frame_s + pause_s),
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=not settings.destination,
            lasting_peers=not settings.destination,
            may_encrypt=settings.band != "amateur",
        )

    def open(self, settings: Ax25Settings, traits: Traits) -> Ax25Link:
        """See :class:`transports.link.LinkKind`."""
        return Ax25Link(settings, traits)


class Ax25Link:
    """One TNC with a channel behind it."""

    def __init__(
        self, settings: Ax25Settings, traits: Traits, chance: random.Random | None = None
    ) -> None:
        self.traits = traits
        self._settings = settings
        self._chance = chance or random.Random()
        self._own = parse_address(settings.call)
        self._via = tuple(map(parse_address, settings.via))
        self._to = parse_address(settings.destination) if settings.destination else None
        self._paths: OrderedDict[Address, tuple[Address, ...]] = OrderedDict()
        self._air: _Air | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. LinkError when the TNC is missing or went away."""
        receiver.state(LinkState(Phase.OPENING))
        down = LinkState(Phase.DOWN)
        try:
            async with self._opened() as tnc:
                await tnc.start()
                self._air = _Air(tnc, self._settings, self._chance)
                receiver.state(LinkState(Phase.READY))
                await self._read(tnc, self._air, receiver)
        except PortError as error:
            failure = _link_error(error)
            down = LinkState(Phase.DOWN, None, failure.code, failure.detail)
            raise failure from error
        finally:
            air, self._air = self._air, None
            if air is not None:
                await air.close()
            receiver.state(down)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Tnc]:
        settings = self._settings
        opening = (
            open_tcp(*_tcp_address(settings.tcp))
            if settings.tcp
            else open_port(settings.port, settings.baud)
        )
        async with opening as port:
            yield Tnc(
                port,
                settings.radio,
                kiss_port=settings.kiss_port,
                acks=settings.acks,
                ask=bool(settings.tcp),
            )

    async def _read(self, tnc: Tnc, air: _Air, receiver: Receiver) -> None:
        while True:
            for data in await tnc.read():
                air.heard()
                if (frame := self._for_us(data)) is not None:
                    peer = "" if self._to else str(frame.source)
                    await hand_up(receiver, frame.info, peer)
            if self._settings.tcp and tnc.junk_bytes_since_frame > JUNK_BYTES_MAX:
                raise LinkError(Trouble.REFUSED, "no KISS TNC answers there", retry_after_s=30.0)

    def _for_us(self, data: bytes) -> UiFrame | None:
        """The frame in it, if it was sent to this station by one that may; else None."""
        try:
            frame = decode(data)
        except Malformed as error:
            log.debug("ax25 not for us: %s", error)
            return None
        lawful = self._settings.band != "amateur" or frame.source.is_call_sign
        if frame.to != self._own or frame.pid != NO_LAYER_3 or not frame.info or not lawful:
            return None
        if self._to is not None:
            return frame if frame.source == self._to else None
        self._paths[frame.source] = frame.via[: frame.repeated][::-1]
        self._paths.move_to_end(frame.source)
        if len(self._paths) > PATHS_MAX:
            self._paths.popitem(last=False)
        return frame

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Returns when the frame's air time is over."""
        check_size(frame, self.traits)
        air = self._air
        if air is None:
            raise LinkError(Trouble.DEVICE_GONE, "the TNC is not open")
        to, via = self._way(peer)
        try:
            await air.put(encode(UiFrame(to, self._own, frame, via)), 1 + len(via))
        except PortError as error:
            raise _link_error(error) from error

    def _way(self, peer: str) -> tuple[Address, tuple[Address, ...]]:
        """Whom to send to, and by which digipeaters: back the way the peer was heard by."""
        if self._to is not None:
            return self._to, self._via
        try:
            to = parse_address(peer)
        except Malformed as error:
            raise LinkError(Trouble.NO_SERVICE, f"no such peer: {error}") from error
        return to, self._paths.get(to, self._via)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""


class _Air:
    """The shared channel as one station uses it: one frame in the TNC, then a pause."""

    def __init__(self, tnc: Tnc, settings: Ax25Settings, chance: random.Random) -> None:
        self._tnc = tnc
        self._radio = settings.radio
        self._settings = settings
        self._chance = chance
        self._now = asyncio.get_running_loop().time
        self._own_until = 0.0
        self._quiet_at = 0.0
        self._writing: asyncio.Task[bytes] | None = None
        self._closed = asyncio.Event()

    def heard(self) -> None:
        """Somebody sent: whoever answers waits for as long as the dice say."""
        answer_s = self._chance.uniform(0.0, self._settings.answer_s)
        self._quiet_at = max(self._quiet_at, self._now() + answer_s)

    async def put(self, frame: bytes, hops: int) -> None:
        """Send one frame in its turn and wait until it is off the air.

        Once begun it is written whole, even if cancelled. Raises PortError, or LinkError
        where the TNC takes nothing or its queue does not become empty.
        """
        await self._turn()
        await self._written()
        await self._emptied()
        air_s = hops * self._radio.air_s(len(frame))
        pause_s = self._settings.pause_s * self._chance.uniform(0.5, 1.5)
        self._own_until = self._now() + air_s + pause_s
        self._writing = asyncio.create_task(self._tnc.write(frame))
        if token := await self._written():
            await self._confirmed(token)
        else:
            await self._emptied()
            await self._sleep(air_s)
        self._own_until = self._now() + pause_s

    async def close(self) -> None:
        """Give up what is under way; a ``put`` in progress ends with PortError."""
        self._closed.set()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _turn(self) -> None:
        """Wait until the own pause and that for answers are over."""
        began = self._now()
        while (wait_s := max(self._own_until, self._quiet_at) - self._now()) > 0:
            if self._now() > max(began, self._own_until) + QUIET_S_MAX:
                return
            await self._sleep(wait_s)

    async def _written(self) -> bytes:
        """Wait until the port has taken what was written; its token."""
        if self._writing is None:
            return b""
        done, _ = await asyncio.wait({self._writing}, timeout=STALL_S_MAX)
        self._look()
        if not done:
            raise LinkError(Trouble.BUSY, "the TNC takes no bytes")
        return self._writing.result()

    async def _emptied(self) -> None:
        """Wait until nothing waits in a TNC that tells; the last frame may be on the air."""
        late = self._now() + QUEUE_S_MAX
        while await self._tnc.waiting():
            if self._now() > late:
                raise LinkError(Trouble.BUSY, "the channel is never free", retry_after_s=30.0)
            await self._sleep(QUEUE_POLL_S)

    async def _confirmed(self, token: bytes) -> None:
        """Wait until the TNC says that the frame was sent."""
        waits = {
            asyncio.create_task(self._tnc.on_air(token)),
            asyncio.create_task(self._closed.wait()),
        }
        try:
            done, _ = await asyncio.wait(
                waits, timeout=QUEUE_S_MAX, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
        self._look()
        if not done:
            raise LinkError(Trouble.BUSY, "the TNC does not say that it sent the frame", 30.0)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        self._look()

    def _look(self) -> None:
        """Raise PortError if the link was closed."""
        if self._closed.is_set():
            raise PortError(PortTrouble.GONE, "closed")


def _station(key: str, text: str) -> Address:
    try:
        return parse_address(text)
    except Malformed as error:
        raise WrongSetting(key, "ax25_address") from error


def _tcp_address(text: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 host stands in brackets. WrongSetting for anything else."""
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port[:6]) <= PORT_NUMBER_MAX:
        raise WrongSetting("tcp", "host_and_port")
    return host.strip("[]"), int(port)


def _link_error(error: PortError) -> LinkError:
    code, retry_after_s = TROUBLES[error.code]
    return LinkError(code, error.detail, retry_after_s)
