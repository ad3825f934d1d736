"""Worlds with a radio on which nothing may be encrypted: all is held, and nothing leaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit.codec.content import Content, decode_content
from crisiskit.codec.header import FrameKind, Header, decode_header, is_clear
from crisiskit.codec.parts import CHECK_BYTES, Part, PartSet
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import EPOCH_MS, VAULT, World
from crisiskit.store import frames
from crisiskit.store.schema import Sealed
from crisiskit.store.views import Views
from transports.link import Traits

HOUR = 3600.0
HAM = Carrier(
    "ham",
    up=Traits(120, 0.5, 120, repeat_s=6, may_encrypt=False),
    down=Traits(120, 0.5, 120, repeat_s=6, listens=True, lasting_peers=True, may_encrypt=False),
    loss=0.1,
    repeat=0.05,
)
WIFI = Carrier(
    "wifi",
    up=Traits(4096),
    down=Traits(4096, listens=True),
    loss=0.05,
    repeat=0.05,
    outage_s=5000,
    outage_every_s=6000,
)


def kinds(world: World, link: str) -> set[FrameKind]:
    found = set()
    for _at, _who, by, frame in world.frames:
        header = decode_header(frame)
        assert not isinstance(header, Rejected)
        found |= {header[0].kind} if by == link else set()
    return found


def contents(world: World, link: str) -> list[bytes]:
    """What all can read on a link, without any key: envelopes, and those that came in parts."""
    found, cuts = set(), dict[tuple[str, Header], PartSet]()
    for _at, who, by, frame in world.frames:
        opened = decode_header(frame)
        assert not isinstance(opened, Rejected)
        header, at = opened
        if by == link and header.kind is FrameKind.CLEAR:
            found.add(frame[at:-TAG_BYTES])
        elif by == link and header.kind is FrameKind.PART_CLEAR:
            last = frame[at + 1]
            cut = cuts.setdefault((f"{who} {last}", header), PartSet(last))
            cut.add(Part(header, frame[at], last, frame[at + 2 : -CHECK_BYTES]))
            whole = cut.envelope(header)
            if whole is not None:
                found.add(whole[at:-TAG_BYTES])
    return sorted(found)


def read_by_all(world: World, link: str) -> list[str]:
    """The texts that anybody on a link can read."""
    read: list[str] = []
    for content in contents(world, link):
        opened = decode_content(content, int(EPOCH_MS // 60_000))
        assert isinstance(opened, Content), "whoever listens can decode it"
        read += [record.text for record in opened.records if record.text]
    return read


@pytest.mark.parametrize("seed", range(3))
def test_all_is_held_and_what_is_secret_never_takes_the_radio(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, (HAM, WIFI), kits=2, seed=seed, clear=True)
    said: dict[str, list[str]] = {kit.name: [] for kit in world.kits}
    for n in range(40):
        kit = world.kits[n % 2]
        clear, urgency = world.rng.random() < 0.5, world.rng.choice(list(Precedence))
        long = " ".join(str(world.rng.getrandbits(40)) for _ in range(20)) if n % 9 == 0 else ""
        text = f"{'Z3' if clear else 'Q7'} {n} {long}".strip()

        def write(
            kit: object = kit, text: str = text, urgency: Precedence = urgency, clear: bool = clear
        ) -> None:
            world.say(kit, text, urgency, clear=clear)  # type: ignore[arg-type]

        world.at(world.rng.uniform(0, 3 * HOUR), write)
        said[kit.name].append(text)
        answer = f"{'Z3' if clear else 'Q7'} down {n}"

        def reply(
            kit: object = kit,
            text: str = answer,
            urgency: Precedence = urgency,
            clear: bool = clear,
        ) -> None:
            world.say(world.center, text, urgency, kit.name, clear=clear)  # type: ignore[attr-defined]

        world.at(world.rng.uniform(0, 3 * HOUR), reply)
    for station in world.rng.sample(world.stations, 2):
        world.at(world.rng.uniform(HOUR, 3 * HOUR), lambda station=station: world.crash(station))  # type: ignore[misc]
    world.run(3 * HOUR)
    assert world.settle(48 * HOUR), "something was never held"
    assert sorted(world.texts(world.center)) == sorted(said["kit-1"] + said["kit-2"])
    assert kinds(world, "ham") == {FrameKind.CLEAR, FrameKind.PART_CLEAR, FrameKind.RECEIPT_CLEAR}
    assert FrameKind.SEALED in kinds(world, "wifi")
    read = read_by_all(world, "ham")
    assert read and all(text.startswith("Z3") for text in read), "what nobody released leaked"
    for station in world.stations:
        views = Views(station.store.path, VAULT)
        assert not [m.text for m in views.search("in") if m.clear and not m.text.startswith("Z3")]
        views.close()


def test_marks_tell_the_truth(tmp_path: Path) -> None:
    """What is marked at the center is exactly what arrived in a frame that all can read."""
    world = World(tmp_path, (HAM, WIFI), seed=9, clear=True)
    for n in range(20):
        world.say(world.kits[0], f"n {n}", clear=n % 2 == 0)
        world.run(world.now_s + 600)
    assert world.settle(48 * HOUR)
    views = Views(world.center.store.path, VAULT)
    marked = {message.text for message in views.search("in") if message.clear}
    views.close()
    came = world.center.store._db.execute(
        "SELECT r.text, r.digest, a.frame, a.pairing, a.epoch, a.seq FROM record r"
        " JOIN delivery d ON d.record = r.id"
        " JOIN arrived a ON (a.epoch, a.salt, a.seq) = (d.epoch, d.salt, d.seq)"
    ).fetchall()
    assert len(came) == 20
    assert marked == {
        VAULT.open(text, Sealed.TEXT, digest).decode()
        for text, digest, frame, *row in came
        if is_clear(frames.opened(VAULT, frame, Sealed.ARRIVED_FRAME, *row))
    }
    assert marked and marked <= {f"n {n}" for n in range(0, 20, 2)}


def test_a_kit_with_the_radio_alone_keeps_its_secrets(tmp_path: Path) -> None:
    world = World(tmp_path, (HAM,), seed=3, clear=True)
    world.say(world.kits[0], "Q7 secret", Precedence.FLASH)
    world.say(world.kits[0], "Z3 open", clear=True)
    world.run(10 * HOUR)
    assert world.texts(world.center) == ["Z3 open"]
    views = Views(world.kits[0].store.path, VAULT)
    assert views.tally("out") == {"kept": 1, "held": 1}
    assert [notice.code for notice in views.notices()] == ["waits_for_encryption"]
    views.close()


def test_where_it_is_not_allowed_the_radio_stays_silent(tmp_path: Path) -> None:
    world = World(tmp_path, (HAM,), seed=3)
    world.say(world.kits[0], "Z3 open", Precedence.FLASH, clear=True)
    world.run(10 * HOUR)
    assert world.frames == []
