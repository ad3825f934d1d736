"""Played packet radio modems: TNCs on pseudo-terminals or TCP, with one radio channel.

    channel = Channel(Air(loss=0.1, seed=7))
    async with PlayedTnc(channel, path=Path("kit.tnc")), PlayedTnc(channel) as center:
        ...                         # any KISS program may open kit.tnc, or call center.port

The channel is half duplex. A station sends when it hears nobody and its dice allow it; two that
send at once spoil each other's frames. A TNC confirms nothing unless it is asked by ACKMODE.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from hardware import ax25
from hardware.kiss import TICK_S, VALUE_MAX, Command, Decoder, KissFrame, encode
from hardware.sim.faults import Fault
from hardware.sim.pty_port import PtyPort, claim
from hardware.tnc import DATA_BYTES_MAX, TOKEN_BYTES, Radio

QUEUE_FRAMES_MAX = 64
READ_BYTES = 4096
UNLOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Air:
    """How the channel is. Shares and chances from 0 to 1, ``bit_s`` in bits a second.

    ``loss``: a station does not get a frame. ``deaf``: a station does not notice that the
    channel is taken, as one behind a hill. ``noise``: junk reaches a computer before a frame.
    """

    bit_s: float = 1200.0
    loss: float = 0.0
    deaf: float = 0.0
    noise: float = 0.0
    seed: int = 0


@dataclass(slots=True, eq=False)
class _Transmission:
    spoiled: bool = False


@dataclass(slots=True)
class Counters:
    """What happened on the channel, in frames."""

    sent: int = 0
    collided: int = 0
    lost: int = 0


class Channel:
    """One frequency. All stations are in reach of each other."""

    def __init__(self, air: Air | None = None) -> None:
        self.air = air or Air()
        self.counters = Counters()
        self.frames: list[bytes] = []
        self.chance = random.Random(self.air.seed)
        self._stations: list[PlayedTnc] = []
        self._on_air: set[_Transmission] = set()

    @property
    def taken(self) -> bool:
        """Whether somebody sends now."""
        return bool(self._on_air)

    def join(self, station: PlayedTnc) -> None:
        """A station is switched on."""
        self._stations.append(station)

    def leave(self, station: PlayedTnc) -> None:
        """A station is switched off."""
        self._stations.remove(station)

    async def transmit(self, sender: PlayedTnc, frame: bytes, air_s: float) -> None:
        """Send; at the end the others have it, unless somebody sent meanwhile."""
        mine = _Transmission(spoiled=self.taken)
        for other in self._on_air:
            other.spoiled = True
        self._on_air.add(mine)
        self.counters.sent += 1
        self.frames.append(frame)
        del self.frames[:-1000]
        try:
            await asyncio.sleep(air_s)
        finally:
            self._on_air.discard(mine)
        self.counters.collided += mine.spoiled
        for station in self._stations:
            if station is sender or mine.spoiled:
                continue
            if self.chance.random() < self.air.loss:
                self.counters.lost += 1
            else:
                station.hear(frame)


@dataclass(slots=True)
class _Keying:
    """The parameters a computer has set."""

    radio: Radio = field(default_factory=Radio)

    def set(self, command: int, value: int) -> None:
        """Values as they stand in KISS frames."""
        radio = self.radio
        delay, tail, share, slot = (
            radio.tx_delay_s,
            radio.tx_tail_s,
            radio.persistence,
            radio.slot_s,
        )
        if command == Command.TX_DELAY:
            delay = value * TICK_S
        elif command == Command.TX_TAIL:
            tail = value * TICK_S
        elif command == Command.PERSISTENCE:
            share = (value + 1) / (VALUE_MAX + 1)
        elif command == Command.SLOT_TIME:
            slot = value * TICK_S
        self.radio = Radio(radio.bit_s, delay, tail, share, slot)


class PlayedTnc:
    """A TNC from power-on to power-off; a context manager.

    With ``path`` it has a serial port that appears there, and a computer at most. Without, it
    listens on TCP: ``port`` is the number, 0 takes a free one. Raises OSError when it cannot
    be made. ``digipeats`` is the address under which it passes frames on.
    """

    def __init__(
        self, channel: Channel, path: Path | None = None, port: int = 0, digipeats: str = ""
    ) -> None:
        self.path = path
        self.port = port
        self.junk_frames = 0
        self._channel = channel
        self._deaf = 0
        self._digipeats = ax25.parse_address(digipeats) if digipeats else None
        self._keying = _Keying(Radio(channel.air.bit_s, 0.3, 0.1))
        self._decoder = Decoder(DATA_BYTES_MAX)
        self._queue: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue(QUEUE_FRAMES_MAX)
        self._pty: PtyPort | None = None
        self._claim = -1
        self._server: asyncio.Server | None = None
        self._computers: set[asyncio.StreamWriter] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> PlayedTnc:
        if self.path is not None:
            self._claim = claim(self.path)
            self._plug_in()
        else:
            self._server = await asyncio.start_server(self._called, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        self._channel.join(self)
        self._tasks = [asyncio.create_task(self._send_all()), asyncio.create_task(self._unlock())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._channel.leave(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pull_out()
        if self._server is not None:
            self._server.close()
        if self._claim >= 0:
            os.close(self._claim)

    @property
    def waiting(self) -> int:
        """How many frames wait for the channel."""
        return self._queue.qsize()

    async def serve(self) -> None:
        """Wait until cancelled; raises what a part of the TNC raised."""
        await asyncio.gather(*self._tasks)

    def unplug(self, for_s: float) -> None:
        """The port is gone, with all that waited; it comes back after so many seconds."""
        self._pull_out()
        self._forget()
        self._tasks.append(asyncio.create_task(self._come_back(for_s)))

    def suffer(self, fault: Fault) -> None:
        """Let an accident happen now: ``hang``, ``reset``, ``unplug`` or ``noise``."""
        match fault.kind:
            case "noise":
                self.noise(fault.count)
            case "hang":
                self._deafen(fault.for_s)
            case "reset":
                self._tasks[0].cancel()
                self._forget()
                self._tasks[0] = asyncio.create_task(self._send_all())
                self._decoder = Decoder(DATA_BYTES_MAX)
                self._keying = _Keying(Radio(self._channel.air.bit_s, 0.3, 0.1))
            case "unplug":
                self.unplug(fault.for_s)

    def noise(self, count: int) -> None:
        """Random bytes to the computer."""
        self._tell(self._channel.chance.randbytes(count))

    def hear(self, frame: bytes) -> None:
        """A frame came from the channel."""
        if self._channel.chance.random() < self._channel.air.noise:
            self.noise(self._channel.chance.randint(1, 300))
        self._tell(encode(KissFrame(Command.DATA, frame)))
        if self._digipeats is not None:
            self._pass_on(frame)

    def _pass_on(self, data: bytes) -> None:
        """Repeat a frame that names this TNC as the next digipeater."""
        with suppress(ax25.Malformed, asyncio.QueueFull):
            frame = ax25.decode(data)
            if frame.via[frame.repeated : frame.repeated + 1] == (self._digipeats,):
                again = ax25.UiFrame(
                    frame.to, frame.source, frame.info, frame.via, frame.repeated + 1, frame.pid
                )
                self._queue.put_nowait((ax25.encode(again), b""))

    async def _send_all(self) -> None:
        while True:
            frame, token = await self._queue.get()
            await self._turn()
            await self._channel.transmit(self, frame, self._keying.radio.air_s(len(frame)))
            if token:
                self._tell(encode(KissFrame(Command.DATA_ACKED, token)))

    async def _turn(self) -> None:
        """Wait for a free channel, then throw the dice for each slot."""
        chance, air = self._channel.chance, self._channel.air
        while True:
            radio = self._keying.radio
            free = not self._channel.taken or chance.random() < air.deaf
            if free and chance.random() < radio.persistence:
                return
            await asyncio.sleep(max(radio.slot_s, 0.001))

    def _receive(self, data: bytes) -> None:
        if not self._deaf:
            self._obey(self._decoder.feed(data))

    def _obey(self, frames: list[KissFrame]) -> None:
        for frame in frames:
            if frame.command == Command.DATA:
                self._put(frame.data, b"")
            elif frame.command == Command.DATA_ACKED:
                self._put(frame.data[TOKEN_BYTES:], frame.data[:TOKEN_BYTES])
            elif frame.data:
                self._keying.set(frame.command, frame.data[0])

    def _put(self, frame: bytes, token: bytes) -> None:
        """A full TNC forgets without a word, as real ones do; junk never gets on the air."""
        try:
            ax25.decode(frame)
        except ax25.Malformed:
            self.junk_frames += 1
            return
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait((frame, token))

    def _tell(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._pty is not None:
            self._pty.write(data)
        for computer in self._computers:
            if computer.transport.get_write_buffer_size() < READ_BYTES * 16:
                computer.write(data)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder(DATA_BYTES_MAX)
        self._computers.add(writer)
        try:
            with suppress(OSError):
                while data := await reader.read(READ_BYTES):
                    if not self._deaf:
                        self._obey(decoder.feed(data))
        finally:
            self._computers.discard(writer)
            writer.transport.abort()

    async def _unlock(self) -> None:
        while True:
            await asyncio.sleep(UNLOCK_S)
            if self._pty is not None:
                self._pty.unlock()

    def _forget(self) -> None:
        """What waited for the channel is lost."""
        while not self._queue.empty():
            self._queue.get_nowait()

    def _deafen(self, for_s: float) -> None:
        """Neither hear the computer nor tell it anything for so many seconds."""
        self._deaf += 1
        asyncio.get_running_loop().call_later(for_s, self._hear_again)

    def _hear_again(self) -> None:
        self._deaf -= 1

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if self._pty is None and self.path is not None:
            self._plug_in()

    def _plug_in(self) -> None:
        assert self.path is not None
        self._decoder = Decoder(DATA_BYTES_MAX)
        self._pty = PtyPort(self._receive)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(self._pty.name)

    def _pull_out(self) -> None:
        """Serial: the port is gone. TCP: whoever called is hung up on, and may call again."""
        for computer in self._computers:
            computer.transport.abort()
        if self._pty is not None and self.path is not None:
            if self.path.is_symlink() and str(self.path.readlink()) == self._pty.name:
                self.path.unlink()
            self._pty.close()
            self._pty = None
