"""A recorded exchange: all that two real stores asked of their disks, and what they promised.

A kit and a center write to each other over a bad line, with the real engine. The record
holds every disk operation in order and, between them, what the stores said was durable. The
power can then be cut behind any operation, again and again, without playing it anew.
"""

from __future__ import annotations

import inspect
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.disk import Disk, Operation
from crisiskit.sim.vfs import watching
from crisiskit.sim.world import EPOCH_MS, VAULT, Station, World
from crisiskit.store.store import Draft, Store
from crisiskit.store.views import Views
from transports.link import Traits

MESSAGES = 10
LASTS_S = 90.0
RADIO = Carrier(
    "radio",
    up=Traits(80, 0.1, 400, repeat_s=4),
    down=Traits(80, 0.1, 400, repeat_s=4, listens=True, lasting_peers=True),
    loss=0.1,
    repeat=0.05,
)


@dataclass(slots=True)
class Promises:
    """What one store said. ``states``: the contents (digest) that were durable from an
    operation on; ``kept``: the ids of records that were from then on KEPT."""

    states: list[tuple[int, bytes]] = field(default_factory=list)
    kept: list[tuple[int, str]] = field(default_factory=list)

    def reported(self, cut: int) -> int:
        """Which state was the last one reported when ``cut`` operations were done."""
        return bisect_right(self.states, cut, key=lambda state: state[0]) - 1

    def kept_by(self, cut: int) -> set[str]:
        """The ids reported as KEPT when ``cut`` operations were done."""
        return {code for at, code in self.kept if at <= cut}


@dataclass(slots=True)
class Recording:
    """See the module. Paths are names of files; ``promises`` go by the name of the database."""

    files: dict[str, bytes] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    promises: dict[str, Promises] = field(default_factory=dict)

    def note(self, operation: Operation) -> int:
        """A watcher that lets everything pass."""
        self.operations.append(replace(operation, path=Path(operation.path).name))
        return 0

    def disk(self) -> Disk:
        """The disk before the first operation."""
        return Disk(self.files)


def contents(db: sqlite3.Connection, without: Sequence[str] = ()) -> bytes:
    """A digest of every row of every table but those named."""
    tables = db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name, sql").fetchall()
    digest = blake2b(repr(tables).encode())
    for name, sql in tables:
        if sql is not None and sql.startswith("CREATE TABLE") and name not in without:
            digest.update(repr(db.execute(f'SELECT * FROM "{name}"').fetchall()).encode())
    return digest.digest()


def _witnessing(kind: type[Witness]) -> type[Witness]:
    """Let every public call of the store end with ``note``."""
    for name, method in inspect.getmembers(Store, inspect.isfunction):
        if not name.startswith("_") and name not in vars(kind):
            setattr(kind, name, _witnessed(method))
    return kind


def _witnessed(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Witness, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        self.note()
        return result

    return call


@_witnessing
class Witness(Store):
    """The real store, noting after each call what it said to be durable."""

    def __init__(
        self, path: Path, wall: Callable[[], int], recording: Recording, settings: Sequence[str]
    ) -> None:
        super().__init__(path, wall, VAULT)
        for setting in settings:
            self._db.execute(f"PRAGMA {setting}")
        self._operations = recording.operations
        self._changes = self._db.total_changes
        self._promises = recording.promises[path.name] = Promises()
        self._promises.states.append((0, contents(self._db)))

    def close(self) -> None:
        """Close, without a look at the contents."""
        super().close()

    def keep(self, drafts: Sequence[Draft]) -> list[str]:
        """Keep, and note the promise."""
        codes = super().keep(drafts)
        self.note()
        self._promises.kept += [(len(self._operations), code) for code in codes]
        return codes

    def note(self) -> None:
        """Note the contents if a call changed them."""
        if self._db.total_changes != self._changes:
            self._changes = self._db.total_changes
            self._promises.states.append((len(self._operations), contents(self._db)))


def record(folder: Path, seed: int, settings: Sequence[str]) -> Recording:
    """Play an exchange in ``folder``; ``settings`` are pragmas that weaken or force a mode."""
    world = World(folder, (RADIO,), seed=seed)
    for station in world.stations:
        station.store.close()
    recording = Recording({path.name: path.read_bytes() for path in folder.iterdir()})
    with watching(recording.note):
        for station in world.stations:
            station.store = Witness(
                station.store.path, lambda: EPOCH_MS + int(world.now_s * 1000), recording, settings
            )
            world.start(station)
        _people(world, Random(seed))
        world.run(LASTS_S)
        for station in world.stations:
            station.store.close()
    return recording


def _people(world: World, rng: Random) -> None:
    """Who writes, opens, cancels and stops a process, and when."""
    kit = world.kits[0]
    for n in range(MESSAGES):
        author = rng.choice((kit, world.center))
        to = CENTER if author is kit else kit.name
        words = " ".join(f"{n}{rng.randrange(10**6)}" for _ in range(rng.choice((1, 3, 30))))
        precedence = rng.choice(list(Precedence))
        world.at(rng.uniform(0, 60), _saying(world, author, words, precedence, to))
    for _ in range(3):
        world.at(rng.uniform(20, 80), _opening(world, rng.choice(world.stations)))
        world.at(rng.uniform(0, 60), _cancelling(world, kit))
    world.at(rng.uniform(20, 50), lambda: world.crash(rng.choice(world.stations)))


def _saying(
    world: World, author: Station, text: str, precedence: Precedence, to: str
) -> Callable[[], None]:
    def speak() -> None:
        world.say(author, text, precedence, to)

    return speak


def _opening(world: World, station: Station) -> Callable[[], None]:
    def open_first() -> None:
        views = Views(station.store.path, VAULT)
        unread = views.triage(rows=1)
        views.close()
        if unread:
            station.store.mark_read(unread[0].ref)
            world.look(station)

    return open_first


def _cancelling(world: World, station: Station) -> Callable[[], None]:
    def think_again() -> None:
        station.store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, "never mind")])
        station.store.cancel(max(station.store.kept()))
        world.look(station)

    return think_again
