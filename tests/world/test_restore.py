"""Old backups restored on either side, in the middle of traffic: nothing lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import Station, World
from transports.link import Traits

HOUR = 3600.0
SAT = Carrier(
    "sat",
    up=Traits(340, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=600),
    down=Traits(
        270,
        10,
        20,
        credit_bytes=50,
        repeat_s=1800,
        receipt_delay_s=600,
        listens=True,
        lasting_peers=True,
    ),
    loss=0.02,
    failure=0.1,
    unsure=0.3,
    delay_s=(5, 60),
)
WIFI = Carrier(
    "wifi",
    up=Traits(4096),
    down=Traits(4096, listens=True),
    loss=0.05,
    repeat=0.05,
    outage_s=3000,
    outage_every_s=4000,
)


def talk(world: World, messages: int, hours: float) -> list[tuple[str, str]]:
    """People write at random moments: (recipient, text) of each."""
    said: list[tuple[str, str]] = []
    for n in range(messages):
        kit = world.rng.choice(world.kits)
        up = world.rng.random() < 0.6
        text = f"{n} at {world.now_s:.0f} " + "water road school " * world.rng.randrange(1, 8)
        precedence = Precedence(world.rng.choice([0, 0, 0, 1, 2, 3]))
        said.append(("center" if up else kit.name, text))

        def speak(
            up: bool = up, kit: Station = kit, text: str = text, p: Precedence = precedence
        ) -> None:
            writer, to = (kit, "center") if up else (world.center, kit.name)
            world.say(writer, text, p, to)

        world.at(world.now_s + world.rng.uniform(0, hours * HOUR), speak)
    return said


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("carriers", [(SAT,), (WIFI,), (SAT, WIFI)], ids=["sat", "wifi", "both"])
@pytest.mark.parametrize("victim", ["kit", "center"])
def test_a_side_restored_from_an_old_backup_gets_back_what_the_other_still_has(
    tmp_path: Path, victim: str, carriers: tuple[Carrier, ...], seed: int
) -> None:
    world = World(tmp_path, carriers, kits=2, seed=seed)
    station = world.center if victim == "center" else world.kits[0]
    before = talk(world, 10, 2)
    world.run(2 * HOUR)
    backup = world.backup(station)
    after = talk(world, 10, 4)
    world.run(world.now_s + 12 * HOUR)
    assert world.settle(48 * HOUR), "the traffic before the restore never ended"
    world.restore(station, backup)
    late = talk(world, 6, 2)
    world.run(world.now_s + 2 * HOUR)
    world.run(world.now_s + 72 * HOUR)
    assert world.settle(200 * HOUR), "something still waits long after the restore"
    said = [*before, *after, *late]
    for one in world.stations:
        wanted = Counter(text for to, text in said if to == one.name)
        assert Counter(world.texts(one)) == wanted, one.name
