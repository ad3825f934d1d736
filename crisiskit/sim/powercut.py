"""Power cuts against the real store: ``python -m crisiskit.sim.powercut --cuts 20000``.

Each cut ends a recorded exchange behind one disk operation, leaves of the unsynced ones what
a disk may leave, and opens what is found with the real store. What was reported must be there,
the step under way whole or not at all, and the exchange must go on to its end from there.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from crisiskit.errors import CrisiskitError
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.disk import Disk
from crisiskit.sim.witness import Promises, Recording, contents, record
from crisiskit.sim.world import VAULT, Station, World
from crisiskit.snapshot import Snapshot
from crisiskit.store.store import Store
from crisiskit.store.views import Views
from transports.link import Traits

# What ``open_writer`` chooses below and from SQLite 3.51.3 on, always with synchronous FULL.
TRUNCATE = ("journal_mode = TRUNCATE",)
WAL = ("journal_mode = WAL", "wal_autocheckpoint = 20")
# Settings too weak to keep a promise: with them the same cuts must do harm.
CONTROLS: dict[str, tuple[str, ...]] = {
    "WAL, synchronous NORMAL": (*WAL, "synchronous = NORMAL"),
    "TRUNCATE, synchronous OFF": (*TRUNCATE, "synchronous = OFF"),
    "WAL, synchronous OFF": (*WAL, "synchronous = OFF"),
    "DELETE, synchronous FULL": ("journal_mode = DELETE", "synchronous = FULL"),
}
CUTS_A_STORY = 100
WITHIN_S = 4 * 3600.0
CALM = Carrier("wire", up=Traits(4096), down=Traits(4096, listens=True))
_MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Tally:
    """What cuts did. ``failures`` say for each harm how to see it again."""

    cuts: int = 0
    lost: int = 0
    half_done: int = 0
    damaged: int = 0
    stuck: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another tally in."""
        self.cuts += other.cuts
        self.lost += other.lost
        self.half_done += other.half_done
        self.damaged += other.damaged
        self.stuck += other.stuck
        self.failures += other.failures

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts: {self.lost} lost what was reported, {self.half_done} left half"
            f" a transaction, {self.damaged} a damaged file, {self.stuck} did not go on"
        )


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a while, in memory where the system has such a place."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="powercut-", dir=place) as folder:
        yield Path(folder)


def cut_story(seed: int, settings: Sequence[str], cuts: int = CUTS_A_STORY) -> Tally:
    """Record the exchange of ``seed`` and cut the power ``cuts`` times in it."""
    rng = Random(seed)
    tally = Tally()
    with scratch() as folder:
        recording = record(folder, seed, settings)
    disk, done = recording.disk(), 0
    for at in sorted(rng.choices(range(len(recording.operations) + 1), k=cuts)):
        for operation in recording.operations[done:at]:
            disk.play(operation)
        done = at
        tally.cuts += 1
        with scratch() as folder:
            harm = _cut(folder, disk, recording, at, rng)
        if harm:
            setattr(tally, harm, getattr(tally, harm) + 1)
            tally.failures.append(f"{harm}: seed {seed}, settings {settings}, operation {at}")
    return tally


def _cut(folder: Path, disk: Disk, recording: Recording, at: int, rng: Random) -> str:
    """The harm that one cut does, empty if none."""
    for name, data in disk.cut(rng).items():
        (folder / name).write_bytes(data)
    for name, promises in recording.promises.items():
        try:
            harm = harm_in(folder / name, promises, at)
        except (CrisiskitError, sqlite3.DatabaseError):
            harm = "damaged"
        if harm:
            return harm
    return "" if goes_on(folder) else "stuck"


def harm_in(path: Path, promises: Promises, at: int) -> str:
    """What a cut did to one database, empty if nothing; opens it as the next start would."""
    with closing(Store(path, lambda: 0, VAULT)) as store, closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            return "damaged"
        if db.execute("PRAGMA foreign_key_check").fetchall() or not _chained(store.snapshot()):
            return "half_done"
        found, reported = contents(db), promises.reported(at)
    digests = [digest for _, digest in promises.states]
    if found not in digests[reported : reported + 2]:
        return "lost" if found in digests else "half_done"
    with closing(Views(path, VAULT)) as views:
        there = {message.id for message in views.search("out")}
    return "" if promises.kept_by(at) <= there else "lost"


def _chained(snapshot: Snapshot) -> bool:
    """Whether each envelope awaited stands at its own place in the chain of its epoch."""
    for pairing in snapshot.pairings:
        chains = {sending.epoch: sending.digests for sending in pairing.sending}
        for one in pairing.outstanding:
            if chains[one.epoch][one.seq : one.seq + 1] != (one.digest,):
                return False
    return True


def goes_on(folder: Path) -> bool:
    """Whether fresh engines bring all that is kept to the other side, each once."""
    world = World(folder, (CALM,))
    try:
        settled = world.settle(WITHIN_S, step_s=5.0)
        kit, center = world.kits[0], world.center
        return settled and all(
            _written(author) == Counter(world.texts(reader))
            for author, reader in ((kit, center), (center, kit))
        )
    finally:
        for station in world.stations:
            station.store.close()


def _written(station: Station) -> Counter[str]:
    with closing(Views(station.store.path, VAULT)) as views:
        return Counter(m.text for m in views.search("out") if m.state != "cancelled")


def campaign(cuts: int, seed: int) -> bool:
    """Cut both journal modes so often in all, then the controls; tell what happened."""
    began = time.monotonic()
    whole = Tally()
    stories = max(1, cuts // (2 * CUTS_A_STORY))
    for number in range(stories):
        for mode in (TRUNCATE, WAL):
            whole.add(cut_story(seed + number, mode))
    print(f"{whole} ({time.monotonic() - began:.0f} s, seeds {seed} to {seed + stories - 1})")
    for failure in whole.failures:
        print(f"  {failure}")
    blind = False
    for name, settings in CONTROLS.items():
        control = cut_story(seed, settings)
        blind = blind or not (control.lost + control.half_done + control.damaged)
        print(f"control, {name}: {control}")
    return not whole.failures and not blind


def main() -> None:
    """Read the command line, run, and exit with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="powercut", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cuts", type=int, default=20_000, help="in all, of both journal modes")
    parser.add_argument("--seed", type=int, default=1, help="of the first story")
    args = parser.parse_args()
    sys.exit(0 if campaign(args.cuts, args.seed) else 1)


if __name__ == "__main__":
    main()
