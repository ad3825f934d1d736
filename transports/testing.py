"""The conformance suite: what every link must do, ours or a stranger's.

``make_pair`` gives two links that reach one another; the suite runs them. From a test::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_it_is_a_link(check: Check) -> None:
        async with make_pair() as pair:
            await check(pair)

or all at once: ``await check_link(make_pair)``. A broken promise raises
:class:`BrokenContractError`. The medium between the two must lose nothing meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from transports.link import Link, LinkError, LinkState, Phase, Place, Trouble

STEP_S = 0.02


class BrokenContractError(AssertionError):
    """The link does not keep the contract of :mod:`transports.link`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two links that reach one another, not running. Where one listens, it is ``far``.

    ``patience_s`` bounds every single wait. ``flood_frames`` is how many frames a flood has.
    """

    near: Link
    far: Link
    patience_s: float = 10.0
    flood_frames: int = 40


MakePair = Callable[[], AbstractAsyncContextManager[Pair]]
Check = Callable[[Pair], Awaitable[None]]


class Inbox:
    """A receiver that keeps what it is told. ``refuse`` makes its next frames fail."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.peer = ""
        self.places: list[Place | None] = []
        self.notices: list[tuple[str, str]] = []
        self.states: list[LinkState] = []
        self.found: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self.billed_bytes: list[int] = []
        self.refuse = 0

    async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> bool | None:
        """Keep it, or fail as a full disk would."""
        if self.refuse:
            self.refuse -= 1
            raise OSError("the disk is full")
        self.frames.append(data)
        self.places.append(place)
        self.peer = peer
        return True

    def state(self, state: LinkState) -> None:
        """Keep it."""
        self.states.append(state)

    def peer_found(self, peer: str, name: str) -> None:
        """Keep it."""
        self.found.append((peer, name))

    def peer_lost(self, peer: str) -> None:
        """Keep it."""
        self.lost.append(peer)

    def billed(self, frame_bytes: int) -> None:
        """Keep it."""
        self.billed_bytes.append(frame_bytes)

    def notice(self, code: str, detail: str = "") -> None:
        """Keep it."""
        self.notices.append((code, detail))

    @property
    def phase(self) -> Phase:
        """The newest phase told."""
        return self.states[-1].phase if self.states else Phase.DOWN


class Running:
    """A link that runs in the background, with its inbox."""

    def __init__(self, link: Link, patience_s: float) -> None:
        self.link = link
        self.inbox = Inbox()
        self._patience_s = patience_s
        self._task = asyncio.create_task(link.run(self.inbox))

    async def ready(self) -> None:
        """Wait until it says READY. Raises what ``run`` raised."""
        while self.inbox.phase not in (Phase.READY, Phase.BUSY):
            if self._task.done():
                self._task.result()
                raise BrokenContractError("run() returned by itself")
            await asyncio.sleep(STEP_S)

    @property
    def ended(self) -> bool:
        """Whether ``run`` is over."""
        return self._task.done()

    async def stop(self) -> None:
        """Cancel ``run`` and wait for its end."""
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=self._patience_s)
        if not self._task.done():
            raise BrokenContractError("a cancelled run() does not end")
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            if not isinstance(error, LinkError):
                raise error
        elif not self._task.cancelled():
            raise BrokenContractError("run() returned by itself")


@asynccontextmanager
async def running(*links: Link, patience_s: float = 10.0) -> AsyncIterator[list[Running]]:
    """Run links, wait until all are ready, stop them at the end.

    The last is started first, so that a far side that listens is there when it is called.
    """
    async with AsyncExitStack() as stack:
        runs: list[Running] = []
        for link in reversed(links):
            runs.insert(0, Running(link, patience_s))
            stack.push_async_callback(runs[0].stop)
            await asyncio.sleep(STEP_S)
        for run in runs:
            await _in_time(run.ready(), patience_s, "a link does not become ready")
        yield runs


async def arrived(wanted: Sequence[bytes], inbox: Inbox, pair: Pair) -> None:
    """Wait, asking mailboxes, until every wanted frame is in the inbox."""

    complaint = f"of {len(set(wanted))} frames some do not arrive"
    await _until(pair, lambda: set(wanted) <= set(inbox.frames), complaint)


async def check_link(make_pair: MakePair) -> list[str]:
    """Run every check, each on a new pair; the names of the checks that were passed."""
    for check in CHECKS:
        async with make_pair() as pair:
            await check(pair)
    return [check.__name__ for check in CHECKS]


async def whole_frames_both_ways(pair: Pair) -> None:
    """Frames of any bytes arrive whole, in both directions."""
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (near, far):
        there, back = _awkward_frames(pair.near, "there"), _awkward_frames(pair.far, "back")
        await _send_all(pair, pair.near, there)
        await arrived(there, far.inbox, pair)
        await _send_all(pair, pair.far, back, far.inbox.peer)
        await arrived(back, near.inbox, pair)
        _only(there, far.inbox)
        _only(back, near.inbox)


async def flood_both_ways(pair: Pair) -> None:
    """Many frames at once in both directions: all arrive, and none is made up."""
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (near, far):
        there = _frames(pair.near, pair.flood_frames, "there")
        back = _frames(pair.far, pair.flood_frames, "back")
        await _send_all(pair, pair.near, there[:1])
        await arrived(there[:1], far.inbox, pair)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send_all(pair, pair.near, there[1:]))
            tasks.create_task(_send_all(pair, pair.far, back, far.inbox.peer))
        await arrived(there, far.inbox, pair)
        await arrived(back, near.inbox, pair)
        _only(there, far.inbox)
        _only(back, near.inbox)


async def as_many_at_once_as_it_says(pair: Pair) -> None:
    """``traits.flights`` sends at the same time: each of them ends well, and all arrive."""
    flights = pair.near.traits.flights
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (_, far):
        for wave in range(2):
            frames = _frames(pair.near, flights, f"wave {wave}")
            async with asyncio.TaskGroup() as tasks:
                for frame in frames:
                    tasks.create_task(_send_all(pair, pair.near, [frame]))
            await arrived(frames, far.inbox, pair)


async def largest_and_too_large(pair: Pair) -> None:
    """A frame of exactly the MTU passes; one byte more is TOO_LARGE and harms nothing."""
    mtu_bytes = pair.near.traits.mtu_bytes
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (_, far):
        try:
            await _send_all(pair, pair.near, [b"x" * (mtu_bytes + 1)])
        except LinkError as error:
            if error.code is not Trouble.TOO_LARGE:
                raise BrokenContractError(
                    f"a frame over the MTU was refused as {error.code}"
                ) from error
        else:
            raise BrokenContractError("a frame over the MTU was taken")
        largest = random.Random(mtu_bytes).randbytes(mtu_bytes)
        await _send_all(pair, pair.near, [largest])
        await arrived([largest], far.inbox, pair)
        _only([largest], far.inbox)


async def far_side_cut_while_sending(pair: Pair) -> None:
    """The far side goes away under a flood: every send ends, and later frames arrive again."""
    frames = _frames(pair.near, pair.flood_frames, "cut")
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (near, far):
        await _send_all(pair, pair.near, frames[:1])
        await arrived(frames[:1], far.inbox, pair)
        async with _flood(pair, frames):
            await far.stop()
        _only(frames, far.inbox)
        again = [pair.far, pair.near] if near.ended else [pair.far]
        async with running(*again, patience_s=pair.patience_s) as (far, *_):
            after = _frames(pair.near, 2, "after")
            await _send_until_arrived(pair, after, far.inbox)
            _only([*frames, *after], far.inbox)


async def own_side_cut_while_sending(pair: Pair) -> None:
    """``run`` is cancelled under a flood: the send in progress ends, with LinkError or well."""
    frames = _frames(pair.near, pair.flood_frames, "cut")
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (near, far):
        async with _flood(pair, frames):
            await near.stop()
        async with running(pair.near, patience_s=pair.patience_s):
            after = _frames(pair.near, 2, "after")
            await _send_until_arrived(pair, after, far.inbox)
            _only([*frames, *after], far.inbox)


async def repeats_are_harmless(pair: Pair) -> None:
    """The same bytes may be sent again and again; each time they are only those bytes."""
    frames = _frames(pair.near, 2, "repeat")
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (_, far):
        await _send_all(pair, pair.near, [*frames, frames[0], frames[0], frames[1]])
        await arrived(frames, far.inbox, pair)
        _only(frames, far.inbox)


async def sends_may_be_cancelled(pair: Pair) -> None:
    """A cancelled send ends at once; its frame arrives whole or not at all; the next arrives."""
    frames = _frames(pair.near, 6, "cancel")
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (_, far):
        for delay_s, frame in zip((0, 0, 0.001, 0.01, 0.05), frames[:-1], strict=True):
            sending = asyncio.create_task(pair.near.send(frame))
            await asyncio.sleep(delay_s)
            sending.cancel()
            await asyncio.wait({sending}, timeout=pair.patience_s)
            if not sending.done():
                raise BrokenContractError("a cancelled send() does not end")
            if not sending.cancelled():
                sending.result()
        await _send_all(pair, pair.near, frames[-1:])
        await arrived(frames[-1:], far.inbox, pair)
        _only(frames, far.inbox)


async def close_and_run_again(pair: Pair) -> None:
    """A link that was closed sends nothing, and works again when it is run again."""
    for turn in range(3):
        try:
            await _send_all(pair, pair.near, [b"nobody runs this link"])
        except LinkError:
            pass
        else:
            raise BrokenContractError("send() on a link that does not run took the frame")
        async with running(pair.near, pair.far, patience_s=pair.patience_s) as (near, far):
            there, back = _frames(pair.near, 2, f"there {turn}"), _frames(pair.far, 2, f"{turn}")
            await _send_all(pair, pair.near, there)
            await arrived(there, far.inbox, pair)
            await _send_all(pair, pair.far, back, far.inbox.peer)
            await arrived(back, near.inbox, pair)


async def frame_that_cannot_be_stored(pair: Pair) -> None:
    """``Receiver.frame`` raises: the link goes on, and the frame sent again arrives."""
    frames = _frames(pair.near, 3, "full disk")
    async with running(pair.near, pair.far, patience_s=pair.patience_s) as (_, far):
        far.inbox.refuse = 1
        await _send_all(pair, pair.near, frames[:1])
        await _until(pair, lambda: not far.inbox.refuse, "a frame does not arrive")
        await _send_all(pair, pair.near, frames)
        await arrived(frames, far.inbox, pair)
        if far.ended:
            raise BrokenContractError("run() ended because a frame could not be stored")


CHECKS: tuple[Check, ...] = (
    whole_frames_both_ways,
    flood_both_ways,
    as_many_at_once_as_it_says,
    largest_and_too_large,
    far_side_cut_while_sending,
    own_side_cut_while_sending,
    repeats_are_harmless,
    sends_may_be_cancelled,
    close_and_run_again,
    frame_that_cannot_be_stored,
)


async def _in_time(work: Awaitable[None], seconds: float, complaint: str) -> None:
    try:
        async with asyncio.timeout(seconds) as limit:
            await work
    except TimeoutError as error:
        if limit.expired():
            raise BrokenContractError(f"{complaint} within {seconds:g} s") from error
        raise


async def _send_all(
    pair: Pair, link: Link, frames: Sequence[bytes], peer: str = "", *, tolerant: bool = False
) -> None:
    for frame in frames:
        try:
            await _in_time(link.send(frame, peer), pair.patience_s, "send() does not end")
        except LinkError:
            if not tolerant:
                raise
            await asyncio.sleep(STEP_S)


@asynccontextmanager
async def _flood(pair: Pair, frames: Sequence[bytes]) -> AsyncIterator[None]:
    """Send without a pause, from a little before the context to a little after it."""
    enough = asyncio.Event()

    async def send() -> None:
        for frame in itertools.cycle(frames):
            await _send_all(pair, pair.near, [frame], tolerant=True)
            await asyncio.sleep(0)
            if enough.is_set():
                return

    sending = asyncio.create_task(send())
    try:
        await asyncio.sleep(STEP_S)
        yield
        await asyncio.sleep(STEP_S)
    finally:
        enough.set()
        await sending


async def _send_until_arrived(pair: Pair, frames: Sequence[bytes], inbox: Inbox) -> None:
    """After a cut: send again and again, as the engine would, until the frames arrive."""

    async def wait() -> None:
        while not set(frames) <= set(inbox.frames):
            await _send_all(pair, pair.near, frames, tolerant=True)
            await _ask_mailboxes(pair)
            await asyncio.sleep(5 * STEP_S)

    await _in_time(wait(), pair.patience_s, "after a cut no frame arrives")


async def _until(pair: Pair, true: Callable[[], bool], complaint: str) -> None:
    async def wait() -> None:
        while not true():
            await _ask_mailboxes(pair)
            await asyncio.sleep(STEP_S)

    await _in_time(wait(), pair.patience_s, complaint)


async def _ask_mailboxes(pair: Pair) -> None:
    for link in (pair.near, pair.far):
        with suppress(LinkError):
            await link.poll()


def _frames(link: Link, count: int, salt: str) -> list[bytes]:
    """Different frames of all sizes, the same ones each time."""
    chance = random.Random(salt)
    sizes = [chance.randint(16, link.traits.mtu_bytes) for _ in range(count)]
    return [b"%d " % at + chance.randbytes(size)[4:] for at, size in enumerate(sizes)]


def _awkward_frames(link: Link, salt: str) -> list[bytes]:
    """Bytes that mean something to modems, lines and framings."""
    mtu_bytes = link.traits.mtu_bytes
    frames = [
        b"\0",
        b"\xff",
        bytes(40),
        b"\r\nOK\r\n",
        b"+++ATH0\r",
        b"\x11\x13\x1a\x03\x04\x7d\x7e\xc0\xdb",
        bytes(range(256))[:mtu_bytes],
        bytes(range(255, -1, -1))[:mtu_bytes],
    ]
    return frames + _frames(link, 2, salt)


def _only(sent: Sequence[bytes], inbox: Inbox) -> None:
    made_up = set(inbox.frames) - set(sent)
    if made_up:
        raise BrokenContractError(f"{len(made_up)} frames arrived that nobody sent")
