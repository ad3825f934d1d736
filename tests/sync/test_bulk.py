"""Files yield: a FLASH typed while one runs leaves next, and nothing typed waits for it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from crisiskit.codec.header import FrameKind, decode_header
from crisiskit.codec.pieces import cut_file
from crisiskit.codec.reject import Rejected
from crisiskit.model import Attached, Precedence, Record, RecordKind, State, Whole
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import VAULT, Station, World
from crisiskit.step import Queued
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from crisiskit.sync.bulk import file_load
from crisiskit.sync.outbox import Outbox
from transports.link import Traits

PHOTO = Attached("bridge.jpg", Random(5).randbytes(100_000))
SERIAL = Carrier("serial", Traits(480, 0.1, 240), Traits(480, 0.1, 240, listens=True))
SBD = Carrier(
    "sbd",
    Traits(340, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=60),
    Traits(270, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=60, listens=True),
)
IMT = Carrier("imt", Traits(100_000, 10, 2000), Traits(100_000, 10, 2000, listens=True))


def send(station: Station, text: str, *files: Attached, **more: object) -> str:
    draft = Draft(RecordKind.TEXT, Precedence.ROUTINE, text, files=files, **more)  # type: ignore[arg-type]
    return station.store.keep([draft])[0]


def messages(station: Station) -> Views:
    return Views(station.store.path, VAULT)


def state(station: Station, code: str) -> tuple[State, Whole, int]:
    views = messages(station)
    try:
        (message,) = views.find(code)
        (file,) = message.attachments
        return message.state, file.state, file.percent
    finally:
        views.close()


@pytest.mark.parametrize("carrier", [SERIAL, SBD, IMT], ids=lambda one: one.name)
def test_a_flash_typed_while_a_photo_runs_leaves_next(tmp_path: Path, carrier: Carrier) -> None:
    world = World(tmp_path, (carrier,), seed=3)
    kit = world.kits[0]
    send(kit, "the bridge", PHOTO)
    world.look(kit)
    start = world.now_s
    frame_s = carrier.up.mtu_bytes / carrier.up.rate_bytes_s
    world.run(start + 2.5 * frame_s if carrier is not IMT else start + 1.0)
    sent = len(world.frames)
    ours = [frame for _at, name, _link, frame in world.frames if name == kit.name]
    assert len(ours[-1]) > 0.15 * carrier.up.mtu_bytes, "a slice is under way"
    world.say(kit, "roof gone", Precedence.FLASH)
    world.run(world.now_s + 2 * frame_s)
    after = [frame for _at, name, _link, frame in world.frames[sent:] if name == kit.name]
    found = decode_header(after[0])
    assert not isinstance(found, Rejected) and found[0].precedence is Precedence.FLASH
    assert found[0].kind in (FrameKind.SEALED, FrameKind.PART)
    assert world.texts(world.center) == [] or "roof gone" in world.texts(world.center)
    assert world.settle(60 * 24 * 3600.0, 600.0)
    assert sorted(world.texts(world.center)) == ["roof gone", "the bridge"]


def test_what_is_typed_later_overtakes_a_photo(tmp_path: Path) -> None:
    world = World(tmp_path, (SERIAL,), seed=4)
    kit = world.kits[0]
    code = send(kit, "the bridge", PHOTO)
    world.look(kit)
    world.run(10)
    world.say(kit, "only routine")
    world.run(20)
    assert "only routine" in world.texts(world.center)
    assert state(kit, code)[1] is Whole.PARTLY


def test_a_message_is_held_once_its_file_is_and_says_how_far_it_is(tmp_path: Path) -> None:
    world = World(tmp_path, (SERIAL,), seed=6)
    kit = world.kits[0]
    code = send(kit, "the bridge", PHOTO)
    assert state(kit, code) == (State.KEPT, Whole.PARTLY, 0)
    world.look(kit)
    seen: list[tuple[State, Whole, int]] = []
    while world.now_s < 3600 and (not seen or seen[-1][0] is not State.HELD):
        world.run(world.now_s + 20)
        seen.append(state(kit, code))
    ranks = [one[0].rank for one in seen]
    percents = [one[2] for one in seen]
    assert ranks == sorted(ranks) and percents == sorted(percents)
    assert State.ARRIVED in {one[0] for one in seen} and 0 < percents[2] < 100
    assert all((one[0] is State.HELD) <= (one[1] is Whole.WHOLE) for one in seen)
    assert seen[-1] == (State.HELD, Whole.WHOLE, 100)
    views = messages(world.center)
    (message,) = views.search("in")
    assert views.file_content(message.attachments[0]) == PHOTO.content
    views.close()


def test_a_file_goes_on_after_crashes_and_over_another_link(tmp_path: Path) -> None:
    world = World(tmp_path, (SERIAL, IMT), seed=8)
    kit = world.kits[0]
    code = send(kit, "the bridge", PHOTO)
    world.look(kit)
    for station in (kit, world.center, kit):
        world.run(world.now_s + 15)
        world.crash(station, 5)
    assert world.settle(6 * 3600.0)
    assert state(kit, code) == (State.HELD, Whole.WHOLE, 100)
    views = messages(world.center)
    (message,) = views.search("in")
    assert views.file_content(message.attachments[0]) == PHOTO.content
    views.close()


def test_what_is_not_sealed_of_a_file_can_be_withdrawn(tmp_path: Path) -> None:
    world = World(tmp_path, (SERIAL,), seed=9)
    kit = world.kits[0]
    code = send(kit, "the bridge", PHOTO)
    world.look(kit)
    world.run(60)
    views = messages(kit)
    (message,) = views.find(code)
    views.close()
    kit.store.cancel(message.ref)
    world.look(kit)
    assert world.settle(3600.0)
    done, file, percent = state(kit, code)
    assert (done, file) == (State.HELD, Whole.WITHDRAWN) and 0 < percent < 100
    assert state(world.center, code)[1] is Whole.PARTLY


def test_a_file_expires_with_its_message(tmp_path: Path) -> None:
    world = World(tmp_path, (SERIAL,), seed=10)
    kit = world.kits[0]
    code = send(kit, "the bridge", PHOTO, expires_at=world._wall(kit) + 60_000)
    world.look(kit)
    assert world.settle(3600.0)
    assert state(kit, code)[:2] == (State.HELD, Whole.EXPIRED)


def test_to_all_kits_a_file_goes_to_each(tmp_path: Path) -> None:
    world = World(tmp_path, (IMT,), kits=2, seed=11)
    for kit in world.kits:
        world.say(kit, f"{kit.name} is here")
    world.run(60)
    small = Attached("map.txt", b"north of the river " * 200)
    send(world.center, "the map", small, to="all")
    world.look(world.center)
    assert world.settle(3600.0)
    for kit in world.kits:
        views = messages(kit)
        (message,) = views.search("in")
        assert views.file_content(message.attachments[0]) == small.content
        views.close()


def queued(delivery: int, record: Record) -> Queued:
    return Queued(delivery, 1, record, bytes(16))


def test_slices_come_after_all_else_and_share_no_envelope_with_it() -> None:
    outbox = Outbox()
    datas = cut_file(bytes(16), "a", PHOTO.content[:5000])
    head, *slices = [Record(RecordKind.FILE, Precedence.ROUTINE, 1, data=data) for data in datas]
    outbox.add([queued(n, one) for n, one in enumerate(slices, 10)])
    outbox.add([queued(1, head), queued(2, Record(RecordKind.TEXT, Precedence.ROUTINE, 1, "x"))])
    routine = Precedence.ROUTINE
    first = outbox.oldest(routine, clear=False, bulk=False)
    assert first is not None and first.delivery == 1
    assert [item.delivery for item in outbox.batch(routine, 16_000)] == [1, 2]
    assert [item.delivery for item in outbox.batch(routine, 16_000, bulk=True)] == [10, 11, 12]
    outbox.remove([1, 2, 10, 11])
    assert outbox.oldest(routine, clear=False, bulk=False) is None
    last = outbox.oldest(routine, clear=False, bulk=True)
    assert last is not None and last.delivery == 12
    outbox.add([queued(10, slices[0]), queued(11, slices[1])])
    assert outbox.highest is Precedence.ROUTINE and len(outbox) == 3


def test_a_photo_leaves_in_one_frame_or_two_where_the_link_takes_them(tmp_path: Path) -> None:
    world = World(tmp_path, (IMT,), seed=12)
    kit = world.kits[0]
    send(kit, "the bridge", PHOTO)
    world.look(kit)
    assert world.settle(3600.0)
    sizes = [len(frame) for _at, name, _link, frame in world.frames if name == kit.name]
    assert max(sizes) > 90_000 and len([size for size in sizes if size > 500]) <= 2
    sizes_of = [len(data) for data in cut_file(bytes(16), PHOTO.name, PHOTO.content)]
    load = file_load(sizes_of, 1, IMT.up)
    assert load is not None and abs(load.frame_bytes - sum(sizes)) < 0.01 * sum(sizes)


def test_the_price_is_known_before(tmp_path: Path) -> None:
    sizes = [len(data) for data in cut_file(bytes(16), PHOTO.name, PHOTO.content)]
    load = file_load(sizes, 1, SBD.up)
    assert load is not None
    world = World(tmp_path, (SBD,), seed=13)
    kit = world.kits[0]
    send(kit, "the bridge", PHOTO)
    world.look(kit)
    assert world.settle(90 * 24 * 3600.0, 3600.0)
    sent = [frame for _at, name, _link, frame in world.frames if name == kit.name]
    assert abs(load.frames - len(sent)) <= 0.1 * len(sent)
    assert file_load(sizes, 1, Traits(340, may_encrypt=False)) is None
    assert file_load(sizes, 1, Traits(30)) is None
