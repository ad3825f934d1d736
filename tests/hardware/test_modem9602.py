"""The played 9602 answers as the real one does, with the habits that break careless drivers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hardware.at import checksum
from hardware.directip import MtMessage, encode_mt
from hardware.port import Port, PortError, open_port, wait_for_path
from hardware.sim.core9602 import Nature
from hardware.sim.faults import Fault
from hardware.sim.gateway import PlayedGateway
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway, Uplink

QUICK = Nature(session_s=0.02, boot_s=0.0, write_s=0.1, sky_s=10.0)
OK = b"\r\nOK\r\n"


class Terminal:
    """A person at a terminal program: types, and sees the raw bytes."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._seen = b""

    async def until(self, end: bytes) -> bytes:
        """Everything up to and with ``end``."""
        async with asyncio.timeout(5):
            while end not in self._seen:
                self._seen += await self._port.read()
        found, self._seen = self._seen.split(end, 1)
        return found + end

    async def type(self, text: str | bytes, end: bytes = OK) -> bytes:
        data = text if isinstance(text, bytes) else text.encode("ascii") + b"\r"
        await self._port.write(data)
        return await self.until(end)

    async def store(self, payload: bytes) -> None:
        await self.type(f"AT+SBDWB={len(payload)}", b"READY\r\n")
        assert await self.type(payload + checksum(payload)) == b"\r\n0\r\n" + OK

    async def session(self, text: str = "AT+SBDIX") -> list[int]:
        seen = await self.type(text)
        found = re.search(rb"\+SBDIX: ([-\d, ]+)\r\n", seen)
        assert found, seen
        return [int(number) for number in found.group(1).split(b",")]

    async def flags(self) -> list[int]:
        seen = await self.type("AT+SBDSX")
        return [int(number) for number in re.findall(rb"-?\d+", seen.split(b":")[1])]


@asynccontextmanager
async def at_terminal(
    tmp_path: Path, nature: Nature = QUICK, faults: tuple[Fault, ...] = ()
) -> AsyncIterator[tuple[Terminal, PlayedModem, MemoryGateway]]:
    gateway = MemoryGateway()
    async with PlayedModem(tmp_path / "modem0", gateway, nature, faults) as modem:
        await asyncio.sleep(0)
        async with open_port(str(modem.path), 19200) as port:
            terminal = Terminal(port)
            await terminal.type("ATE0")
            yield terminal, modem, gateway


async def test_echo_and_result_codes(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        assert await terminal.type("ATE1") == OK
        assert await terminal.type("AT") == b"AT\r" + OK
        assert await terminal.type("ATE0") == b"ATE0\r" + OK
        assert await terminal.type("ATV0", b"0\r") == b"0\r"
        assert await terminal.type("AT+NOSUCH", b"4\r") == b"4\r"
        assert await terminal.type("ATV1Q0") == OK
        assert await terminal.type("at+cgsn") == b"\r\n300234010753370\r\n" + OK
        assert await terminal.type("AT+SBDLOE", b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert await terminal.type("AT" + "Z" * 200, b"ERROR\r\n") == b"\r\nERROR\r\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CGMM", b"IRIDIUM 9600 Family SBD Transceiver"),
        ("AT+CGMR", b"TA16005"),
        ("AT+CSQF", b"+CSQF:"),
        ("AT+SBDREG", b"+SBDREG:2,0"),
        ("AT+SBDGW", b"EMSS"),
        ("AT+CRIS", b"+CRIS:000,000"),
        ("AT-MSSTM", b"-MSSTM: "),
        ("AT+SBDMTA=1", OK),
        ("AT&K0&D0&W0", OK),
        ("AT*R1", OK),
    ],
)
async def test_commands(tmp_path: Path, command: str, answer: bytes) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        assert answer in await terminal.type(command)


async def test_the_system_time_is_that_of_era_3(tmp_path: Path) -> None:
    gateway = MemoryGateway()
    clock = 1795456800.0  # 2026-11-23T18:00:00Z
    path = tmp_path / "modem0"
    async with (
        PlayedModem(path, gateway, QUICK, clock=lambda: clock),
        open_port(str(path), 19200) as port,
    ):
        terminal = Terminal(port)
        assert b"-MSSTM: 250564cd\r\n" in await terminal.type("AT-MSSTM")
        gateway.connected = False
        assert b"-MSSTM: no network service" in await terminal.type("AT-MSSTM")


async def test_the_vector_of_the_manual(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        assert await terminal.type("AT+SBDWB=5", b"READY\r\n") == b"\r\nREADY\r\n"
        assert await terminal.type(bytes.fromhex("68656c6c6f0214")) == b"\r\n0\r\n" + OK
        assert b"size = 5" in await terminal.type("AT+SBDTC")
        assert await terminal.type("AT+SBDRB") == bytes.fromhex("000568656c6c6f0214") + OK
        assert b"hello" in await terminal.type("AT+SBDRT")


async def test_a_wrong_checksum_a_wrong_size_and_a_slow_host(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        await terminal.type("AT+SBDWB=5", b"READY\r\n")
        assert await terminal.type(b"hello\0\0") == b"\r\n2\r\n" + OK
        assert await terminal.type("AT+SBDWB=341") == b"\r\n3\r\n" + OK
        assert await terminal.type("AT+SBDWB=0") == b"\r\n3\r\n" + OK
        await terminal.type("AT+SBDWB=5", b"READY\r\n")
        assert await terminal.type(b"hel", b"\r\n1\r\n") == b"\r\n1\r\n"
        assert (await terminal.flags())[0] == 0


async def test_sending_does_not_clear_the_mo_buffer(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        await terminal.store(b"hello")
        for momsn in range(2):
            assert (await terminal.session())[:2] == [0, momsn]
        assert gateway.received == [b"hello", b"hello"]
        await terminal.type("AT+SBDD0")
        await terminal.session()
        assert gateway.checks == 1


async def test_a_session_clears_the_mt_buffer_and_reading_does_not(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        gateway.put(b"order", ring=False)
        assert await terminal.session() == [0, 0, 1, 1, 5, 0]
        for _ in range(2):
            assert b"\x00\x05order" in await terminal.type("AT+SBDRB")
        await terminal.session()
        assert await terminal.type("AT+SBDRB") == bytes(4) + OK


async def test_both_buffers_are_empty_after_power_up(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, gateway):
        gateway.put(b"order", ring=False)
        await terminal.store(b"hello")
        await terminal.session()
        assert await terminal.flags() == [1, 1, 1, 1, 0, 0]
        modem.suffer(Fault(kind="reset", at_s=0))
        assert await terminal.flags() == [0, 1, 0, -1, 0, 0]


async def test_writing_again_replaces_what_was_written(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        await terminal.store(b"first")
        await terminal.store(b"second")
        await terminal.session()
        assert gateway.received == [b"second"]


async def test_the_profile_survives_power_only_when_stored(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, _):
        modem.suffer(Fault(kind="reset", at_s=0))
        assert (await terminal.type("ATE0")).startswith(b"ATE0")
        await terminal.type("AT&W0")
        modem.suffer(Fault(kind="reset", at_s=0))
        assert await terminal.type("AT") == OK
        await terminal.type("AT&F0")
        assert (await terminal.type("AT")).startswith(b"AT\r")


async def test_a_ring_and_its_answer(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        gateway.put(b"order")
        assert await terminal.until(b"SBDRING\r\n") == b"\r\nSBDRING\r\n"
        assert (await terminal.flags())[4] == 1
        assert (await terminal.session("AT+SBDIXA"))[2] == 1
        assert (await terminal.flags())[4] == 0
        await terminal.type("AT+SBDMTA=0")
        gateway.put(b"order")
        assert await terminal.type("AT") == OK


async def test_reports_come_at_once_and_on_change(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, gateway):
        await terminal.type("AT+CIER=1,1,1")
        assert re.search(rb"\+CIEV:0,[2-5]\r\n", await terminal.until(b"+CIEV:1,1\r\n"))
        gateway.connected = False
        modem.core.look()
        assert b"+CIEV:0,0\r\n" in await terminal.until(b"+CIEV:1,0\r\n")


async def test_nothing_interrupts_the_counting_of_a_payload(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        await terminal.type("AT+SBDWB=5", b"READY\r\n")
        gateway.put(b"order")
        seen = await terminal.type(b"hello" + checksum(b"hello"), b"SBDRING\r\n")
        assert seen == b"\r\n0\r\n" + OK + b"\r\nSBDRING\r\n"


async def test_statuses_of_the_network(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, gateway):
        await terminal.type("AT*R0")
        assert (await terminal.session())[0] == 34
        await terminal.type("AT*R1")
        gateway.connected = False
        assert (await terminal.session())[0] == 32
        gateway.connected = True
        gateway.put(bytes(271), ring=False)
        assert await terminal.session() == [1, 0, 0, 0, 0, 1]


async def test_maybe_delivered_means_delivered_here_and_costs_no_message(tmp_path: Path) -> None:
    nature = Nature(session_s=0.0, boot_s=0.0, maybe=1.0)
    async with at_terminal(tmp_path, nature) as (terminal, _, gateway):
        gateway.put(b"order", ring=False)
        await terminal.store(b"hello")
        assert (await terminal.session())[0] in (10, 13, 17, 18, 19)
        assert gateway.received == [b"hello"]
        assert list(gateway.mailbox) == [b"order"]


async def test_lost_means_not_delivered(tmp_path: Path) -> None:
    nature = Nature(session_s=0.0, boot_s=0.0, loss=1.0)
    async with at_terminal(tmp_path, nature) as (terminal, _, gateway):
        await terminal.store(b"hello")
        assert (await terminal.session())[0] in (13, 17, 18, 19, 32)
        assert gateway.received == []


async def test_the_same_seed_fails_the_same_way(tmp_path: Path) -> None:
    nature = Nature(session_s=0.0, boot_s=0.0, loss=0.5, seed=3)
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        async with at_terminal(folder, nature) as (terminal, _, _):
            runs.append([(await terminal.session())[0] for _ in range(12)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 2


async def test_what_is_typed_during_a_session_waits(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        seen = await terminal.type(b"AT+SBDIX\rAT+CGSN\r", b"300234010753370\r\n" + OK)
        assert seen.index(b"+SBDIX") < seen.index(b"300234010753370")


async def test_unplugged_the_name_goes_and_comes_back(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, _):
        modem.unplug(0.1)
        assert not modem.path.exists()
        with pytest.raises(PortError):
            await terminal.type("AT")
        await asyncio.wait_for(wait_for_path(str(modem.path), poll_s=0.01), 5)
    assert not modem.path.is_symlink()


async def test_a_hung_modem_says_nothing_for_its_time(tmp_path: Path) -> None:
    faults = (Fault(kind="hang", command="AT+CSQ", for_s=0.1),)
    async with at_terminal(tmp_path, faults=faults) as (terminal, _, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(terminal.type("AT+CSQF"), 0.05)
        await asyncio.sleep(0.1)
        assert await terminal.type("AT") == OK


async def test_garbage_typed_at_it_never_breaks_it(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        for value in range(256):
            await terminal.type(bytes([value]) * 50 + b"\rAT\r")
        await terminal.type("AT+CGSN", b"300234010753370\r\n" + OK)


async def test_it_works_with_the_played_gateway(tmp_path: Path) -> None:
    gateway = PlayedGateway("127.0.0.1", 9)
    serving = asyncio.create_task(gateway.run())
    await asyncio.wait_for(gateway.ready.wait(), 5)
    uplink = Uplink("127.0.0.1", gateway.modem_port)
    path = tmp_path / "modem0"
    async with PlayedModem(path, uplink, QUICK), open_port(str(path), 19200) as port:
        terminal = Terminal(port)
        await terminal.type("ATE0")
        while not uplink.connected:
            await asyncio.sleep(0.01)
        await terminal.store(b"hello")
        assert (await terminal.session())[0] == 0
        assert gateway.undelivered == 1
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.mt_port)
        writer.write(encode_mt(MtMessage(b"test", "300234010753370", payload=b"order")))
        await terminal.until(b"SBDRING\r\n")
        _, _, mt_status, _, length, queued = await terminal.session("AT+SBDIXA")
        assert (mt_status, length, queued) == (1, 5, 0)
        assert b"\x00\x05order" in await terminal.type("AT+SBDRB")
        writer.close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_port_has_one_modem_and_its_name_outlives_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "modem"
    path.symlink_to("/dev/pts/99999")
    async with PlayedModem(path, MemoryGateway(), QUICK):
        name = path.readlink()
        with pytest.raises(OSError, match="another played modem"):
            async with PlayedModem(path, MemoryGateway(), QUICK):
                pass
        assert path.readlink() == name, "the first one keeps its port"
    async with PlayedModem(path, MemoryGateway(), QUICK):
        assert path.is_symlink()
