"""Frames over a serial line: whole, paced to the line, alive after noise and unplugging.

Two pseudo-terminals are joined by a pump that plays the line: it carries so many bytes a
second and tells how much waited in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
import serial

from transports import framing
from transports.framing import Decoder
from transports.link import LinkError, Phase, Trouble
from transports.serial import SerialLine, SerialLink, SerialSettings
from transports.testing import (
    CHECKS,
    Check,
    Pair,
    Running,
    arrived,
    flood_both_ways,
    own_side_cut_while_sending,
    running,
)

TICK_S = 0.01


def encode(frame: bytes) -> bytes:
    return framing.encode(frame, mends=True)


class Terminal:
    """One pseudo-terminal: ``path`` for the program, ``master`` for the test."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self.plugged = True

    def unplug(self) -> None:
        if self.plugged:
            self.plugged = False
            os.close(self._slave)
            os.close(self.master)


class Pump:
    """Carries bytes one way at ``byte_rate`` a second; 0 carries them at once."""

    def __init__(self, source: int, sink: int, byte_rate: float) -> None:
        self._source, self._sink, self._byte_rate = source, sink, byte_rate
        self._waiting = bytearray()
        self.most_waiting = 0
        self.carried = 0
        self.idle_s = 0.0
        self._budget = 0.0

    def tick(self, passed_s: float) -> None:
        with suppress(BlockingIOError):
            while piece := os.read(self._source, 65_536):
                self._waiting += piece
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        if not self._waiting:
            self.idle_s += passed_s if self.carried else 0.0
            self._budget = 0.0
            return
        self._budget += passed_s * self._byte_rate
        size = int(self._budget) if self._byte_rate else len(self._waiting)
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._budget -= len(piece) if self._byte_rate else 0
        self.carried += len(piece)
        with suppress(BlockingIOError):  # nobody reads there: a line forgets
            os.write(self._sink, piece)


@asynccontextmanager
async def joined(byte_rate: float = 0.0) -> AsyncIterator[tuple[Terminal, Terminal, Pump]]:
    near, far = Terminal(), Terminal()
    there = Pump(near.master, far.master, byte_rate)
    back = Pump(far.master, near.master, byte_rate)

    async def pump() -> None:
        now = asyncio.get_running_loop().time
        last = now()
        while True:
            await asyncio.sleep(TICK_S if byte_rate else 0.001)
            passed_s, last = now() - last, now()
            there.tick(passed_s)
            back.tick(passed_s)

    task = asyncio.create_task(pump())
    try:
        yield near, far, there
    finally:
        task.cancel()
        near.unplug()
        far.unplug()


def link(terminal: Terminal | str, **more: Any) -> SerialLink:
    path = terminal if isinstance(terminal, str) else terminal.path
    settings = msgspec.convert({"port": path, **more}, SerialSettings)
    return SerialLine().open(settings, SerialLine().traits(settings, {}))


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check) -> None:
    async with joined() as (near, far, _):
        await check(Pair(link(near, baud=460_800), link(far, baud=460_800)))


@pytest.mark.parametrize("check", [flood_both_ways, own_side_cut_while_sending])
async def test_it_is_a_link_with_flow_control(check: Check) -> None:
    more = {"baud": 460_800, "flow_control": True}
    async with joined() as (near, far, _):
        await check(Pair(link(near, **more), link(far, **more)))


async def test_binary_noise_then_good_frames() -> None:
    terminal = Terminal()
    noise = random.Random(3).randbytes(3000)
    async with running(link(terminal)) as (one,):
        os.write(terminal.master, noise)
        os.write(terminal.master, b"\r\nNO CARRIER\r\n\0" + encode(b"first") + b"\xff\x13 noise")
        os.write(terminal.master, b"\0" + encode(b"second") + encode(b"third"))
        await until(lambda: len(one.inbox.frames) == 3)
        assert one.inbox.frames == [b"first", b"second", b"third"]
    terminal.unplug()


async def test_noise_on_a_silent_line_does_not_cost_the_next_frame() -> None:
    async with joined() as (near_end, far_end, _):
        near, far = link(near_end), link(far_end)
        async with running(near, far) as (_, center):
            os.write(far_end.master, b"~~ static ~~")
            await asyncio.sleep(0.05)
            await near.send(b"the frame after the noise")
            await arrived([b"the frame after the noise"], center.inbox, Pair(near, far))


async def test_the_line_is_neither_buried_nor_idle() -> None:
    byte_rate, size = 960.0, 192
    async with joined(byte_rate) as (near_end, far_end, line):
        near, far = link(near_end, rate_bit_s=9600), link(far_end)
        async with running(near, far) as (_, center):
            frames = [random.Random(n).randbytes(size) for n in range(8)]
            for frame in frames:
                await near.send(frame)
                await asyncio.sleep(0.02)  # the engine needs a moment for its next commit
            line.idle_s, idle_s = 0.0, line.idle_s
            await arrived(frames, center.inbox, Pair(near, far))
        frame_bytes = len(encode(frames[0]))
        assert line.most_waiting <= 1.5 * frame_bytes + byte_rate * 2 * TICK_S
        assert idle_s < 0.2 * line.carried / byte_rate


async def test_an_urgent_frame_starts_within_one_and_a_half_frame_times() -> None:
    byte_rate, size = 480.0, 192
    async with joined(byte_rate) as (near_end, far_end, _):
        near, far = link(near_end, rate_bit_s=4800), link(far_end)
        now = asyncio.get_running_loop().time
        async with running(near, far) as (_, center):
            for number in range(3):
                await near.send(bytes([number]) * size)
            bulk = asyncio.create_task(near.send(b"\xee" * size))
            await asyncio.sleep(0.01)
            asked_at = now()
            await bulk
            await near.send(b"FLASH")
            await arrived([b"FLASH"], center.inbox, Pair(near, far))
            # The lead, that frame and FLASH itself; not the three before.
            assert now() - asked_at < (1.5 * size + 80) / byte_rate


async def test_a_missing_device_is_told() -> None:
    run = Running(link("/dev/serial/by-id/there-is-no-such-thing"), 5)
    with pytest.raises(LinkError) as missing:
        await run.ready()
    assert missing.value.code is Trouble.DEVICE_GONE
    assert run.inbox.states[-1].phase is Phase.DOWN
    assert run.inbox.states[-1].reason == "device_gone"


async def test_a_busy_device_is_told_and_taken_once_it_is_free() -> None:
    terminal = Terminal()
    mine = link(terminal)
    with serial.Serial(terminal.path, exclusive=True):
        with pytest.raises(LinkError) as busy:
            await Running(mine, 5).ready()
        assert busy.value.code is Trouble.DEVICE_BUSY
    async with running(mine):
        await mine.send(b"now it is ours")
    terminal.unplug()


async def test_an_unplugged_device_ends_the_run_and_the_send() -> None:
    terminal = Terminal()
    mine = link(terminal, rate_bit_s=300)
    async with running(mine) as (run,):
        sending = asyncio.create_task(mine.send(b"x" * 100))
        await asyncio.sleep(0.05)
        terminal.unplug()
        await until(lambda: run.ended)
        assert run.inbox.states[-1].reason == "device_gone"
        with pytest.raises(LinkError) as gone:
            await asyncio.wait_for(sending, 1)
            await mine.send(b"after it")
        assert gone.value.code is Trouble.DEVICE_GONE


async def test_a_line_that_takes_nothing_ends_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.serial.STALL_S_MAX", 0.2)
    terminal = Terminal()
    mine = link(terminal, mtu=65_536, baud=4_000_000, flow_control=True)
    async with running(mine):
        with pytest.raises(LinkError) as stalled:
            await mine.send(b"x" * 65_000)
        assert stalled.value.code is Trouble.BUSY
        decoder = Decoder(65_536, mends=True)
        got: list[bytes] = []
        while not got:
            await asyncio.sleep(0.001)
            got = decoder.feed(os.read(terminal.master, 4096))
        assert got == [b"x" * 65_000]
        await mine.send(b"and on it goes")
    terminal.unplug()


def test_traits_follow_the_settings() -> None:
    settings = SerialSettings(port="/dev/ttyS0", rate_bit_s=2400)
    traits = SerialLine().traits(settings, {"byte_micros": 3})
    assert (traits.mtu_bytes, traits.rate_bytes_s, traits.price_byte_micros) == (360, 240, 3)
    assert SerialLine().traits(SerialSettings(port="x"), {}).rate_bytes_s == 11_520


@pytest.mark.parametrize(
    "table", [{}, {"port": ""}, {"port": "x", "baud": 1}, {"port": "x", "a": 1}]
)
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, SerialSettings)
