"""The conformance suite accepts a link that keeps the contract and catches those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from transports import testing
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.testing import CHECKS, BrokenContractError, Check, MakePair, Pair, check_link

MTU = 300


class Wire:
    """The least link that keeps the contract: a queue in memory."""

    traits = Traits(mtu_bytes=MTU)
    other: Wire

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(4)
        self.receiver: Receiver | None = None

    async def run(self, receiver: Receiver) -> None:
        self.receiver = receiver
        receiver.state(LinkState(Phase.READY))
        try:
            while True:
                await self.take(await self.queue.get())
        finally:
            self.receiver = None

    async def take(self, frame: bytes) -> None:
        assert self.receiver is not None
        try:
            await self.receiver.frame(frame)
        except OSError:
            return

    async def send(self, frame: bytes, peer: str = "") -> None:
        if len(frame) > MTU:
            raise LinkError(Trouble.TOO_LARGE)
        if self.receiver is None or self.other.receiver is None:
            raise LinkError(Trouble.NO_SERVICE)
        await self.put(frame)

    async def put(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(0.2):
                await self.other.queue.put(frame)
        except TimeoutError as error:
            raise LinkError(Trouble.NO_SERVICE) from error

    async def poll(self) -> None:
        return


class CutsZeros(Wire):
    async def put(self, frame: bytes) -> None:
        await super().put(frame.rstrip(b"\0") or b"?")


class LosesEveryThird(Wire):
    count = 0

    async def put(self, frame: bytes) -> None:
        self.count += 1
        if self.count % 3:
            await super().put(frame)


class TakesAnySize(Wire):
    async def send(self, frame: bytes, peer: str = "") -> None:
        await super().send(frame[:MTU], peer)


class WaitsForTheFarSide(Wire):
    async def send(self, frame: bytes, peer: str = "") -> None:
        while self.receiver is not None and self.other.receiver is None:
            await asyncio.sleep(0.01)
        await super().send(frame, peer)


class SaysSentWhenClosed(Wire):
    async def send(self, frame: bytes, peer: str = "") -> None:
        if self.receiver is not None:
            await super().send(frame, peer)


class DiesOfAFullDisk(Wire):
    async def take(self, frame: bytes) -> None:
        assert self.receiver is not None
        await self.receiver.frame(frame)


class SendsHalfWhenCancelled(Wire):
    async def put(self, frame: bytes) -> None:
        try:
            await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.other.queue.put_nowait(frame[: len(frame) // 2])
            raise
        await super().put(frame)


class ForgetsRepeats(Wire):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[bytes] = set()

    async def take(self, frame: bytes) -> None:
        if frame not in self.seen:
            self.seen.add(frame)
            await super().take(frame)


def pairs_of(kind: type[Wire], patience_s: float) -> MakePair:
    @asynccontextmanager
    async def make_pair() -> AsyncIterator[Pair]:
        near, far = kind(), kind()
        near.other, far.other = far, near
        yield Pair(near, far, patience_s=patience_s, flood_frames=30)

    return make_pair


async def test_a_good_link_passes() -> None:
    passed = await check_link(pairs_of(Wire, 5.0))
    assert passed == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (CutsZeros, testing.whole_frames_both_ways),
        (LosesEveryThird, testing.flood_both_ways),
        (TakesAnySize, testing.largest_and_too_large),
        (WaitsForTheFarSide, testing.far_side_cut_while_sending),
        (ForgetsRepeats, testing.frame_that_cannot_be_stored),
        (SendsHalfWhenCancelled, testing.sends_may_be_cancelled),
        (SaysSentWhenClosed, testing.close_and_run_again),
        (DiesOfAFullDisk, testing.frame_that_cannot_be_stored),
    ],
)
async def test_a_broken_link_is_caught(kind: type[Wire], check: Check) -> None:
    async with pairs_of(Wire, 2.0)() as pair:
        await check(pair)
    with pytest.raises((BrokenContractError, OSError)):
        async with pairs_of(kind, 0.5)() as pair:
            await check(pair)
