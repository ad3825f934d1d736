"""Strangers at the TCP ports, and the wire between kit and center that hears real frames."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from crisiskit.sim.junk.throw import Thrower
from transports import framing

HOST = "127.0.0.1"
CALL_S = 5.0
LORIS_S = 20.0
PAUSE_S = 0.02
READ_BYTES = 65_536
FRAME_BYTES_MAX = 4096
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError)


@dataclass(slots=True)
class Door:
    """A port that is attacked, and what came of it. ``tls``: half of the callers speak it."""

    name: str
    port: int
    make: Callable[[], bytes]
    tls: bool = False
    http: bool = False
    calls: int = 0
    thrown_bytes: int = 0
    answered_bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def take(self, answer: bytes) -> None:
        """Count an answer: statuses of HTTP, or bytes that should not be."""
        found = [int(status) for status in _STATUS.findall(answer)] if self.http else []
        self.statuses.update(found)
        if answer and not found:
            self.answered_bytes += len(answer)


class Strangers:
    """Call the doors again and again until cancelled."""

    def __init__(self, thrower: Thrower, doors: list[Door], callers: int) -> None:
        self._thrower = thrower
        self._doors = doors
        self._callers = callers
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    async def run(self) -> None:
        """So many callers for each door at a time, half of them patient ones."""
        async with asyncio.TaskGroup() as tasks:
            for door in self._doors:
                for number in range(self._callers):
                    call = self._dawdle if number % 2 else self._throw
                    tasks.create_task(self._again(door, call))

    async def _again(self, door: Door, call: Callable[..., object]) -> None:
        while True:
            tls = self._tls if door.tls and self._thrower.rng.random() < 0.5 else None
            with suppress(*_BROKEN):
                async with asyncio.timeout(CALL_S):
                    reader, writer = await asyncio.open_connection(HOST, door.port, ssl=tls)
                door.calls += 1
                try:
                    await call(door, reader, writer, tls is not None)  # type: ignore[misc]
                finally:
                    writer.transport.abort()
            await asyncio.sleep(self._thrower.rng.uniform(0, 2 * PAUSE_S))

    async def _throw(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: bool
    ) -> None:
        """Some pieces of junk, then wait for an answer, or leave in the middle."""
        rng = self._thrower.rng
        with suppress(*_BROKEN):
            for _ in range(rng.randint(1, 5)):
                piece = door.make()
                door.thrown_bytes += len(piece)
                writer.write(piece)
                async with asyncio.timeout(CALL_S):
                    await writer.drain()
        if rng.random() < 0.9:
            await self._listen(door, reader, rng.uniform(0.05, 0.5), inside)

    async def _dawdle(
        self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: bool
    ) -> None:
        """Half open: nothing at all, or a byte now and then."""
        rng = self._thrower.rng
        piece = door.make() if rng.random() < 0.5 else b""
        end = asyncio.get_running_loop().time() + rng.uniform(1, LORIS_S)
        while asyncio.get_running_loop().time() < end:
            writer.write(piece[:1])
            door.thrown_bytes += len(piece[:1])
            piece = piece[1:]
            await writer.drain()
            await self._listen(door, reader, 1.0, inside)
            if reader.at_eof():
                return

    async def _listen(
        self, door: Door, reader: asyncio.StreamReader, wait_s: float, inside: bool
    ) -> None:
        answer = b""
        with suppress(*_BROKEN):
            async with asyncio.timeout(wait_s):
                while piece := await reader.read(READ_BYTES):
                    answer += piece
        if not inside and door.tls:
            answer = _beyond_alerts(answer)
        door.take(answer)


def _beyond_alerts(answer: bytes) -> bytes:
    """What is left without the alerts (7 bytes) by which TLS refuses what is none."""
    while answer[:2] == b"\x15\x03" and len(answer) >= 7:
        answer = answer[7:]
    return answer


class Wire:
    """Kit and center talk through it; the thrower learns their frames."""

    def __init__(self, thrower: Thrower, listen: int, call: int) -> None:
        self._thrower = thrower
        self._listen = listen
        self._call = call
        self.bytes = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        async with await asyncio.start_server(self._called, HOST, self._listen) as server:
            await server.serve_forever()

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*_BROKEN):
            far_reader, far_writer = await asyncio.open_connection(HOST, self._call)
            pumps = [
                asyncio.ensure_future(self._pump(reader, far_writer)),
                asyncio.ensure_future(self._pump(far_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                far_writer.transport.abort()
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = framing.Decoder(FRAME_BYTES_MAX)
        with suppress(*_BROKEN):
            while data := await reader.read(READ_BYTES):
                self.bytes += len(data)
                self._thrower.seen.extend(decoder.feed(data))
                writer.write(data)
                await writer.drain()


class Babbler:
    """A server that tells whoever calls junk, from ``start`` on: a TNC or gpsd that is none."""

    def __init__(self, port: int, make: Callable[[], bytes]) -> None:
        self._port = port
        self._make = make
        self._started = asyncio.Event()
        self.heard_bytes = 0
        self.thrown_bytes = 0

    def start(self) -> None:
        """Not silent any more."""
        self._started.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with await asyncio.start_server(self._called, HOST, self._port) as server:
            await server.serve_forever()

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hearing = asyncio.ensure_future(self._hear(reader))
        with suppress(*_BROKEN):
            await self._started.wait()
            while not hearing.done():
                piece = self._make()
                writer.write(piece)
                self.thrown_bytes += len(piece)
                await writer.drain()
                await asyncio.sleep(PAUSE_S)
        hearing.cancel()
        writer.transport.abort()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with suppress(*_BROKEN):
            while data := await reader.read(READ_BYTES):
                self.heard_bytes += len(data)
