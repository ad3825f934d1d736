"""A played Iridium gateway: played modems on one side, DirectIP to a center on the other.

Modems connect over TCP and talk in lines of JSON, at most ``LINE_BYTES_MAX`` long::

    modem    {"op":"attach","imei":"300234010753370"}                      first, once
    modem    {"op":"session","n":1,"momsn":5,"mo":"c0ffee","mt_max":270}   mo may be null;
             with "leave":true the message it gives stays in the queue
    gateway  {"n":1,"mo_status":0,"mt":"beef","mtmsn":7,"queued":3}        mt may be null
    gateway  {"op":"ring"}                                                 at any time

``mt_max`` 0 takes no message, as when the radio fails half way. Each session becomes one MO
message, given to the center in order and again until it is confirmed; MT messages wait in
queues of 50. With a spool folder both survive a restart.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hardware.directip import (
    MO_PAYLOAD_BYTES_MAX,
    PRIORITY_LAST,
    QUEUE_FRAMES_MAX,
    Location,
    Malformed,
    MoMessage,
    MtConfirmation,
    MtFlag,
    MtMessage,
    MtStatus,
    SessionStatus,
    decode_mo_confirmation,
    decode_mt,
    encode_mo,
    encode_mt_confirmation,
    is_imei,
    read_message,
)
from hardware.sim.spool import Spool

log = logging.getLogger(__name__)

LINE_BYTES_MAX = 262_144
CONNECTIONS_MAX = 256
MODEMS_MAX = 1000
MO_FRAMES_MAX = 1000
CREDIT_BYTES = 50
CALL_S_MAX = 15.0
PAUSE_S_MIN = 0.2
PAUSE_S_MAX = 30.0

MO_OK, MO_OK_MT_TOO_BIG, MO_QUEUE_FULL, MO_TOO_BIG, NO_NETWORK = 0, 1, 11, 12, 32

BROKEN_OFF = (OSError, asyncio.IncompleteReadError, TimeoutError)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, the same way for the same seed.

    ``confirm_loss``, ``mt_confirm_loss``: chance that a DirectIP confirmation of an MO or MT
    message is lost, so that it comes again. ``delay_s``: the way of each MO message takes so
    long. ``outages``: (start, length) in seconds from the start: no sessions, no DirectIP.
    """

    confirm_loss: float = 0.0
    mt_confirm_loss: float = 0.0
    delay_s: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    seed: int = 0


@dataclass(slots=True)
class Counters:
    """What passed. A credit is a started 50 bytes, or a mailbox check that found nothing."""

    mo: int = 0
    mt: int = 0
    checks: int = 0
    mo_bytes: int = 0
    mt_bytes: int = 0
    credits: int = 0
    delivered: int = 0
    repeated: int = 0


class Attach(msgspec.Struct, tag_field="op", tag="attach"):
    """A modem says which one it is."""

    imei: str

    def __post_init__(self) -> None:
        if not is_imei(self.imei):
            raise ValueError("an IMEI has 15 digits")


class Session(msgspec.Struct, tag_field="op", tag="session"):
    """A modem's session: perhaps a message out, perhaps one back."""

    n: int
    momsn: int
    mo: str | None
    mt_max: int
    leave: bool = False


class PlayedGateway:
    """Run it, wait for ``ready``, then ``modem_port`` and ``mt_port`` are the real ports.

    ``center`` is where MO messages go, and may be set once the center has told its port;
    ``location`` is where the network says to have heard each modem.
    """

    def __init__(
        self,
        center_host: str,
        center_port: int,
        *,
        bind: str = "127.0.0.1",
        modem_port: int = 0,
        mt_port: int = 0,
        spool: Path | None = None,
        mt_bytes_max: int = 270,
        faults: Faults | None = None,
        location: Location | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.modem_port = modem_port
        self.mt_port = mt_port
        self.ready = asyncio.Event()
        self.counters = Counters()
        self.center = (center_host, center_port)
        self._bind = bind
        self._mt_bytes_max = mt_bytes_max
        self._faults = faults or Faults()
        self._mo_chance = random.Random(f"{self._faults.seed} mo")
        self._mt_chance = random.Random(f"{self._faults.seed} mt")
        self._location = location
        self._clock = clock
        self._folder = spool
        self._mo = Spool(spool / "mo" if spool else None)
        self._mo_news = asyncio.Event()
        self._mailboxes: dict[str, Spool] = {}
        for folder in sorted(spool.glob("mt-*")) if spool else []:
            self._mailboxes[folder.name.removeprefix("mt-")] = Spool(folder)
        self._number = max(
            (spool.last_number for spool in (self._mo, *self._mailboxes.values())), default=0
        )
        self._attached: dict[str, asyncio.StreamWriter] = {}
        self._began_at = 0.0

    async def run(self) -> None:
        """Serve until cancelled. OSError when a port cannot be had."""
        self._began_at = asyncio.get_running_loop().time()
        async with (
            self._serving(self._modem, self.modem_port) as self.modem_port,
            self._taking_mt() as self.mt_port,
        ):
            self.ready.set()
            await self._push_all()

    def waiting(self, imei: str) -> int:
        """How many MT messages wait for this modem."""
        return len(self._mailboxes.get(imei, ()))

    @property
    def undelivered(self) -> int:
        """How many MO messages the center has not confirmed yet."""
        return len(self._mo)

    def _taking_mt(self) -> AbstractAsyncContextManager[int]:
        """Takes the center's messages while it lasts; gives the port."""
        return self._serving(self._mt_call, self.mt_port)

    @asynccontextmanager
    async def _serving(self, handler: Handler, port: int) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(tasks) >= CONNECTIONS_MAX:
                writer.transport.abort()
                return
            task = asyncio.create_task(_guarded(handler, reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(called, self._bind, port, limit=LINE_BYTES_MAX)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _modem(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a modem."""
        async with asyncio.timeout(CALL_S_MAX):
            hello = msgspec.json.decode(await reader.readline(), type=Attach)
        imei = hello.imei
        if imei not in self._mailboxes:
            if len(self._mailboxes) >= MODEMS_MAX:
                return
            folder = self._folder / f"mt-{imei}" if self._folder else None
            self._mailboxes[imei] = Spool(folder)
        self._attached[imei] = writer
        try:
            while line := await reader.readline():
                session = msgspec.json.decode(line, type=Session)
                await self._session(imei, session, writer)
        finally:
            if self._attached.get(imei) is writer:
                del self._attached[imei]

    async def _session(self, imei: str, session: Session, writer: asyncio.StreamWriter) -> None:
        """MO is safe before it is answered; MT leaves the queue only once it was answered."""
        mailbox = self._mailboxes[imei]
        payload = bytes.fromhex(session.mo) if session.mo is not None else None
        status = self._judge(payload)
        first, mt = mailbox.first() or ("", None)
        if mt is not None and status == MO_OK and len(mt) > session.mt_max > 0:
            status = MO_OK_MT_TOO_BIG
        if status != MO_OK or session.mt_max <= 0:
            first, mt = "", None
        taken = mt is not None and not session.leave
        mtmsn = _number_of(first) & 0xFFFF if first else 0
        if status in (MO_OK, MO_OK_MT_TOO_BIG):
            self._keep_mo(imei, session.momsn & 0xFFFF, mtmsn, status, payload)
            self._count(payload, mt)
        answer = {
            "n": session.n,
            "mo_status": status,
            "mt": mt.hex() if mt is not None else None,
            "mtmsn": mtmsn,
            "queued": len(mailbox) - taken if status != NO_NETWORK else 0,
        }
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()
        if taken:
            mailbox.drop(first)

    def _judge(self, payload: bytes | None) -> int:
        if self._out():
            return NO_NETWORK
        if payload is not None and len(payload) > MO_PAYLOAD_BYTES_MAX:
            return MO_TOO_BIG
        return MO_QUEUE_FULL if len(self._mo) >= MO_FRAMES_MAX else MO_OK

    def _keep_mo(
        self, imei: str, momsn: int, mtmsn: int, status: int, payload: bytes | None
    ) -> None:
        told = SessionStatus.MT_TOO_BIG if status == MO_OK_MT_TOO_BIG else SessionStatus.OK
        number = self._next_number()
        now_s = int(self._clock())
        message = MoMessage(number, imei, told, momsn, mtmsn, now_s, payload, self._location)
        self._mo.put(f"1-{number:012d}", encode_mo(message))
        self._mo_news.set()

    def _count(self, mo: bytes | None, mt: bytes | None) -> None:
        counters = self.counters
        counters.mo += bool(mo)
        counters.mt += bool(mt)
        counters.checks += not mo
        counters.mo_bytes += len(mo or b"")
        counters.mt_bytes += len(mt or b"")
        counters.credits += (_credits(mo) + _credits(mt)) or 1

    async def _push_all(self) -> None:
        """Give the MO messages to the center, in order, each until it is confirmed."""
        pause_s = PAUSE_S_MIN
        while True:
            self._mo_news.clear()
            if (item := self._mo.first()) is None:
                await self._mo_news.wait()
                continue
            name, message = item
            if not self._out() and await self._push(message):
                self._mo.drop(name)
                self.counters.delivered += 1
                pause_s = PAUSE_S_MIN
            else:
                await asyncio.sleep(pause_s * self._mo_chance.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _push(self, message: bytes) -> bool:
        """One call to the center; whether it confirmed and we heard it."""
        await self._delay()
        try:
            async with asyncio.timeout(CALL_S_MAX):
                reader, writer = await asyncio.open_connection(*self.center)
                try:
                    writer.write(message)
                    await writer.drain()
                    accepted = decode_mo_confirmation(await read_message(reader))
                finally:
                    writer.transport.abort()
        except (*BROKEN_OFF, Malformed) as error:
            log.info("gateway push failed error=%s", type(error).__name__)
            return False
        return self._heard(accepted)

    async def _delay(self) -> None:
        await asyncio.sleep(self._faults.delay_s)

    def _heard(self, accepted: bool) -> bool:
        """Whether a confirmation is heard; one that is lost makes the message come again."""
        if accepted and self._mo_chance.random() < self._faults.confirm_loss:
            self.counters.repeated += 1
            return False
        return accepted

    async def _mt_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call of the center with one MT message."""
        async with asyncio.timeout(CALL_S_MAX):
            message = decode_mt(await read_message(reader))
            number = self._next_number()
            status = self._take_mt(message, number)
            if self._mt_chance.random() < self._faults.mt_confirm_loss:
                return
            answer = MtConfirmation(message.client_id, message.imei, number, status)
            writer.write(encode_mt_confirmation(answer))
            await writer.drain()

    def _take_mt(self, message: MtMessage, number: int) -> int:
        """Queue it; the status to answer."""
        mailbox = self._mailboxes.get(message.imei)
        if self._out():
            return MtStatus.NO_RESOURCES
        if mailbox is None:
            return MtStatus.UNKNOWN_IMEI
        if message.payload is not None and len(message.payload) > self._mt_bytes_max:
            return MtStatus.TOO_BIG
        if message.flags & MtFlag.FLUSH:
            mailbox.clear()
        if message.payload is None:
            if message.flags & MtFlag.RING:
                self._ring(message.imei)
            elif not message.flags & MtFlag.FLUSH:
                return MtStatus.PAYLOAD_EXPECTED
            return MtStatus.OK
        if len(mailbox) >= QUEUE_FRAMES_MAX:
            return MtStatus.QUEUE_FULL
        rank = message.priority or PRIORITY_LAST
        if message.flags & MtFlag.HIGH_PRIORITY:
            rank = 0
        name = f"{rank}-{number:012d}"
        mailbox.put(name, message.payload)
        self._ring(message.imei)
        return mailbox.place(name)

    def _ring(self, imei: str) -> None:
        writer = self._attached.get(imei)
        if writer is not None and writer.transport.get_write_buffer_size() < LINE_BYTES_MAX:
            writer.write(b'{"op":"ring"}\n')

    def _out(self) -> bool:
        passed_s = asyncio.get_running_loop().time() - self._began_at
        return any(start <= passed_s < start + length for start, length in self._faults.outages)

    def _next_number(self) -> int:
        self._number += 1
        return self._number


async def _guarded(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Bytes that make no sense, and connections that break, end that connection only."""
    try:
        await handler(reader, writer)
    except (*BROKEN_OFF, ValueError, RecursionError) as error:
        log.info("gateway connection ended error=%s", type(error).__name__)
    finally:
        writer.close()


def _credits(payload: bytes | None) -> int:
    return -(-len(payload or b"") // CREDIT_BYTES)


def _number_of(name: str) -> int:
    return int(name.partition("-")[2])
