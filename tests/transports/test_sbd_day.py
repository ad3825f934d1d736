"""24 hours of each kind of trouble with a 9602, under a clock that jumps.

Nothing gets stuck, what is called sent is at the gateway, and every order arrives: at once, or
where the modem lost power with it, when the center repeats it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hardware.iridium
import hardware.sim.modem9602
import transports.sbd
from hardware.sim.core9602 import Nature
from hardware.sim.faults import Fault
from hardware.sim.memory_ports import MemoryPorts
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway, Reply
from hardware.sim.virtual_time import VirtualLoop
from transports.link import LinkError
from transports.sbd import Sbd, SbdLink, SbdSettings
from transports.testing import Inbox

HOUR = 3600.0
DAY = 24 * HOUR
GRACE_S = 10 * HOUR
REPEAT_S = 1800.0
REPORT_EVERY_S, ORDER_EVERY_S = 600.0, 1200.0
REPORTS, ORDERS = int(DAY / REPORT_EVERY_S), int(DAY / ORDER_EVERY_S)
NATURE = Nature(seed=5)
FAILURES = (*range(5, 20), *range(32, 39), 64, 65, 99)
COMMANDS = ("AT+SBDWB", "AT+SBDRB", "AT+SBDIX", "AT+SBDD", "AT+CSQ", "AT+SBDSX", "AT")
Faults = list[Fault]


def every(kind: Any, step_s: float, **words: Any) -> Faults:
    """One at a time of the day, again and again."""
    return [Fault(kind=kind, at_s=900 + step_s * n, **words) for n in range(int(DAY / step_s))]


def each(kind: Any, step: int, **words: Any) -> Faults:
    """One in each so many-th session."""
    return [Fault(kind=kind, session=n, **words) for n in range(2, 900, step)]


def commands(kind: Any, **words: Any) -> Faults:
    """One in the middle of each kind of command, now and then."""
    return [
        Fault(kind=kind, command=command, nth=nth, **words)
        for command in COMMANDS
        for nth in range(3, 200, 29)
    ]


def statuses() -> Faults:
    """Each way in which a session can fail, with and without the message at the gateway."""
    words = itertools.cycle(itertools.product(FAILURES, (False, True)))
    return [
        Fault(kind="status", session=2 * n, status=status, delivered=delivered)
        for n, (status, delivered) in zip(range(1, 120), words, strict=False)
    ]


GARBLES = [Fault(kind="garble", command="AT+SBDRB", nth=n) for n in range(2, 200, 3)]
RINGS = every("ring", 700) + each("ring", 4) + commands("ring")
SCRIPTS: dict[str, tuple[Faults, Nature, tuple[float, float]]] = {
    "nothing": ([], NATURE, (0, 0)),
    "MO statuses": (statuses(), NATURE, (0, 0)),
    "hangs": (
        every("hang", 1800, for_s=120.0) + each("hang", 9, for_s=200.0) + commands("hang"),
        NATURE,
        (0, 0),
    ),
    "resets": (every("reset", 2400) + each("reset", 5) + commands("reset"), NATURE, (0, 0)),
    "rings": (RINGS, NATURE, (0, 0)),
    "unplugged": (
        every("unplug", 2400, for_s=90.0) + each("unplug", 7, for_s=4.0),
        NATURE,
        (0, 0),
    ),
    "noise": (every("noise", 60, count=300) + each("noise", 4) + commands("noise"), NATURE, (0, 0)),
    "garbled reads": (GARBLES, NATURE, (0, 0)),
    "losses": ([], replace(NATURE, loss=0.3, maybe=0.2), (0, 0)),
    "little sky": ([], NATURE, (1800, 2 * HOUR)),
    "old firmware": (
        [],
        replace(NATURE, lacks=frozenset({"+CGSN", "+SBDSX", "+SBDMTA", "+CIER", "+SBDDSC"})),
        (0, 0),
    ),
    "everything": (
        statuses()
        + every("reset", 5000)
        + every("unplug", 7000, for_s=60.0)
        + every("noise", 300)
        + every("hang", 9000, for_s=60.0)
        + RINGS
        + GARBLES,
        replace(NATURE, loss=0.1, maybe=0.1),
        (2 * HOUR, 2 * HOUR),
    ),
}
# Where the modem never loses what it has in its buffers, nobody needs to repeat an order.
KEEPS_ALL = {"nothing", "MO statuses", "rings", "losses", "little sky", "old firmware"}


class Sky(MemoryGateway):
    """Dark for the second length of each period that begins with the first."""

    def __init__(self, seen_s: float, dark_s: float) -> None:
        super().__init__()
        self.seen_s, self.dark_s = seen_s, dark_s
        self.sessions = 0

    @property
    def connected(self) -> bool:
        if not self.dark_s:
            return True
        return asyncio.get_running_loop().time() % (self.seen_s + self.dark_s) < self.seen_s

    @connected.setter
    def connected(self, _value: bool) -> None:
        """The sky decides."""

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        self.sessions += 1
        return await super().session(momsn, mo, mt_max, leave)


class Day:
    """A played modem in memory, a link on it, and both its users."""

    def __init__(self, modem: PlayedModem, sky: Sky, incoming: str) -> None:
        self.modem, self.sky = modem, sky
        self.inbox = Inbox()
        table = {"port": str(modem.path), "incoming": incoming}
        settings = msgspec.convert(table, SbdSettings)
        chance = random.Random(3)
        self.link = SbdLink(settings, Sbd().traits(settings, {}), chance=chance.random)
        self.fetches = incoming == "fetch"
        self.kept: asyncio.Queue[bytes] = asyncio.Queue()
        self.reports: list[bytes] = []
        self.sent: list[bytes] = []
        self.orders: list[bytes] = []
        self.tries = 0
        self.repeated = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        async with self.modem:
            for work in (self.serve(), self.write(), self.send(), self.order()):
                self.start(work)
            await asyncio.sleep(DAY + GRACE_S)
            for task in self.tasks:
                task.cancel()
            found = await asyncio.gather(*self.tasks, return_exceptions=True)
        assert [one for one in found if isinstance(one, Exception)] == []

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def serve(self) -> None:
        """As the agent: run it again whenever it ends."""
        while True:
            try:
                await self.link.run(self.inbox)
            except LinkError as error:
                await asyncio.sleep(max(1.0, error.retry_after_s))

    async def write(self) -> None:
        chance = random.Random(1)
        for number in range(REPORTS):
            report = b"report %d " % number + chance.randbytes(chance.randrange(10, 320))
            self.reports.append(report)
            self.kept.put_nowait(report)
            await asyncio.sleep(REPORT_EVERY_S)

    async def send(self) -> None:
        """One report after the other, each until it is sent."""
        while True:
            report = await self.kept.get()
            while report not in self.sent:
                self.tries += 1
                try:
                    await self.link.send(report)
                except LinkError as error:
                    await asyncio.sleep(min(60.0, max(1.0, error.retry_after_s)))
                else:
                    self.sent.append(report)

    async def order(self) -> None:
        chance = random.Random(2)
        for number in range(ORDERS):
            order = b"order %d " % number + chance.randbytes(chance.randrange(10, 250))
            self.orders.append(order)
            self.sky.put(order)
            if self.fetches:
                self.start(self.see_it_arrive(order))
            await asyncio.sleep(ORDER_EVERY_S)

    async def see_it_arrive(self, order: bytes) -> None:
        """The center repeats what was not received and does not wait at the gateway."""
        while True:
            await asyncio.sleep(REPEAT_S)
            if order in self.inbox.frames:
                return
            if order not in self.sky.mailbox:
                self.repeated += 1
                self.sky.put(order)


def live(script: str, folder: Path, patch: pytest.MonkeyPatch, incoming: str = "fetch") -> Day:
    """A day and the hours after it."""
    ports = MemoryPorts()
    patch.setattr(hardware.sim.modem9602, "PtyPort", ports.plug)
    patch.setattr(hardware.iridium, "open_port", ports.open_port)
    patch.setattr(transports.sbd, "path_exists", ports.path_exists)
    patch.setattr(transports.sbd, "wait_for_path", ports.wait_for_path)
    faults, nature, seen = SCRIPTS[script]

    async def one() -> Day:
        sky = Sky(*seen)
        day = Day(PlayedModem(folder / "modem", sky, nature, tuple(faults)), sky, incoming)
        await day.run()
        return day

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(one())


def figures(day: Day) -> dict[str, int]:
    """A line of the table of ``make fault-days``."""
    return {
        "sessions": day.modem.sessions,
        "MO handed": len(day.reports),
        "sent": len(day.sent),
        "arrived": len(set(day.sky.received)),
        "MT handed": len(day.orders),
        "received": len(set(day.inbox.frames)),
        "repeats": day.tries - len(day.sent) + day.repeated,
        "billed": day.sky.sessions,
    }


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_day_of_it(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault_day: Callable[..., None],
) -> None:
    day = live(script, tmp_path, monkeypatch)
    fault_day("sbd", script, **figures(day))
    arrived = Counter(day.sky.received)
    assert day.sent == day.reports and len(day.reports) == REPORTS, "the queue is stuck"
    assert set(day.sent) <= set(arrived), "a report was called sent and is not at the gateway"
    assert set(arrived) <= set(day.reports), "something was made up"
    assert set(day.inbox.frames) == set(day.orders), "an order was lost, or made up"
    assert not day.sky.mailbox
    if script in KEEPS_ALL:
        assert day.repeated == 0
        assert len(day.inbox.frames) == len(day.orders)
    if script == "nothing":
        assert max(arrived.values()) == 1, "a report was paid twice"
        assert day.sky.sessions == day.modem.sessions == REPORTS + len(day.inbox.billed_bytes)


@pytest.mark.parametrize("incoming", ["hold", "leave"])
def test_a_day_of_drill_leaves_every_order_at_the_gateway(
    incoming: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault_day: Callable[..., None],
) -> None:
    day = live("resets", tmp_path, monkeypatch, incoming)
    fault_day("sbd", f"drill, {incoming}", **figures(day))
    assert day.sent == day.reports and set(day.sky.received) == set(day.reports)
    assert list(day.sky.mailbox) == day.orders, "an order was used up by a drill"
    assert set(day.inbox.frames) == ({day.orders[0]} if incoming == "leave" else set())
