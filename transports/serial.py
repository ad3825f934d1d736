"""Frames over a serial port: a null modem, a data call or a radio modem behind it.

The port may be faster than the line behind it (115200 baud into a call of 2400 bit/s). What
was written cannot be overtaken, so this link writes about as fast as the line carries: an
urgent frame starts within one and a half frame times, and the line never waits for the next.

Where only one end can send at a time (``turnaround_s``), who has sent listens: an end begins
when the line has been silent for that long and a random while more, and gives it up after a
burst. Receipts so travel at the end of a burst, and two that began together do not again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import msgspec

from hardware.port import Port, PortError, PortTrouble, open_port
from transports.common import FrameBytes, NotNegative, Positive, check_size, hand_up
from transports.framing import DELIMITER, Decoder, encode
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble

BITS_PER_BYTE = 10  # 8N1: start, eight bits, stop
# The next frame is asked for so long before the line runs dry: its texts take time to be coded.
LEAD_S_MIN, LEAD_S_MAX, LEAD_OF_FRAME = 0.05, 0.8, 0.5
STALL_S_MAX = 15.0
FRAME_S, FRAME_BYTES_MIN, FRAME_BYTES_MOST = 0.1, 360, 1152
TAKEN_BYTES_MAX = 4096  # of a frame that comes in: the far end's settings may say more than ours
BURST_S_MAX = 6.0
HOLD_S = 0.5  # a pause that ends no burst: the next frame's texts take time to be coded
TURN_S_MAX = 15.0  # noise is no reason to be silent for ever
GATHER_S_MAX, GATHER_BYTES_MAX = 0.02, 1024  # a slow line must not wake the machine for each byte

TROUBLES = {
    PortTrouble.MISSING: (Trouble.DEVICE_GONE, 5.0),
    PortTrouble.GONE: (Trouble.DEVICE_GONE, 2.0),
    PortTrouble.BUSY: (Trouble.DEVICE_BUSY, 10.0),
    PortTrouble.DENIED: (Trouble.REFUSED, 60.0),
}


class SerialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port`` is a path, best one of /dev/serial/by-id. ``rate_bit_s`` 0 means the baud rate.

    ``mtu`` None is what the line carries in 0.1 s, between 360 and 1152: so short that damage or
    a cut costs little. ``turnaround_s``, where only one end can send at a time: how long the
    line needs to change its direction; 0 where both can.
    """

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Annotated[int, msgspec.Meta(ge=50, le=4_000_000)] = 115_200
    rate_bit_s: NotNegative = 0.0
    latency_s: NotNegative = 0.1
    mtu: FrameBytes | None = None
    flow_control: bool = False
    turnaround_s: NotNegative = 0.0
    receipt_delay_s: NotNegative = 0.2
    repeat_s: Positive = 2.0


class SerialLine:
    """Link kind ``serial``."""

    kind = "serial"
    Settings = SerialSettings
    devices = ("line",)
    asks = ("baud",)

    def traits(self, settings: SerialSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        rate_bytes_s = (settings.rate_bit_s or settings.baud) / BITS_PER_BYTE
        frame_bytes = min(max(round(FRAME_S * rate_bytes_s), FRAME_BYTES_MIN), FRAME_BYTES_MOST)
        return Traits(
            mtu_bytes=settings.mtu or frame_bytes,
            latency_s=settings.latency_s + 2 * settings.turnaround_s,
            rate_bytes_s=rate_bytes_s,
            price_byte_micros=price.get("byte_micros", 0),
            # No receipt comes while the line is ours.
            repeat_s=settings.repeat_s + (BURST_S_MAX if settings.turnaround_s else 0.0),
            receipt_delay_s=settings.receipt_delay_s,
        )

    def open(self, settings: SerialSettings, traits: Traits) -> SerialLink:
        """See :class:`transports.link.LinkKind`."""
        return SerialLink(settings, traits)


class SerialLink:
    """One serial port with frames on it."""

    def __init__(self, settings: SerialSettings, traits: Traits) -> None:
        self.traits = traits
        self._settings = settings
        self._line: _Line | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. LinkError when the device is missing or went away."""
        settings = self._settings
        receiver.state(LinkState(Phase.OPENING))
        down = LinkState(Phase.DOWN)
        try:
            async with open_port(settings.port, settings.baud, settings.flow_control) as port:
                line = _Line(port, 1 / self.traits.rate_bytes_s, settings)
                self._line = line
                receiver.state(LinkState(Phase.READY))
                await self._read(port, line, receiver)
        except PortError as error:
            failure = _link_error(error)
            down = LinkState(Phase.DOWN, None, failure.code, failure.detail)
            raise failure from error
        finally:
            gone, self._line = self._line, None
            if gone is not None:
                await gone.close()
            receiver.state(down)

    async def _read(self, port: Port, line: _Line, receiver: Receiver) -> None:
        decoder = Decoder(max(self.traits.mtu_bytes, TAKEN_BYTES_MAX), mends=True)
        gather_s = min(GATHER_S_MAX, GATHER_BYTES_MAX * BITS_PER_BYTE / self._settings.baud)
        while True:
            chunk = await port.read()
            line.heard()
            for frame in decoder.feed(chunk):
                await hand_up(receiver, frame)
            await asyncio.sleep(gather_s)

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Returns shortly before the line has carried it."""
        check_size(frame, self.traits)
        if self._line is None:
            raise LinkError(Trouble.DEVICE_GONE, "the port is not open")
        try:
            await self._line.put(frame)
        except PortError as error:
            raise _link_error(error) from error

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""


class _Line:
    """An open port and what is under way on it: at most one frame and the lead."""

    def __init__(self, port: Port, byte_s: float, settings: SerialSettings) -> None:
        self._port = port
        self._byte_s = byte_s
        self._lead_s = LEAD_S_MIN
        self._flow_control = settings.flow_control
        self._turn_s = settings.turnaround_s
        self._answer_s = 2 * settings.latency_s + 3 * settings.turnaround_s + HOLD_S
        self._now = asyncio.get_running_loop().time
        self._free_at = self._burst_at = self._heard_at = -BURST_S_MAX
        self._writing: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    async def put(self, frame: bytes) -> None:
        """Write one frame, in time and in step. Once begun it is written whole, even if cancelled.

        Raises PortError, or LinkError when the other side stopped the flow for too long.
        """
        await self._nearly_free()
        await self._written()
        if self._turn_s:
            await self._turn()
        now = self._now()
        # After a pause there may be noise before the frame: end whatever it began.
        lead_in = DELIMITER if now >= self._free_at else b""
        data = lead_in + encode(frame, mends=True)
        self._writing = asyncio.create_task(self._port.write(data))
        frame_s = len(data) * self._byte_s
        self._free_at = max(now, self._free_at) + frame_s
        # Half duplex a pause would cost the turn as well.
        share = 1.0 if self._turn_s else LEAD_OF_FRAME
        self._lead_s = min(max(LEAD_S_MIN, share * frame_s), LEAD_S_MAX)
        # Even the shortest frame gets the time to reach the port before this returns.
        await asyncio.wait({self._writing}, timeout=LEAD_S_MIN)
        await self._nearly_free()
        if self._flow_control:
            await self._written()

    def heard(self) -> None:
        """Something came in: the line is the far end's."""
        self._heard_at = self._now()

    async def _turn(self) -> None:
        """Half duplex: wait until the line is ours, but not for ever. PortError when it broke."""
        asked_at = self._now()
        pause_s = HOLD_S + self._turn_s * random.uniform(1.0, 2.0)
        while True:
            now = self._now()
            ours = self._heard_at < self._burst_at and now < self._free_at + HOLD_S
            if ours and self._free_at - self._burst_at < BURST_S_MAX:
                return
            answered = self._heard_at > self._free_at
            ours_at = max(
                self._heard_at + pause_s,
                self._free_at + (0.0 if answered else self._answer_s) + self._lead_s,
            )
            wait_s = min(ours_at, asked_at + TURN_S_MAX) - now
            if wait_s <= 0:
                self._burst_at = now
                return
            await self._pause(wait_s)

    async def close(self) -> None:
        """Give up what is under way; a ``put`` in progress ends with PortError."""
        self._closed.set()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _nearly_free(self) -> None:
        """Wait until the line has work for the lead only. PortError when it broke meanwhile."""
        if self._writing is not None and (busy_s := self._busy_s()) > 0:
            await asyncio.wait({self._writing}, timeout=busy_s)
        self._look()
        await self._pause(max(0.0, self._busy_s()))

    async def _pause(self, seconds: float) -> None:
        """Wait so long. PortError when the line broke meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        self._look()

    async def _written(self) -> None:
        """Wait until the port has taken what was written."""
        if self._writing is not None:
            done, _ = await asyncio.wait({self._writing}, timeout=STALL_S_MAX)
            if not done:
                raise LinkError(Trouble.BUSY, "the other side stopped the flow")
        self._look()

    def _busy_s(self) -> float:
        return self._free_at - self._now() - self._lead_s

    def _look(self) -> None:
        """Raise PortError if the line was closed or a write failed."""
        if self._closed.is_set():
            raise PortError(PortTrouble.GONE, "closed")
        if self._writing is not None and self._writing.done():
            self._writing.result()


def _link_error(error: PortError) -> LinkError:
    code, retry_after_s = TROUBLES[error.code]
    return LinkError(code, error.detail, retry_after_s)
