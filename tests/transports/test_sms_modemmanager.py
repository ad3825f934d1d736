"""The same link where ModemManager has the modem: a private D-Bus, a played ModemManager on it.

Bus and ModemManager are processes of their own, ended by their ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from dbus_fast.message import Message

from transports.link import LinkError, Phase, Trouble
from transports.plain import Fate, Heard, MaybeSentError
from transports.sms import Sms, SmsLink, SmsSettings
from transports.testing import CHECKS, Check, Inbox, Pair, Running, running

KIT, CENTER, PERSON = "+262639000001", "+262639000002", "+262639555555"
SYSTEM_PYTHON = "/usr/bin/python3"
TEMPLATE = Path(__file__).with_name("modemmanager_mock.py")
MODEMS = "/org/freedesktop/ModemManager1/Modem"
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>
"""


class MobileBus:
    """The bus at ``address``, the played ModemManager on it."""

    def __init__(self, folder: Path, real: Callable[[str], str]) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self._config = folder / "bus.conf"
        self._config.write_text(_CONFIG.format(socket=folder / "bus"))
        self._daemon = real("dbus-daemon")
        self.managers: list[subprocess.Popen[bytes]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    async def start_bus(self) -> None:
        """Start the bus and wait until it takes calls."""
        words = [self._daemon, "--nofork", f"--config-file={self._config}"]
        self._processes.append(subprocess.Popen(words))
        await self._until(self._answers)

    async def start_manager(self) -> None:
        """Start the played ModemManager and wait until it has its name."""
        process = subprocess.Popen(
            [SYSTEM_PYTHON, "-m", "dbusmock", "--template", str(TEMPLATE)],
            env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": self.address},
            stdout=subprocess.DEVNULL,
        )
        self._processes.append(process)
        self.managers.append(process)
        await self._until(self._managed)

    async def play(self, modem: int, member: str, signature: str, *body: object) -> None:
        """Call a method of ``crisiskit.Play``."""
        await self._call(f"{MODEMS}/{modem}", "crisiskit.Play", member, signature, body)

    async def receive(self, modem: int, number: str, **words: Variant) -> None:
        """Words or bytes from a number come to a modem."""
        await self.play(modem, "Receive", "sa{sv}", number, words)

    async def left(self, modem: int) -> int:
        """How many messages lie in a modem."""
        interface = "org.freedesktop.ModemManager1.Modem.Messaging"
        reply = await self._call(f"{MODEMS}/{modem}", interface, "List", "", ())
        return len(reply.body[0])

    async def stop(self) -> None:
        """End what was started."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(20)

    async def _call(
        self, path: str, interface: str, member: str, signature: str, body: tuple[object, ...]
    ) -> Message:
        bus = await MessageBus(bus_address=self.address).connect()
        try:
            reply = await bus.call(
                Message(
                    destination="org.freedesktop.ModemManager1",
                    path=path,
                    interface=interface,
                    member=member,
                    signature=signature,
                    body=list(body),
                )
            )
            assert reply is not None and reply.error_name is None, reply
            return reply
        finally:
            bus.disconnect()

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            (await MessageBus(bus_address=self.address).connect()).disconnect()
            return True
        return False

    async def _managed(self) -> bool:
        with contextlib.suppress(AssertionError, OSError):
            await self.left(1)
            return True
        return False

    async def _until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await true():
                await asyncio.sleep(0.05)


@pytest.fixture
async def phones(
    tmp_path: Path, real: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MobileBus]:
    """A bus with a ModemManager; skipped where python-dbusmock is not installed."""
    mock = Path("/usr/lib/python3/dist-packages/dbusmock")
    if not mock.exists():
        real("python3-dbusmock")
    bus = MobileBus(tmp_path, real)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    try:
        await bus.start_bus()
        await bus.start_manager()
        yield bus
    finally:
        await bus.stop()


def open_link(place: int, **words: Any) -> SmsLink:
    settings = msgspec.convert({"modem": f"35000000000000{place}", **words}, SmsSettings)
    return SmsLink(settings, Sms().traits(settings, {}))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, phones: MobileBus) -> None:
    await check(Pair(open_link(0, center=CENTER), open_link(1), patience_s=60, flood_frames=8))


class Above(Inbox):
    """An inbox for words as well."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[Heard] = []
        self.fates: list[Fate] = []

    async def heard(self, words: Heard) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError("the disk is full")
        self.words.append(words)

    async def fate(self, fate: Fate) -> None:
        self.fates.append(fate)


@contextlib.asynccontextmanager
async def running_above(link: SmsLink) -> AsyncIterator[Above]:
    above = Above()
    run = asyncio.create_task(link.run(above))
    try:
        await until(lambda: above.phase is Phase.READY or run.done())
        yield above
    finally:
        run.cancel()
        await asyncio.wait({run})


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


async def refused(work: Awaitable[object]) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await asyncio.wait_for(work, 60)
    return caught.value


async def test_words_go_to_people_and_the_report_comes_back(phones: MobileBus) -> None:
    link = open_link(0)
    async with running_above(link) as above:
        reference = await link.say(CENTER, "Route coupée à Sada")
        await until(lambda: above.fates == [Fate(CENTER, reference, True)])
        assert above.states[-1].signal == 4
    assert await phones.left(0) == 0


async def test_words_of_people_stay_until_they_are_durable(phones: MobileBus) -> None:
    async with running_above(open_link(0)) as above:
        above.refuse = 1
        await phones.receive(0, PERSON, Text=Variant("s", "au secours"))
        await until(lambda: bool(above.words))
        assert above.words == [Heard(PERSON, "au secours", 1_795_456_800_000)]
        assert above.frames == []
    assert await phones.left(0) == 0


async def test_a_modem_with_a_locked_card_says_so(phones: MobileBus) -> None:
    await phones.play(0, "Set", "sv", "State", Variant("i", 2))
    error = await refused(open_link(0).run(Inbox()))
    assert (error.code, error.retry_after_s) == (Trouble.SIM, 60)


async def test_a_modem_that_is_switched_off_is_enabled(phones: MobileBus) -> None:
    await phones.play(0, "Set", "sv", "State", Variant("i", 3))
    async with running_above(open_link(0)) as above:
        assert above.phase is Phase.READY, above.states


@pytest.mark.parametrize(
    ("name", "trouble", "maybe"),
    [
        ("MobileEquipment.SimNotInserted", Trouble.SIM, False),
        ("MobileEquipment.NoNetwork", Trouble.NO_SERVICE, False),
        ("Message.NetworkTimeout", Trouble.NO_SERVICE, True),
        ("Message.MemoryFull", Trouble.BUSY, False),
        ("Core.Unauthorized", Trouble.REFUSED, False),
    ],
)
async def test_what_modemmanager_refuses(
    phones: MobileBus, name: str, trouble: Trouble, maybe: bool
) -> None:
    link = open_link(0, center=CENTER)
    async with running_above(link) as above:
        await phones.play(0, "Fail", "sb", name, False)
        error = await refused(link.say(PERSON, "hello"))
        assert (error.code, isinstance(error, MaybeSentError)) == (trouble, maybe)
        await until(lambda: above.states[-1].reason == trouble)
        await link.send(b"hello")
        await until(lambda: above.states[-1].reason == "")
    assert await phones.left(0) == 0
    assert await phones.left(1) == 1


async def test_modemmanager_ends_and_comes_back(phones: MobileBus) -> None:
    link = open_link(0, center=CENTER)
    run = Running(link, 60)
    await run.ready()
    phones.managers[0].kill()
    await until(lambda: run.ended)
    await run.stop()
    assert (await refused(link.run(Inbox()))).code is Trouble.DEVICE_GONE
    await phones.start_manager()
    async with running(link, patience_s=60):
        await link.send(b"hello")


async def test_no_such_modem_and_no_bus(phones: MobileBus, monkeypatch: pytest.MonkeyPatch) -> None:
    error = await refused(open_link(7).run(Inbox()))
    assert error.code is Trouble.DEVICE_GONE and "350000000000007" in error.detail
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    assert (await refused(open_link(0).run(Inbox()))).code is Trouble.DEVICE_GONE
