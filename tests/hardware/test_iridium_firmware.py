"""The driver says what each cable and each firmware needs, and reads what they answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from hardware.at_line import ModemError, ModemTrouble
from hardware.iridium import DeliveryCode, Memory, Modem, Timing
from hardware.port import Port, memory_pair

TIMING = Timing(
    command_s=1,
    probe_s=0.2,
    probe_tries=4,
    write_s=1,
    session_s=2,
    gap_s=0,
    network_s=0.02,
    quiet_s=0.01,
)


class Scripted:
    """A modem of few words: what it answers to which command; OK to all others."""

    def __init__(self, port: Port, answers: dict[str, str]) -> None:
        self.heard: list[str] = []
        self._port = port
        self._answers = {
            "AT+CGSN": "300234010753370\r\nOK",
            "AT+CGMM": "IRIDIUM 9600 Family SBD Transceiver\r\nOK",
            "AT+SBDSX": "+SBDSX: 0, 1, 0, -1, 0, 0\r\nOK",
            "AT+SBDD0": "0\r\nOK",
            "AT+SBDIX": "+SBDIX:0,1,0,-1,0,0\r\nOK",
        } | answers

    async def serve(self) -> None:
        line = b""
        while True:
            line += await self._port.read()
            *commands, line = line.split(b"\r")
            for command in filter(None, commands):
                text = command.decode("latin-1")
                self.heard.append(text)
                answer = self._answers.get(text, "OK")
                if answer:
                    await self._port.write(f"\r\n{answer}\r\n".encode("latin-1"))


@asynccontextmanager
async def scripted(
    answers: dict[str, str] | None = None,
    *,
    flow_control: bool = False,
    delivery: DeliveryCode = DeliveryCode.NONE,
) -> AsyncIterator[tuple[Scripted, Modem]]:
    near, far = memory_pair()
    played = Scripted(far, answers or {})
    serving = asyncio.create_task(played.serve())
    try:
        async with Modem(
            near, Memory(), TIMING, flow_control=flow_control, delivery=delivery
        ) as modem:
            yield played, modem
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_the_start_says_what_the_cable_needs() -> None:
    async with scripted() as (played, modem):
        await modem.start()
        assert played.heard[:5] == ["AT", "ATE0", "ATV1Q0", "AT&K0", "AT&D0"]
        assert played.heard[5:] == [
            "AT+CGSN",
            "AT+CGMM",
            "AT+CGMR",
            "AT+SBDMTA=1",
            "AT+CIER=1,1,1",
            "AT+SBDDSC=0",
            "AT+SBDSX",
        ]
    async with scripted(flow_control=True) as (played, modem):
        await modem.start()
        assert "AT&K3" in played.heard
        assert "AT&K0" not in played.heard


async def test_commands_that_some_firmware_lacks_may_fail() -> None:
    lacking = ("AT+CGMR", "AT+SBDMTA=1", "AT+CIER=1,1,1", "AT+CSQF", "AT+SBDLOE", "AT-MSSTM")
    async with scripted(dict.fromkeys(lacking, "ERROR")) as (_, modem):
        await modem.start()
        assert await modem.ask_signal() is None
        assert await modem.ask_ticks() is None
        assert await modem.ask_traffic_wait_s() is None


async def test_the_number_of_the_modem_may_have_another_command() -> None:
    answers = {"AT+CGSN": "ERROR", "AT+GSN": "300234010753370\r\nOK", "AT+CGMM": "ERROR"}
    async with scripted(answers) as (_, modem):
        assert (await modem.start()).imei == "300234010753370"


async def test_the_buffers_may_have_an_older_command() -> None:
    answers = {"AT+SBDSX": "ERROR", "AT+SBDS": "+SBDS: 1, 7, 1, 12\r\nOK"}
    async with scripted(answers) as (_, modem):
        await modem.start()
        found = await modem.buffers()
        assert (found.mo, found.mt, found.mtmsn, found.waiting) == (True, True, 12, 0)
        assert modem.unread


async def test_a_drill_is_refused_where_it_would_use_up_real_orders() -> None:
    async with scripted({"AT+SBDDSC=64": "ERROR"}, delivery=DeliveryCode.LEAVE) as (_, modem):
        with pytest.raises(ModemError) as caught:
            await modem.start()
        assert caught.value.code is ModemTrouble.REFUSED
    async with scripted({"AT+SBDDSC=0": "ERROR"}) as (_, modem):
        await modem.start()


async def test_something_else_on_the_port_is_not_taken_for_a_modem() -> None:
    async with scripted({"AT+CGSN": "no such luck\r\nOK", "AT+GSN": "ERROR"}) as (_, modem):
        with pytest.raises(ModemError) as caught:
            await modem.start()
        assert caught.value.code is ModemTrouble.GARBLED


async def test_a_hardware_failure_is_told() -> None:
    async with scripted({"AT&D0": "HARDWARE FAILURE: 4,1\r\n\r\nOK"}) as (_, modem):
        with pytest.raises(ModemError) as caught:
            await modem.start()
        assert caught.value.code is ModemTrouble.HARDWARE
        assert "4,1" in caught.value.detail


@pytest.mark.parametrize("answer", ["+CSQF: 3", "+CSQF:3", "+CSQ:3"])
async def test_the_answers_of_several_firmwares(answer: str) -> None:
    async with scripted({"AT+CSQF": f"{answer}\r\nOK"}) as (_, modem):
        await modem.start()
        assert await modem.ask_signal() == 3


@pytest.mark.parametrize(
    ("firmware", "time", "code", "asked"),
    [
        ("TA12003", "-MSSTM: no network service", 32, 3),
        ("TA12003", "-MSSTM: 250564cd", 0, 1),
        ("TA13001", "-MSSTM: no network service", 0, 0),
        ("TA16005", "-MSSTM: no network service", 0, 0),
    ],
)
async def test_old_firmware_starts_no_session_without_network(
    firmware: str, time: str, code: int, asked: int
) -> None:
    answers = {
        "AT+CGMR": f"Call Processor Version: {firmware}\r\nOK",
        "AT-MSSTM": f"{time}\r\n\r\nOK",
    }
    async with scripted(answers) as (played, modem):
        await modem.start()
        assert (await modem.exchange(None)).status.code == code
        assert played.heard.count("AT-MSSTM") == asked
        assert played.heard.count("AT+SBDIX") == (code == 0)


async def test_the_network_says_how_long_to_be_silent() -> None:
    async with scripted({"AT+SBDLOE": "+SBDLOE:0,120\r\nOK"}) as (_, modem):
        await modem.start()
        assert await modem.ask_traffic_wait_s() == 120.0


async def test_a_refused_command_names_itself() -> None:
    async with scripted({"AT+SBDIX": "ERROR"}) as (_, modem):
        await modem.start()
        with pytest.raises(ModemError) as caught:
            await modem.exchange(None)
        assert caught.value.code is ModemTrouble.REFUSED
        assert caught.value.detail == "AT+SBDIX"
