"""A line on which only one end can send: who has sent listens. The clock is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

from transports.serial import BURST_S_MAX, HOLD_S, TURN_S_MAX, SerialSettings, _Line

BYTE_S = 1 / 960
TURN_S = 0.2
SETTINGS = SerialSettings(port="x", rate_bit_s=9600, latency_s=0.05, turnaround_s=TURN_S)
HEARD_S = 0.02  # bytes come in as often as that while the other end sends


class Instant(asyncio.SelectorEventLoop):
    """A loop that never waits: its clock jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        really = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            self._now += timeout or 0.0
            return really(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


class Air:
    """What both ends share: who sent when, and what the other one heard of it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float, float]] = []
        self.near = _Line(End(self, "near"), BYTE_S, SETTINGS)
        self.far = _Line(End(self, "far"), BYTE_S, SETTINGS)
        self._tasks: set[asyncio.Task[None]] = set()

    def carry(self, name: str, size: int) -> None:
        now = asyncio.get_running_loop().time()
        mine = [end for who, _, end in self.sent if who == name]
        start = max([now, *mine])
        self.sent.append((name, start, start + size * BYTE_S))
        other = self.far if name == "near" else self.near
        task = asyncio.create_task(self._hear(other, start, start + size * BYTE_S))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _hear(other: _Line, start: float, end: float) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(start - now() + SETTINGS.latency_s)
        while now() < end + SETTINGS.latency_s:
            other.heard()
            await asyncio.sleep(HEARD_S)

    @property
    def clashes(self) -> int:
        """How often one end sent while the other did."""
        return sum(
            one[0] < two[0] and one[1] < two[2] and two[1] < one[2]
            for one in self.sent
            for two in self.sent
        )


class End:
    """The port of one end."""

    def __init__(self, air: Air, name: str) -> None:
        self._air, self._name = air, name

    async def read(self) -> bytes:
        raise NotImplementedError

    async def write(self, data: bytes) -> None:
        self._air.carry(self._name, len(data))

    async def aclose(self) -> None:
        """Nothing to close."""


def run(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=Instant) as runner:
        runner.run(test)


async def put(line: _Line, count: int, size: int = 300) -> None:
    for _ in range(count):
        await line.put(bytes(size))


def test_an_answer_waits_for_the_end_of_the_burst_and_then_comes_at_once() -> None:
    async def talk() -> None:
        air = Air()
        burst = asyncio.create_task(put(air.near, 8))
        await asyncio.sleep(1.0)
        await put(air.far, 1, 30)
        await burst
        near_end = max(end for who, _, end in air.sent if who == "near")
        (answer,) = [start for who, start, _ in air.sent if who == "far"]
        assert not air.clashes
        assert TURN_S < answer - near_end < HOLD_S + 3 * TURN_S

    run(talk())


def test_a_burst_is_not_interrupted_and_an_endless_one_ends() -> None:
    async def talk() -> None:
        air = Air()
        burst = asyncio.create_task(put(air.near, 60))
        await asyncio.sleep(1.0)
        await put(air.far, 3, 30)
        began = [start for who, start, _ in air.sent if who == "far"]
        assert BURST_S_MAX - 1.0 < began[0] < BURST_S_MAX + 2.0, "it need not wait for all sixty"
        await burst
        assert not air.clashes
        near = sorted((start, end) for who, start, end in air.sent if who == "near")
        pauses = [later[0] - one[1] for one, later in pairwise(near)]
        assert sum(pause > 0.01 for pause in pauses) <= 4, "a pause for each turn, no more"

    run(talk())


def test_an_end_that_codes_slowly_keeps_its_turn() -> None:
    async def talk() -> None:
        air = Air()

        async def slowly() -> None:
            for _ in range(8):
                await air.near.put(bytes(300))
                await asyncio.sleep(0.3 + 0.4)  # 0.3 s ahead of the line, 0.4 s late

        burst = asyncio.create_task(slowly())
        await asyncio.sleep(1.0)
        await put(air.far, 1, 30)
        await burst
        near_end = max(end for who, _, end in air.sent if who == "near")
        assert min(start for who, start, _ in air.sent if who == "far") > near_end
        assert not air.clashes

    run(talk())


def test_two_that_want_to_send_take_turns() -> None:
    async def talk() -> None:
        air = Air()
        await put(air.near, 1)
        await asyncio.sleep(0.1)  # what the far end has not heard yet it cannot mind
        await asyncio.gather(put(air.near, 20), put(air.far, 20))
        assert not air.clashes
        assert {who for who, _, _ in air.sent} == {"near", "far"}

    run(talk())


def test_noise_does_not_silence_an_end_for_ever() -> None:
    async def talk() -> None:
        air = Air()

        async def chatter() -> None:
            while True:
                air.near.heard()
                await asyncio.sleep(HEARD_S)

        noise = asyncio.create_task(chatter())
        await asyncio.sleep(0.1)
        await put(air.near, 1)
        noise.cancel()
        assert air.sent[0][1] <= 0.2 + TURN_S_MAX

    run(talk())
