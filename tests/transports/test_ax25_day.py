"""24 hours of each kind of trouble on a radio channel, under a clock that jumps.

Both TNCs suffer. A frame on a channel is not answered, so "sent" claims no more than that it was
on the air (a TNC that confirms), or that the TNC took it; what did not arrive is said again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hardware.sim.tnc
import transports.ax25
from hardware import ax25
from hardware.sim.faults import Fault
from hardware.sim.memory_ports import MemoryPorts
from hardware.sim.tnc import Air, Channel, PlayedTnc
from hardware.sim.virtual_time import VirtualLoop
from transports.ax25 import Ax25, Ax25Link, Ax25Settings
from transports.link import LinkError
from transports.testing import Inbox

HOUR = 3600.0
DAY = 24 * HOUR
GRACE_S = 2 * HOUR
REPEAT_S = 120.0
REPORT_EVERY_S, ORDER_EVERY_S = 600.0, 1200.0
REPORTS, ORDERS = int(DAY / REPORT_EVERY_S), int(DAY / ORDER_EVERY_S)
KIT, CENTER = "F4XYZ-7", "F4ABC"


def every(kind: Any, step_s: float, **words: Any) -> list[Fault]:
    return [Fault(kind=kind, at_s=300 + step_s * n, **words) for n in range(int(DAY / step_s))]


HANGS = every("hang", 700, for_s=90.0) + every("hang", 9000, for_s=900.0)
RESETS = every("reset", 41)
UNPLUGS = every("unplug", 1300, for_s=60.0) + every("unplug", 307, for_s=2.0)
NOISE = every("noise", 20, count=300)
SCRIPTS: dict[str, tuple[list[Fault], Air, bool]] = {
    "nothing": ([], Air(), True),
    "losses": ([], Air(loss=0.3, seed=1), True),
    "collisions": ([], Air(deaf=0.8, seed=1), False),
    "noise": (NOISE, Air(noise=0.5, seed=1), True),
    "hangs": (HANGS, Air(), True),
    "resets": (RESETS, Air(), True),
    "unplugged": (UNPLUGS, Air(), True),
    "unplugged, silent": (UNPLUGS, Air(), False),
    "everything": (HANGS + RESETS + UNPLUGS + NOISE, Air(1200.0, 0.2, 0.3, 0.3, 1), True),
}


class Ear(Channel):
    """A channel that remembers whose words were on it."""

    def __init__(self, air: Air) -> None:
        super().__init__(air)
        self.heard: set[tuple[str, bytes]] = set()

    async def transmit(self, sender: PlayedTnc, frame: bytes, air_s: float) -> None:
        found = ax25.decode(frame)
        self.heard.add((str(found.source), found.info))
        await super().transmit(sender, frame, air_s)


class Side:
    """One station: its TNC, its link, and the frames it says until the other side has them."""

    def __init__(self, tnc: PlayedTnc, call: str, acks: bool, seed: int, **more: Any) -> None:
        self.tnc, self.call = tnc, call
        table = {"call": call, "port": str(tnc.path), "acks": acks, **more}
        settings = msgspec.convert(table, Ax25Settings)
        chance = random.Random(seed)
        self.link = Ax25Link(settings, Ax25().traits(settings, {}), chance)
        self.inbox = Inbox()
        self.kept: list[bytes] = []
        self.sent: list[bytes] = []
        self.tries = 0
        self.waiting: list[bytes] = []

    async def serve(self) -> None:
        """As the agent: run it again whenever it ends."""
        while True:
            try:
                await self.link.run(self.inbox)
            except LinkError as error:
                await asyncio.sleep(max(1.0, error.retry_after_s))

    async def write(self, word: str, every_s: float, count: int, seed: int) -> None:
        chance = random.Random(seed)
        for number in range(count):
            frame = b"%s %d " % (word.encode(), number)
            self.kept.append(frame + chance.randbytes(chance.randrange(10, 230)))
            self.waiting.append(self.kept[-1])
            await asyncio.sleep(every_s)

    async def send(self, other: Side, peer: str = "") -> None:
        """All that the other side has not got, one after the other, again and again."""
        while True:
            for frame in list(self.waiting):
                self.tries += 1
                try:
                    await self.link.send(frame, peer)
                except LinkError as error:
                    await asyncio.sleep(min(60.0, max(1.0, error.retry_after_s)))
                else:
                    self.sent.append(frame)
            await asyncio.sleep(REPEAT_S if self.waiting else 1.0)
            self.waiting = [one for one in self.waiting if one not in other.inbox.frames]


async def live(script: str, folder: Path) -> tuple[Side, Side, Ear]:
    """A day and the hours after it."""
    faults, air, acks = SCRIPTS[script]
    channel = Ear(air)
    loop = asyncio.get_running_loop()
    async with (
        PlayedTnc(channel, folder / "kit") as near,
        PlayedTnc(channel, folder / "center") as far,
    ):
        kit = Side(near, KIT, acks, 1, destination=CENTER)
        center = Side(far, CENTER, acks, 2)
        for fault in faults:
            loop.call_later(fault.at_s or 0.0, near.suffer, fault)
            loop.call_later((fault.at_s or 0.0) + 137.0, far.suffer, fault)
        work: list[Coroutine[Any, Any, None]] = [
            *(kit.serve(), center.serve(), kit.send(center), center.send(kit, KIT)),
            kit.write("report", REPORT_EVERY_S, REPORTS, 1),
            center.write("order", ORDER_EVERY_S, ORDERS, 2),
        ]
        tasks = [asyncio.create_task(one) for one in work]
        await asyncio.sleep(DAY + GRACE_S)
        for task in tasks:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one for one in found if isinstance(one, Exception)] == []
    return kit, center, channel


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_day_of_it(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault_day: Callable[..., None],
) -> None:
    ports = MemoryPorts()
    monkeypatch.setattr(hardware.sim.tnc, "PtyPort", ports.plug)
    monkeypatch.setattr(transports.ax25, "open_port", ports.open_port)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        kit, center, channel = runner.run(live(script, tmp_path))
    tries = kit.tries + center.tries
    fault_day(
        "ax25",
        script,
        sessions=channel.counters.sent,
        **{
            "MO handed": len(kit.kept),
            "sent": len(set(kit.sent)),
            "arrived": len(set(center.inbox.frames)),
            "MT handed": len(center.kept),
            "received": len(set(kit.inbox.frames)),
            "repeats": tries - len(kit.kept) - len(center.kept),
            "billed": 0,
        },
    )
    assert len(kit.kept) == REPORTS and len(center.kept) == ORDERS
    assert kit.waiting == [] and center.waiting == [], "a queue is stuck"
    assert set(center.inbox.frames) == set(kit.kept), "a report was lost, or made up"
    assert set(kit.inbox.frames) == set(center.kept), "an order was lost, or made up"
    acks = SCRIPTS[script][2]
    if acks or script == "collisions":
        for side in (kit, center):
            said = {(side.call, frame) for frame in side.sent}
            assert said <= channel.heard, "a frame was called sent and never on the air"
    if script == "nothing":
        assert len(kit.sent) == len(center.inbox.frames) == REPORTS, "a frame was sent twice"
        assert tries <= REPORTS + ORDERS + 2
