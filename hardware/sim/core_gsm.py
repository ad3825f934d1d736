"""The inside of a played GSM modem: AT commands, a card and its places; bytes in, bytes out.

It has the habits that break careless drivers: after power-up it echoes, wants text instead of
PDUs and reports nothing; a full card takes nothing more; news stand in the middle of answers.
Source: 3GPP TS 27.005, TS 27.007.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.sim.faults import Fault, Script
from hardware.sim.sms_network import NO_SERVICE, SmsNetwork

LINE_MAX = 400
BACKLOG_MAX = 4096
PIN_TRIES = 3
_CTRL_Z, _ESCAPE = 0x1A, 0x1B


@dataclass(frozen=True, slots=True)
class Nature:
    """How the modem is. ``pin``: of the card, empty for none. Times in seconds.

    ``boot_s``: deaf after power-on. ``card_s``: until the card answers after that.
    """

    number: str = "+262639000001"
    places: int = 20
    pin: str = ""
    card: bool = True
    boot_s: float = 1.0
    card_s: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class Card:
    """The SIM card: what survives without power."""

    places: int
    stored: dict[int, bytes] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    reports: dict[int, bytes] = field(default_factory=dict)
    pin_tries: int = PIN_TRIES

    def put(self, pdu: bytes) -> tuple[str, int] | None:
        """Keep a message where its kind is kept; memory and place, None if it is full."""
        report = pdu[1 + pdu[0]] & 3 == 2
        store = self.reports if report else self.stored
        free = next((at for at in range(1, self.places + 1) if at not in store), None)
        if free is None:
            return None
        store[free] = pdu
        return "SR" if report else "SM", free


class _RefusedError(Exception):
    """The command ends so."""


class CoreGsm:
    """The modem while it has power. ``write`` takes its bytes, ``suffer`` its accidents."""

    def __init__(
        self,
        nature: Nature,
        network: SmsNetwork,
        script: Script,
        write: Callable[[bytes], None],
        suffer: Callable[[Fault], None],
    ) -> None:
        self.card = Card(nature.places)
        self.submissions = 0
        self.misdirected: list[bytes] = []
        self.pins: list[str] = []
        self._nature = nature
        self._network = network
        self._script = script
        self._write = write
        self._suffer = suffer
        self._chance = random.Random(f"{nature.seed} {nature.number}")
        self._sending: asyncio.Task[None] | None = None
        self._starting: asyncio.TimerHandle | None = None
        self.power_up()

    def power_up(self) -> None:
        """Start as after power-on."""
        self.power_off()
        self._echo, self._pdu_mode, self._told = True, False, False
        self._report_news = False
        self._why = False
        self._memory = "SM"
        self._open = not self._nature.pin
        self._card_at_s = asyncio.get_running_loop().time() + self._nature.card_s
        self._line = bytearray()
        self._backlog = bytearray()
        self._wanted = 0
        self._aside = b""
        self._starting = asyncio.get_running_loop().call_later(self._nature.card_s, self._attach)

    def power_off(self) -> None:
        """Stop whatever goes on."""
        self._network.detach(self._nature.number)
        if self._starting is not None:
            self._starting.cancel()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _attach(self) -> None:
        if self._ready:
            self._network.attach(self._nature.number, self)

    @property
    def _ready(self) -> bool:
        late = asyncio.get_running_loop().time() >= self._card_at_s
        return self._nature.card and self._open and late

    def receive(self, data: bytes) -> None:
        """Bytes from the port. While a message is sent they wait."""
        self._backlog += data[: max(0, BACKLOG_MAX - len(self._backlog))]
        while self._backlog and self._sending is None:
            byte = self._backlog.pop(0)
            if self._wanted:
                self._take_entry(byte)
            else:
                self._take_character(byte)

    def take(self, pdu: bytes) -> bool:
        """See :class:`hardware.sim.sms_network.Mobile`."""
        place = self.card.put(pdu)
        if place is None:
            return False
        if self._told and (place[0] == "SM" or self._report_news):
            name = "+CMTI" if place[0] == "SM" else "+CDSI"
            self.say(f'{name}: "{place[0]}",{place[1]}')
        return True

    def say(self, line: str) -> None:
        """A line nobody asked for, wherever the answer is just now."""
        self._write(f"\r\n{line}\r\n".encode("ascii"))

    def noise(self, count: int) -> None:
        """Random bytes on the line."""
        self._write(self._chance.randbytes(count))

    # -- lines -----------------------------------------------------------------------------

    def _answer(self, lines: tuple[str, ...] = (), end: str = "OK") -> None:
        aside, self._aside = self._aside, b""
        text = b"".join(f"\r\n{line}\r\n".encode("ascii") + aside for line in lines[:1])
        text += "".join(f"\r\n{line}\r\n" for line in lines[1:]).encode("ascii")
        self._write(text + (b"" if lines else aside) + f"\r\n{end}\r\n".encode("ascii"))

    def _take_character(self, byte: int) -> None:
        if self._echo:
            self._write(bytes([byte]))
        if byte == _ESCAPE:
            self._line.clear()
        elif byte != 0x0D:
            if len(self._line) <= LINE_MAX:
                self._line.append(byte)
        else:
            line = self._line.decode("latin-1")
            self._line.clear()
            if found := re.search("AT(.*)", line, re.DOTALL):
                self._execute(found.group(1))

    def _execute(self, line: str) -> None:
        fault = self._script.for_command("AT" + line)
        if fault is not None and fault.kind == "ring":
            self._aside = b"\r\nRING\r\n"
        elif fault is not None and fault.kind == "noise":
            self.noise(fault.count)
        elif fault is not None:
            self._suffer(fault)
            return
        try:
            lines = self._obey(line)
        except _RefusedError as refusal:
            self._answer(end=str(refusal) if self._why else "ERROR")
            return
        if lines is not None:
            self._answer(lines)

    def _obey(self, line: str) -> tuple[str, ...] | None:
        """The answer's lines; None where it comes later."""
        if line == "":
            return ()
        if re.fullmatch("([EVQ][01])+", line):
            if found := re.search("E([01])", line):
                self._echo = found.group(1) == "1"
            return ()
        if line.startswith("+CMEE="):
            self._why = line != "+CMEE=0"
            return ()
        if line == "+CSQ":
            return (f"+CSQ: {self._chance.randint(9, 31) if self._network.service else 99},99",)
        if line in ("+CREG?", "+CEREG?"):
            return (f"{line[:-1]}: 0,{1 if self._network.service and self._ready else 2}",)
        if line.startswith("+CPIN"):
            return self._obey_pin(line)
        if not self._ready:
            raise _RefusedError(self._card_state())
        return self._obey_sms(line)

    def _card_state(self) -> str:
        if not self._nature.card:
            return "+CME ERROR: 10"
        if asyncio.get_running_loop().time() < self._card_at_s:
            return "+CME ERROR: 14"
        return "+CME ERROR: 11" if self.card.pin_tries else "+CME ERROR: 12"

    def _obey_pin(self, line: str) -> tuple[str, ...]:
        if self._ready:
            return ("+CPIN: READY",)
        state = self._card_state()
        if state.endswith((" 10", " 14")):
            raise _RefusedError(state)
        if line == "+CPIN?":
            return ("+CPIN: SIM PIN" if self.card.pin_tries else "+CPIN: SIM PUK",)
        pin = line[len("+CPIN=") :].strip('"')
        self.pins.append(pin)
        if not self.card.pin_tries or pin != self._nature.pin:
            self.card.pin_tries = max(0, self.card.pin_tries - 1)
            raise _RefusedError("+CME ERROR: 16")
        self.card.pin_tries = PIN_TRIES
        self._open = True
        self._attach()
        return ()

    # -- messages --------------------------------------------------------------------------

    def _obey_sms(self, line: str) -> tuple[str, ...] | None:
        if line.startswith("+CMGF="):
            self._pdu_mode = line == "+CMGF=0"
            return ()
        if line == "+CPMS=?":
            return ('+CPMS: ("SM","SR"),("SM"),("SM")',)
        if found := re.fullmatch(r'\+CPMS="(SM|SR)"', line):
            self._memory = found.group(1)
            return (f"+CPMS: {len(self._store)},{self.card.places},0,0,0,0",)
        if found := re.fullmatch(r"\+CNMI=[12],1,0,([02]),0", line):
            self._told, self._report_news = True, found.group(1) == "2"
            return ()
        if line == "+CMGL=4" and self._pdu_mode:
            rows = [(f"+CMGL: {at},1,,", pdu) for at, pdu in sorted(self._store.items())]
            return tuple(text for head, pdu in rows for text in _lines(head, pdu))
        if found := re.fullmatch(r"\+CMG([RD])=(\d{1,5})", line):
            return self._obey_place(found.group(1), int(found.group(2)))
        if found := re.fullmatch(r"\+CMGS=(\d{1,3})", line):
            self._wanted = int(found.group(1)) or 1
            self._write(b"\r\n> ")
            return None
        raise _RefusedError("+CMS ERROR: 303")

    @property
    def _store(self) -> dict[int, bytes]:
        return self.card.stored if self._memory == "SM" else self.card.reports

    def _obey_place(self, what: str, at: int) -> tuple[str, ...]:
        if at not in self._store:
            if what == "D":
                return ()
            raise _RefusedError("+CMS ERROR: 321")
        if what == "R":
            return _lines("+CMGR: 0,,", self._store[at])
        del self._store[at]
        asyncio.get_running_loop().call_soon(self._network.bring, self._nature.number)
        return ()

    def _take_entry(self, byte: int) -> None:
        if byte == _ESCAPE:
            self._wanted = 0
            self._line.clear()
            self._answer()
        elif byte != _CTRL_Z:
            if len(self._line) <= LINE_MAX:
                self._line.append(byte)
        else:
            entered, wanted = bytes(self._line), self._wanted
            self._line.clear()
            self._wanted = 0
            self._sending = asyncio.get_running_loop().create_task(self._send(entered, wanted))

    async def _send(self, entered: bytes, wanted: int) -> None:
        try:
            end = await self._submit(entered, wanted)
        except (ValueError, IndexError):
            end = -304
        finally:
            self._sending = None
        if end is None:
            pass
        elif end < 0:
            why = f"+CMS ERROR: {-end}"
            self._answer(end=why if self._why else "ERROR")
        else:
            self._answer((f"+CMGS: {end}",))
        self.receive(b"")

    async def _submit(self, entered: bytes, wanted: int) -> int | None:
        """The reference, minus a cause, or None where an accident takes the answer away."""
        if not self._pdu_mode:
            self.misdirected.append(entered)
            return 0
        pdu = bytes.fromhex(entered.decode("ascii"))
        tpdu = pdu[1 + pdu[0] :]
        if len(tpdu) != wanted:
            return -304
        self.submissions += 1
        self.reference = self.submissions & 0xFF
        tpdu = tpdu[:1] + bytes([self.reference]) + tpdu[2:]
        fault = self._script.for_session(self.submissions)
        if fault is not None:
            if fault.delivered and self._network.service:
                self._network.accept(self._nature.number, tpdu)
            if fault.kind == "status":
                return -(fault.status or NO_SERVICE)
            if fault.kind != "ring":
                self._suffer(fault)
                return None
            self._aside = b"\r\nRING\r\n"
        return await self._network.submit(self._nature.number, tpdu)


def _lines(head: str, pdu: bytes) -> tuple[str, str]:
    return f"{head}{len(pdu) - 1 - pdu[0]}", pdu.hex().upper()
