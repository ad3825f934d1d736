"""One line for each figure: what was measured, what came out, which goal it is held against."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

LOAD_MAX = 2.0
TRIES = 2
CALM_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the person at the keyboard asked for. ``shared`` need not be there."""

    shared: Path
    all_peers: bool


class Report:
    """Prints figures as they come and remembers which goals were missed."""

    def __init__(self) -> None:
        self.goals = 0
        self.missed: list[str] = []

    def part(self, title: str) -> None:
        """The heading of a part, with the load of the machine."""
        print(f"\n{title} (load {load():.2f})", flush=True)

    def figure(
        self,
        what: str,
        value: float,
        unit: str,
        *,
        most: float | None = None,
        least: float | None = None,
        digits: int = 0,
    ) -> None:
        """A figure, and whether it is within its goal where it has one."""
        goal, limit, verdict = "", most if least is None else least, ""
        if limit is not None:
            shown = round(value, digits)
            reached = shown <= limit if least is None else shown >= limit
            goal = f"goal {'at most' if least is None else 'at least'} {limit:g}"
            verdict = "reached" if reached else "MISSED"
            self.goals += 1
            if not reached:
                self.missed.append(f"{what}: {value:.{digits}f} {unit}, {goal}")
        line = f"  {what:<64}{value:>10.{digits}f} {unit:<9}{goal:<18}{verdict}"
        print(line.rstrip(), flush=True)

    def note(self, words: str) -> None:
        """A line that is no figure."""
        print(f"  {words}", flush=True)

    def close(self) -> None:
        """How many goals were reached, and which were not."""
        print(f"\n{self.goals - len(self.missed)} of {self.goals} goals reached")
        for line in self.missed:
            print(f"  missed: {line}")


def load() -> float:
    """Processes that wanted a processor, mean of the last minute."""
    return os.getloadavg()[0]


def quietly(measure: Callable[[], Result]) -> Result:
    """What ``measure`` returns; measured again where others kept the machine busy meanwhile."""
    for _ in range(TRIES):
        wait_until_calm()
        before = load()
        result = measure()
        if max(before, load()) <= LOAD_MAX:
            return result
        print(f"  load {max(before, load()):.2f} while measuring", file=sys.stderr, flush=True)
    return result


def wait_until_calm() -> None:
    """Wait, but not for ever, until the machine is free enough for times to mean something."""
    until = time.monotonic() + CALM_S_MAX
    while load() > LOAD_MAX and time.monotonic() < until:
        time.sleep(1.0)


def median(values: Iterable[float]) -> float:
    """The one in the middle, the higher of the two where there are two."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
