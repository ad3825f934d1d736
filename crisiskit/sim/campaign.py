"""Worlds full of misfortune, each from one seed: `python -m crisiskit.sim --hours 1000`.

Links lose, repeat, reorder and lie; stations crash, clocks jump by years, old backups are
restored on both sides, and somebody records all frames and plays them again, whole or damaged.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from crisiskit.model import Precedence
from crisiskit.sim.attached import some_files
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.checks import BrokenPromiseError, Checker, Tally
from crisiskit.sim.world import Station, World
from crisiskit.sync.budget import UNLIMITED, Budget
from crisiskit.sync.events import FrameReceived, PeerLost
from crisiskit.sync.hours import ALWAYS, Hours
from crisiskit.sync.patience import Patience
from crisiskit.sync.relay import RelayPolicy
from transports.link import Traits

HOUR = 3600.0
DAY_MS = 86_400_000
SETTLE_S = 30 * 24 * HOUR
FRAMES_RECORDED = 400
STRANGER_S = 600.0

_SAT_UP = Traits(340, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
_SAT_DOWN = replace(_SAT_UP, mtu_bytes=270, listens=True, lasting_peers=True)
_LAN = Traits(4096, listens=True, proves=True)
_RADIO = Traits(64, 0.5, 120, repeat_s=6)
_HOURS = [Hours(((360, 1320),)), Hours(((1200, 300),)), Hours(((0, 60), (720, 780)))]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a world will be: drawn from its seed."""

    seed: int
    kits: int
    hours: float
    carriers: tuple[Carrier, ...]
    messages: int
    crashes: int
    restores: int
    clock_jumps: int
    injections: int
    patience: Patience | None = None
    dark: frozenset[str] = frozenset()
    relay: RelayPolicy = field(default_factory=RelayPolicy)

    @property
    def kit_hours(self) -> float:
        """Simulated hours of all kits together, not counting the settling at the end."""
        return self.kits * self.hours


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(f"plan {seed}")
    plan = Plan(
        seed,
        kits=rng.randint(1, 4),
        hours=rng.choice([6.0, 24.0, 72.0, 240.0]),
        carriers=_carriers(rng),
        messages=rng.randint(4, 60),
        crashes=rng.choice([0, 1, 3, 8]),
        restores=rng.choice([0, 0, 1, 2, 4]),
        clock_jumps=rng.choice([0, 0, 1, 3]),
        injections=rng.choice([0, 50, 300]),
    )
    plan = _with_terms(plan, random.Random(f"terms {seed}"))
    return _with_neighbours(plan, random.Random(f"neighbours {seed}"))


def _with_terms(plan: Plan, rng: random.Random) -> Plan:
    """In most worlds links have hours, some a budget, and what is not urgent has patience."""
    if rng.random() < 0.25:
        return plan
    carriers = tuple(
        replace(
            one,
            hours=rng.choice([ALWAYS, ALWAYS, *_HOURS]),
            budget=Budget(rng.choice([None, 60, 200])) if one.up.metered else UNLIMITED,
        )
        for one in plan.carriers
    )
    patience = rng.choice([Patience(), Patience(0, 0), Patience(4 * HOUR, HOUR)])
    return replace(plan, carriers=carriers, patience=patience)


def _with_neighbours(plan: Plan, rng: random.Random) -> Plan:
    """In every other world kits are on one local network, and some have nothing else.

    Over satellite alone a relay must be let carry everything, or some of it waits for ever.
    """
    if plan.kits < 2 or rng.random() < 0.5:
        return plan
    lan = Carrier(
        "lan",
        _LAN,
        _LAN,
        loss=rng.choice([0.0, 0.02]),
        outage_s=rng.choice([0.0, 3000.0, 60_000.0]),
        outage_every_s=90_000.0,
        members=rng.choice([None, frozenset(f"kit-{n}" for n in range(1, plan.kits + 1))]),
    )
    dark = frozenset(f"kit-{n}" for n in range(2, plan.kits + 1) if rng.random() < 0.7)
    free = any(not carrier.up.metered for carrier in plan.carriers)
    generous = RelayPolicy(True, Precedence.ROUTINE, rng.choice([60, 500]), mtu_bytes=64)
    policy = RelayPolicy(mtu_bytes=64) if free and rng.random() < 0.5 else generous
    return replace(plan, carriers=(*plan.carriers, lan), dark=dark, relay=policy)


def _carriers(rng: random.Random) -> tuple[Carrier, ...]:
    """One to three links, none of which is good."""
    sat = Carrier(
        "sat",
        _SAT_UP,
        _SAT_DOWN,
        loss=rng.choice([0.0, 0.02, 0.2]),
        repeat=rng.choice([0.0, 0.05]),
        failure=rng.choice([0.0, 0.2, 0.4]),
        unsure=rng.choice([0.0, 0.3]),
        delay_s=rng.choice([(5.0, 60.0), (5.0, 3600.0)]),
    )
    wifi = Carrier(
        "wifi",
        Traits(4096),
        Traits(4096, listens=True),
        loss=rng.choice([0.0, 0.05, 0.3]),
        repeat=rng.choice([0.0, 0.1]),
        delay_s=rng.choice([(0.01, 0.1), (0.01, 5.0)]),
        outage_s=rng.choice([0.0, 3000.0, 30_000.0]),
        outage_every_s=40_000.0,
    )
    radio = Carrier(
        "radio",
        _RADIO,
        replace(_RADIO, listens=True, lasting_peers=True),
        loss=rng.choice([0.02, 0.2]),
        repeat=rng.choice([0.0, 0.02]),
    )
    return tuple(rng.sample([sat, wifi, radio], rng.randint(1, 3)))


def run(plan: Plan, folder: Path) -> Tally:
    """Live through a plan. Raises BrokenPromiseError."""
    world = World(
        folder,
        plan.carriers,
        plan.kits,
        plan.seed,
        patience=plan.patience,
        dark=plan.dark,
        relay=plan.relay,
    )
    checker = Checker(world, resets=bool(plan.restores or plan.clock_jumps))
    world.observer = checker
    span_s = plan.hours * HOUR
    for n in range(plan.messages):
        _at_random(world, span_s, _message(checker, n))
    for _ in range(plan.crashes):
        _at_random(world, span_s, lambda: _crash(checker))
    for _ in range(plan.restores):
        _plan_restore(checker, span_s)
    for _ in range(plan.clock_jumps):
        _at_random(world, span_s, lambda: _jump(world))
    for _ in range(plan.injections):
        _at_random(world, span_s, lambda: _inject(checker))
    world.run(span_s)
    for kit in world.kits:
        # On a dear link nobody can reach a kit that never spoke.
        checker.say(kit, f"{kit.name} closes its watch", Precedence.ROUTINE, world.center.name)
    if not world.settle(SETTLE_S, step_s=HOUR):
        raise BrokenPromiseError("something still waits after a month")
    world.run(world.now_s + 48 * HOUR)
    if not world.settle(SETTLE_S, step_s=HOUR):
        raise BrokenPromiseError("something still waits after another month")
    checker.conclude()
    for station in world.stations:
        station.store.close()
    return checker.tally


def _at_random(world: World, span_s: float, action: Callable[[], None]) -> None:
    world.at(world.rng.uniform(0, span_s), action)


def _message(checker: Checker, n: int) -> Callable[[], None]:
    def speak() -> None:
        world = checker.world
        rng, kit = world.rng, world.rng.choice(world.kits)
        words = "water road school bridge " * rng.choice([1, 2, 5, 20])
        precedence = Precedence(rng.choice([0, 0, 0, 1, 1, 2, 3]))
        files = some_files(rng)
        if rng.random() < 0.65:
            checker.say(kit, f"{n} {words}", precedence, world.center.name, files)
        else:
            checker.say(world.center, f"{n} {words}", precedence, kit.name, files)

    return speak


def _crash(checker: Checker) -> None:
    world = checker.world
    station = world.rng.choice(world.stations)
    if station.engine is not None:
        world.crash(station, world.rng.choice([1.0, 300.0, 20_000.0]))
        checker.tally.crashes += 1


def _plan_restore(checker: Checker, span_s: float) -> None:
    """A backup at some moment, and its restoring at a later one."""
    world = checker.world
    station, knows = world.rng.choice(world.stations), world.rng.random() < 0.7
    first, second = sorted(world.rng.uniform(0, span_s) for _ in range(2))
    kept: list[bytes] = []

    def back_up() -> None:
        kept.append(world.backup(station))

    def restore() -> None:
        if station.engine is not None:
            checker.restore(station, kept[0], knows)

    world.at(first, back_up)
    world.at(second, restore)


def _jump(world: World) -> None:
    station = world.rng.choice(world.stations)
    years = world.rng.choice([-40, -10, -1, 1, 10, 40])
    station.ahead_ms = max(-1_700_000_000_000, station.ahead_ms + years * 365 * DAY_MS)


def _inject(checker: Checker) -> None:
    """Somebody plays back what was recorded: as it was, or damaged."""
    world = checker.world
    if not world.frames:
        return
    del world.frames[:-FRAMES_RECORDED]
    _, name, link, frame = world.rng.choice(world.frames)
    to_center = name != world.center.name
    target: Station = world.center if to_center else world.rng.choice(world.kits)
    changed = bytearray(frame)
    how = world.rng.randrange(5)
    if how == 1:
        changed[world.rng.randrange(len(changed))] ^= 1 << world.rng.randrange(8)
    elif how == 2:
        del changed[world.rng.randrange(len(changed)) :]
    elif how == 3:
        other = world.rng.choice(world.frames)[3]
        cut = world.rng.randrange(min(len(other), len(changed)))
        changed[cut:] = other[cut:]
    elif how == 4:
        changed[1] = world.rng.randrange(256)
    checker.tally.injected += 1
    if world.carriers[link].up.proves:
        # Strangers are not heard there; a neighbour may still say anything.
        peer = str(world.rng.randint(1, len(world.kits)))
        world.tell(target, FrameReceived(link, peer, bytes(changed)))
        return
    peer = f"stranger-{checker.tally.injected}" if target is world.center else ""
    world.receive(target, FrameReceived(link, peer, bytes(changed)))
    if peer:
        world.at(world.now_s + STRANGER_S, lambda: world.tell(target, PeerLost(link, peer)))
