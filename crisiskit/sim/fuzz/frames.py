"""Corrupt frames: what real stations have sent, made wrong, and thrown at real engines.

Promised (docs/wire.md): no corrupt frame is accepted, none is answered, none leaves a byte
on disk or in memory, and the queue flows on afterwards. But a center sets aside, for people to
look at, a trickle of what names a kit it does not know.
"""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time

from crisiskit.codec.header import (
    FrameKind,
    Header,
    decode_header,
    encode_header,
    with_epoch,
    without_epoch,
)
from crisiskit.codec.reject import Rejected
from crisiskit.model import Direction, Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.fuzz.mutate import FRAMES
from crisiskit.sim.world import EPOCH_MS, Station, World
from crisiskit.step import Change, Now
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.gate import RING_BURST
from crisiskit.trusted import Quarantined
from transports.link import Traits

WIDE = Carrier("wide", Traits(4096), Traits(4096, listens=True), loss=0.1)
NARROW = Carrier("narrow", Traits(64), Traits(64, listens=True), loss=0.1)
KITS = 2
WORDS = ("pont", "coupé", "route", "12", "blessés", "water", "needed", "school", "Sada")
FIRST_FRAMES = 256
EPOCH_FARTHEST = 1024


@dataclass(slots=True)
class Recording:
    """Frames that were authentic, by the station that hears them, and a world in which they were.

    ``known`` are all forms in which a frame on the list would be a mere repeat.
    """

    world: World
    heard_by: list[tuple[Station, bytes]] = field(default_factory=list)
    known: set[bytes] = field(default_factory=set)

    @property
    def kinds(self) -> Counter[str]:
        """How many frames of each kind, with and without the name of its life."""
        return Counter(
            f"{found[0].kind.name}{' with epoch' if found[0].epoch is not None else ''}"
            for _station, frame in self.heard_by
            if not isinstance(found := decode_header(frame), Rejected)
        )


@dataclass(slots=True)
class Report:
    """What became of one round. ``bad`` are frames (hex) that broke a promise, at most ten.

    ``set_aside`` are frames of unknown kits that the center would keep for people. All come at
    one moment, so there are never more than a burst; they are not stored here.
    """

    seed: int
    frames: int = 0
    accepted: int = 0
    answers: int = 0
    set_aside: int = 0
    seconds: float = 0.0
    grown_bytes: int = 0
    stored_bytes: int = 0
    flows: bool = False
    rejected: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept; ``grown_bytes`` is for the caller to judge."""
        trickle = self.set_aside <= RING_BURST
        return self.flows and trickle and not (self.accepted or self.answers or self.stored_bytes)


def record(folder: Path, seed: int) -> Recording:
    """Two kits and a center talk over two links, with losses and new lives, until all is told."""
    world = World(folder, [WIDE, NARROW], KITS, seed)
    for life in range(3):
        for _ in range(4):
            for kit in world.kits:
                _say(world, kit, "center")
                _say(world, world.center, kit.name)
            world.run(world.now_s + 20)
        for station in world.stations if life < 2 else ():
            world.crash(station)
        world.run(world.now_s + 30)
    if not world.settle(7200):
        raise RuntimeError(f"seed {seed}: the stations did not come to an end")
    recording = Recording(world)
    lives: dict[tuple[int, Direction], tuple[int, bytes]] = {}
    for _at, sender, _link, frame in world.frames:
        found = decode_header(frame)
        if isinstance(found, Rejected):
            raise RuntimeError(f"seed {seed}: a station sent junk")
        header = found[0]
        ear = world.kits[header.kit_number - 1] if sender == world.center.name else world.center
        recording.heard_by.append((ear, frame))
        recording.known |= _forms(frame, header, lives)
    return recording


def attack(recording: Recording, seed: int, count: int, traced: bool = False) -> Report:
    """Throw ``count`` corrupt frames; what came of it. ``traced`` measures memory, slowly."""
    rng = random.Random(seed)
    report = Report(seed)
    world, frames = recording.world, [frame for _ear, frame in recording.heard_by]
    before = {station.name: _stored(station) for station in world.stations}
    throw(recording, _first(recording, rng), report)
    if traced:
        tracemalloc.start()
    held, _peak = tracemalloc.get_traced_memory()
    while report.frames < count:
        ear, frame = rng.choice(recording.heard_by)
        thrown = rng.choice(FRAMES)(rng, frame, frames)
        if thrown not in recording.known:
            target = ear if rng.random() < 0.9 else rng.choice(world.stations)
            throw(recording, [(target, thrown)], report)
    report.grown_bytes = tracemalloc.get_traced_memory()[0] - held
    if traced:
        tracemalloc.stop()
    for station in world.stations:
        report.stored_bytes += _stored(station) - before[station.name]
        if station.engine is not None:
            report.rejected += station.engine.rejected
    report.flows = _flows(world, seed)
    return report


def run(folder: Path, seed: int, count: int, traced: bool = False) -> Report:
    """A recording and the attack on it, both from one seed."""
    recording = record(folder, seed)
    try:
        return attack(recording, seed, count, traced)
    finally:
        for station in recording.world.stations:
            station.store.close()


def _say(world: World, station: Station, to: str) -> None:
    text = " ".join(world.rng.choices(WORDS, k=world.rng.randint(3, 60)))
    world.say(station, text, world.rng.choice(list(Precedence)), to)


def _forms(
    frame: bytes, header: Header, lives: dict[tuple[int, Direction], tuple[int, bytes]]
) -> set[bytes]:
    """The frame as it may be repeated: with and without the name of its life."""
    way = header.kit_number, header.direction
    if header.epoch is not None and header.salt is not None:
        lives[way] = header.epoch, header.salt
    if header.kind is FrameKind.PART:
        return {frame}
    return {frame, without_epoch(frame), with_epoch(frame, *lives[way])}


def _first(recording: Recording, rng: random.Random) -> Sequence[tuple[Station, bytes]]:
    """Junk that names the farthest epochs under many salts: whatever is cached for it is now."""
    thrown = []
    for ear, frame in rng.choices(recording.heard_by, k=FIRST_FRAMES):
        found = decode_header(frame)
        assert not isinstance(found, Rejected)
        for ahead in (EPOCH_FARTHEST - 8, EPOCH_FARTHEST, EPOCH_FARTHEST + 8):
            named = encode_header(replace(found[0], epoch=ahead, salt=rng.randbytes(4)))
            thrown.append((ear, named + frame[found[1] :]))
    return thrown


def throw(recording: Recording, thrown: Sequence[tuple[Station, bytes]], report: Report) -> None:
    """Let stations hear these frames, and note in the report what each did."""
    world = recording.world
    for station, frame in thrown:
        engine = station.engine
        assert engine is not None
        peer = world.kits[0].name if station.is_center else ""
        now = Now(world.now_s, EPOCH_MS + int(world.now_s * 1000))
        refused = engine.rejected.total()
        start = process_time()
        step = engine.handle(FrameReceived(WIDE.name, peer, frame), now)
        report.seconds += process_time() - start
        report.frames += 1
        aside = [change for change in step.changes if _is_strangers(change, station)]
        report.set_aside += len(aside)
        other = [change for change in step.changes if change not in aside]
        accepted = bool(other) or len(aside) > 1 or engine.rejected.total() != refused + 1
        report.accepted += accepted
        report.answers += len(step.transmits)
        if (accepted or step.transmits) and len(report.bad) < 10:
            report.bad.append(f"{station.name} {frame.hex()}")
        if other:
            station.store.apply(other)


def _is_strangers(change: Change, station: Station) -> bool:
    """Whether it keeps a frame of a kit nobody knows, at a center."""
    return isinstance(change, Quarantined) and change.pairing is None and station.is_center


def _stored(station: Station) -> int:
    """The size of a store on disk, its log included."""
    return sum(
        file.stat().st_size for file in station.store.path.parent.glob(f"{station.name}.db*")
    )


def _flows(world: World, seed: int) -> bool:
    """Whether news still arrive both ways."""
    kit = world.kits[seed % len(world.kits)]
    up, down = f"up after junk {seed}", f"down after junk {seed}"
    world.say(kit, up)
    world.say(world.center, down, to=kit.name)
    settled = world.settle(7200)
    return settled and up in world.texts(world.center) and down in world.texts(kit)
