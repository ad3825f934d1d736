"""24 hours of each kind of trouble, under a clock that jumps.

Nothing gets stuck, what is called sent is in the cloud, and every order arrives: at once where
the modem kept it, else when the center repeats it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

import hardware.imt
import transports.imt
from hardware.own_loop import SameLoop
from hardware.port import Port, PortError, PortTrouble, memory_pair
from hardware.sim.core9704 import Core9704, Nature9704
from hardware.sim.faults9704 import Fault9704, Script9704
from hardware.sim.uplink import MemoryGateway, Reply
from hardware.sim.virtual_time import VirtualLoop
from transports.imt import Imt, ImtSettings
from transports.link import LinkError
from transports.testing import Inbox

HOUR = 3600.0
DAY = 24 * HOUR
REPEAT_S = 1800.0
GRACE_S = 7 * HOUR
NATURE = Nature9704(sky_s=60.0, look_s=10.0, latency_s=20.0)


def every(kind: Any, *, start: float = 600, step: float = 1800, **words: Any) -> list[Fault9704]:
    return [Fault9704(kind=kind, at_s=start + step * n, **words) for n in range(int(DAY / step))]


def each(kind: Any, moment: str, step: int = 3, **words: Any) -> list[Fault9704]:
    numbers: list[dict[str, Any]] = [{moment: n} for n in range(2, 600, step)]
    return [Fault9704(kind=kind, **number, **words) for number in numbers]


def finals() -> list[Fault9704]:
    words = (
        *("network_error", "message_transfer_timeout", "segment_incorrect", "protocol_error"),
        *("message_expired", "crc_error_in_transfer", "user_supplied_crc_error"),
        *("message_dropped_local_crc_error", "subscription_invalid", "no such word"),
    )
    return [
        Fault9704(kind="final", message=2 * n, word=word, delivered=n % 3 == 0)
        for n, word in zip(range(1, 300), itertools.cycle(words), strict=False)
    ]


SCRIPTS: dict[str, tuple[list[Fault9704], Nature9704, tuple[float, float]]] = {
    "nothing": ([], NATURE, (0, 0)),
    "final statuses": (finals(), NATURE, (0, 0)),
    "refusals": (
        each("refuse", "message", word="message_discarded_on_overflow", times=2),
        NATURE,
        (0, 0),
    ),
    "segments": (
        each("segments", "message", 5, word="repeated")
        + each("segments", "message", 7, word="outside")
        + each("segments", "message", 4, word="one_missing"),
        NATURE,
        (0, 0),
    ),
    "unended": (each("unended", "message"), NATURE, (0, 0)),
    "hangs": (every("hang", for_s=120.0) + each("hang", "message", 6, for_s=9.0), NATURE, (0, 0)),
    "restarts": (
        every("reset") + each("reset", "message", 5) + each("reset", "mt", 5),
        NATURE,
        (0, 0),
    ),
    "unplugged": (every("unplug", for_s=90.0) + each("unplug", "mt", 5, for_s=3.0), NATURE, (0, 0)),
    "noise": (every("noise", step=60.0, count=300) + each("noise", "mt", 4), NATURE, (0, 0)),
    "faulty": (every("state", for_s=200.0, reason=6), NATURE, (0, 0)),
    "arrivals": (
        each("mt", "mt", 6, word="bad_crc")
        + each("mt", "mt", 4, word="timed_out")
        + each("mt", "mt", 5, word="unfinished")
        + each("mt", "mt", 7, word="overlapping"),
        NATURE,
        (0, 0),
    ),
    "losses": ([], replace(NATURE, loss=0.3, maybe=0.2, chatter=0.5), (0, 0)),
    "little sky": ([], NATURE, (1800, 3 * HOUR)),
    "late provisioning": ([], replace(NATURE, provision_s=1700.0), (0, 0)),
    "everything": (
        finals()
        + every("reset", step=5000)
        + every("unplug", start=900, step=7000, for_s=60.0)
        + every("noise", step=300.0)
        + each("mt", "mt", 7, word="bad_crc"),
        replace(NATURE, loss=0.1, maybe=0.1, chatter=0.3),
        (1200, 4 * HOUR),
    ),
}


class Cloud(MemoryGateway):
    """Dark for the second length of each period that begins with the first."""

    def __init__(self, sky_s: float, dark_s: float) -> None:
        super().__init__()
        self.sky_s, self.dark_s = sky_s, dark_s

    @property
    def connected(self) -> bool:
        if not self.dark_s:
            return True
        return asyncio.get_running_loop().time() % (self.sky_s + self.dark_s) < self.sky_s

    @connected.setter
    def connected(self, _value: bool) -> None:
        """The sky decides."""

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        if mo is not None:
            self.received.append(mo)
            return Reply(0)
        return await super().session(momsn, mo, mt_max, leave)


class Day:
    """A played modem in memory, a link on it, and both its users."""

    def __init__(self, script: str, patch: pytest.MonkeyPatch) -> None:
        faults, nature, (sky_s, dark_s) = SCRIPTS[script]
        self.cloud = Cloud(sky_s, dark_s)
        self.script = Script9704(tuple(faults))
        self.core = Core9704(nature, self.cloud, self.script, self.say, self.unplug)
        self.plugged = True
        self.port: Port | None = None
        self.inbox = Inbox()
        self.sent: list[bytes] = []
        self.kept: list[bytes] = []
        self.orders: list[bytes] = []
        self.repeated = 0
        self.tries = 0
        self.tasks: list[asyncio.Task[None]] = []
        patch.setattr(hardware.imt, "open_port", self.open_port)
        patch.setattr(transports.imt, "path_exists", self.path_exists)
        patch.setattr(transports.imt, "wait_for_path", self.wait_for_path)
        settings = ImtSettings(port="memory", flights=3)
        self.link = Imt().open(settings, Imt().traits(settings, {}))
        self.link._open_beside = SameLoop

    # -- the port ------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        if self.port is not None and self.plugged:
            self.out.put_nowait(data)

    def unplug(self, for_s: float) -> None:
        self.plugged = False
        self.core.power_off()
        if self.port is not None:
            self.start(self.port.aclose())
        asyncio.get_running_loop().call_later(for_s, self.plug_in)

    def plug_in(self) -> None:
        if not self.plugged:
            self.plugged = True
            self.core.power_up()

    @asynccontextmanager
    async def open_port(self, _path: str, _baud: int) -> AsyncIterator[Port]:
        if not self.plugged:
            raise PortError(PortTrouble.MISSING)
        near, far = memory_pair()
        self.port = far
        self.out: asyncio.Queue[bytes] = asyncio.Queue()
        wires = [asyncio.create_task(work) for work in (self.hear(far), self.tell(far))]
        try:
            yield near
        finally:
            self.port = None
            for wire in wires:
                wire.cancel()
            await asyncio.gather(*wires, return_exceptions=True)
            await near.aclose()

    async def hear(self, port: Port) -> None:
        while True:
            self.core.receive(await port.read())

    async def tell(self, port: Port) -> None:
        while True:
            await port.write(await self.out.get())

    async def path_exists(self, _path: str) -> bool:
        return self.plugged

    async def wait_for_path(self, _path: str) -> None:
        while not self.plugged:
            await asyncio.sleep(1)

    # -- its users -----------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def run(self) -> None:
        for at_s, fault in self.script.timed:
            asyncio.get_running_loop().call_later(at_s, self.core.suffer, fault)
        await self.core_in_cloud()
        for work in (self.serve(), self.look(), self.write(), self.order()):
            self.start(work)
        await asyncio.sleep(DAY + GRACE_S)
        for task in self.tasks:
            task.cancel()
        found = await asyncio.gather(*self.tasks, return_exceptions=True)
        self.core.power_off()
        bugs = [
            one for one in found if isinstance(one, Exception) and not isinstance(one, PortError)
        ]
        assert bugs == []

    async def core_in_cloud(self) -> None:
        self.start(self.cloud.run("", self.core.ring))
        await asyncio.sleep(0)

    async def serve(self) -> None:
        """As the agent: run it again whenever it ends."""
        while True:
            try:
                await self.link.run(self.inbox)
            except LinkError as error:
                await asyncio.sleep(max(1.0, error.retry_after_s))

    async def look(self) -> None:
        while True:
            await asyncio.sleep(self.core.nature.sky_s)
            if self.plugged:
                self.core.look()

    async def write(self) -> None:
        """The kit keeps a report every six minutes; each is sent until it is."""
        chance = random.Random(1)
        for number in range(int(DAY / 360)):
            frame = b"report %d " % number + chance.randbytes(chance.randrange(10, 6000))
            self.kept.append(frame)
            self.start(self.send(frame))
            await asyncio.sleep(360)

    async def send(self, frame: bytes) -> None:
        while True:
            self.tries += 1
            try:
                await self.link.send(frame)
            except LinkError as error:
                await asyncio.sleep(min(60.0, max(1.0, error.retry_after_s)))
            else:
                self.sent.append(frame)
                return

    async def order(self) -> None:
        """The center writes every fifteen minutes and repeats what did not arrive."""
        chance = random.Random(2)
        for number in range(int(DAY / 900)):
            order = b"order %d " % number + chance.randbytes(chance.randrange(10, 3000))
            self.orders.append(order)
            self.start(self.see_it_arrive(order))
            await asyncio.sleep(900)

    async def see_it_arrive(self, order: bytes) -> None:
        self.cloud.put(order)
        while True:
            for _ in range(60):
                await asyncio.sleep(REPEAT_S / 60)
                if order in self.inbox.frames:
                    return
            if order not in self.cloud.mailbox and order not in self.core.incoming.waiting:
                self.repeated += 1
                self.cloud.put(order)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_day_of_it(
    script: str, monkeypatch: pytest.MonkeyPatch, fault_day: Callable[..., None]
) -> None:
    async def live() -> Day:
        day = Day(script, monkeypatch)
        await day.run()
        return day

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        day = runner.run(live())
    received = set(day.cloud.received)
    fault_day(
        "imt",
        script,
        sessions=day.tries,
        **{
            "MO handed": len(day.kept),
            "sent": len(day.sent),
            "arrived": len(received),
            "MT handed": len(day.orders),
            "received": len(set(day.inbox.frames)),
            "repeats": day.tries - len(day.sent) + day.repeated,
            "billed": len(day.cloud.received),
        },
    )
    assert len(day.kept) == 240 and set(day.sent) == set(day.kept), "nothing is stuck"
    assert set(day.sent) <= received, "nothing is called sent that was not"
    assert received <= set(day.kept), "nothing is made up"
    assert set(day.inbox.frames) == set(day.orders), "every order arrived, and nothing else"
    if script in ("nothing", "final statuses", "segments", "losses", "little sky"):
        assert day.repeated == 0
        assert len(day.inbox.frames) == len(day.orders)
    if script == "nothing":
        assert len(day.cloud.received) == len(day.kept), "each was paid once"
        assert day.inbox.billed_bytes == []
    assert day.core.outgoing.late == 0 or script not in ("nothing", "losses", "little sky")
