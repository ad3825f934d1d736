"""Kits and a center that never meet: sticks go to and fro, in any order, copied or lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, Station, World
from crisiskit.step import Transmit
from crisiskit.store.views import Views
from crisiskit.sync.events import FrameFailed, FrameReceived, FrameSent, LinkDown, LinkUp
from transports.folder import Folder, FolderSettings
from transports.link import Traits

HOUR = 3600.0
STICK = "stick"
CARRIED = Folder().traits(FolderSettings(folder="removable"), {})
SAT = Carrier(
    "sat",
    up=Traits(340, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=600),
    down=Traits(270, 10, 20, 50, repeat_s=1800, receipt_delay_s=600, listens=True),
)
Stick = set[bytes]


class Couriers(World):
    """A world in which a link "stick" is whatever stick a station has in it just now."""

    inserted: dict[str, Stick]
    pulled_after: int | None = None

    def _transmit(self, station: Station, transmit: Transmit) -> None:
        if transmit.link != STICK:
            super()._transmit(station, transmit)
            return
        stick = self.inserted.get(station.name)
        life = station.life
        if stick is None or self.pulled_after == 0:
            self.at(self.now_s, lambda: self.tell(station, FrameFailed(transmit, 60.0)))
            return
        if self.pulled_after is not None:
            self.pulled_after -= 1
        assert len(transmit.frame) <= CARRIED.mtu_bytes
        stick.add(transmit.frame)
        sent = FrameSent(transmit)
        self.at(self.now_s + 0.01, lambda: self.tell(station, sent) if station.life == life else 0)

    def visit(self, station: Station, stick: Stick, pulled_after: int | None = None) -> None:
        """Insert a stick, wait until nothing more is written, pull it out."""
        self.inserted = {station.name: stick}
        self.pulled_after = pulled_after
        self.tell(station, LinkUp(STICK, CARRIED))
        for frame in sorted(stick):
            if self.tell(station, FrameReceived(STICK, "", frame)):
                stick.discard(frame)
        self.run(self.now_s + 60)
        assert station.engine is not None
        if pulled_after is None:
            assert not station.engine.carrying(STICK), "it never says that it may be pulled out"
        self.tell(station, LinkDown(STICK))
        self.inserted = {}
        self.run(self.now_s + HOUR)


def world(tmp_path: Path, *carriers: Carrier, kits: int = 1, seed: int = 0) -> Couriers:
    made = Couriers(tmp_path, carriers, kits, seed)
    made.inserted = {}
    return made


def states(station: Station) -> dict[str, int]:
    views = Views(station.store.path, VAULT)
    try:
        return views.tally("out")
    finally:
        views.close()


def test_a_stick_carries_messages_there_and_orders_and_receipts_back(tmp_path: Path) -> None:
    net = world(tmp_path)
    kit, stick = net.kits[0], Stick()
    net.say(kit, "water is short")
    net.visit(kit, stick)
    assert states(kit) == {"sent": 1} and stick
    net.say(net.center, "boil it", to="kit-1")
    net.visit(net.center, stick)
    assert net.texts(net.center) == ["water is short"]
    net.visit(kit, stick)
    assert states(kit) == {"held": 1} and net.texts(kit) == ["boil it"]
    net.visit(net.center, stick)
    assert states(net.center) == {"held": 1}
    assert len(stick) <= 1, "what was taken in is removed, but for the last receipt"


def test_a_stick_that_got_lost_costs_nothing_but_time(tmp_path: Path) -> None:
    net = world(tmp_path)
    net.say(net.kits[0], "water is short")
    net.visit(net.kits[0], Stick())
    net.say(net.kits[0], "and so is bread")
    other = Stick()
    net.visit(net.kits[0], other)
    net.visit(net.center, other)
    assert sorted(net.texts(net.center)) == ["and so is bread", "water is short"]


def test_an_old_stick_and_a_copied_one_double_nothing(tmp_path: Path) -> None:
    net = world(tmp_path)
    kit, stick = net.kits[0], Stick()
    net.say(kit, "water is short")
    net.visit(kit, stick)
    old = set(stick)
    for one in (stick, set(old), set(old)):
        net.visit(net.center, one)
    net.visit(kit, stick)
    net.visit(net.center, old)
    net.visit(kit, old)
    assert net.texts(net.center) == ["water is short"] and states(kit) == {"held": 1}


def test_a_stick_that_was_pulled_out_early_holds_what_is_most_urgent(tmp_path: Path) -> None:
    net = world(tmp_path)
    for n in range(400):
        net.say(net.kits[0], f"report {n}")
    net.say(net.kits[0], "collapse at the school", Precedence.FLASH)
    stick = Stick()
    net.visit(net.kits[0], stick, pulled_after=1)
    net.visit(net.center, stick)
    assert net.texts(net.center) == ["collapse at the school"]
    net.visit(net.kits[0], stick)
    net.visit(net.center, stick)
    assert len(net.texts(net.center)) == 401


def test_the_mail_of_two_kits_shares_a_stick_and_none_reads_the_others(tmp_path: Path) -> None:
    net = world(tmp_path, kits=2)
    one, two = net.kits
    stick = Stick()
    net.say(one, "from one")
    net.say(two, "from two")
    net.visit(one, stick)
    of_one = set(stick)
    net.visit(two, stick)
    assert of_one < stick, "what is for others stays"
    net.say(net.center, "come back", to="all")
    net.visit(net.center, stick)
    for kit in (two, one):
        net.visit(kit, stick)
    assert sorted(net.texts(net.center)) == ["from one", "from two"]
    assert all(net.texts(kit) == ["come back"] and states(kit) == {"held": 1} for kit in net.kits)
    net.visit(net.center, stick)
    assert states(net.center) == {"held": 2}


def test_a_courier_delays_nothing_urgent_and_saves_the_rest_its_price(tmp_path: Path) -> None:
    net = world(tmp_path, SAT)
    kit, stick = net.kits[0], Stick()
    net.tell(kit, LinkDown("sat"))
    net.say(kit, "a long list of what is there")
    net.say(kit, "a bridge is gone", Precedence.IMMEDIATE)
    net.visit(kit, stick)
    net.tell(kit, LinkUp("sat", SAT.up))
    net.run(net.now_s + 120)
    assert net.texts(net.center) == ["a bridge is gone"], "it waits for no courier"
    net.visit(net.center, stick)
    assert len(net.texts(net.center)) == 2
    assert sum(link == "sat" and who == "kit-1" for _, who, link, _ in net.frames) <= 2


def test_what_a_courier_never_brought_leaves_by_what_there_is(tmp_path: Path) -> None:
    net = world(tmp_path, SAT)
    kit = net.kits[0]
    net.tell(kit, LinkDown("sat"))
    net.say(kit, "a long list of what is there")
    net.visit(kit, Stick())
    net.tell(kit, LinkUp("sat", SAT.up))
    net.run(net.now_s + HOUR)
    assert net.texts(net.center) == []
    assert net.settle(12 * HOUR)
    assert net.texts(net.center) == ["a long list of what is there"]


def test_a_stick_gets_what_a_satellite_took_and_nobody_receipted(tmp_path: Path) -> None:
    deaf = Carrier("sat", SAT.up, SAT.down, loss=1.0)
    net = world(tmp_path, deaf)
    net.say(net.kits[0], "water is short", Precedence.PRIORITY)
    net.run(120)
    sent = [frame for _, _, link, frame in net.frames if link == "sat"]
    assert sent and states(net.kits[0]) == {"sent": 1}
    stick = Stick()
    net.visit(net.kits[0], stick)
    count = len(net.frames)
    net.run(net.now_s + 60)
    assert len(net.frames) == count, "a stick makes no other link send again"
    net.visit(net.center, stick)
    assert net.texts(net.center) == ["water is short"]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_sticks_do_all_is_held_and_none_doubled(tmp_path: Path, seed: int) -> None:
    net = world(tmp_path, kits=3, seed=seed)
    wanted: dict[str, Counter[str]] = {one.name: Counter() for one in net.stations}
    sticks = [Stick() for _ in range(3)]
    rng = net.rng
    for n in range(120):
        action = rng.random()
        if action < 0.3 and n < 90:
            kit = rng.choice(net.kits)
            text = f"{kit.name} report {n} " + "water, road cut. " * rng.randrange(20)
            net.say(kit, text, Precedence(rng.randrange(4)))
            wanted["center"][text] += 1
        elif action < 0.4 and n < 90:
            net.say(net.center, f"order {n}", to="all")
            for kit in net.kits:
                wanted[kit.name][f"order {n}"] += 1
        elif action < 0.45:
            net.crash(rng.choice(net.stations))
        elif action < 0.5:
            sticks[rng.randrange(3)] = set(rng.choice(sticks))
        elif action < 0.55:
            sticks[rng.randrange(3)].clear()
        else:
            station = rng.choice(net.stations)
            net.run(net.now_s + 10)
            pulled = rng.choice([None, None, rng.randrange(6)])
            net.visit(station, rng.choice(sticks), pulled)
    for _ in range(3):
        for station in (*net.kits, net.center, *net.kits):
            net.run(net.now_s + 10)
            net.visit(station, sticks[0])
    for station in net.stations:
        assert Counter(net.texts(station)) == wanted[station.name], station.name
        assert set(states(station)) <= {"held"}, station.name
