"""Packet radio: whole frames over played TNCs, the law of the band, and a shared channel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardware import ax25
from hardware.kiss import Command, KissFrame
from hardware.kiss import encode as kiss
from hardware.sim.tnc import Air, Channel, PlayedTnc
from transports.ax25 import PATHS_MAX, Ax25, Ax25Link, Ax25Settings
from transports.link import LinkError, Phase, Trouble
from transports.testing import CHECKS, Check, Pair, Running, arrived, running

FAST = Air(bit_s=1_000_000)
QUICK = {
    "bit_s": 1_000_000,
    "tx_delay_s": 0,
    "tx_tail_s": 0,
    "slot_s": 0,
    "persistence": 1,
    "pause_s": 0.001,
    "answer_s": 0.001,
}
KIT, CENTER, HILL = "F4XYZ-7", "F4ABC", "F5HIL"


def link(tnc: PlayedTnc | None = None, **more: Any) -> Ax25Link:
    where = {} if tnc is None else {"tcp": f"127.0.0.1:{tnc.port}"}
    if tnc is not None and tnc.path is not None:
        where = {"port": str(tnc.path)}
    settings = msgspec.convert({"call": KIT, **where, **QUICK, **more}, Ax25Settings)
    return Ax25().open(settings, Ax25().traits(settings, {}))


@asynccontextmanager
async def pair(
    tmp_path: Path, air: Air = FAST, serial: bool = False, **more: Any
) -> AsyncIterator[tuple[Pair, Channel, PlayedTnc, PlayedTnc]]:
    channel = Channel(air)
    paths = (tmp_path / "kit", tmp_path / "center") if serial else (None, None)
    async with PlayedTnc(channel, paths[0]) as near, PlayedTnc(channel, paths[1]) as far:
        links = link(near, destination=CENTER, **more), link(far, call=CENTER, **more)
        yield Pair(*links, patience_s=60, flood_frames=20), channel, near, far


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(tmp_path: Path, check: Check, serial: bool) -> None:
    async with pair(tmp_path, serial=serial) as (two, *_):
        await check(two)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link_to_a_tnc_that_confirms(tmp_path: Path, check: Check) -> None:
    async with pair(tmp_path, serial=True, acks=True) as (two, *_):
        await check(two)


# -- the law of the band -----------------------------------------------------------------------


def test_on_an_amateur_band_nothing_is_encrypted() -> None:
    assert not link(tcp="127.0.0.1:8001").traits.may_encrypt
    assert link(tcp="127.0.0.1:8001", band="licensed").traits.may_encrypt


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        ({"call": "KIT1"}, "call", "call_sign"),
        ({"call": "N0CALL"}, "call", "call_sign"),
        ({"destination": "CRISIS"}, "destination", "call_sign"),
        ({"call": "F4XYZ-16"}, "call", "ax25_address"),
        ({"call": ""}, "call", "ax25_address"),
        ({"via": ["R 1"]}, "via", "ax25_address"),
        ({"destination": KIT}, "destination", "own_call_sign"),
        ({"tcp": "localhost"}, "tcp", "host_and_port"),
        ({"tcp": "localhost:99999"}, "tcp", "host_and_port"),
        ({"port": "/dev/tnc"}, "port", "port_or_tcp"),
        ({"tcp": ""}, "port", "port_or_tcp"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: Any, key: str, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        link(**{"tcp": "127.0.0.1:8001", **table})
    assert str(caught.value) == f"{key}: {reason}"


def test_a_licensed_band_takes_names_of_its_own() -> None:
    assert link(tcp="[::1]:8001", call="KIT1", destination="CRISIS", band="licensed")


async def test_every_frame_on_the_air_carries_the_call_sign(tmp_path: Path) -> None:
    async with pair(tmp_path) as (two, channel, *_):
        async with running(two.near, two.far) as (_, far):
            await two.near.send(b"up")
            await arrived([b"up"], far.inbox, two)
            assert far.inbox.peer == KIT
            await two.far.send(b"down", KIT)
        heard = [ax25.decode(frame) for frame in channel.frames]
        assert [(str(one.source), str(one.to)) for one in heard] == [(KIT, CENTER), (CENTER, KIT)]


async def test_frames_for_others_and_of_others_are_ignored(tmp_path: Path) -> None:
    strange = [
        ax25.UiFrame(ax25.Address("APRS"), ax25.parse_address(KIT), b"not for us"),
        ax25.UiFrame(ax25.Address(CENTER, 1), ax25.parse_address(KIT), b"another SSID"),
        ax25.UiFrame(ax25.Address(CENTER), ax25.Address("KIT1"), b"no call sign"),
        ax25.UiFrame(ax25.Address(CENTER), ax25.parse_address(KIT), b"IP", pid=0xCC),
        ax25.UiFrame(ax25.Address(CENTER), ax25.parse_address(KIT), b""),
    ]
    async with (
        pair(tmp_path) as (two, channel, near, _),
        running(two.near, two.far) as (kit, far),
    ):
        for frame in strange:
            await channel.transmit(near, ax25.encode(frame), 0)
        await channel.transmit(near, b"junk", 0)
        await two.near.send(b"ours")
        await arrived([b"ours"], far.inbox, two)
        assert far.inbox.frames == [b"ours"]
        foreign = ax25.UiFrame(ax25.parse_address(KIT), ax25.parse_address(HILL), b"who?")
        await channel.transmit(near, ax25.encode(foreign), 0)
        await two.far.send(b"answer", KIT)
        await arrived([b"answer"], kit.inbox, two)
        assert kit.inbox.frames == [b"answer"]


# -- a shared channel --------------------------------------------------------------------------


async def test_the_queue_of_the_tnc_never_grows(tmp_path: Path) -> None:
    """Each frame has left the TNC before the next is given to it, and others get their turn."""
    async with pair(tmp_path, Air(bit_s=9600), bit_s=9600, pause_s=0.1) as (two, channel, near, _):
        async with running(two.near, two.far, patience_s=60):
            now = asyncio.get_running_loop().time
            began, most = now(), 0
            for n in range(4):
                await two.near.send(bytes([n]) * 200)
                most = max(most, near.waiting)
            air_s = two.near._settings.radio.air_s(ax25.frame_bytes(200, 0))  # type: ignore[attr-defined]
            assert most == 0
            assert now() - began >= 4 * air_s + 3 * 0.05
        assert channel.counters.sent >= 3


async def test_a_busy_channel_holds_the_next_frame_of_a_tnc_that_tells(tmp_path: Path) -> None:
    """ACKMODE: ``send`` returns when the frame was on the air, not when the TNC took it."""
    async with (
        pair(tmp_path, serial=True, acks=True) as (two, channel, _, far),
        running(two.near, two.far, patience_s=60) as (_, center),
    ):
        taken = asyncio.create_task(channel.transmit(far, b"somebody talks", 1.0))
        await asyncio.sleep(0)
        sending = asyncio.create_task(two.near.send(b"wait"))
        done, _ = await asyncio.wait({taken, sending}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {taken}
        await sending
        assert channel.counters.collided == 0
        await arrived([b"wait"], center.inbox, two)


@pytest.mark.parametrize("seed", range(3))
async def test_loss_collisions_and_noise_cost_frames_and_nothing_else(
    tmp_path: Path, seed: int
) -> None:
    air = Air(bit_s=500_000, loss=0.2, deaf=0.5, noise=0.3, seed=seed)
    async with pair(tmp_path, air, serial=True, slot_s=0.01) as (two, channel, near, _):
        async with running(two.near, two.far, patience_s=60) as (kit, center):
            there = [b"there %d" % n for n in range(20)]
            back = [b"back %d" % n for n in range(20)]
            async with asyncio.timeout(60):
                while not (
                    set(there) <= set(center.inbox.frames) and set(back) <= set(kit.inbox.frames)
                ):
                    for up, down in zip(there, back, strict=True):
                        await asyncio.gather(two.near.send(up), two.far.send(down, KIT))
            assert set(center.inbox.frames) == set(there)
            assert set(kit.inbox.frames) == set(back)
            assert channel.counters.lost
        assert near.junk_frames == 0


async def test_a_center_hears_many_kits_and_answers_each(tmp_path: Path) -> None:
    channel = Channel(FAST)
    async with (
        PlayedTnc(channel) as at_center,
        PlayedTnc(channel) as one,
        PlayedTnc(channel) as two,
    ):
        center = link(at_center, call=CENTER)
        kits = [
            link(one, call="F4AAA", destination=CENTER),
            link(two, call="F4BBB", destination=CENTER),
        ]
        async with running(center, *kits, patience_s=60) as (desk, *teams):
            for n, kit in enumerate(kits):
                await kit.send(b"kit %d" % n)
                await arrived([b"kit %d" % n], desk.inbox, Pair(kit, center, 30))
                await center.send(b"for %d" % n, desk.inbox.peer)
            await until(lambda: all(team.inbox.frames for team in teams))
            assert [team.inbox.frames for team in teams] == [[b"for 0"], [b"for 1"]]


async def test_by_a_digipeater_and_back_the_same_way(tmp_path: Path) -> None:
    channel = Channel(FAST)
    async with PlayedTnc(channel) as near, PlayedTnc(channel) as far:
        async with PlayedTnc(channel, digipeats=HILL):
            kit, center = link(near, destination=CENTER, via=[HILL]), link(far, call=CENTER)
            async with running(kit, center, patience_s=60) as (_, desk):
                await kit.send(b"over the hill")
                await until(lambda: len(desk.inbox.frames) == 2)  # heard directly, and repeated
                await center.send(b"answer", desk.inbox.peer)
                await until(lambda: channel.counters.sent == 4)
        repeated = [ax25.decode(frame) for frame in channel.frames]
        assert [(one.info, one.repeated) for one in repeated] == [
            (b"over the hill", 0),
            (b"over the hill", 1),
            (b"answer", 0),
            (b"answer", 1),
        ]


async def test_a_stranger_cannot_fill_the_memory_with_call_signs(tmp_path: Path) -> None:
    center = link(tcp="127.0.0.1:1", call=CENTER)
    for n in range(2 * PATHS_MAX):
        source = ax25.Address(f"F{n % 10}{chr(65 + n // 10 % 26)}{chr(65 + n // 260)}A")
        center._for_us(ax25.encode(ax25.UiFrame(ax25.Address(CENTER), source, b"x")))
    assert len(center._paths) == PATHS_MAX


async def test_words_that_are_no_call_sign_are_no_peer(tmp_path: Path) -> None:
    async with pair(tmp_path) as (two, *_), running(two.near, two.far):
        with pytest.raises(LinkError) as caught:
            await two.far.send(b"whom?", "nobody at all")
        assert caught.value.code is Trouble.NO_SERVICE


# -- the cable ---------------------------------------------------------------------------------


@pytest.mark.parametrize("serial", [False, True], ids=["tcp", "serial"])
async def test_unplugged_and_plugged_in_again(tmp_path: Path, serial: bool) -> None:
    async with pair(tmp_path, serial=serial) as (two, _, near, _far):
        kit = Running(two.near, 30)
        await kit.ready()
        near.unplug(0.2)
        await until(lambda: kit.ended)
        with pytest.raises(LinkError) as caught:
            await kit._task
        assert caught.value.code is Trouble.DEVICE_GONE
        with pytest.raises(LinkError):
            await two.near.send(b"into the void")
        await until(lambda: near.path is None or near.path.exists())
        async with running(two.near, two.far, patience_s=30) as (_, center):
            await two.near.send(b"again")
            await arrived([b"again"], center.inbox, two)


async def test_a_tnc_that_is_not_there(tmp_path: Path) -> None:
    nowhere: list[dict[str, Any]] = [
        {"port": str(tmp_path / "nothing")},
        {"tcp": "127.0.0.1:1"},
    ]
    for where in nowhere:
        one = Running(link(**where), 30)
        with pytest.raises(LinkError) as caught:
            await one._task
        assert caught.value.code is Trouble.DEVICE_GONE
        assert one.inbox.phase is Phase.DOWN


async def test_a_stranger_on_the_port_of_a_tnc_gets_nothing_and_is_left(tmp_path: Path) -> None:
    async def junk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(random.Random(1).randbytes(1 << 20).replace(b"\xc0", b"."))
        await writer.drain()

    server = await asyncio.start_server(junk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one = Running(link(tcp=f"127.0.0.1:{port}"), 30)
    with pytest.raises(LinkError) as caught:
        async with asyncio.timeout(30):
            await one._task
    assert caught.value.code is Trouble.REFUSED
    assert one.inbox.frames == []
    server.close()


async def test_the_tnc_is_told_how_to_key_the_radio(tmp_path: Path) -> None:
    more: Any = {"tx_delay_s": 0.5, "persistence": 0.5, "slot_s": 0.2}
    async with pair(tmp_path, **more) as (two, _, near, _far), running(two.near):
        await until(lambda: near._keying.radio.tx_delay_s == 0.5)
        assert near._keying.radio.persistence == 0.5
        assert near._keying.radio.slot_s == 0.2


async def test_a_tnc_that_never_confirms_is_said_to_be_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.ax25.QUEUE_S_MAX", 0.2)
    async with pair(tmp_path, serial=True, acks=True) as (two, _, near, _far):
        monkeypatch.setattr(near, "_obey", lambda _frames: None)
        async with running(two.near):
            with pytest.raises(LinkError) as caught:
                await two.near.send(b"hello?")
            assert caught.value.code is Trouble.BUSY


async def test_the_queue_of_a_tnc_that_counts_it_is_waited_for(tmp_path: Path) -> None:
    """Dire Wolf's answers: a frame that waits for the channel holds back the next one."""
    asked: list[bytes] = []
    left = [40, 40, 0, 0]

    async def wolf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            for piece in data.split(b"\xc0"):
                if piece == b"\x06TNC:":
                    writer.write(kiss(KissFrame(Command.HARDWARE, b"DIREWOLF 1.6")))
                elif piece == b"\x06TXBUF:":
                    waits = left.pop(0) if left else 0
                    writer.write(kiss(KissFrame(Command.HARDWARE, b"TXBUF:%d" % waits)))
                if piece[:1] in (b"\0", b"\6"):
                    asked.append(piece[:6])

    server = await asyncio.start_server(wolf, "127.0.0.1", 0)
    one = link(tcp=f"127.0.0.1:{server.sockets[0].getsockname()[1]}", destination=CENTER)
    async with running(one, patience_s=30):
        await until(lambda: one._air is not None and one._air._tnc.counts_queue)
        await one.send(b"x")
    kinds = [piece[:1] for piece in asked]
    assert kinds == [b"\6", b"\6", b"\6", b"\6", b"\0", b"\6"]
    server.close()
