"""Neighbours find one another, prove themselves, keep one line, and say nothing to strangers."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from tests.transports.introducing import introducer
from transports.framing import encode
from transports.introduction import Introduced
from transports.link import LinkError, Phase, Trouble
from transports.neighbours import (
    STRANGERS_EACH_MAX,
    Neighbours,
    NeighboursLink,
    NeighboursSettings,
    _Work,
)
from transports.testing import CHECKS, Check, Pair, Running, arrived, running

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30.0


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def link(
    number: int, port: int = 0, peers: tuple[int, ...] = (), search: bool = False, seed: int = 1
) -> NeighboursLink:
    places = tuple(f"{LOOPBACK}:{peer}" for peer in peers)
    settings = NeighboursSettings(bind=LOOPBACK, port=port, peers=places, search=search)
    made = Neighbours().open(settings, Neighbours().traits(settings, {}))
    assert isinstance(made, Introduced)
    made.introducer = introducer(number, seed=seed)
    return made


@asynccontextmanager
async def make_pair() -> AsyncIterator[Pair]:
    port = free_port()
    yield Pair(near=link(1, peers=(port,)), far=link(0, port), patience_s=PATIENCE_S)


async def until(true: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def alone(*links: NeighboursLink) -> AsyncIterator[list[Running]]:
    """Run links of which nobody waits that they find anybody."""
    runs = [Running(one, PATIENCE_S) for one in links]
    try:
        await until(lambda: all(one.port for one in links))
        yield runs
    finally:
        for run in runs:
            await run.stop()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check) -> None:
    async with make_pair() as pair:
        await check(pair)


async def test_they_find_one_another_by_multicast_and_say_who_they_are() -> None:
    center, one, two = (link(number, search=True) for number in (0, 1, 2))
    async with running(center, one, two, patience_s=PATIENCE_S) as runs:
        wanted = [{("1", "Kit 1"), ("2", "Kit 2")}, {("center", "center"), ("2", "Kit 2")}]
        wanted.append({("center", "center"), ("1", "Kit 1")})
        for run, names in zip(runs, wanted, strict=True):
            await until(lambda run=run, names=names: names <= set(run.inbox.found))  # type: ignore[misc]
        await one.send(b"from one to two", "2")
        await arrived([b"from one to two"], runs[2].inbox, Pair(one, two, PATIENCE_S))
        assert runs[2].inbox.peer == "1" and runs[0].inbox.frames == []


async def test_two_who_call_each_other_at_once_keep_one_line() -> None:
    ports = free_port(), free_port()
    one, two = link(1, ports[0], ports[1:]), link(2, ports[1], ports[:1])
    async with running(one, two, patience_s=PATIENCE_S) as (near, far):
        for turn in range(20):
            frame = b"turn %d" % turn
            await until(lambda: "2" in one._told and "1" in two._told)
            await one.send(frame, "2")
            await arrived([frame], far.inbox, Pair(one, two, PATIENCE_S))
        assert len(one._lines) == len(two._lines) == 1
        assert near.inbox.phase is Phase.READY


async def test_one_who_comes_again_takes_the_place_of_the_line_before() -> None:
    """The one before may be dead without anybody knowing; here it lives and comes back as well."""
    port = free_port()
    center, first, again = link(0, port), link(1, peers=(port,)), link(1, peers=(port,))
    async with (
        running(center, first, patience_s=PATIENCE_S) as (there, _),
        running(again, patience_s=PATIENCE_S) as (run,),
    ):
        await until(lambda: len(there.inbox.found) >= 2)
        async with asyncio.timeout(PATIENCE_S):
            while not run.inbox.frames:
                with suppress(LinkError):
                    await center.send(b"to the one that came", "1")
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(lambda port: link(1, peers=(port,), seed=2), id="of another network"),
        pytest.param(lambda port: link(7, peers=(port,)), id="revoked"),
    ],
)
async def test_who_does_not_belong_is_not_heard(stranger: Callable[[int], NeighboursLink]) -> None:
    port = free_port()
    center, kit = link(0, port), link(2, peers=(port,))
    assert center.introducer is not None
    center.introducer.refused = frozenset({7})  # type: ignore[attr-defined]
    other = stranger(port)
    async with running(center, kit, patience_s=PATIENCE_S) as (there, _), alone(other) as (run,):
        await until(lambda: other._targets and there.inbox.found)
        await asyncio.sleep(2)
        assert [peer for peer, _ in there.inbox.found] == ["2"]
        assert run.inbox.found == [] and run.inbox.phase is not Phase.READY


async def test_who_is_revoked_while_here_is_parted_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.neighbours_line.BEAT_S", 0.05)
    port = free_port()
    center, kit = link(0, port), link(3, peers=(port,))
    async with running(center, kit, patience_s=PATIENCE_S) as (there, _):
        assert center.introducer is not None
        center.introducer.refused = frozenset({3})  # type: ignore[attr-defined]
        await until(lambda: there.inbox.lost == ["3"])


async def test_silence_ends_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.neighbours_line.SILENCE_S", 0.5)
    port = free_port()
    center, kit = link(0, port), link(3, peers=(port,))
    async with running(center, kit, patience_s=PATIENCE_S) as (there, _):
        await until(lambda: "3" in there.inbox.lost)


async def test_junk_gets_no_answer_and_no_frame_passes() -> None:
    center = link(0)
    noise = random.Random(4)
    openings = [
        noise.randbytes(200),
        encode(noise.randbytes(49)),
        encode(b"\1" + noise.randbytes(48)),
        b"GET / HTTP/1.1\r\n\r\n\0",
        encode(noise.randbytes(900)),
        b"\0" * 50_000,
    ]
    async with alone(center) as (run,):
        for opening in openings:
            reader, writer = await asyncio.open_connection(LOOPBACK, center.port)
            writer.write(opening)
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
        assert run.inbox.frames == [] and run.inbox.found == [] and not run.ended


async def test_one_address_cannot_hold_all_places() -> None:
    center = link(0)
    async with alone(center):
        held = [await asyncio.open_connection(LOOPBACK, center.port) for _ in range(20)]
        await until(lambda: center._strangers.total() == STRANGERS_EACH_MAX)
        for _, writer in held:
            writer.close()
        await until(lambda: center._strangers.total() == 0)


async def test_without_a_certificate_it_says_so() -> None:
    lonely = link(0)
    lonely.introducer = None
    with pytest.raises(LinkError) as refused:
        await lonely.run(Running.__new__(Running))  # type: ignore[arg-type]
    assert refused.value.code is Trouble.UNUSABLE


async def test_nobody_here_is_told_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.neighbours.SEARCH_S", 0.05)
    async with alone(link(0)) as (run,):
        await until(lambda: run.inbox.phase is Phase.DOWN)
        assert run.inbox.states[-1].reason == Trouble.NO_SERVICE


@pytest.mark.parametrize("place", ["kit", "kit:", "a b:1", ":5", "kit:123456"])
def test_a_place_is_a_host_and_a_port(place: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"peers": [place]}, NeighboursSettings)


async def test_who_never_answers_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.neighbours.TARGETS_MAX", 4)
    seeker = link(1, peers=(free_port(),))
    async with alone(seeker) as (run,):
        work = _Work(asyncio.TaskGroup(), run.inbox, introducer(1))
        async with work.tasks as tasks:
            for n in range(3):
                seeker._call_there(work, LOOPBACK, free_port(), bytes([n]) * 8)
            await until(lambda: all(target.failures for target in seeker._targets.values()))
            newest = free_port()
            seeker._call_there(work, LOOPBACK, newest, b"newest!!")
            assert len(seeker._targets) == 4 and (LOOPBACK, newest) in seeker._targets
            assert any(target.named for target in seeker._targets.values())
            seeker._targets.clear()
            tasks.create_task(_cancel_siblings())


async def _cancel_siblings() -> None:
    """End the group with all that still sleeps in it."""
    me = asyncio.current_task()
    for task in asyncio.all_tasks():
        if task is not me and "_call" in str(task.get_coro()):
            task.cancel()
