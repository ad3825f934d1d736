"""A peer with the right keys and the worst intentions costs little and breaks nothing."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from time import process_time

import pytest

from crisiskit.codec.content import CONTENT_BYTES_MAX
from crisiskit.codec.header import FrameKind
from crisiskit.model import Direction
from crisiskit.sim.fuzz import bodies
from crisiskit.sim.world import World

CASES = list(bodies.fixed())
KNOWN = [pytest.param(case, id=case[0]) for case in CASES]
TIMES = 50  # an honest envelope of the largest size takes a few ms; 50 ms each is promised


@pytest.fixture(scope="module", params=list(Direction), ids=["at the center", "at the kit"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bodies.Peer:
    world = bodies.open_world(tmp_path_factory.mktemp("world"))
    return bodies.Peer(world, request.param)


@pytest.fixture(scope="module")
def honest_s(peer: bodies.Peer) -> float:
    """What decoding and storing 255 honest records takes."""
    heads = b"\x04" + b"\x04\0" * 253 + b"\0\0"
    content = b"\x01" + bodies.MINUTE.to_bytes(4, "big") + heads + b"word\0" * 254 + b"word"
    costs = [peer.send("honest", FrameKind.SEALED, content) for _ in range(5)]
    assert not any(cost.refused for cost in costs)
    return sorted(cost.seconds for cost in costs)[2]


@pytest.mark.parametrize("case", KNOWN)
def test_a_hostile_body_takes_little_time_and_memory(
    peer: bodies.Peer, honest_s: float, case: bodies.Kinds
) -> None:
    name, kind, content = case
    assert len(content) <= CONTENT_BYTES_MAX

    fastest = min(peer.send(name, kind, content).seconds for _ in range(3))
    cost = peer.send(name, kind, content, traced=True)

    assert cost.peak_bytes < bodies.PEAK_BYTES_MAX
    assert fastest < TIMES * honest_s


def test_the_bombs_are_bombs() -> None:
    """Each would be large if it were opened without a limit."""
    import zstandard

    found = {name: content for name, _kind, content in CASES}
    stream = found["zstd bomb"][6:]
    stated = zstandard.get_frame_parameters(stream, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    assert stated.content_size == 32 * bodies.MIB
    assert len(found["wide ack blocks"]) > 16_000 and len(found["10,000 records"]) > 16_000


def stored(world: World) -> list[tuple[str, int]]:
    rows = world.center.store.snapshot().pairings[0].heard
    return [(str(life.salt), life.next_seq) for life in rows]


def test_what_cannot_be_decoded_is_stored_and_receipted_all_the_same(tmp_path: Path) -> None:
    """Promise P6: nothing is lost that was authentic."""
    world = bodies.open_world(tmp_path)
    peer = bodies.Peer(world, Direction.UP)
    sent = [case for case in CASES if case[1] is FrameKind.SEALED]
    for case in sent:
        peer.send(*case)

    assert max(count for _life, count in stored(world)) == len(sent)


def test_scrambled_bodies_never_raise_and_stay_cheap(tmp_path: Path) -> None:
    costs = bodies.run(tmp_path, seed=1, count=300, traced=False)

    assert bodies.too_dear(costs) == []


def test_native_memory_stays_small_too() -> None:
    """What a library takes outside Python's own memory is seen by the system only."""
    resource = pytest.importorskip("resource")
    from crisiskit.codec.acks import decode_receipt
    from crisiskit.codec.content import decode_content

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _name, kind, content in CASES:
        for _ in range(3):
            if kind is FrameKind.SEALED:
                decode_content(content, bodies.MINUTE)
            else:
                decode_receipt(content)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10


def test_the_measures_see_what_they_should() -> None:
    tracemalloc.start()
    start = process_time()
    held = bytes(65 * bodies.MIB)
    cost = bodies.Cost("", process_time() - start, tracemalloc.get_traced_memory()[1], False, True)
    tracemalloc.stop()
    assert held and len(bodies.too_dear([cost])) == 1
