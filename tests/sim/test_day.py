"""A small day with all kinds of equipment: all held, none doubled, FLASH in time, few credits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crisiskit.codec.header import precedence_of
from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier, Visit, windows_of
from crisiskit.sim.checks import Checker
from crisiskit.sim.day.live import live
from crisiskit.sim.day.oracle import bound
from crisiskit.sim.day.plan import HOUR, SAT_DOWN, SAT_UP, STICK, WIFI, Day, Said, draw
from crisiskit.sim.day.sizes import frame_bytes, record_bytes
from crisiskit.sim.world import World
from crisiskit.sync.patience import USUAL

FRAMES_LATE_MOST = 1.0
RATIO_MOST = 1.25
T0 = 10_000.0


def test_a_small_day(tmp_path: Path) -> None:
    found = live(draw(kits=8, hours=6.0, seed=1), tmp_path)
    assert found.held == found.messages == 96
    assert found.flashes and found.carried
    assert found.late_median <= FRAMES_LATE_MOST and found.late_p99 <= FRAMES_LATE_MOST
    assert 0 < found.oracle <= found.credits <= RATIO_MOST * found.oracle


def test_everybody_has_a_way_and_the_day_is_that_of_its_seed() -> None:
    day = draw(40, 24.0, 7)
    assert day == draw(40, 24.0, 7) != draw(40, 24.0, 8)
    assert all(day.links(kit) != ("lan",) for kit in range(1, 41))
    assert {link for links in day.has.values() for link in links} >= {"sat", "sms", "wifi", "stick"}
    assert {said.precedence for said in day.said} == set(Precedence)


def of(
    *said: Said, links: tuple[str, ...] = ("sat",), wifi: tuple[float, float] | None = None
) -> Day:
    """A day of one kit."""
    windows = {"kit-1": () if wifi is None else (wifi,)}
    carriers = (Carrier("sat", SAT_UP, SAT_DOWN), Carrier("wifi", WIFI, WIFI, windows=windows))
    return Day(0, 1, 6.0, carriers, {1: links}, {}, said)


def one(at_s: float, precedence: Precedence = Precedence.ROUTINE, up: bool = True) -> Said:
    return Said(at_s, 1, up, precedence, "water needed at the school")


def test_the_oracle_pays_for_a_message_and_its_receipt() -> None:
    found = bound(of(one(T0)))
    alone = SAT_UP.price(frame_bytes(record_bytes(one(T0)), signed=False)).credits
    assert (found.messages, found.receipts) == (alone, 1)


def test_the_oracle_knows_of_a_free_link_that_comes_in_time() -> None:
    both = ("sat", "wifi")
    assert bound(of(one(T0), links=both, wifi=(T0 + 1700, T0 + 1800))).credits == 0
    assert bound(of(one(T0), links=both, wifi=(T0 + 9000, T0 + 9100))).messages > 0
    flash = of(one(T0, Precedence.FLASH), links=both, wifi=(T0 + 1700, T0 + 1800))
    assert bound(flash).messages > 0


def test_the_oracle_packs_what_may_wait_and_lets_receipts_ride() -> None:
    both = ("sat", "wifi")
    packed = bound(of(one(T0), one(T0 + 600), links=both))
    apart = bound(of(one(T0), one(T0 + 600)))
    assert packed.messages <= apart.messages and packed.credits < apart.credits
    answered = bound(of(one(T0), one(T0 + 300, up=False)))
    assert answered.receipts == 1


def test_a_flash_goes_on_a_stick_before_what_was_sealed_earlier(tmp_path: Path) -> None:
    visits = tuple(Visit(0, "kit-1", (n * HOUR, n * HOUR + 300)) for n in (1, 2))
    stick = Carrier("stick", STICK, STICK, windows=windows_of(visits), visits=visits)
    world = World(tmp_path, (stick,))
    world.observer = checker = Checker(world)
    kit = world.kits[0]
    checker.say(kit, "sealed on the first visit", Precedence.ROUTINE, "center")
    world.run(1.5 * HOUR)
    checker.say(kit, "written between the two", Precedence.FLASH, "center")
    world.run(3 * HOUR)
    again = [precedence_of(frame) for at_s, _, _, frame in world.frames if at_s > 2 * HOUR]
    assert again[:2] == [Precedence.FLASH, Precedence.ROUTINE]


def test_a_courier_who_comes_again_and_again_holds_nothing_for_ever(tmp_path: Path) -> None:
    visits = tuple(Visit(0, "center", (n * 6 * HOUR, n * 6 * HOUR + 300)) for n in range(1, 9))
    stick = Carrier("stick", STICK, STICK, windows=windows_of(visits), visits=visits)
    gone = {"kit-1": ((0.0, 2 * HOUR),)}
    wifi = Carrier("wifi", WIFI, replace(WIFI, listens=True), windows=gone)
    world = World(tmp_path, (Carrier("sat", SAT_UP, SAT_DOWN), wifi, stick), patience=USUAL)
    world.observer = checker = Checker(world)
    world.run(HOUR)
    checker.say(world.kits[0], "by Wi-Fi", Precedence.ROUTINE, "center")
    world.run(3 * HOUR)
    checker.say(world.kits[0], "by satellite", Precedence.FLASH, "center")
    world.run(6 * HOUR + 60)
    checker.say(world.center, "for a kit that no courier visits", Precedence.ROUTINE, "kit-1")
    world.run(24 * HOUR)
    assert world.texts(world.kits[0]) == ["for a kit that no courier visits"]


@pytest.mark.parametrize("stays_s", [60.0, 600.0])
def test_a_stick_carries_both_ways_between_two_visits(tmp_path: Path, stays_s: float) -> None:
    visits = tuple(
        Visit(0, place, (n * HOUR, n * HOUR + stays_s))
        for n, place in enumerate(("center", "kit-1") * 4, 1)
    )
    stick = Carrier("stick", STICK, STICK, windows=windows_of(visits), visits=visits)
    world = World(tmp_path, (stick,))
    checker = Checker(world)
    world.observer = checker
    checker.say(world.kits[0], "up", Precedence.ROUTINE, "center")
    checker.say(world.center, "down", Precedence.FLASH, "kit-1")
    assert world.settle(9 * HOUR)
    checker.conclude()
    assert world.texts(world.center) == ["up"] and world.texts(world.kits[0]) == ["down"]
