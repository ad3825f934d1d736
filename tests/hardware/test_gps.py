"""Fixes from a serial port, and from the real gpsd on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from hardware.gps import gpsd_fixes, parse_report, serial_fixes
from hardware.nmea import Fix
from hardware.port import PortError, PortTrouble
from hardware.sim.pty_port import PtyPort

RMC = b"$GNRMC,180012.00,A,1246.8420,S,04513.5030,E,0.05,,231126,,,A*43\r\n"
GGA = b"$GNGGA,180012.00,1246.8420,S,04513.5030,E,1,09,0.92,12.4,M,-18.3,M,,*4D\r\n"
HERE = (-12.7807, 45.22505)


@asynccontextmanager
async def receiver(*pieces: bytes) -> AsyncIterator[str]:
    """A played receiver that says its pieces again and again."""
    port = PtyPort(lambda _data: None)

    async def say() -> None:
        while True:
            for piece in pieces:
                port.write(piece)
                await asyncio.sleep(0.05)

    saying = asyncio.create_task(say())
    try:
        yield port.name
    finally:
        saying.cancel()
        port.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_receiver_on_a_serial_port() -> None:
    noise = random.Random(1).randbytes(60)
    async with (
        receiver(noise + b"\n", GGA, RMC[:20], RMC[20:]) as port,
        asyncio.timeout(30),
        aclosing(serial_fixes(port, 9600)) as fixes,
    ):
        fix = await anext(fixes)
    assert (fix.latitude, fix.longitude) == HERE


async def test_a_receiver_that_is_pulled_out() -> None:
    port = PtyPort(lambda _data: None)
    async with aclosing(serial_fixes(port.name, 9600)) as fixes:
        waiting = asyncio.ensure_future(anext(fixes))
        await asyncio.sleep(0.2)
        port.close()
        with pytest.raises(PortError) as caught:
            async with asyncio.timeout(30):
                await waiting
    assert caught.value.code is PortTrouble.GONE


async def test_the_real_gpsd(real: Callable[[str], str]) -> None:
    program, number = real("gpsd"), free_port()
    async with receiver(GGA, RMC) as port:
        process = subprocess.Popen(
            [program, "-N", "-n", "-S", str(number), port],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            fix = await _first(number)
        finally:
            process.kill()
            process.wait()
    assert (fix.latitude, fix.longitude) == pytest.approx(HERE, abs=1e-4)


async def _first(number: int) -> Fix:
    async with asyncio.timeout(60):
        while True:
            with suppress(PortError):
                async with aclosing(gpsd_fixes("127.0.0.1", number)) as fixes:
                    return await anext(fixes)
            await asyncio.sleep(0.2)


async def test_a_gpsd_that_is_not_there() -> None:
    with pytest.raises(PortError) as caught:
        await anext(gpsd_fixes("127.0.0.1", 1))
    assert caught.value.code is PortTrouble.MISSING


@pytest.mark.parametrize("said", [b"", b"x" * 100_000, b"{}\n" * 10])
async def test_a_gpsd_that_talks_nonsense_and_goes(said: bytes) -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    with pytest.raises(PortError) as caught:
        async with asyncio.timeout(30):
            await anext(gpsd_fixes("127.0.0.1", server.sockets[0].getsockname()[1]))
    assert caught.value.code is PortTrouble.GONE
    server.close()


GOOD = (
    '{"class":"TPV","mode":3,"time":"2026-11-23T18:00:12.000Z","lat":-12.7807,"lon":45.22505,'
    '"eph":4.6}'
)


def test_a_report() -> None:
    assert parse_report(GOOD.encode()) == Fix(1_795_456_812, *HERE, 4.6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("TPV", "SKY"),
        ("3,", "1,"),
        ('"mode":3', '"mode":"3"'),
        ("-12.7807", "-92"),
        ("-12.7807", "NaN"),
        ("-12.7807", "true"),
        ("45.22505", "1e999"),
        ("2026-11", "2007-04"),
        ("2026-11", "2026-99"),
        ("T18", " 18"),
    ],
)
def test_reports_that_are_not_believed(old: str, new: str) -> None:
    changed = GOOD.replace(old, new, 1)
    assert changed != GOOD
    assert parse_report(changed.encode()) is None


@pytest.mark.parametrize("line", [b"", b"[]", b"7", b"[" * 5000, b"\xff", GOOD.encode()[:-2]])
def test_lines_that_are_no_report(line: bytes) -> None:
    assert parse_report(line) is None
