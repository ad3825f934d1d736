"""Live through a day with real engines and stores, and tell its figures."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from crisiskit.model import CENTER, Precedence
from crisiskit.sim.checks import BrokenPromiseError, Checker
from crisiskit.sim.day.delays import bare, percentile
from crisiskit.sim.day.oracle import bound
from crisiskit.sim.day.plan import HOUR, SETTLE_S, WARM_UP_S, Day, Said
from crisiskit.sim.world import Station, World
from crisiskit.step import Arrived, Change, Spent, Unpacked
from crisiskit.sync.patience import USUAL
from crisiskit.sync.relay import RelayPolicy

CREDITS_FOR_OTHERS = 200


@dataclass(slots=True)
class DayChecker(Checker):
    """Notes when each text could be read at its far end first, and what was billed since."""

    readable: dict[str, float] = field(default_factory=dict)
    bills: Counter[str] = field(default_factory=Counter)

    def committed(self, station: Station, changes: Sequence[Change]) -> None:
        """See :class:`Checker`."""
        Checker.committed(self, station, changes)
        for change in changes:
            if isinstance(change, Arrived | Unpacked):
                arrived = change.arrived if isinstance(change, Unpacked) else change
                for record in arrived.records:
                    if record.kind.for_people:
                        self.readable.setdefault(record.text, self.world.now_s)
            elif isinstance(change, Spent) and self.world.now_s >= WARM_UP_S:
                self.bills[change.link] += change.credits


@dataclass(frozen=True, slots=True)
class Figures:
    """What a day came to. Delays in seconds; ``late``: beyond the bare link, in its frames."""

    seed: int
    kits: int
    hours: float
    messages: int
    held: int
    frames: int
    carried: int
    settled_h: float
    flashes: int
    flash_median_s: float
    flash_p99_s: float
    bare_median_s: float
    bare_p99_s: float
    late_median: float
    late_p99: float
    credits: int
    credits_by_link: dict[str, int]
    oracle: int
    oracle_receipts: int

    @property
    def ratio(self) -> float:
        """Credits to those of the oracle."""
        return self.credits / max(1, self.oracle)

    def table(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {**asdict(self), "ratio": round(self.ratio, 3)}


def live(day: Day, folder: Path) -> Figures:
    """Raises BrokenPromiseError where a message is lost, doubled or not held, or a rule broken."""
    world = World(
        folder,
        day.carriers,
        day.kits,
        day.seed,
        patience=USUAL,
        dark=frozenset(f"kit-{kit}" for kit in day.beside),
        relay=RelayPolicy(credits_day=CREDITS_FOR_OTHERS, mtu_bytes=140),
    )
    checker = DayChecker(world)
    world.observer = checker
    for kit in world.kits:
        world.at(world.rng.uniform(0, 600), _begins(checker, kit))
    for said in day.said:
        world.at(said.at_s, _says(checker, said))
    end_s = WARM_UP_S + day.hours * HOUR
    world.run(end_s)
    if not world.settle(SETTLE_S - 6 * HOUR, step_s=HOUR / 2):
        left = {one.name: n for one in world.stations if (n := world.waiting(one))}
        raise BrokenPromiseError(f"not held after the day: {left}")
    settled_h = (world.now_s - end_s) / HOUR
    checker.conclude()
    for station in world.stations:
        station.store.close()
    return _figures(day, checker, settled_h)


def _begins(checker: DayChecker, kit: Station) -> Callable[[], None]:
    """Nobody can reach a kit over satellite that never spoke: each reports once before.

    There is no Wi-Fi yet, and a FLASH minds no hours.
    """
    return lambda: checker.say(kit, f"{kit.name} begins", Precedence.FLASH, CENTER)


def _says(checker: DayChecker, said: Said) -> Callable[[], None]:
    def speak() -> None:
        kit = checker.world.kits[said.kit - 1]
        writer, to = (kit, CENTER) if said.up else (checker.world.center, kit.name)
        checker.say(writer, said.text, said.precedence, to, kind=said.kind)

    return speak


def _figures(day: Day, checker: DayChecker, settled_h: float) -> Figures:
    rng = random.Random(f"bare {day.seed}")
    flashes = [said for said in day.said if said.precedence is Precedence.FLASH]
    took = [checker.readable[said.text] - said.at_s for said in flashes]
    bares = [bare(day, said, rng) for said in flashes]
    late = [(delay - one.median_s) / one.frame_s for delay, one in zip(took, bares, strict=True)]
    later = [(delay - one.p99_s) / one.frame_s for delay, one in zip(took, bares, strict=True)]
    least = bound(day)
    return Figures(
        day.seed,
        day.kits,
        day.hours,
        checker.tally.said,
        len(checker.readable),
        checker.tally.frames,
        checker.tally.carried,
        round(settled_h, 2),
        len(flashes),
        round(median(took), 1),
        round(percentile(took, 99), 1),
        round(median(one.median_s for one in bares), 1),
        round(percentile([one.p99_s for one in bares], 99), 1),
        round(median(late), 2),
        round(percentile(later, 99), 2),
        sum(checker.bills.values()),
        {link: credits for link, credits in sorted(checker.bills.items()) if credits},
        least.credits,
        least.receipts,
    )
