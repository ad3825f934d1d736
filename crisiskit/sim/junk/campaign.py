"""The campaign: calm, then junk everywhere at once, then quiet; and what must be true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crisiskit.errors import CrisiskitError
from crisiskit.sim.junk.lines import Line, Satellite, babble, lines_of, litter
from crisiskit.sim.junk.ports import Babbler, Door, Strangers, Wire
from crisiskit.sim.junk.stations import CENTER_CALL, SECRET, Stations
from crisiskit.sim.junk.throw import Thrower

NAMES = ("center", "kit")
READY_S = 90.0
SETTLE_S = 180.0
SLOW_S = 60.0
EVERY_S = 1.0
MIB = 1024 * 1024
DISK_BYTES_MOST = MIB
LOG_BYTES_S_MOST = 1024
MEMORY_KIB_MOST = 64 * 1024
CREEP_KIB_MOST = 4 * 1024
CREEP_AFTER_S = 180.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The stations at one moment: memory in KiB, disk and log in bytes, by name."""

    at_s: float
    pairs: int
    memory: dict[str, int]
    disk: dict[str, int]
    logs: dict[str, int]


@dataclass(slots=True)
class Report:
    """What was thrown and what came of it."""

    seconds: float
    links: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    doors: list[Door] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    babblers: dict[str, Babbler] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    calm: list[Sample] = field(default_factory=list)
    kept: int = 0
    held: int = 0
    arrived: int = 0
    doubled: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    billed: dict[str, int] = field(default_factory=dict)
    settled_s: float = 0.0

    @property
    def everywhere(self) -> bool:
        """Whether junk has been thrown at everything there is."""
        parts = (self.doors, self.lines, self.babblers.values())
        everything = [one.thrown_bytes for part in parts for one in part]
        return all(thrown for thrown in everything)

    def disk_beyond(self, name: str) -> int:
        """Bytes by which a home grew during the junk, beyond what the good messages took.

        What one takes was measured in the calm before.
        """
        first, last = self.calm[0], self.calm[-1]
        each = (last.disk[name] - first.disk[name]) / max(1, last.pairs - first.pairs)
        begin, end = self.samples[0], self.samples[-1]
        return round(end.disk[name] - begin.disk[name] - each * (end.pairs - begin.pairs))

    def memory_beyond(self, name: str) -> int:
        """KiB of the largest sample during the junk beyond the calm before."""
        return max(one.memory[name] for one in self.samples) - self.calm[-1].memory[name]

    def creep(self, name: str) -> int:
        """KiB by which the last third of the samples is above the middle third, on average."""
        third = len(self.samples) // 3
        middle, last = self.samples[third : 2 * third], self.samples[2 * third :]
        parts = [sum(s.memory[name] for s in part) / max(1, len(part)) for part in (middle, last)]
        return round(parts[1] - parts[0])

    def log_beyond(self, name: str) -> int:
        """Bytes of log written during the junk."""
        return self.samples[-1].logs[name] - self.samples[0].logs[name]

    def failures(self) -> Iterator[str]:
        """The promises that were broken."""
        yield from (f"the {name} ended by itself" for name in self.dead)
        if self.doors and not self.everywhere:
            yield "junk was not thrown at everything"
        yield from (f"{link} was never up" for link in sorted(self.links - self.opened))
        for door in self.doors:
            if door.answered_bytes:
                yield f"{door.name} answered {door.answered_bytes} bytes to junk"
            if good := [status for status in door.statuses if status < 400]:
                yield f"{door.name} answered junk with {good}"
        for line in self.lines:
            if line.silent and line.answered_bytes:
                yield f"{line.name} answered {line.answered_bytes} bytes to junk"
        if self.held != self.kept or self.arrived != self.kept:
            yield f"of {self.kept} good messages {self.arrived} arrived, {self.held} are held"
        yield from (f"{text} arrived more than once" for text in self.doubled[:5])
        for name in NAMES:
            yield from self._growth(name)

    def _growth(self, name: str) -> Iterator[str]:
        if self.disk_beyond(name) > DISK_BYTES_MOST:
            yield f"the {name}'s home grew by {self.disk_beyond(name):,} bytes of junk"
        if self.memory_beyond(name) > MEMORY_KIB_MOST:
            yield f"the {name} took {self.memory_beyond(name):,} KiB more"
        if self.seconds >= CREEP_AFTER_S and self.creep(name) > CREEP_KIB_MOST:
            yield f"the {name} grows: {self.creep(name):,} KiB from one third to the next"
        if self.log_beyond(name) > LOG_BYTES_S_MOST * max(60.0, self.seconds):
            yield f"the {name} logged {self.log_beyond(name):,} bytes"


async def run(folder: Path, seed: int, seconds: float, calm_s: float, callers: int = 16) -> Report:
    """All of it in ``folder``; ``seconds`` of junk after ``calm_s`` without."""
    report = Report(seconds)
    thrower = Thrower(seed)
    stations = Stations(folder)
    report.links = stations.links
    async with lines_of(folder, thrower) as (report.lines, sky):
        wire = Wire(thrower, stations.ports["good"], stations.ports["tcp"])
        report.doors, report.babblers = _targets(stations, thrower)
        async with _running(wire.run(), *(one.run() for one in report.babblers.values())):
            try:
                await _live(report, stations, thrower, sky, calm_s, callers)
            finally:
                await asyncio.to_thread(stations.end)
    return report


async def _live(
    report: Report,
    stations: Stations,
    thrower: Thrower,
    sky: Satellite,
    calm_s: float,
    callers: int,
) -> None:
    await asyncio.to_thread(stations.start)
    await _keep(stations, report)
    await _until_open(stations, report)
    await _until_held(stations, report, READY_S)
    report.calm = await _watch(stations, report, calm_s)
    for babbler in report.babblers.values():
        babbler.start()
    work = [
        Strangers(thrower, report.doors, callers).run(),
        *(babble(line) for line in report.lines),
        litter([stations.folder / f"{name}-folder" for name in NAMES], thrower),
    ]
    async with _running(*work):
        report.samples = await _watch(stations, report, report.seconds, lambda: report.everywhere)
    began = time.monotonic()
    await _until_held(stations, report, SETTLE_S)
    report.settled_s = time.monotonic() - began
    report.dead = stations.dead
    received = await asyncio.to_thread(stations.received)
    report.arrived = len(received)
    report.doubled = [text for text, count in received.items() if count > 1]
    report.billed = sky.billed


def _targets(stations: Stations, thrower: Thrower) -> tuple[list[Door], dict[str, Babbler]]:
    """The ports that are called, and the servers that call back with junk."""
    ports = stations.ports
    push = f"/push/{SECRET}"

    def pushed() -> bytes:
        return thrower.rng.choice((thrower.http, lambda: thrower.pushed(push)))()

    doors = [
        Door("tcp-listen", ports["tcp"], thrower.stream),
        Door("wss-listen", ports["wss"], thrower.http, tls=True, http=True),
        Door("webhook", ports["webhook"], pushed, http=True),
        Door("cloudloop", ports["cloudloop"], pushed, http=True),
        Door("directip", ports["directip"], thrower.stream),
        Door("neighbours", ports["near"], thrower.stream),
    ]
    babblers = {
        "ax25 by tcp": Babbler(ports["kiss"], lambda: thrower.kiss(CENTER_CALL)),
        "gpsd": Babbler(ports["gpsd"], thrower.gpsd),
    }
    return doors, babblers


@asynccontextmanager
async def _running(*work: object) -> AsyncIterator[None]:
    """All of it beside what is inside; a part that fails fails the whole."""
    tasks = [asyncio.ensure_future(one) for one in work]  # type: ignore[call-overload]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(stations: Stations, report: Report) -> None:
    """One good message each way. A store that is busy for long is tried again."""
    while True:
        try:
            await asyncio.to_thread(stations.keep, report.kept // 2)
        except CrisiskitError:
            await asyncio.sleep(EVERY_S)
            continue
        report.kept += 2
        return


async def _watch(
    stations: Stations, report: Report, seconds: float, enough: Callable[[], bool] = lambda: True
) -> list[Sample]:
    """Good messages each second, and a sample of the stations before each.

    It takes ``SLOW_S`` longer at most where that is not yet ``enough``.
    """
    began, samples = time.monotonic(), []
    while True:
        samples.append(await asyncio.to_thread(_sample, stations, report, began))
        passed_s = time.monotonic() - began
        if stations.dead or passed_s >= seconds + (0 if enough() else SLOW_S):
            return samples
        next_s = began + len(samples) * EVERY_S
        await _keep(stations, report)
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))


def _sample(stations: Stations, report: Report, began: float) -> Sample:
    return Sample(
        time.monotonic() - began,
        report.kept // 2,
        {name: stations.memory_kib(name) for name in NAMES},
        {name: stations.disk_bytes(name) for name in NAMES},
        {name: stations.log_bytes(name) for name in NAMES},
    )


async def _until_open(stations: Stations, report: Report) -> None:
    """Until every link was up, or it takes too long."""
    end = time.monotonic() + READY_S
    while report.opened != report.links and time.monotonic() < end and not stations.dead:
        report.opened = await asyncio.to_thread(stations.opened)
        await asyncio.sleep(0.2)


async def _until_held(stations: Stations, report: Report, seconds: float) -> None:
    """Until every good message is held, or it takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not stations.dead:
        report.held = await asyncio.to_thread(stations.held)
        if report.held == report.kept:
            return
        await asyncio.sleep(0.5)
