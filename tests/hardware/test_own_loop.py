"""What runs beside goes on while the main loop stands still, and ends with its context."""

import asyncio
import threading
import time

import pytest

from hardware.own_loop import LoopEndedError, OwnLoop, SameLoop


async def test_work_runs_in_another_thread_and_gives_its_value() -> None:
    async with OwnLoop("test") as beside:

        async def where(value: int) -> tuple[int, str]:
            return value, threading.current_thread().name

        assert await beside.call(where(7)) == (7, "test")


async def test_it_goes_on_while_the_main_loop_stands_still() -> None:
    async with OwnLoop("test") as beside:
        counted = 0

        async def count() -> None:
            nonlocal counted
            while True:
                counted += 1
                await asyncio.sleep(0.001)

        counting = asyncio.create_task(beside.call(count()))
        while not counted:
            await asyncio.sleep(0.001)
        before = counted
        deadline = time.monotonic() + 20
        while counted < before + 20:  # blocks this loop
            assert time.monotonic() < deadline
            time.sleep(0.01)
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)


async def test_what_it_raises_comes_here() -> None:
    async def fail() -> None:
        raise OSError("no such device")

    async with OwnLoop("test") as beside:
        with pytest.raises(OSError, match="no such device"):
            await beside.call(fail())


async def test_a_cancelled_call_cancels_the_work_and_may_close_in_peace() -> None:
    ended: list[str] = []
    began = threading.Event()

    async def hold() -> None:
        try:
            began.set()
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.05)
            ended.append("closed")

    async with OwnLoop("test") as beside:
        call = asyncio.create_task(beside.call(hold()))
        assert await asyncio.to_thread(began.wait, 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert ended == ["closed"]


async def test_work_that_the_end_cuts_off_is_no_cancellation_of_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hardware.own_loop.CLOSE_S", 0.1)
    async with OwnLoop("test") as beside:
        call = asyncio.create_task(beside.call(asyncio.sleep(1000)))
        await asyncio.sleep(0)
    with pytest.raises(LoopEndedError):
        await asyncio.wait_for(call, 20)
    with pytest.raises(LoopEndedError):
        await beside.call(asyncio.sleep(0))


@pytest.mark.parametrize("kind", [SameLoop, lambda: OwnLoop("test")])
async def test_it_tells_the_loop_that_waits(kind: type[SameLoop]) -> None:
    told: list[tuple[int, str]] = []

    def hear(value: int) -> None:
        told.append((value, threading.current_thread().name))

    async with kind() as beside:

        async def speak() -> None:
            beside.tell(hear, 7)

        await beside.call(speak())
        await asyncio.sleep(0)
    assert told == [(7, threading.current_thread().name)]
