"""A played modem's way to the gateway: what it asks, and the TCP line it asks on.

Lines of JSON, at most 256 kB each, the modem speaks first::

    modem    {"op":"attach","imei":"300234010753370"}
    modem    {"op":"session","n":1,"momsn":5,"mo":"c0ffee","mt_max":270}   mo may be null;
             with "leave":true the message it gives stays in the queue
    gateway  {"n":1,"mo_status":0,"mt":"beef","mtmsn":7,"queued":3}        mt may be null
    gateway  {"op":"ring"}                                                 at any time
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from hardware.iridium_status import MT_TOO_BIG

log = logging.getLogger(__name__)

LINE_LIMIT = 262_144
ANSWER_S = 30.0
PAUSE_S = 0.2
PAUSE_LIMIT_S = 5.0


class GatewayLostError(Exception):
    """The gateway cannot be reached, or was lost before it answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway says to a session. ``queued``: messages left behind the one given."""

    mo_status: int
    mt: bytes | None = None
    mtmsn: int = 0
    queued: int = 0


class Gateway(Protocol):
    """What a played modem needs of a gateway. The network is visible while ``connected``."""

    connected: bool

    async def run(self, imei: str, ring: Callable[[], None]) -> None:
        """Attach and stay so until cancelled; call ``ring`` when a message arrives."""

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        """One session. ``mt_max`` 0 takes no message, ``leave`` takes a copy of it.

        Raises GatewayLostError.
        """


class MemoryGateway:
    """A gateway inside this program, for tests and trials. ``received`` in order of arrival."""

    def __init__(self) -> None:
        self.connected = True
        self.received: list[bytes] = []
        self.checks = 0
        self.mailbox: deque[bytes] = deque()
        self._mtmsn = 0
        self._ring: Callable[[], None] | None = None

    async def run(self, imei: str, ring: Callable[[], None]) -> None:
        """See :class:`Gateway`."""
        self._ring = ring
        await asyncio.get_running_loop().create_future()

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        """See :class:`Gateway`."""
        if mo is None:
            self.checks += 1
        else:
            self.received.append(mo)
        if not self.mailbox or not mt_max:
            return Reply(0, queued=len(self.mailbox))
        if len(self.mailbox[0]) > mt_max:
            return Reply(MT_TOO_BIG, queued=len(self.mailbox))
        self._mtmsn += 1
        message = self.mailbox[0]
        if not leave:
            self.mailbox.popleft()
        return Reply(0, message, self._mtmsn, len(self.mailbox))

    def put(self, payload: bytes, *, ring: bool = True) -> None:
        """Leave a message for the modem and, by default, ring it."""
        self.mailbox.append(payload)
        if ring and self._ring is not None:
            self._ring()


class _Line(msgspec.Struct):
    """Any line of the gateway."""

    op: str = ""
    n: int = 0
    mo_status: int = 0
    mt: str | None = None
    mtmsn: int = 0
    queued: int = 0


class Uplink:
    """The gateway at the other end of a TCP connection, called again whenever it is lost."""

    def __init__(self, host: str, port: int) -> None:
        self.connected = False
        self._host = host
        self._port = port
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0
        self._waiting: asyncio.Future[Reply] | None = None

    async def run(self, imei: str, ring: Callable[[], None]) -> None:
        """See :class:`Gateway`."""
        pause_s = PAUSE_S
        while True:
            try:
                reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=LINE_LIMIT
                )
                self._writer.write(_line(op="attach", imei=imei))
                self.connected = True
                pause_s = PAUSE_S
                while line := await reader.readline():
                    self._take(msgspec.json.decode(line, type=_Line), ring)
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                log.info("uplink lost error=%s", type(error).__name__)
            finally:
                self._lose()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_LIMIT_S)

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        """See :class:`Gateway`."""
        if self._writer is None:
            raise GatewayLostError
        self._number += 1
        self._waiting = asyncio.get_running_loop().create_future()
        payload = None if mo is None else mo.hex()
        request = _line(
            op="session", n=self._number, momsn=momsn, mo=payload, mt_max=mt_max, leave=leave
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                self._writer.write(request)
                await self._writer.drain()
                return await self._waiting
        except (OSError, TimeoutError) as error:
            raise GatewayLostError from error
        finally:
            self._waiting = None

    def _take(self, line: _Line, ring: Callable[[], None]) -> None:
        if line.op == "ring":
            ring()
        elif line.n == self._number and self._waiting is not None and not self._waiting.done():
            mt = None if line.mt is None else bytes.fromhex(line.mt)
            self._waiting.set_result(Reply(line.mo_status, mt, line.mtmsn, line.queued))

    def _lose(self) -> None:
        self.connected = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(GatewayLostError())


def _line(**words: object) -> bytes:
    return msgspec.json.encode(words) + b"\n"
