"""The inside of a played 9602: AT commands, buffers and sessions; bytes in, bytes out.

It has the habits that break careless drivers. Sending does not clear the MO buffer; starting
a session clears the MT buffer and reading does not; both are empty after power-up. Counted
bytes come without a line end before them. A failed session may have delivered.
Source: ISU AT Command Reference, 9602 Developer's Guide.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hardware.at import checksum
from hardware.iridium_status import RADIO_OFF
from hardware.iridium_time import ERA_3, TICK_S
from hardware.sim.faults import Fault, Script
from hardware.sim.uplink import Gateway, GatewayLostError, Reply

MO_MAX = 340
MT_MAX = 270
TEXT_MAX = 120
LINE_MAX = 128
BACKLOG_MAX = 2048
MANUFACTURER = "Iridium"
MODEL = "IRIDIUM 9600 Family SBD Transceiver"
REVISION = (
    "Call Processor Version: TA16005",
    "Modem DSP Version: 1.7 svn: 2358",
    "DBB Version: 0x0001 (ASIC)",
    "RFA Version: 0x0007 (SRFA2)",
    "NVM Version: KVS",
    "Hardware Version: BOOST 9602",
)
NO_NETWORK = 32
GATEWAY_SILENT = 17
LOST = (32, 18, 19, 17, 13)
MAYBE = (13, 18, 10, 17, 19)
NOT_SENT = Reply(0)
HOLD_MT, LEAVE_MT = 0x80, 0x40  # +SBDDSC

_BASIC = re.compile(r"(&K|&D|&W|&Y|&F|\*R|\*F|[EVQZ])(\d*)")
_EXTENDED = re.compile(r"([+-](?:[A-Z]+|[a-z]+)\d?)(?:=(.*)|(\?))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Nature:
    """How the modem and its sky are. Times in seconds, ``loss`` and ``maybe`` from 0 to 1.

    ``session_s``: a session takes 0.6 to 1.4 times as long. ``loss``: chance that one fails
    before the gateway has anything; ``maybe``: that the gateway has it and the modem says it
    failed. ``boot_s``: deaf after power-on. ``write_s``: patience for the bytes of +SBDWB.
    ``sky_s``: the signal changes so often. ``lacks``: commands this firmware does not know.
    """

    imei: str = "300234010753370"
    session_s: float = 20.0
    loss: float = 0.0
    maybe: float = 0.0
    seed: int = 0
    boot_s: float = 1.0
    write_s: float = 60.0
    sky_s: float = 10.0
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Profile:
    """What &W0 keeps. The values are those of the factory."""

    echo: bool = True
    quiet: bool = False
    verbose: bool = True
    flow: int = 3
    dtr: int = 2
    alerts: bool = True


class _RefusedError(Exception):
    """The command ends with ERROR."""


class Core9602:
    """The modem while it has power. ``write`` takes its bytes, ``suffer`` its accidents."""

    def __init__(
        self,
        nature: Nature,
        gateway: Gateway,
        script: Script,
        write: Callable[[bytes], None],
        suffer: Callable[[Fault], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.sessions = 0
        self.momsn = 0
        self._nature = nature
        self._gateway = gateway
        self._script = script
        self._write = write
        self._suffer = suffer
        self._clock = clock
        self._chance = random.Random(f"{nature.seed} {nature.imei}")
        self._stored = _Profile()
        self._session: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.power_up()

    def power_up(self) -> None:
        """Start as after power-on: stored profile, both buffers empty."""
        self.power_off()
        self._profile = self._stored
        self._radio = True
        self._reports = (False, False)
        self._bars = 0
        self._mo = self._mt = b""
        self._mtmsn = -1
        self._ring_flag = False
        self._waiting = 0
        self._delivery = 0
        self._garbled: Fault | None = None
        self._backlog = bytearray()
        self._line = bytearray()
        self._text = False
        self._payload = bytearray()
        self._wanted = 0
        self._data_fault: Fault | None = None
        self._ring_inside = False
        self._unsaid: dict[str, str] = {}

    def power_off(self) -> None:
        """Stop whatever goes on."""
        if self._session is not None:
            self._session.cancel()
            self._session = None
        self._stop_timer()

    def receive(self, data: bytes) -> None:
        """Bytes from the port. While a session runs they wait."""
        self._backlog += data[: max(0, BACKLOG_MAX - len(self._backlog))]
        while self._backlog and self._session is None:
            byte = bytes(self._backlog[:1])
            del self._backlog[:1]
            if self._wanted:
                self._take_payload(byte)
            else:
                self._take_character(byte)

    def ring(self) -> None:
        """The gateway says that a message waits."""
        if self._profile.alerts and self._radio:
            self._ring_flag = True
            self._say("SBDRING")

    def look(self, anew: bool = False) -> None:
        """Look at the sky; report what changed, or everything, if reports were asked for."""
        visible = self._gateway.connected and self._radio
        bars = self._chance.randint(2, 5) if visible else 0
        if self._reports[0] and (anew or bars != self._bars):
            self._say(f"+CIEV:0,{bars}")
        if self._reports[1] and (anew or bool(bars) != bool(self._bars)):
            self._say(f"+CIEV:1,{int(visible)}")
        self._bars = bars

    def noise(self, count: int) -> None:
        """Random bytes on the line."""
        self._write(self._chance.randbytes(count))

    def _say(self, line: str) -> None:
        """A line nobody asked for: now, or when the port is back in command mode."""
        if self._wanted or self._session is not None:
            self._unsaid[line.partition(",")[0]] = line
        else:
            self._write(f"\r\n{line}\r\n".encode("ascii"))

    def _say_the_unsaid(self) -> None:
        unsaid, self._unsaid = self._unsaid, {}
        for line in unsaid.values():
            self._say(line)

    def _answer(self, lines: tuple[str, ...] = (), ok: bool = True, data: bytes = b"") -> None:
        end = "\r\n" if self._profile.verbose else "\r"
        before = "\r\n" if self._profile.verbose else ""
        text = "".join(f"{before}{line}\r\n" for line in lines).encode("ascii")
        if self._ring_inside:
            self._ring_inside = False
            text += b"\r\nSBDRING\r\n"
        result = ("OK" if ok else "ERROR") if self._profile.verbose else ("0" if ok else "4")
        if not self._profile.quiet:
            data += f"{before}{result}{end}".encode("ascii")
        self._write(text + data)

    def _take_character(self, character: bytes) -> None:
        if self._profile.echo:
            self._write(character)
        if character != b"\r":
            if len(self._line) <= (MO_MAX if self._text else LINE_MAX):
                self._line += character
            return
        line = bytes(self._line)
        self._line.clear()
        if self._text:
            self._text = False
            self._mo = line[:MO_MAX]
            self._answer(("0",))
        elif found := re.search(r"(AT|at)(.*)", line.decode("latin-1"), re.DOTALL):
            self._execute(found.group(2))

    def _execute(self, line: str) -> None:
        fault = self._script.for_command("AT" + line)
        if fault is not None and fault.kind == "ring":
            self._ring_flag = self._ring_inside = True
        elif fault is not None and fault.kind == "noise":
            self.noise(fault.count)
        elif fault is not None and line.upper().startswith("+SBDWB"):
            self._data_fault = fault
        elif fault is not None and fault.kind == "garble":
            self._garbled = fault
        elif fault is not None:
            self._suffer(fault)
            return
        try:
            if len(line) + 2 > LINE_MAX:
                raise _RefusedError
            if line[:1] in ("+", "-"):
                self._extended(line)
            else:
                self._basic(line.upper())
        except _RefusedError:
            self._answer(ok=False)

    def _basic(self, line: str) -> None:
        place = 0
        while place < len(line):
            found = _BASIC.match(line, place)
            if found is None:
                raise _RefusedError
            self._set(found.group(1), int(found.group(2)[:3] or 0))
            place = found.end()
        self._answer()

    def _set(self, name: str, value: int) -> None:
        fields: dict[str, dict[str, Any]] = {
            "E": {"echo": bool(value)},
            "V": {"verbose": bool(value)},
            "Q": {"quiet": bool(value)},
            "&K": {"flow": value},
            "&D": {"dtr": value},
        }
        if name in fields:
            self._profile = replace(self._profile, **fields[name])
        elif name == "&W":
            self._stored = self._profile
        elif name == "&F":
            self._profile = _Profile()
        elif name == "Z":
            self._profile = self._stored
        elif name == "*R":
            self._radio = bool(value)
            self.look()
        elif name == "*F":
            self._radio = False

    def _extended(self, line: str) -> None:
        found = _EXTENDED.fullmatch(line)
        if found is None:
            raise _RefusedError
        name, value = found.group(1).upper(), found.group(2)
        if name in self._nature.lacks:
            raise _RefusedError
        if name == "+SBDWB":
            self._begin_payload(value)
        elif name == "+SBDRB":
            self._answer(data=self._read_out())
        elif name in ("+SBDIX", "+SBDIXA"):
            self._session = asyncio.create_task(self._run_session(name == "+SBDIXA"))
        elif name == "+SBDWT" and value is None:
            self._text = True
            self._write(b"\r\nREADY\r\n")
        else:
            self._answer(self._told(name, value))

    def _read_out(self) -> bytes:
        data = len(self._mt).to_bytes(2, "big") + self._mt + checksum(self._mt)
        if self._garbled is not None:
            self._garbled = None
            data = data[:-1] + bytes([data[-1] ^ 0x5A])
        return data

    def _told(self, name: str, value: str | None) -> tuple[str, ...]:
        """The lines that answer a command which is over at once."""
        match name:
            case "+CGSN" | "+GSN":
                return (self._nature.imei,)
            case "+CGMI" | "+GMI":
                return (MANUFACTURER,)
            case "+CGMM" | "+GMM":
                return (MODEL,)
            case "+CGMR" | "+GMR":
                return REVISION
            case "+CSQ" | "+CSQF":
                return (f"{name}:{self._bars}",)
            case "+SBDS":
                return ("+SBDS: " + ", ".join(map(str, self._flags())),)
            case "+SBDSX":
                flags = (*self._flags(), int(self._ring_flag), self._waiting)
                return ("+SBDSX: " + ", ".join(map(str, flags)),)
            case "+SBDRT":
                return (
                    "+SBDRT:",
                    "".join(chr(byte) if 32 <= byte < 127 else "." for byte in self._mt),
                )
            case "+SBDREG":
                return (f"+SBDREG:{2 if self._gateway.connected else 1},0",)
            case "+SBDGW":
                return ("+SBDGW: EMSS",)
            case "+CRIS":
                return (f"+CRIS:000,{int(self._ring_flag):03d}",)
            case "-MSSTM":
                return (self._system_time(),)
            case _:
                return self._done(name, value or "")

    def _done(self, name: str, value: str) -> tuple[str, ...]:
        """The lines that answer a command which changes something."""
        match name:
            case "+SBDD0" | "+SBDD1" | "+SBDD2":
                if name != "+SBDD1":
                    self._mo = b""
                if name != "+SBDD0":
                    self._mt, self._mtmsn = b"", -1
                return ("0",)
            case "+SBDC":
                self.momsn = 0
                return ("0",)
            case "+SBDTC":
                self._mt, self._mtmsn = self._mo[:MT_MAX], 0
                return (f"SBDTC: Outbound SBD Copied to Inbound SBD: size = {len(self._mt)}",)
            case "+SBDWT" if 0 < len(value) <= TEXT_MAX:
                self._mo = value.encode("latin-1")
                return ()
            case "+SBDDSC" if re.fullmatch(r"[0-9]{1,3}", value):
                self._delivery = int(value)
                return ()
            case "+SBDMTA" if value in ("0", "1"):
                self._profile = replace(self._profile, alerts=value == "1")
                return ()
            case "+CIER" if re.fullmatch(r"[01](,[01]){0,3}", value):
                mode, signal, service = (value + ",0,0").split(",")[:3]
                self._reports = (mode + signal == "11", mode + service == "11")
                asyncio.get_running_loop().call_soon(self.look, True)
                return ()
            case _:
                raise _RefusedError

    def _flags(self) -> tuple[int, int, int, int]:
        return int(bool(self._mo)), self.momsn, int(bool(self._mt)), self._mtmsn

    def _system_time(self) -> str:
        if not self._gateway.connected:
            return "-MSSTM: no network service"
        return f"-MSSTM: {int((self._clock() - ERA_3) / TICK_S) & 0xFFFFFFFF:x}"

    def _begin_payload(self, value: str | None) -> None:
        if not value or not re.fullmatch(r"[0-9]{1,4}", value):
            raise _RefusedError
        if not 1 <= int(value) <= MO_MAX:
            self._answer(("3",))
            return
        self._payload.clear()
        self._wanted = int(value) + 2
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._nature.write_s, self._too_late)
        self._write(b"\r\nREADY\r\n")

    def _take_payload(self, byte: bytes) -> None:
        self._payload += byte
        if self._data_fault is not None and 2 * len(self._payload) >= self._wanted:
            fault, self._data_fault = self._data_fault, None
            self._backlog.clear()
            self._suffer(fault)
        elif len(self._payload) == self._wanted:
            self._wanted = 0
            self._stop_timer()
            payload = bytes(self._payload[:-2])
            good = checksum(payload) == self._payload[-2:]
            if good:
                self._mo = payload
            self._answer(("0" if good else "2",))
            self._say_the_unsaid()

    def _too_late(self) -> None:
        self._wanted = 0
        self._write(b"\r\n1\r\n")
        self._say_the_unsaid()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run_session(self, answers_ring: bool) -> None:
        self.sessions += 1
        fault = self._script.for_session(self.sessions)
        lost, maybe = self._chance.random(), self._chance.random()
        half_s = self._nature.session_s * self._chance.uniform(0.3, 0.7)
        self._mt, self._mtmsn = b"", -1  # whatever comes of this session
        status, reply = RADIO_OFF, NOT_SENT
        if self._radio:
            await asyncio.sleep(half_s)
            if fault is not None:
                status, reply = await self._faulty_session(fault)
            elif lost < self._nature.loss:
                status = self._chance.choice(LOST)
            elif maybe < self._nature.maybe:
                await self._ask_gateway(mt_max=0)
                status = self._chance.choice(MAYBE)
            else:
                status, reply = await self._ask_gateway(MT_MAX)
            await asyncio.sleep(half_s)
        self._end_session(status, reply, answers_ring)

    async def _faulty_session(self, fault: Fault) -> tuple[int, Reply]:
        if fault.kind in ("ring", "noise"):
            self._suffer(fault)
            return await self._ask_gateway(MT_MAX)
        if fault.delivered:
            await self._ask_gateway(mt_max=0)
        if fault.kind != "status":
            self._suffer(fault)
        return fault.status, NOT_SENT

    async def _ask_gateway(self, mt_max: int) -> tuple[int, Reply]:
        if not self._gateway.connected:
            return NO_NETWORK, NOT_SENT
        try:
            held, leave = bool(self._delivery & HOLD_MT), bool(self._delivery & LEAVE_MT)
            mt_max = 0 if held else mt_max
            reply = await self._gateway.session(self.momsn, self._mo or None, mt_max, leave)
        except GatewayLostError:
            return GATEWAY_SILENT, NOT_SENT
        return reply.mo_status, reply

    def _end_session(self, status: int, reply: Reply, answers_ring: bool) -> None:
        mt_status = 0 if status <= 4 else 2
        momsn = self.momsn
        if status <= 4:
            self.momsn = (self.momsn + 1) & 0xFFFF
            self._waiting = reply.queued
            self._ring_flag = self._ring_flag and not answers_ring
            if reply.mt is not None and len(reply.mt) <= MT_MAX:
                mt_status, self._mt, self._mtmsn = 1, reply.mt, reply.mtmsn
        queued = self._waiting if status <= 4 else 0
        mtmsn = self._mtmsn if mt_status == 1 else 0
        self._answer(
            (f"+SBDIX: {status}, {momsn}, {mt_status}, {mtmsn}, {len(self._mt)}, {queued}",)
        )
        self._session = None
        self.look()
        self._say_the_unsaid()
        self.receive(b"")
