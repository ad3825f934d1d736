"""Listening writes nothing, asking writes where it may: real pseudo-terminals, played devices."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.asking import ask, listen
from hardware.candidates import Role, recognize
from hardware.port import PortError, PortTrouble, open_port
from hardware.sim.core9602 import Nature
from hardware.sim.core9704 import Nature9704
from hardware.sim.core_gsm import Nature as NatureGsm
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.modemgsm import PlayedGsm, PtyPlug
from hardware.sim.sms_network import SmsNetwork
from hardware.sim.uplink import MemoryGateway

NMEA = b"$GNRMC,180012.00,A,1246.8420,S,04513.5030,E,0.05,,231126,,,A*43\r\n"


class Far:
    """The far end of a terminal that keeps every byte it is told."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self.slave)

    def told(self) -> bytes:
        try:
            return os.read(self.master, 65_536)
        except BlockingIOError:
            return b""


@pytest.fixture
def far() -> Iterator[Far]:
    end = Far()
    yield end
    os.close(end.master)
    os.close(end.slave)


async def test_listening_writes_no_byte(far: Far) -> None:
    assert await listen(far.path, 0.4) == b""
    assert far.told() == b""


async def test_a_receiver_is_known_by_ear_and_told_nothing(far: Far) -> None:
    async def speak() -> None:
        while True:
            os.write(far.master, NMEA)
            await asyncio.sleep(0.05)

    speaking = asyncio.create_task(speak())
    told = recognize(await listen(far.path, 60.0))
    speaking.cancel()
    assert told is not None and told.role is Role.GPS
    assert far.told() == b""


async def test_noise_without_end_is_bounded(far: Far) -> None:
    async def babble() -> None:
        while True:
            with contextlib.suppress(BlockingIOError):
                os.write(far.master, b"\x55" * 512)
            await asyncio.sleep(0.001)

    babbling = asyncio.create_task(babble())
    heard = await listen(far.path, 2.0)
    babbling.cancel()
    assert 0 < len(heard) <= 4096 and recognize(heard) is None


async def test_the_port_is_left_as_it_was(far: Far) -> None:
    before = termios.tcgetattr(far.slave)
    await listen(far.path, 0.2)
    assert termios.tcgetattr(far.slave) == before
    assert await ask(far.path, 0.05) is None
    assert termios.tcgetattr(far.slave) == before
    assert b"AT\r" in far.told()


async def test_a_port_that_is_in_use_is_not_touched(far: Far) -> None:
    async with open_port(far.path, 9600):
        for way in (listen(far.path, 1.0), ask(far.path)):
            with pytest.raises(PortError) as error:
                await way
            assert error.value.code in (PortTrouble.BUSY, PortTrouble.MISSING)
    assert far.told() == b""


async def test_a_9602_answers_that_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "sat"
    async with PlayedModem(path, MemoryGateway(), Nature(boot_s=0.0)):
        found = await ask(str(path))
    assert found is not None and found.role is Role.SBD and "9600 Family" in found.detail


async def test_a_9704_answers_that_it_is_one(tmp_path: Path) -> None:
    path = tmp_path / "imt"
    async with PlayedModem9704(path, MemoryGateway(), Nature9704()):
        found = await ask(str(path), 0.5)
    assert found is not None and found.role is Role.IMT and "apiVersion" in found.detail


async def test_a_port_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PortError):
        await listen(str(tmp_path / "none"), 1.0)
    with pytest.raises(PortError):
        await ask(str(tmp_path / "none"))


async def test_a_modem_of_the_mobile_network_answers_that_it_is_one(tmp_path: Path) -> None:
    path, network = tmp_path / "gsm", SmsNetwork()
    async with PlayedGsm(PtyPlug(path), network, NatureGsm("+262639000001", boot_s=0.0)):
        found = await ask(str(path))
    await network.close()
    assert found is not None and found.role is Role.GSM and found.why == "answered"
