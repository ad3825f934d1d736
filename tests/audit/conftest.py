"""A center and a kit that talked over a free link, with real keys: logs to be checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit.audit.check import check_log
from crisiskit.audit.report import Finding, Report
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, World
from crisiskit.store.logbook import Logbook
from transports.link import Traits

WIFI = Carrier("wifi", up=Traits(400), down=Traits(400, listens=True))
LIVES = 3


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three lives of the kit and of the center, each with messages both ways, all signed."""
    made = World(tmp_path_factory.mktemp("world"), [WIFI], seed=1)
    for life in range(LIVES):
        for n in range(4):
            made.say(made.kits[0], f"kit {life} {n} " + "water " * 40)
            made.say(made.center, f"center {life} {n}", to="kit-1")
            made.run(made.now_s + 1)
        made.run(made.now_s + 60)
        if life < LIVES - 1:
            made.crash(made.kits[0])
            made.crash(made.center)
            made.run(made.now_s + 60)
    yield made
    for station in made.stations:
        station.store.close()


@pytest.fixture
def center(world: World, tmp_path: Path) -> Path:
    """The database of the center, to be changed."""
    return Path(shutil.copy(world.center.store.path, tmp_path / "center.db"))


@pytest.fixture
def kit(world: World, tmp_path: Path) -> Path:
    """The database of the kit, to be changed."""
    return Path(shutil.copy(world.kits[0].store.path, tmp_path / "kit.db"))


@pytest.fixture
def reports(world: World) -> Callable[[Path], list[Report]]:
    """What comes of checking a log."""

    def check(path: Path) -> list[Report]:
        book = Logbook(path, VAULT)
        made = list(check_log(book, world.center.identity.public))
        book.close()
        return made

    return check


@pytest.fixture
def findings(reports: Callable[[Path], list[Report]]) -> Callable[[Path], list[Finding]]:
    """All that is wrong with a log."""
    return lambda path: [one for report in reports(path) for one in report.findings]
