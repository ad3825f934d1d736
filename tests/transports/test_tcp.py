"""Frames over TCP arrive whole, come back after a restart, and junk gets nothing."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from transports.framing import Decoder, encode
from transports.link import LinkError, Phase, Traits, Trouble
from transports.tcp import (
    JUNK_BYTES_MAX,
    Tcp,
    TcpLink,
    TcpListen,
    TcpListenLink,
    TcpListenSettings,
    TcpSettings,
)
from transports.testing import CHECKS, Check, Pair, Running, arrived, running

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def listener(port: int = 0, connections_max: int = 256) -> TcpListenLink:
    settings = TcpListenSettings(port=port, connections_max=connections_max)
    return TcpListen().open(settings, TcpListen().traits(settings, {}))


def caller(port: int) -> TcpLink:
    settings = TcpSettings(port=port)
    return Tcp().open(settings, Tcp().traits(settings, {}))


@asynccontextmanager
async def make_pair() -> AsyncIterator[Pair]:
    port = free_port()
    yield Pair(near=caller(port), far=listener(port))


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check) -> None:
    async with make_pair() as pair:
        await check(pair)


async def test_each_caller_is_answered_by_its_own_word() -> None:
    far = listener()
    async with running(far) as (center,):
        first, second = caller(far.port), caller(far.port)
        async with running(first, second) as (one, two):
            await first.send(b"from one")
            await arrived([b"from one"], center.inbox, Pair(first, far))
            word_of_one = center.inbox.peer
            await second.send(b"from two")
            await arrived([b"from two"], center.inbox, Pair(second, far))
            word_of_two = center.inbox.peer
            await far.send(b"for one", word_of_one)
            await far.send(b"for two", word_of_two)
            await arrived([b"for one"], one.inbox, Pair(first, far))
            await arrived([b"for two"], two.inbox, Pair(second, far))
            assert (one.inbox.frames, two.inbox.frames) == ([b"for one"], [b"for two"])
        await until(lambda: set(center.inbox.lost) == {word_of_one, word_of_two})
        with pytest.raises(LinkError) as refused:
            await far.send(b"too late", word_of_one)
        assert refused.value.code is Trouble.NO_SERVICE


async def test_junk_gets_no_answer_and_the_connection_ends() -> None:
    far = listener()
    async with running(far) as (center,), stranger(far.port) as (reader, writer):
        answer = asyncio.create_task(reader.read(1))
        noise = random.Random(7)
        with pytest.raises(ConnectionError):
            for _ in range(64 * JUNK_BYTES_MAX // 4096):
                writer.write(noise.randbytes(4096))
                await writer.drain()
        with suppress(ConnectionError):
            assert await answer == b""
        assert center.inbox.frames == []
        assert center.inbox.lost == []


async def test_a_request_of_another_protocol_gets_no_answer() -> None:
    far = listener()
    async with running(far), stranger(far.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)


async def test_junk_that_never_ends_a_frame_is_not_kept() -> None:
    far = listener()
    async with running(far) as (center,), stranger(far.port) as (_, writer):
        writer.write(b"\1" * (JUNK_BYTES_MAX // 2) + b"\0" + encode(b"then a frame"))
        await arrived([b"then a frame"], center.inbox, Pair(far, far))
        [connection] = far._connections.values()
        assert len(connection._decoder._held) == 0
        writer.write(b"\1" * (JUNK_BYTES_MAX // 2))
        await until(lambda: connection._decoder.junk_bytes >= JUNK_BYTES_MAX // 2 + 4096)
        assert len(connection._decoder._held) < 5000


async def test_a_frame_over_the_limit_from_outside_is_dropped() -> None:
    far = listener()
    async with running(far) as (center,), stranger(far.port) as (_, writer):
        writer.write(encode(b"x" * 4097) + encode(b"y" * 4096))
        await arrived([b"y" * 4096], center.inbox, Pair(far, far))
        assert len(center.inbox.frames) == 1


async def test_a_flood_of_silent_connections_does_not_lock_a_kit_out() -> None:
    far = listener(connections_max=8)
    async with running(far) as (center,):
        near = caller(far.port)
        async with running(near):
            await near.send(b"first")
            await arrived([b"first"], center.inbox, Pair(near, far))
            strangers = [await asyncio.open_connection(LOOPBACK, far.port) for _ in range(40)]
            await until(lambda: far._connections.keys() > {"40"})
            assert len(far._connections) <= 8
            await near.send(b"second")
            await far.send(b"answer", center.inbox.peer)
            await arrived([b"first", b"second"], center.inbox, Pair(near, far))
            for _, writer in strangers:
                writer.transport.abort()


async def test_the_caller_comes_back_after_the_center_restarts() -> None:
    port = free_port()
    near = caller(port)
    far = Running(listener(port), 5)
    async with running(near) as (kit,):
        await until(lambda: far.inbox.phase is Phase.READY)
        await far.stop()
        await until(lambda: kit.inbox.phase is Phase.DOWN)
        assert kit.inbox.states[-1].reason == Trouble.NO_SERVICE
        with pytest.raises(LinkError) as refused:
            await near.send(b"nobody there")
        assert refused.value.code is Trouble.NO_SERVICE
        async with running(listener(port)) as (center,):
            await until(lambda: kit.inbox.phase is Phase.READY)
            await near.send(b"here again")
            await arrived([b"here again"], center.inbox, Pair(near, near))


async def test_pauses_between_calls_grow() -> None:
    near = caller(free_port())
    run = Running(near, 5)
    await asyncio.sleep(1.4)
    calls = [state.phase for state in run.inbox.states].count(Phase.OPENING)
    await run.stop()
    assert 2 <= calls <= 4


async def test_a_port_in_use_is_told_as_busy() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        with pytest.raises(LinkError) as refused:
            await Running(listener(taken.getsockname()[1]), 5).ready()
        assert refused.value.code is Trouble.DEVICE_BUSY


async def test_a_listener_keeps_the_port_it_found() -> None:
    far = listener(0)
    async with running(far):
        first = far.port
    async with running(far):
        assert far.port == first != 0


async def test_a_peer_that_reads_nothing_ends_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.tcp.SEND_S_MAX", 0.3)
    far = listener()
    async with running(far) as (center,), stranger(far.port) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(encode(b"hello"))
        await arrived([b"hello"], center.inbox, Pair(far, far))
        with pytest.raises(LinkError) as refused:
            for _ in range(10_000):
                await far.send(b"x" * 4096, center.inbox.peer)
        assert refused.value.code is Trouble.NO_SERVICE
        await until(lambda: center.inbox.lost == [center.inbox.peer])


async def test_frames_leave_in_the_order_they_were_sent() -> None:
    far = listener()
    async with running(far):
        async with stranger(far.port) as (reader, writer):
            writer.write(encode(b"hello"))
            await until(lambda: far._connections and far._connections["1"].proven)
            for number in range(50):
                await far.send(b"%d" % number, "1")
            decoder = Decoder(4096)
            got: list[bytes] = []
            while len(got) < 50:
                got += decoder.feed(await asyncio.wait_for(reader.read(4096), 5))
        assert got == [b"%d" % number for number in range(50)]


def test_traits_follow_the_settings() -> None:
    settings = TcpSettings(port=1, mtu=512, rate_bit_s=22_000, latency_s=0.7, repeat_s=9)
    assert Tcp().traits(settings, {"byte_micros": 5}) == Traits(
        mtu_bytes=512,
        latency_s=0.7,
        rate_bytes_s=2750,
        price_byte_micros=5,
        repeat_s=9,
        receipt_delay_s=0.05,
    )
    assert TcpListen().traits(TcpListenSettings(port=0), {}).listens


@pytest.mark.parametrize(
    "table",
    [{}, {"port": 0}, {"port": 65_536}, {"port": 1, "colour": "red"}, {"port": 1, "mtu": 1}],
)
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, TcpSettings)
