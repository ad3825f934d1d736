"""Driver for cellular modems by AT commands, messages in PDU mode.

A message is deleted from the card only when whoever took it says so, and everything that lies
in the modem is looked at after each start, so none is lost and the card never fills. The PIN is
entered at most once. One task at a time may call a :class:`GsmModem`; every wait has a deadline.

Source: 3GPP TS 27.005 (3.1 +CPMS, 3.4 +CNMI, +CMGL, +CMGR, +CMGD, 4.3 +CMGS), TS 27.007
(7.2 +CREG, 8.3 +CPIN, 8.5 +CSQ).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from zlib import crc32

from hardware.at import Answer, Dialogue
from hardware.at_line import AtLine, ModemError, ModemTrouble
from hardware.port import Port, open_port
from hardware.sim_pin import PinError, PinFile
from hardware.sms_assembly import Assembly, Message
from hardware.sms_pdu import PDU_BYTES_MAX, PduError, Piece, decode, of_data, of_text, submit
from hardware.sms_phone import Incoming, SmsError, SmsTrouble, bars, failure

UNSOLICITED = ("+CMTI:", "+CDSI:")
LIST_LINES_MAX = 512  # two for each message; what a list leaves out comes with the next one
NEWS_MAX = 64
SIM_TRIES = 10
MEMORIES = ("SM", "ME", "MT", "SR")
_ESCAPE = b"\x1b"
_WRITTEN_HERE = ("2", "3")  # stored, not sent and sent
_REGISTERED = (1, 5, 6, 7, 9, 10)  # home, roaming, and both for messages only


@dataclass(frozen=True, slots=True)
class Timing:
    """Deadlines and pauses in seconds. ``send_s``: the network's time to take a message."""

    command_s: float = 10.0
    probe_s: float = 1.0
    probe_tries: int = 10
    write_s: float = 10.0
    send_s: float = 90.0
    list_s: float = 30.0
    sim_s: float = 2.0
    quiet_s: float = 0.3


@asynccontextmanager
async def open_gsm(
    path: str, baud: int, timing: Timing, pin: PinFile | None = None
) -> AsyncIterator[GsmModem]:
    """Open the port and start the modem. Raises PortError, ModemError or SmsError.

    A silent modem gets a second chance with the port closed and opened again.
    """
    for last in (False, True):
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(open_port(path, baud))
            modem = await stack.enter_async_context(GsmModem(port, timing, pin))
            try:
                await modem.start()
            except ModemError:
                if last:
                    raise
                continue
            yield modem
            return


class GsmModem:
    """One started modem on an open port; see :class:`hardware.sms_phone.Phone`."""

    def __init__(self, port: Port, timing: Timing, pin: PinFile | None = None) -> None:
        self.changed = asyncio.Event()
        self.signal: int | None = None
        self.registered = False
        self._timing = timing
        self._pin = pin
        self._line = AtLine(
            port,
            self._take,
            self.changed.set,
            command_s=timing.command_s,
            write_s=timing.write_s,
            quiet_s=timing.quiet_s,
            dialogue=Dialogue(UNSOLICITED, LIST_LINES_MAX),
        )
        self._now = asyncio.get_running_loop().time
        self._memories: tuple[str, ...] = ()
        self._memory = ""
        self._assembly = Assembly()
        self._news: list[tuple[str, int]] = []
        self._all = True

    async def __aenter__(self) -> GsmModem:
        await self._line.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._line.__aexit__(kind, error, trace)

    def check(self) -> None:
        """Raise PortError if the port is gone, ModemError if the modem started again."""
        self._line.check()
        if self._line.echoed:
            raise ModemError(ModemTrouble.SILENT, "the modem started again")

    async def start(self) -> None:
        """Wake and configure the modem. A message that was being entered is given up."""
        await self._line.write(_ESCAPE)
        await self._line.wake(self._timing.probe_tries, self._timing.probe_s)
        await self._line.must("ATE0")
        self._line.expect_no_echo()
        await self._line.must("ATV1Q0")
        await self._line.command("AT+CMEE=1")
        await self._unlock()
        await self._line.must("AT+CMGF=0")
        await self._find_memories()
        for text in ("AT+CNMI=2,1,0,2,0", "AT+CNMI=2,1,0,0,0", "AT+CNMI=1,1,0,0,0"):
            if (await self._line.command(text)).ok:
                break
        self.look_again()
        await self.look()

    async def look(self) -> None:
        """See :class:`hardware.sms_phone.Phone`. A lost +CMTI is made up for as well."""
        found = _number(await self._line.command("AT+CSQ"), r"\+CSQ:\s*(\d{1,3})")
        self.signal = None if found is None else bars(found)
        registered = False
        for text in ("CREG", "CEREG"):
            answer = await self._line.command(f"AT+{text}?")
            found = _number(answer, rf"\+{text}:\s*\d,\s*(\d{{1,2}})")
            registered = registered or found in _REGISTERED
        self.registered = registered
        self.look_again()
        self.check()

    async def send_data(self, number: str, data: bytes, validity_s: float) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        await self._submit(number, of_data(data), validity_s)

    async def send_text(self, number: str, text: str, *, report: bool) -> int:
        """See :class:`hardware.sms_phone.Phone`. PduError for a text that is too long."""
        pieces = of_text(text, crc32(text.encode()))
        reference = 0
        for place, piece in enumerate(pieces):
            try:
                reference = await self._submit(number, piece, None, report=report)
            except SmsError as error:
                maybe = error.maybe or place > 0
                raise SmsError(error.code, error.detail, error.retry_s, maybe=maybe) from error
        return reference

    async def inbox(self) -> list[Incoming]:
        """See :class:`hardware.sms_phone.Phone`."""
        if self._all:
            self._news.clear()
            self._assembly.forget()
            stored = [one for memory in self._memories for one in await self._list(memory)]
            self._all = False
        else:
            news, self._news = self._news, []
            stored = []
            for memory, index in news:
                stored += await self._read(memory, index)
        now_s = self._now()
        found = [self._assembly.add(place, message, now_s) for place, message in stored]
        return [one for one in found if one is not None] + self._assembly.overdue(now_s)

    def look_again(self) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        self._all = True

    async def delete(self, incoming: Incoming) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        for place in incoming.places:
            memory, _space, index = place.partition(" ")
            await self._select(memory)
            await self._line.command(f"AT+CMGD={index}")

    # -- the card --------------------------------------------------------------------------

    async def _unlock(self) -> None:
        """Wait for the card; enter the PIN where it wants one and there is one. SmsError SIM."""
        for _ in range(SIM_TRIES):
            answer = await self._line.command("AT+CPIN?")
            words = " ".join(answer.lines)
            if answer.ok and "READY" in words:
                return
            if answer.ok and re.search(r"\+CPIN:\s*SIM PIN$", words):
                await self._enter_pin()
            elif answer.ok:
                raise SmsError(SmsTrouble.SIM, words, 600.0)
            elif (error := failure(words)).code is SmsTrouble.SIM:
                raise error
            await asyncio.sleep(self._timing.sim_s)
        raise SmsError(SmsTrouble.SIM, "the card does not become ready", 30.0)

    async def _enter_pin(self) -> None:
        if self._pin is None:
            raise SmsError(SmsTrouble.SIM, "SIM PIN, and no pin_file is named", 600.0)
        try:
            pin = await asyncio.to_thread(self._pin.take)
        except PinError as error:
            raise SmsError(SmsTrouble.SIM, str(error), 600.0) from error
        try:
            answer = await self._line.command(f'AT+CPIN="{pin}"', self._timing.list_s)
        except ModemError as error:
            raise ModemError(error.code, "AT+CPIN") from None  # its words would tell the PIN
        if not answer.ok:
            words = " ".join(answer.lines)
            told = words if words and pin not in words else "PIN refused"
            raise SmsError(SmsTrouble.SIM, told, 600.0)
        await asyncio.to_thread(self._pin.accepted)

    async def _find_memories(self) -> None:
        """Which memories there are; a card that was just unlocked needs some seconds."""
        for _ in range(SIM_TRIES):
            answer = await self._line.command("AT+CPMS=?", self._timing.list_s)
            found = re.search(r"\+CPMS:\s*\(([^)]*)\)", " ".join(answer.lines))
            if found:
                named = re.findall(r'"([A-Z]{2})"', found.group(1))
                # MT is SM and ME together: it would give everything twice.
                both = {"SM", "ME"} & set(named)
                self._memories = tuple(
                    one for one in MEMORIES if one in named and not (one == "MT" and both)
                )
                if self._memories:
                    self._memory = ""
                    await self._select(self._memories[0])
                    return
            await asyncio.sleep(self._timing.sim_s)
        raise ModemError(ModemTrouble.GARBLED, "AT+CPMS=?")

    async def _select(self, memory: str) -> None:
        """Read and delete in this memory from now on (+CPMS)."""
        if memory == self._memory:
            return
        self._memory = ""
        await self._line.must(f'AT+CPMS="{memory}"', self._timing.list_s)
        self._memory = memory

    # -- messages --------------------------------------------------------------------------

    async def _submit(
        self, number: str, piece: Piece, validity_s: float | None, *, report: bool = False
    ) -> int:
        message = submit(number, piece, validity_s=validity_s, report=report)
        # A modem that started again takes text: what follows would go to a wrong number.
        await self._line.must("AT+CMGF=0")
        self.check()
        text = f"AT+CMGS={message.length}"
        answer = await self._line.entry(
            text, message.pdu.hex().upper().encode("ascii"), self._timing.send_s
        )
        if not answer.ok:
            raise failure(answer.lines[-1] if answer.lines else "ERROR")
        return _number(answer, r"\+CMGS:\s*(\d{1,3})") or 0

    async def _list(self, memory: str) -> list[tuple[str, Message]]:
        await self._select(memory)
        answer = await self._line.must("AT+CMGL=4", self._timing.list_s)
        found = []
        for header, pdu in _pairs(answer, "+CMGL:"):
            index = re.match(r"\s*(\d{1,5})\s*,\s*(\d)", header)
            # What a person wrote in a phone and left on the card is not ours to judge.
            if index and index.group(2) not in _WRITTEN_HERE and _says_so_many(header, pdu):
                found.append((f"{memory} {index.group(1)}", _understood(pdu)))
        return found

    async def _read(self, memory: str, index: int) -> list[tuple[str, Message]]:
        """One message, or none: another listing will find what could not be read well."""
        if memory not in self._memories:
            self.look_again()
            return []
        await self._select(memory)
        answer = await self._line.command(f"AT+CMGR={index}")
        for header, pdu in _pairs(answer, "+CMGR:"):
            if _says_so_many(header, pdu):
                return [(f"{memory} {index}", _understood(pdu))]
        return []

    def _take(self, line: str) -> None:
        found = re.fullmatch(r'\+(?:CMTI|CDSI):\s*"([A-Z]{2})"\s*,\s*(\d{1,5})', line)
        if found and len(self._news) < NEWS_MAX:
            self._news.append((found.group(1), int(found.group(2))))
        else:
            self.look_again()
        self.changed.set()


def _pairs(answer: Answer, prefix: str) -> list[tuple[str, bytes]]:
    """Headers with the message in the line behind; lines that came between are passed over."""
    found = []
    header = None
    for line in answer.lines:
        if line.startswith(prefix):
            header = line[len(prefix) :]
        elif header is not None and re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", line):
            if len(line) <= 2 * PDU_BYTES_MAX:
                found.append((header, bytes.fromhex(line)))
            header = None
    return found


def _says_so_many(header: str, pdu: bytes) -> bool:
    """Whether the message is as long as its header says, so whole."""
    length = re.search(r",\s*(\d{1,3})\s*$", header)
    return length is not None and bool(pdu) and len(pdu) == 1 + pdu[0] + int(length.group(1))


def _understood(pdu: bytes) -> Message:
    try:
        return decode(pdu)
    except PduError:
        return None


def _number(answer: Answer, pattern: str) -> int | None:
    found = re.search(pattern, "\n".join(answer.lines))
    return int(found.group(1)) if found else None
