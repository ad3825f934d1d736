"""Where a network heard a station: kept with its message, sealed, and shown."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crisiskit.i18n import set_language
from crisiskit.jsonform import message_json
from crisiskit.model import Message
from crisiskit.render import heard_words
from crisiskit.screens.view import facts
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, World
from crisiskit.store.altered import altered_rows
from crisiskit.store.views import Views
from crisiskit.sync.events import FrameReceived
from transports.link import Place, Traits

PLACE = Place(-12.7807, 45.225, 9)
LOST = Carrier("sat", Traits(340), Traits(340, listens=True, lasting_peers=True), loss=1.0)
NARROW = Carrier("sat", Traits(100), Traits(100, listens=True, lasting_peers=True), loss=1.0)


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def heard(world: World, place: Place | None) -> None:
    """All that the kits sent arrives, with this place."""
    for _, name, link, frame in list(world.frames):
        if name != "center":
            world.tell(world.center, FrameReceived(link, name, frame, place))


def came_in(world: World) -> tuple[list[Message], int]:
    views = Views(world.center.store.path, VAULT)
    try:
        return views.search("in"), altered_rows(views.rows)
    finally:
        views.close()


@pytest.mark.parametrize(("carrier", "size"), [(LOST, 1), (NARROW, 60)], ids=["whole", "in parts"])
def test_the_place_is_kept_with_the_message(tmp_path: Path, carrier: Carrier, size: int) -> None:
    world = World(tmp_path, [carrier])
    world.say(world.kits[0], " ".join(f"house {n} gone" for n in range(size)))
    world.run(60)
    heard(world, PLACE)
    heard(world, Place(0.0, 0.0, 1))
    (message,), altered = came_in(world)
    assert message.link_position == (-12.7807, 45.225, 9)
    assert message_json(message)["link_position"] == {
        "latitude": -12.7807,
        "longitude": 45.225,
        "radius_km": 9,
    }
    assert altered == 0
    assert "heard near 12.7807° S 45.2250° E, give or take 9 km" in facts(message)


def test_without_a_place_nothing_is_kept_or_shown(tmp_path: Path) -> None:
    world = World(tmp_path, [LOST])
    world.say(world.kits[0], "no place")
    world.run(60)
    heard(world, None)
    (message,), _ = came_in(world)
    assert message.link_position is None
    assert message_json(message)["link_position"] is None
    assert "heard" not in facts(message)


def test_the_disk_does_not_tell_the_place_and_an_altered_one_is_none(tmp_path: Path) -> None:
    world = World(tmp_path, [LOST])
    world.say(world.kits[0], "somewhere")
    world.run(60)
    heard(world, PLACE)
    with closing(sqlite3.connect(world.center.store.path)) as db:
        (sealed,) = db.execute("SELECT place FROM whereabouts").fetchone()
        assert len(sealed) > 20 and b"@F\x9c" not in sealed
        db.execute("UPDATE whereabouts SET place = ?", (sealed[:-1] + bytes([sealed[-1] ^ 1]),))
        db.commit()
    (message,), altered = came_in(world)
    assert (message.text, message.link_position, altered) == ("somewhere", None, 1)


def test_the_place_is_said_in_both_languages() -> None:
    set_language("en")
    assert heard_words((-12.7807, -45.225, 9)) == "12.7807° S 45.2250° W, give or take 9 km"
    assert heard_words((-12.7807, -45.225, 9), "fr") == "12.7807° S 45.2250° O, à 9 km près"
