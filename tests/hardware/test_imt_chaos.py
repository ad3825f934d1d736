"""A pseudo-terminal on which everything happens at random: the modem is always found again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardware.imt_options import Timing
from hardware.sim.core9704 import Nature9704
from hardware.sim.faults9704 import Fault9704
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.uplink import MemoryGateway, Reply
from transports.imt import Imt, ImtLink, ImtSettings
from transports.link import LinkError
from transports.testing import Inbox

NATURE = Nature9704(
    latency_s=0.02,
    rate_bytes_s=1e7,
    boot_s=0.02,
    retry_s=0.05,
    line_bytes_s=1e7,
    answer_s=2.0,
    chatter=0.3,
    sky_s=0.2,
    look_s=0.05,
)
TIMING = Timing(
    answer_s=0.5,
    probe_s=0.2,
    settle_s=0.01,
    state_s=5.0,
    cancel_s=0.5,
    heartbeat_s=0.3,
    provision_s=0.05,
)
ACCIDENTS = 25


class Cloud(MemoryGateway):
    """Keeps what was sent; gives what waits only when asked for it."""

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        if mo is not None:
            self.received.append(mo)
            return Reply(0)
        return await super().session(momsn, mo, mt_max, leave)


def accident(chance: random.Random) -> Fault9704:
    kind: Any = chance.choice(("hang", "reset", "unplug", "noise", "noise", "state"))
    return Fault9704(
        kind=kind, at_s=0, for_s=chance.uniform(0.0, 0.3), count=chance.randint(1, 2000)
    )


async def serve(link: ImtLink, inbox: Inbox) -> None:
    while True:
        try:
            await link.run(inbox)
        except LinkError:
            await asyncio.sleep(0.05)


async def send(link: ImtLink, frame: bytes, sent: list[bytes]) -> None:
    while frame not in sent:
        try:
            await link.send(frame)
            sent.append(frame)
        except LinkError:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_stays_stuck_and_nothing_is_made_up(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    cloud, inbox, sent = Cloud(), Inbox(), list[bytes]()
    frames = [b"%d " % n + chance.randbytes(chance.randint(1, 8000)) for n in range(10)]
    orders = [b"order %d " % n + chance.randbytes(chance.randint(1, 5000)) for n in range(10)]
    nature = replace(NATURE, seed=seed)
    async with PlayedModem9704(tmp_path / "imt0", cloud, nature) as played:
        settings = ImtSettings(port=str(played.path), send_timeout_s=1.0)
        traits = Imt().traits(settings, {})
        link = ImtLink(settings, traits, timing=TIMING)
        running = asyncio.create_task(serve(link, inbox))
        sends = [asyncio.create_task(send(link, frame, sent)) for frame in frames]
        for at in range(ACCIDENTS):
            played.core.suffer(accident(chance))
            cloud.put(orders[at % len(orders)])
            await asyncio.sleep(chance.uniform(0.0, 0.2))
        async with asyncio.timeout(100):
            await asyncio.gather(*sends)
            while not set(orders) <= set(inbox.frames):  # the center repeats
                cloud.put(next(order for order in orders if order not in inbox.frames))
                await asyncio.sleep(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert set(frames) == set(sent) == set(cloud.received)
    assert set(inbox.frames) == set(orders)
