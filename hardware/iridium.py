"""Driver for Iridium SBD modems: 9602, 9603 and the boards around them (RockBLOCK).

It keeps the two rules that lose or double messages when forgotten. Sending does not clear the
modem's MO buffer, so it is cleared after every success and before every mailbox check.
Starting a session clears the MT buffer, so a session is refused until the message in it was
handed up. One task at a time may call a :class:`Modem`; every wait has a deadline.

Source: ISU AT Command Reference, 9602/9603 Developer's Guides, RockBLOCK documentation.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import IntFlag
from types import TracebackType

from hardware.at import COUNT_LIMIT, Answer, Result
from hardware.at_line import AtLine, ModemError, ModemTrouble
from hardware.iridium_status import NO_NETWORK, Session, mo_status
from hardware.iridium_time import parse_ticks
from hardware.port import Port, open_port

READ_TRIES = 3
WRITE_TRIES = 3
RECOVER_TRIES = 3
NETWORK_TRIES = 3
SAFE_FIRMWARE = 13001  # older ones may lock out after a session without network
LOE_S_MAX = 3600.0
_VERDICTS = ("0", "1", "2", "3")  # of +SBDWB: taken, too late, wrong checksum, wrong size

Deliver = Callable[[bytes], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Deadlines and pauses in seconds. ``session_s`` below 60 calls healthy modems dead."""

    command_s: float = 5.0
    probe_s: float = 1.0
    probe_tries: int = 10
    write_s: float = 10.0
    session_s: float = 90.0
    gap_s: float = 10.0
    network_s: float = 10.0
    quiet_s: float = 0.3


@dataclass(slots=True)
class Memory:
    """What must outlive one opening of the port.

    ``last_mt``: MTMSN and payload of the message that was handed up and not cleared yet.
    ``writing``: size of the payload that the modem may still be waiting for.
    ``garbled``: MTMSN of a message whose bytes came damaged each time they were read.
    """

    last_mt: tuple[int, bytes] | None = None
    writing: int = 0
    garbled: int | None = None
    session_ended_at: float | None = None


class DeliveryCode(IntFlag):
    """Delivery Short Code (+SBDDSC): what the gateway does with messages that wait for us.

    ``HOLD``: it keeps them; sessions only send. ``LEAVE``: it delivers, and keeps them all the
    same: for a drill that must not use up real orders.
    """

    NONE = 0
    LEAVE = 0x40
    HOLD = 0x80


@dataclass(frozen=True, slots=True)
class Options:
    """How to open the modem. ``flow_control`` needs a cable with RTS and CTS."""

    baud: int = 19200
    flow_control: bool = False
    delivery: DeliveryCode = DeliveryCode.NONE
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the modem says it is. ``firmware`` like ``TA16005``, empty where unknown."""

    imei: str
    model: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Buffers:
    """The answer to +SBDSX: what lies in the modem, and how many messages wait for it.

    Firmware that only has +SBDS does not tell of rings and waiting messages.
    """

    mo: bool
    momsn: int
    mt: bool
    mtmsn: int
    ring: bool
    waiting: int


@asynccontextmanager
async def open_modem(
    path: str,
    options: Options,
    memory: Memory,
    power_cycle: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Modem]:
    """Open the port and start the modem. Raises PortError or ModemError.

    A silent modem gets a second chance with the port closed and reopened, and a third one
    after ``power_cycle`` where the kit can do that. After it only a person can help.
    """
    cures = [_nothing, _nothing] + ([power_cycle] if power_cycle else [])
    for step, cure in enumerate(cures):
        await cure()
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(
                open_port(path, options.baud, options.flow_control)
            )
            modem = await stack.enter_async_context(
                Modem(
                    port,
                    memory,
                    options.timing,
                    flow_control=options.flow_control,
                    delivery=options.delivery,
                )
            )
            try:
                await modem.start()
            except ModemError as error:
                if error.code is ModemTrouble.HARDWARE or step == len(cures) - 1:
                    raise
                memory.writing = COUNT_LIMIT  # a program that crashed may have left it so
                continue
            yield modem
            return


async def _nothing() -> None:
    """Before the first opening; and the cure that is closing and opening again."""


class Modem:
    """One started modem on an open port; a context manager around its reading task.

    ``changed`` is set whenever ``signal`` (bars 0..5), ``service``, ``ring`` or the port's
    life changes; the caller clears it. ``queued`` counts messages waiting at the gateway,
    ``damaged`` those that came over the port with a wrong checksum and were given up.
    """

    def __init__(
        self,
        port: Port,
        memory: Memory,
        timing: Timing,
        *,
        flow_control: bool = False,
        delivery: DeliveryCode = DeliveryCode.NONE,
    ) -> None:
        self.identity = Identity("", "", "")
        self.signal: int | None = None
        self.service: bool | None = None
        self.ring = False
        self.queued = 0
        self.damaged = 0
        self.changed = asyncio.Event()
        self._delivery = delivery
        self._memory = memory
        self._timing = timing
        self._flow_control = flow_control
        self._line = AtLine(
            port,
            self._take,
            self.changed.set,
            command_s=timing.command_s,
            write_s=timing.write_s,
            quiet_s=timing.quiet_s,
        )
        self._now = asyncio.get_running_loop().time
        self._fault = ""
        self._sent = False
        self._unread: int | None = None

    async def __aenter__(self) -> Modem:
        await self._line.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._line.__aexit__(kind, error, trace)

    @property
    def unread(self) -> bool:
        """Whether a message lies in the MT buffer that was not handed up yet."""
        return self._unread is not None

    @property
    def restarted(self) -> bool:
        """Whether the modem lost power meanwhile and with it what :meth:`start` told it.

        A brown-out says nothing, but afterwards commands are echoed again.
        """
        return self._line.echoed

    @property
    def pause_s(self) -> float:
        """Seconds until the next session may start."""
        if self._memory.session_ended_at is None:
            return 0.0
        return max(0.0, self._memory.session_ended_at + self._timing.gap_s - self._now())

    def check(self) -> None:
        """Raise PortError if the port is gone, ModemError if the modem told of a failure."""
        self._line.check()
        if self._fault:
            raise ModemError(ModemTrouble.HARDWARE, self._fault)

    async def start(self, tries: int | None = None) -> Identity:
        """Wake and configure the modem, ask who it is and what lies in its buffers."""
        if self._memory.writing:
            # It may still count bytes of +SBDWB. Whatever this leaves in the MO buffer is
            # overwritten or cleared before the next session.
            filler = bytes(self._memory.writing + 2)
            self._memory.writing = 0
            await self._line.write(filler)
        await self._line.wake(tries or self._timing.probe_tries, self._timing.probe_s)
        flow = "AT&K3" if self._flow_control else "AT&K0"
        await self._line.must("ATE0")
        self._line.expect_no_echo()
        await self._line.must("ATV1Q0")
        for text in (flow, "AT&D0"):
            await self._line.command(text)  # a board without these lines may refuse them
        self.identity = await self._identify()
        for text in ("AT+SBDMTA=1", "AT+CIER=1,1,1"):
            await self._line.command(text)  # not every firmware has them
        await self._set_delivery()
        await self.buffers()
        self.check()
        return self.identity

    async def _identify(self) -> Identity:
        """Who it is. Only the IMEI must be there, by one command or the other."""
        for text in ("AT+CGSN", "AT+GSN"):
            lines = (await self._line.command(text)).lines
            imei = next((line for line in lines if re.fullmatch(r"\d{15}", line)), None)
            if imei is not None:
                break
        else:
            raise ModemError(ModemTrouble.GARBLED, "no IMEI")
        model = (await self._line.command("AT+CGMM")).lines
        firmware = re.search(r"TA\d{5}", " ".join((await self._line.command("AT+CGMR")).lines))
        return Identity(imei, model[0] if model else "", firmware.group() if firmware else "")

    async def _set_delivery(self) -> None:
        """Always said, since the modem may remember the last drill.

        A drill on a modem that cannot leave messages in the queue would use up real orders.
        """
        answer = await self._line.command(f"AT+SBDDSC={int(self._delivery)}")
        if not answer.ok and self._delivery:
            raise ModemError(ModemTrouble.REFUSED, "AT+SBDDSC")

    async def recover(self) -> None:
        """Bring a modem back that was silent, talked nonsense or restarted. ModemError if not.

        The first two steps of the ladder; the others are those of :func:`open_modem`.
        """
        self.check()
        await self.start(RECOVER_TRIES)

    async def buffers(self) -> Buffers:
        """What lies in the modem (+SBDSX); an MT message in it counts as unread from now on."""
        answer = await self._line.command("AT+SBDSX")
        if answer.ok:
            numbers = _numbers(answer, "+SBDSX:", 6)
        else:
            numbers = [*_numbers(await self._line.must("AT+SBDS"), "+SBDS:", 4), 0, 0]
        found = Buffers(
            mo=bool(numbers[0]),
            momsn=numbers[1],
            mt=bool(numbers[2]),
            mtmsn=numbers[3],
            ring=bool(numbers[4]),
            waiting=max(0, numbers[5]),
        )
        self._unread = found.mtmsn if found.mt else None
        self.ring = self.ring or found.ring
        self.queued = found.waiting
        return found

    async def exchange(self, payload: bytes | None) -> Session:
        """One session that carries ``payload``, or checks the mailbox with None.

        Call :meth:`settle` before and after. A failed one may still have delivered. It
        answers the ring alert if there is one.
        """
        if self.unread:
            raise RuntimeError("a session would destroy the unread MT message")
        if payload is None:
            await self._clear(0)
        else:
            await self._write_mo(payload)
        session = await self._session()
        self._sent = session.ok
        if session.ok:
            self.queued = session.queued
        if session.received:
            self._unread = session.mtmsn
        return session

    async def settle(self, deliver: Deliver) -> bool:
        """After a session: clear what was sent, hand up what came. True when all is done.

        What came damaged is never handed up.

        ``deliver`` returns whether the message is durable above; until then it stays in the
        modem. A message that was handed up once and is still there is only cleared.
        """
        if self._sent:
            await self._clear(0)
            self._sent = False
        if self._unread is None:
            return True
        payload = await self._read_mt()
        if payload is None:
            self.damaged += 1
        elif payload:
            message = (self._unread, payload)
            if message != self._memory.last_mt and not await deliver(payload):
                return False
            self._memory.last_mt = message
        await self._clear(1)
        self._memory.last_mt = None
        self._unread = None
        return True

    async def ask_signal(self) -> int | None:
        """The last known bars, 0..5, at once (+CSQF); None where the firmware has it not."""
        answer = await self._line.command("AT+CSQF")
        found = re.search(r"\+CSQF?:\s*([0-5])\b", " ".join(answer.lines))
        if found:
            self.signal = int(found.group(1))
        return self.signal

    async def ask_ticks(self) -> int | None:
        """Iridium system time in ticks (see ``iridium_time``), None without network."""
        answer = await self._line.command("AT-MSSTM")
        found = (parse_ticks(line) for line in answer.lines)
        return next((ticks for ticks in found if ticks is not None), None)

    async def ask_traffic_wait_s(self) -> float | None:
        """Seconds the network asks to keep silent (+SBDLOE), None where it cannot tell."""
        answer = await self._line.command("AT+SBDLOE")
        found = re.search(r"\+SBDLOE:\s*\d+\s*,\s*(\d+)", " ".join(answer.lines))
        return min(float(found.group(1)), LOE_S_MAX) if found else None

    async def radio_on(self) -> None:
        """Switch the transceiver on (AT*R1)."""
        await self._line.must("AT*R1")

    async def prepare_power_off(self) -> None:
        """Let the modem write its memory (AT*F); afterwards power may be cut."""
        await self._line.must("AT*F", self._timing.write_s)

    async def self_test(self, payload: bytes) -> bool:
        """Write, copy inside the modem (+SBDTC), read back: the whole serial path, for free.

        Uses both buffers, so it is refused while an MT message is unread.
        """
        if self.unread:
            raise RuntimeError("the test would destroy the unread MT message")
        await self._write_mo(payload)
        await self._line.must("AT+SBDTC")
        same = await self._read_mt() == payload
        await self._clear(2)
        return same

    async def _session(self) -> Session:
        await asyncio.sleep(self.pause_s)
        if not await self._may_transmit():
            return Session(mo_status(NO_NETWORK), 0, 0, 0, 0, 0)
        self.check()
        # A ring that comes while the session ends is a new one: remember which was answered.
        ring, self.ring = self.ring, False
        try:
            text = "AT+SBDIXA" if ring else "AT+SBDIX"
            answer = await self._line.must(text, self._timing.session_s)
            mo, momsn, mt, mtmsn, length, queued = _numbers(answer, "+SBDIX:", 6)
            session = Session(mo_status(mo), momsn, mt, mtmsn, length, max(0, queued))
            ring = ring and not session.ok
        finally:
            self._memory.session_ended_at = self._now()
            self.ring = self.ring or ring
        return session

    async def _may_transmit(self) -> bool:
        """Old firmware locks itself out when it starts a session without network."""
        firmware = self.identity.firmware
        if not firmware or int(firmware[2:]) >= SAFE_FIRMWARE:
            return True
        for attempt in range(NETWORK_TRIES):
            if attempt:
                await asyncio.sleep(self._timing.network_s)
            if await self.ask_ticks() is not None:
                return True
        return False

    async def _write_mo(self, payload: bytes) -> None:
        text = f"AT+SBDWB={len(payload)}"
        verdict = ""
        for _ in range(WRITE_TRIES):
            self._memory.writing = len(payload)  # until the modem says how it ended
            answer = await self._line.prompt(text)
            if answer.result is Result.READY:
                answer = await self._line.payload(payload)
            self._memory.writing = 0
            verdict = next((line for line in answer.lines if line in _VERDICTS), "")
            if answer.ok and verdict == "0":
                return
            if verdict == "3":
                raise ModemError(ModemTrouble.TOO_LARGE, f"{len(payload)} bytes")
        raise ModemError(ModemTrouble.REFUSED, f"{text} {verdict}".rstrip())

    async def _read_mt(self) -> bytes | None:
        """The MT message. None for one that stays damaged after the port was opened anew.

        It is given up then, so that it does not stop all traffic: no receipt goes out for it,
        and its sender sends it again.
        """
        for _ in range(READ_TRIES):
            answer = await self._line.counted("AT+SBDRB")
            if answer.ok:
                self._memory.garbled = None
                return answer.data
            await self._line.quiet()
        if self._unread is not None and self._memory.garbled == self._unread:
            self._memory.garbled = None
            return None
        self._memory.garbled = self._unread
        raise ModemError(ModemTrouble.GARBLED, "AT+SBDRB")

    async def _clear(self, which: int) -> None:
        """Clear MO (0), MT (1) or both (2)."""
        answer = await self._line.must(f"AT+SBDD{which}")
        if answer.lines != ("0",):
            raise ModemError(ModemTrouble.REFUSED, f"AT+SBDD{which}")

    def _take(self, line: str) -> None:
        if line.startswith("SBDRING"):
            self.ring = True
        elif line.startswith("HARDWARE FAILURE"):
            self._fault = line
        elif found := re.fullmatch(r"\+CIEV:\s*([01]),\s*(\d)", line):
            value = int(found.group(2))
            if found.group(1) == "0":
                self.signal = min(value, 5)
            else:
                self.service = value == 1
        self.changed.set()


def _numbers(answer: Answer, prefix: str, count: int) -> list[int]:
    for line in answer.lines:
        if line.startswith(prefix):
            found = re.findall(r"-?\d{1,10}", line[len(prefix) :])
            if len(found) == count:
                return [int(number) for number in found]
    raise ModemError(ModemTrouble.GARBLED, prefix)
