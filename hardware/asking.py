"""Finding out what is behind a port: by listening, which writes nothing, or by asking.

Asking writes a few bytes, and whatever keys a radio may transmit them: it is the caller's part
to have a person's consent for that very port. Both end in bounded time and leave the port's
settings as they were. DTR and RTS are held low, but opening a port raises them for an instant.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from hardware import jspr
from hardware.at_line import AtLine, ModemError
from hardware.candidates import HEARD_BYTES_MAX, Candidate, Role, Trust, identified, recognize
from hardware.port import SYSTEM_ERRORS, Port, open_port

# Receivers speak at 9600 or 4800, a RockBLOCK 9704 at 230400, boards and radios at 115200.
LISTEN_BAUDS = (9600, 230_400, 115_200, 4800)
AT_BAUDS = (19_200, 115_200, 9600)
JSPR_BAUD = 230_400
ANSWER_S = 1.0
QUIET_S = 0.1
TRIES = 2


async def listen(path: str, seconds: float) -> bytes:
    """What was said there in ``seconds``, at each usual speed for its share; at most 4096 bytes.

    Ends as soon as something is recognized. Writes nothing. PortError where it cannot be opened.
    """
    heard = b""
    with _as_it_was(path):
        for baud in LISTEN_BAUDS:
            part = await _heard(path, baud, seconds / len(LISTEN_BAUDS))
            if recognize(part) is not None:
                return part
            heard = heard or part
    return heard


async def ask(path: str, answer_s: float = ANSWER_S) -> Candidate | None:
    """What the device answers it is: AT at usual speeds, then JSPR. None if it says nothing.

    Changes no setting of a modem. PortError where the port cannot be opened.
    """
    with _as_it_was(path):
        for baud in AT_BAUDS:
            if (found := await _ask_at(path, baud, answer_s)) is not None:
                return found
        return await _ask_jspr(path, answer_s)


async def _heard(path: str, baud: int, seconds: float) -> bytes:
    heard = b""
    async with open_port(path, baud, dtr=False, rts=False) as port:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while recognize(heard) is None and len(heard) < HEARD_BYTES_MAX:
                    heard += await port.read()
    return heard[:HEARD_BYTES_MAX]


async def _ask_at(path: str, baud: int, answer_s: float) -> Candidate | None:
    async with _at_line(path, baud, answer_s) as line:
        for _attempt in range(TRIES):
            with suppress(ModemError):
                await line.write(b"\r")
                await line.quiet()
                if not (await line.command("AT")).ok:
                    continue
                model = (await line.command("AT+CGMM")).lines
                maker = (await line.command("AT+CGMI")).lines
                return identified(" ".join(model), " ".join(maker))
    return None


async def _ask_jspr(path: str, answer_s: float) -> Candidate | None:
    async with open_port(path, JSPR_BAUD, dtr=True, rts=True) as port:
        with suppress(TimeoutError):
            async with asyncio.timeout(answer_s):
                await port.write(jspr.END + jspr.request("GET", "apiVersion", {}))
                return await _replied(port)
    return None


async def _replied(port: Port) -> Candidate:
    decoder = jspr.Decoder()
    while True:
        for reply in decoder.feed(await port.read()):
            return Candidate(Role.IMT, Trust.CERTAIN, "answered", f"{reply.code} {reply.target}")


@asynccontextmanager
async def _at_line(path: str, baud: int, answer_s: float) -> AsyncIterator[AtLine]:
    async with (
        open_port(path, baud) as port,
        AtLine(
            port,
            lambda _line: None,
            lambda: None,
            command_s=answer_s,
            write_s=answer_s,
            quiet_s=QUIET_S,
        ) as line,
    ):
        yield line


@contextmanager
def _as_it_was(path: str) -> Iterator[None]:
    """Put the line's settings back afterwards, where the system has such."""
    kept = _settings(path)
    try:
        yield
    finally:
        if kept is not None:
            _put_back(path, kept)


def _settings(path: str) -> list[Any] | None:
    with suppress(ImportError, *SYSTEM_ERRORS), _handle(path) as handle:
        import termios

        return termios.tcgetattr(handle)
    return None


def _put_back(path: str, kept: list[Any]) -> None:
    with suppress(*SYSTEM_ERRORS), _handle(path) as handle:
        import termios

        termios.tcsetattr(handle, termios.TCSANOW, kept)


@contextmanager
def _handle(path: str) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        yield handle
    finally:
        os.close(handle)
