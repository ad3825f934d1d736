"""Each command gets its own answer or a deadline, never the late answer of another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hardware.at import Result
from hardware.at_line import AtLine, ModemError, ModemTrouble
from hardware.port import Port, PortError, memory_pair

Play = Callable[[Port, str], Awaitable[None]]


@asynccontextmanager
async def line_to(play: Play) -> AsyncIterator[tuple[AtLine, list[str], Port]]:
    """A line to a modem that answers each command by ``play``; the notices; the far port."""
    near, far = memory_pair()
    notices: list[str] = []

    async def serve() -> None:
        rest = b""
        while True:
            rest += await far.read()
            *commands, rest = rest.split(b"\r")
            for command in filter(None, commands):
                await play(far, command.decode())

    serving = asyncio.create_task(serve())
    line = AtLine(
        near, notices.append, lambda: notices.append("lost"), command_s=0.2, write_s=1, quiet_s=0.05
    )
    async with line:
        yield line, notices, far
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def obey(port: Port, command: str) -> None:
    await port.write(f"{command}\r\r\n+ECHO: {command}\r\n\r\nOK\r\n".encode())


async def test_a_command_and_its_answer() -> None:
    async with line_to(obey) as (line, notices, far):
        await far.write(b"\r\nSBDRING\r\n")
        assert (await line.command("AT+CSQ")).lines == ("+ECHO: AT+CSQ",)
        assert notices == ["SBDRING"]


async def test_silence_ends_at_the_deadline_and_the_line_stays_usable() -> None:
    silent = True

    async def play(port: Port, command: str) -> None:
        if not silent:
            await obey(port, command)

    async with line_to(play) as (line, _, _):
        with pytest.raises(ModemError) as caught:
            await line.command("AT+CSQ", 0.05)
        assert caught.value.code is ModemTrouble.SILENT
        assert caught.value.detail == "AT+CSQ"
        silent = False
        assert (await line.must("AT+CSQ")).ok


async def test_a_refused_command() -> None:
    async def play(port: Port, command: str) -> None:
        await port.write(b"\r\nERROR\r\n")

    async with line_to(play) as (line, _, _):
        assert (await line.command("AT+X")).result is Result.ERROR
        with pytest.raises(ModemError) as caught:
            await line.must("AT+X")
        assert caught.value.code is ModemTrouble.REFUSED


async def test_waking_lets_late_answers_pass() -> None:
    async def play(port: Port, command: str) -> None:
        if command == "AT":
            await port.write(b"\r\n+SBDIX: 0, 1, 0, 0, 0, 0\r\n\r\nOK\r\n")
            await asyncio.sleep(0.02)
            await port.write(b"\r\nOK\r\n")
        else:
            await obey(port, command)

    async with line_to(play) as (line, _, _):
        await line.wake(3, 0.2)
        assert (await line.command("AT+CGSN")).lines == ("+ECHO: AT+CGSN",)


async def test_waking_gives_up_after_its_tries() -> None:
    heard = []

    async def play(port: Port, command: str) -> None:
        heard.append(command)

    async with line_to(play) as (line, _, _):
        with pytest.raises(ModemError):
            await line.wake(3, 0.02)
        assert heard == ["AT", "ATV1Q0", "AT"]


async def test_a_line_that_babbles_for_ever_does_not_hold_us() -> None:
    async with line_to(obey) as (line, _, far):

        async def babble() -> None:
            while True:
                await far.write(b"\xff\xfe nonsense \r\n")
                await asyncio.sleep(0.005)

        babbling = asyncio.create_task(babble())
        async with asyncio.timeout(2):
            await line.wake(3, 0.2)
        babbling.cancel()


async def test_a_port_that_goes_ends_the_command_at_once() -> None:
    async def play(port: Port, command: str) -> None:
        await port.aclose()

    async with line_to(play) as (line, notices, _):
        with pytest.raises(PortError):
            await line.command("AT", 5)
        assert notices == ["lost"]
        for call in (line.command("AT"), line.write(b"x"), line.wake(1, 1)):
            with pytest.raises(PortError):
                await call
