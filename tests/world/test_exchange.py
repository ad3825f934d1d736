"""Whole networks under a virtual clock: nothing lost, nothing doubled, whatever the links do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from crisiskit.model import Precedence, State
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, Station, World
from crisiskit.store.views import Views
from crisiskit.sync.gate import RING_BURST, RING_FRAME_S
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
    failure=0.2,
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
RADIO = Carrier(
    "radio",
    up=Traits(64, 0.5, 120, repeat_s=6),
    down=Traits(64, 0.5, 120, repeat_s=6, listens=True, lasting_peers=True),
    loss=0.1,
    repeat=0.02,
)


def story(world: World, messages: int, crashes: int) -> dict[str, Counter[str]]:
    """People write at random moments while stations crash; what each should finally have."""
    wanted: dict[str, Counter[str]] = {station.name: Counter() for station in world.stations}
    for n in range(messages):
        kit = world.rng.choice(world.kits)
        text = f"{kit.name} report {n}: " + "water, road cut. " * world.rng.randrange(1, 20)
        wanted["center"][text] += 1
        _say_later(world, kit, text)
        if n % 4 == 0:
            order = f"order {n}"
            for one in world.kits:
                wanted[one.name][order] += 1
            _say_later(world, world.center, order, to="all")
    for _ in range(crashes):
        world.at(
            world.rng.uniform(0, 2 * HOUR),
            lambda: world.crash(world.rng.choice(world.stations), world.rng.uniform(0, 300)),
        )
    return wanted


def _say_later(world: World, station: Station, text: str, to: str = "center") -> None:
    precedence = Precedence(world.rng.choice([0, 0, 0, 1, 2, 3]))
    at = world.rng.uniform(0, 2 * HOUR)

    def speak() -> None:
        world.say(station, text, precedence, to)

    world.at(at, speak)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "carriers",
    [(SAT,), (WIFI,), (SAT, WIFI), (RADIO, SAT)],
    ids=lambda c: "+".join(x.name for x in c),
)
def test_everything_arrives_once_over_bad_links_and_crashes(
    tmp_path: Path, carriers: tuple[Carrier, ...], seed: int
) -> None:
    world = World(tmp_path, carriers, kits=2, seed=seed)
    wanted = story(world, messages=24, crashes=6)
    world.run(2 * HOUR)
    assert world.settle(48 * HOUR), "something is still waiting after two days"
    for station in world.stations:
        assert Counter(world.texts(station)) == wanted[station.name], station.name


def test_the_same_seed_gives_the_same_frames(tmp_path: Path) -> None:
    histories = []
    for run in ("one", "two"):
        folder = tmp_path / run
        folder.mkdir()
        world = World(folder, (SAT, WIFI), kits=2, seed=7)
        story(world, messages=12, crashes=3)
        world.run(4 * HOUR)
        histories.append(world.frames)
    assert histories[0] == histories[1] and histories[0]


def test_a_wrong_clock_changes_nothing_but_the_dates(tmp_path: Path) -> None:
    world = World(tmp_path, (SAT, WIFI), kits=2, seed=3)
    world.kits[0].ahead_ms = -1_790_000_000_000
    world.kits[1].ahead_ms = 40 * 365 * 86_400_000
    wanted = story(world, messages=20, crashes=2)
    world.run(2 * HOUR)
    assert world.settle(48 * HOUR)
    assert Counter(world.texts(world.center)) == wanted["center"]


def test_flash_leaves_before_all_that_waits(tmp_path: Path) -> None:
    calm = Carrier("line", up=Traits(340, 1, 30), down=Traits(340, 1, 30, listens=True))
    world = World(tmp_path, (calm,), seed=1)
    for n in range(60):
        world.say(world.kits[0], f"routine report number {n} with some words in it")
    world.run(5)
    world.say(world.kits[0], "collapse at the school", Precedence.FLASH)
    before = len(world.frames)
    world.run(30)
    from_kit = [frame for _, name, _, frame in world.frames[before:] if name == "kit-1"]
    assert from_kit[0][0] & 3 == Precedence.FLASH, "one frame may be under way, no more"


def test_a_message_moves_to_another_link_when_its_own_dies(tmp_path: Path) -> None:
    cheap = Carrier("cheap", up=Traits(4096), down=Traits(4096, listens=True), loss=1.0)
    dear = Carrier(
        "dear",
        up=Traits(340, credit_bytes=50, repeat_s=60),
        down=Traits(270, credit_bytes=50, listens=True, lasting_peers=True),
    )
    world = World(tmp_path, (cheap, dear), seed=1)
    world.say(world.kits[0], "the bridge is gone")
    world.run(1)
    assert {link for _, _, link, _ in world.frames} == {"cheap"}, "the free link is tried first"
    assert world.settle(HOUR, step_s=1)
    assert world.texts(world.center) == ["the bridge is gone"]


def test_an_expired_message_is_not_sent_and_says_so(tmp_path: Path) -> None:
    down = Carrier("sat", SAT.up, SAT.down, outage_s=HOUR, outage_every_s=4 * HOUR)
    world = World(tmp_path, (down,), seed=1)
    kit = world.kits[0]
    world.say(kit, "helicopter in ten minutes", expires_at=kit.store._wall() + 600_000)
    world.say(kit, "still needed later")
    world.run(2 * HOUR)
    world.settle(10 * HOUR)
    assert world.texts(world.center) == ["still needed later"]
    views = Views(kit.store.path, VAULT)
    assert views.tally("out") == {"expired": 1, "held": 1}
    views.close()


def test_a_newer_position_replaces_the_unsealed_one(tmp_path: Path) -> None:
    down = Carrier("sat", SAT.up, SAT.down, outage_s=HOUR, outage_every_s=4 * HOUR)
    world = World(tmp_path, (down,), seed=1)
    for n in range(5):
        world.say(world.kits[0], f"position {n}", replace_key="position")
    world.run(2 * HOUR)
    assert world.settle(10 * HOUR)
    assert world.texts(world.center) == ["position 4"]


def test_equal_words_in_one_minute_are_two_messages(tmp_path: Path) -> None:
    world = World(tmp_path, (WIFI,), seed=1)
    for _ in range(3):
        world.say(world.kits[0], "help")
    assert world.settle(4 * HOUR)
    assert world.texts(world.center) == ["help"] * 3


def test_an_opened_message_is_read_at_its_author(tmp_path: Path) -> None:
    world = World(tmp_path, (WIFI,), seed=2)
    world.say(world.kits[0], "doctor needed", Precedence.IMMEDIATE)
    assert world.settle(4 * HOUR)
    views = Views(world.center.store.path, VAULT)
    ref = views.triage()[0].ref
    views.close()
    assert world.center.store.mark_read(ref) and not world.center.store.mark_read(ref)
    world.look(world.center)
    assert world.settle(4 * HOUR)
    world.run(world.now_s + HOUR)
    views = Views(world.kits[0].store.path, VAULT)
    assert [message.state for message in views.search("out")] == [State.READ]
    views.close()


def test_junk_gets_no_answer_and_next_to_no_disk(tmp_path: Path) -> None:
    from crisiskit.sync.events import FrameReceived

    world = World(tmp_path, (WIFI,), seed=4)
    world.say(world.kits[0], "first")
    assert world.settle(4 * HOUR)
    frames, real = len(world.frames), world.frames[0][3]
    tables = ("record", "delivery", "arrived", "part", "heard_epoch", "notice")
    before = [_rows(world.center, table) for table in tables]
    for n in range(2000):
        junk = bytearray(real)
        junk[world.rng.randrange(len(junk))] ^= 1 << world.rng.randrange(8)
        if n % 3 == 0:
            junk = bytearray(world.rng.randbytes(world.rng.randrange(400)))
        world.tell(world.center, FrameReceived("wifi", "stranger", bytes(junk)))
    world.run(world.now_s + 60)
    assert len(world.frames) == frames, "junk was answered"
    assert [_rows(world.center, table) for table in tables] == before, "junk left a trace"
    assert _rows(world.center, "quarantine") <= RING_BURST + 60 / RING_FRAME_S, "junk cost disk"
    assert world.center.engine is not None and sum(world.center.engine.rejected.values()) > 1900


def _rows(station: Station, table: str) -> int:
    with station.store.changing() as (db, _now):
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
