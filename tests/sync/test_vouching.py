"""A signed checkpoint of a later life covers the life it names, and nothing but that life."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import World
from crisiskit.store.store import Store
from transports.link import Traits

SAT = Carrier(
    "sat",
    up=Traits(340, credit_bytes=50, repeat_s=60, receipt_delay_s=5),
    down=Traits(
        270, credit_bytes=50, repeat_s=60, receipt_delay_s=5, listens=True, lasting_peers=True
    ),
)


def signed(store: Store, table: str) -> list[tuple[int, int]]:
    """Of each life in turn: how many envelopes there are, and how many are signed."""
    number = "next_seq" if table == "heard_epoch" else "count"
    sql = f"SELECT {number}, signed_below FROM {table} ORDER BY epoch"
    return [(row[0], row[1]) for row in store._db.execute(sql)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A kit that sent two unsigned envelopes in its first life, and starts a second one."""
    world = World(tmp_path, [SAT], seed=3)
    for n in range(2):
        world.say(world.kits[0], f"long enough to leave no room for a signature {n}")
        world.run(world.now_s + 120)
    assert signed(world.center.store, "heard_epoch") == [(2, 0)]
    world.crash(world.kits[0])
    world.run(world.now_s + 60)
    return world


def test_a_life_counts_as_signed_once_a_later_one_vouches_for_it(world: World) -> None:
    world.say(world.kits[0], "signed", Precedence.FLASH)
    world.run(world.now_s + 300)
    assert signed(world.center.store, "heard_epoch") == [(2, 2), (1, 1)]
    assert signed(world.kits[0].store, "sending_epoch") == [(2, 2), (1, 1)]


def test_it_is_so_after_a_restart_in_between(world: World) -> None:
    world.crash(world.center)
    world.run(world.now_s + 60)
    world.say(world.kits[0], "signed", Precedence.FLASH)
    world.run(world.now_s + 300)
    assert signed(world.center.store, "heard_epoch") == [(2, 2), (1, 1)]


def test_what_is_stored_otherwise_is_not_vouched_for(world: World) -> None:
    """The center has another chain than the kit signed: the checkpoint covers nothing of it."""
    world.center.store._db.execute("UPDATE heard_epoch SET digest = zeroblob(32)")
    world.crash(world.center)
    world.run(world.now_s + 60)
    world.say(world.kits[0], "signed", Precedence.FLASH)
    world.run(world.now_s + 300)
    assert signed(world.center.store, "heard_epoch") == [(2, 0), (1, 1)]


def test_a_tail_that_comes_after_its_checkpoint_is_signed_when_it_comes(tmp_path: Path) -> None:
    world = World(tmp_path, [SAT], seed=3)
    kit, center = world.kits[0], world.center
    world.say(kit, "long enough to leave no room for a signature 0")
    world.run(world.now_s + 120)
    world.crash(center, for_s=100)
    world.say(kit, "long enough to leave no room for a signature 1")
    world.run(world.now_s + 30)
    world.crash(kit, for_s=200)
    world.run(world.now_s + 190)
    assert signed(center.store, "heard_epoch") == [(1, 0)]
    world.say(kit, "signed", Precedence.FLASH)
    world.run(world.now_s + 30)
    assert signed(center.store, "heard_epoch") == [(1, 0), (1, 1)], "the tail is not there yet"
    world.run(world.now_s + 4 * 3600)
    assert signed(center.store, "heard_epoch") == [(2, 2), (1, 1)]
