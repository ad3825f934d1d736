"""How late a FLASH was, next to the bare link: what its best link takes for the same frame.

A bare link sends this one frame at once, without queue: it fails as often as the link does and
is then tried again after the link's pause, and what it loses it sends again after the time after
which what is urgent is repeated there. Where no link is there, the time until the first one comes
belongs to it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import median

from crisiskit.sim.carrier import NEVER, Carrier
from crisiskit.sim.day.plan import Day, Said
from crisiskit.sim.day.sizes import frame_bytes, record_bytes
from crisiskit.sync.lanes import URGENT_REPEAT_S
from transports.link import Traits

TRIES = 200


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare link of one FLASH: its median and p99 delay, and its frame time, in seconds."""

    link: str
    median_s: float
    p99_s: float
    frame_s: float


def bare(day: Day, said: Said, rng: random.Random) -> Bare:
    """The best link for a FLASH at the moment it is written."""
    size = frame_bytes(record_bytes(said), signed=True)
    name = f"kit-{day.beside.get(said.kit, said.kit)}"
    found = []
    for link in day.links(said.kit):
        carrier = day.carrier(link)
        if not carrier.up.carried:
            found.append(_of_link(carrier, name, said, size, rng))
    return min(found, key=lambda one: one.median_s)


def _of_link(carrier: Carrier, name: str, said: Said, size: int, rng: random.Random) -> Bare:
    traits = carrier.up if said.up else carrier.down
    opens_s, _ = carrier.window(name, said.at_s)
    if opens_s == NEVER:
        return Bare(carrier.name, NEVER, NEVER, 1.0)
    waits_s = max(0.0, opens_s - said.at_s)
    times = sorted(waits_s + _once(carrier, traits, size, rng) for _ in range(TRIES))
    frame_s = traits.mtu_bytes / traits.rate_bytes_s
    return Bare(carrier.name, median(times), percentile(times, 99), frame_s)


def _once(carrier: Carrier, traits: Traits, size: int, rng: random.Random) -> float:
    took_s = 0.0
    while True:
        took_s += size / traits.rate_bytes_s
        failed = rng.random() < carrier.failure
        if failed and rng.random() >= carrier.unsure:
            took_s += carrier.retry_s
        elif rng.random() < carrier.loss:
            took_s += min(traits.repeat_s, URGENT_REPEAT_S)
        else:
            return took_s + rng.uniform(*carrier.delay_s)


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
