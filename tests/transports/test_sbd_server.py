"""Each session carries what it can, is paid once, and its failure is told to who waits."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import transports.sbd_server
from hardware.iridium import Timing
from hardware.sim.core9602 import Nature
from hardware.sim.faults import Fault
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway, Reply
from transports.link import LinkError, LinkState, Phase, Trouble
from transports.sbd import Sbd, SbdLink, SbdSettings
from transports.testing import Inbox

NATURE = Nature(session_s=0.01, boot_s=0.0)
TIMING = Timing(
    command_s=1, probe_s=0.2, probe_tries=4, write_s=1, session_s=2, gap_s=0, quiet_s=0.01
)


def open_link(
    path: Path, timing: Timing = TIMING, chance: Callable[[], float] = lambda: 0.0, **words: Any
) -> SbdLink:
    settings = msgspec.convert({"port": str(path), **words}, SbdSettings)
    return SbdLink(settings, Sbd().traits(settings, {}), timing=timing, chance=chance)


class World:
    """A played modem, its gateway, and a link that runs on it."""

    def __init__(self, played: PlayedModem, gateway: MemoryGateway, link: SbdLink) -> None:
        self.played, self.gateway, self.link = played, gateway, link
        self.inbox = Inbox()
        self.run = asyncio.create_task(link.run(self.inbox))

    @property
    def state(self) -> LinkState:
        return self.inbox.states[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                if self.run.done():
                    self.run.result()
                await asyncio.sleep(0.005)

    async def ready(self) -> None:
        await self.until(lambda: self.inbox.phase is Phase.READY)

    async def stop(self) -> None:
        self.run.cancel()
        with suppress(asyncio.CancelledError, LinkError):
            await self.run

    async def run_again(self) -> None:
        await self.stop()
        self.run = asyncio.create_task(self.link.run(self.inbox))


@asynccontextmanager
async def world(
    tmp_path: Path,
    *faults: Fault,
    nature: Nature = NATURE,
    timing: Timing = TIMING,
    chance: Callable[[], float] = lambda: 0.0,
    **words: Any,
) -> AsyncIterator[World]:
    gateway = MemoryGateway()
    async with PlayedModem(tmp_path / "modem0", gateway, nature, faults) as played:
        await asyncio.sleep(0)
        found = World(played, gateway, open_link(played.path, timing, chance, **words))
        try:
            await found.ready()
            yield found
        finally:
            await found.stop()


async def refused(work: Awaitable[None]) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await asyncio.wait_for(work, 10)
    return caught.value


async def test_a_frame_goes_out_and_the_bar_shows_it(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]
        phases = [state.phase for state in found.inbox.states]
        assert phases[0] is Phase.OPENING
        assert Phase.BUSY in phases
        await found.until(lambda: found.state.phase is Phase.READY)
        assert found.state.signal in range(2, 6)
        assert found.state.reason == ""
        assert found.inbox.billed_bytes == []
    assert found.state == LinkState(Phase.DOWN)


async def test_too_large_empty_and_not_running(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        assert (await refused(found.link.send(bytes(341)))).code is Trouble.TOO_LARGE
        assert (await refused(found.link.send(b""))).code is Trouble.REFUSED
        assert found.gateway.received == []
    assert (await refused(found.link.send(b"hello"))).code is Trouble.DEVICE_GONE
    assert (await refused(found.link.poll())).code is Trouble.DEVICE_GONE


@pytest.mark.parametrize(
    ("status", "trouble", "retry_after_s"),
    [
        (11, Trouble.BUSY, 300),
        (12, Trouble.TOO_LARGE, 60),
        (15, Trouble.REFUSED, 3600),
        (16, Trouble.REFUSED, 3600),
        (32, Trouble.NO_SERVICE, 30),
        (33, Trouble.HARDWARE, 300),
        (35, Trouble.BUSY, 5),
        (36, Trouble.BUSY, 180),
        (37, Trouble.NO_SERVICE, 900),
        (38, Trouble.NO_SERVICE, 900),
        (64, Trouble.HARDWARE, 3600),
        (65, Trouble.HARDWARE, 300),
    ],
)
async def test_each_class_of_failure_says_when_to_come_back(
    tmp_path: Path, status: int, trouble: Trouble, retry_after_s: float
) -> None:
    fault = Fault(kind="status", session=1, times=9, status=status)
    async with world(tmp_path, fault, chance=lambda: 1.0) as found:
        error = await refused(found.link.send(b"hello"))
        assert (error.code, error.retry_after_s) == (trouble, retry_after_s)
        assert f"status {status}" in error.detail
        assert found.played.sessions == 1
        await found.until(lambda: found.state.reason == trouble)
    assert found.gateway.received == []


@pytest.mark.parametrize("status", [5, 8, 10, 13, 17, 18, 19, 20, 31, 34, 39, 63])
async def test_passing_failures_are_tried_again_at_once(tmp_path: Path, status: int) -> None:
    fault = Fault(kind="status", session=1, times=2, status=status)
    async with world(tmp_path, fault) as found:
        await asyncio.wait_for(found.link.send(b"hello"), 10)
        assert found.played.sessions == 3
        assert found.gateway.received == [b"hello"]


async def test_a_send_gives_up_soon_so_that_another_link_can_be_taken(tmp_path: Path) -> None:
    fault = Fault(kind="status", session=1, times=5, status=18)
    async with world(tmp_path, fault, chance=lambda: 0.01) as found:
        waits = [await refused(found.link.send(b"hello")) for _ in range(3)]
        assert [error.code for error in waits] == [Trouble.NO_SERVICE] * 3
        assert [error.retry_after_s for error in waits] == [0.3, 0.3, 300]
        assert found.played.sessions == 5
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]


async def test_a_success_makes_the_next_tries_quick_again(tmp_path: Path) -> None:
    faults = [Fault(kind="status", session=at, times=2, status=18) for at in (1, 4)]
    async with world(tmp_path, *faults) as found:
        await found.link.send(b"one")
        await found.link.send(b"two")
        assert found.gateway.received == [b"one", b"two"]


async def test_an_invalid_segment_is_written_again_once(tmp_path: Path) -> None:
    async with world(tmp_path, Fault(kind="status", session=1, status=14)) as found:
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]
    folder = tmp_path / "again"
    folder.mkdir()
    async with world(folder, Fault(kind="status", session=1, times=2, status=14)) as found:
        assert (await refused(found.link.send(b"hello"))).code is Trouble.TOO_LARGE


async def test_a_radio_that_is_off_is_switched_on(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.played.core.receive(b"AT*R0\r")
        await asyncio.sleep(0.05)
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]


async def test_maybe_delivered_is_sent_again_and_never_taken_for_delivered(
    tmp_path: Path,
) -> None:
    fault = Fault(kind="status", session=1, times=3, status=13, delivered=True)
    async with world(tmp_path, fault) as found:
        assert (await refused(found.link.send(b"hello"))).code is Trouble.NO_SERVICE
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"] * 4


async def test_nothing_is_lost_and_no_order_doubled_under_a_bad_sky(tmp_path: Path) -> None:
    nature = replace(NATURE, session_s=0.0, loss=0.3, maybe=0.3, seed=11)
    chance = random.Random(5)
    sent = [b"report %d" % number for number in range(20)]
    orders = [b"order %d" % number for number in range(20)]
    async with world(tmp_path, nature=nature, chance=lambda: chance.random() / 1000) as found:
        for order, frame in zip(orders, sent, strict=True):
            found.gateway.put(order, ring=chance.random() < 0.5)
            while True:  # as the engine does, without its patience
                try:
                    await found.link.send(frame)
                    break
                except LinkError:
                    continue
        while found.gateway.mailbox:
            with suppress(LinkError):
                await found.link.poll()
        await found.until(lambda: len(found.inbox.frames) == len(orders))
        assert found.inbox.frames == orders
        assert set(found.gateway.received) == set(sent)
        assert len(found.gateway.received) > len(sent)


async def test_a_ring_fetches_the_message_and_the_check_is_billed(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.gateway.put(b"order")
        await found.until(lambda: found.inbox.frames == [b"order"])
        assert found.inbox.billed_bytes == [0]
        assert found.gateway.checks == 1


async def test_a_ring_is_answered_by_a_waiting_frame_for_free(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(NATURE, session_s=0.1)) as found:
        sending = asyncio.create_task(found.link.send(b"one"))
        await found.until(lambda: found.state.phase is Phase.BUSY)
        found.gateway.put(b"order")
        await sending
        await found.link.send(b"two")
        await found.until(lambda: found.inbox.frames == [b"order"])
        assert found.gateway.checks == 0


async def test_a_ring_answered_without_success_is_answered_again(tmp_path: Path) -> None:
    async with world(tmp_path, Fault(kind="status", session=1, times=2, status=18)) as found:
        found.gateway.put(b"order")
        await found.until(lambda: found.inbox.frames == [b"order"])
        assert found.played.sessions == 3
        assert found.inbox.billed_bytes == [0]


async def test_fifty_waiting_messages_travel_with_outgoing_frames(tmp_path: Path) -> None:
    orders = [b"order %d" % number for number in range(50)]
    frames = [b"report %d" % number for number in range(12)]
    async with world(tmp_path, nature=replace(NATURE, session_s=0.005), drain_max=100) as found:
        for order in orders:
            found.gateway.put(order, ring=False)
        for frame in frames:
            await asyncio.wait_for(found.link.send(frame), 5)
        await found.until(lambda: len(found.inbox.frames) == 50)
        assert found.inbox.frames == orders
        assert found.gateway.received == frames
        assert found.gateway.checks <= 50 - len(frames)
        assert found.inbox.billed_bytes == [0] * found.gateway.checks
        assert max(state.waiting for state in found.inbox.states) == 49
        await found.until(lambda: found.state.waiting == 0)


async def test_draining_pauses_so_that_a_mad_queue_cannot_eat_the_credits(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, timing=replace(TIMING, gap_s=0.1), drain_max=3) as found:
        for number in range(12):
            found.gateway.put(b"order %d" % number, ring=False)
        await found.link.poll()
        await found.until(lambda: found.gateway.checks >= 3)
        began_at = asyncio.get_running_loop().time()
        await found.until(lambda: len(found.inbox.frames) == 12)
        # After 3, 6 and 9 of them a pause of three gaps, between the others one gap.
        assert asyncio.get_running_loop().time() - began_at >= 3 * 0.3 + 6 * 0.1


async def test_a_message_too_big_for_the_modem_is_told_and_not_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.gateway.put(bytes(271), ring=False)
        await found.link.send(b"hello")
        await asyncio.sleep(0.3)
        assert found.gateway.checks == 0
        assert found.state.waiting == 1
        assert found.state.reason == Trouble.TOO_LARGE


async def test_a_queue_that_gives_nothing_is_asked_less_and_less(tmp_path: Path) -> None:
    class Miser(MemoryGateway):
        async def session(
            self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
        ) -> Reply:
            self.checks += mo is None
            return Reply(0, queued=9)

    gateway = Miser()
    async with PlayedModem(tmp_path / "modem0", gateway, NATURE) as played:
        link = open_link(played.path, chance=lambda: 0.03)
        found = World(played, gateway, link)
        await found.ready()
        await link.poll()
        await asyncio.sleep(0.8)  # two of 0.15 s, then one of 0.9 s
        assert gateway.checks == 3
        await found.stop()


async def test_it_asks_only_when_told_to(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.gateway.put(b"order", ring=False)
        await asyncio.sleep(0.2)
        assert found.played.sessions == 0
        await found.link.poll()
        await found.until(lambda: found.inbox.frames == [b"order"])
    folder = tmp_path / "polling"
    folder.mkdir()
    async with world(folder, poll_every_s=0.1) as found:
        found.gateway.put(b"order", ring=False)
        await found.until(lambda: found.inbox.frames == [b"order"])
        await found.until(lambda: found.gateway.checks >= 3)


async def test_a_frame_is_as_good_as_a_poll(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(found.link.send(b"hello"))
            for _ in range(3):
                tasks.create_task(found.link.poll())
        assert found.played.sessions == 1


async def test_a_poll_that_fails_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, Fault(kind="status", session=1, status=32)) as found:
        assert (await refused(found.link.poll())).code is Trouble.NO_SERVICE
        await found.link.poll()


async def test_what_cannot_be_stored_stays_in_the_modem_and_blocks_the_next_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports.sbd_server, "STORE_RETRY_S", 0.1)
    async with world(tmp_path) as found:
        found.inbox.refuse = 2
        found.gateway.put(b"order")
        found.gateway.put(b"second")
        await found.until(lambda: found.inbox.refuse == 1)
        error = await refused(found.link.send(b"hello"))
        assert error.code is Trouble.BUSY
        assert found.played.sessions == 1
        await found.link.send(b"hello")
        await found.until(lambda: len(found.inbox.frames) == 2)
        assert found.inbox.frames == [b"order", b"second"]


async def test_a_message_left_in_the_modem_comes_first_of_all(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.inbox.refuse = 1
        found.gateway.put(b"order")
        await found.until(lambda: found.inbox.refuse == 0)
        await found.run_again()
        await found.until(lambda: found.inbox.frames == [b"order"])
        assert found.played.sessions == 1


async def test_messages_known_to_wait_are_fetched_by_the_next_run(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        for number in range(3):
            found.gateway.put(b"order %d" % number, ring=False)
        await found.link.send(b"hello")
        await found.run_again()
        await found.until(lambda: len(found.inbox.frames) == 3)


async def test_sends_may_be_cancelled_at_any_moment(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(NATURE, session_s=0.05)) as found:
        for delay_s in (0.0, 0.001, 0.01, 0.03, 0.05):
            sending = asyncio.create_task(found.link.send(b"never mind"))
            await asyncio.sleep(delay_s)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait_for(sending, 0.5)
        await found.link.send(b"hello")
        assert found.gateway.received[-1] == b"hello"
        withdrawn = found.gateway.received.count(b"never mind")
        assert sum(found.inbox.billed_bytes) <= withdrawn * len(b"never mind")


async def test_a_withdrawn_frame_that_went_out_all_the_same_is_billed(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(NATURE, session_s=0.1)) as found:
        sending = asyncio.create_task(found.link.send(b"never mind"))
        await found.until(lambda: found.state.phase is Phase.BUSY)
        sending.cancel()
        await found.until(lambda: found.inbox.billed_bytes == [10])


async def test_the_failure_of_a_withdrawn_frame_is_not_that_of_the_next(tmp_path: Path) -> None:
    fault = Fault(kind="status", session=1, status=12)
    async with world(tmp_path, fault, nature=replace(NATURE, session_s=0.1)) as found:
        sending = asyncio.create_task(found.link.send(b"never mind"))
        await found.until(lambda: found.state.phase is Phase.BUSY)
        sending.cancel()
        await asyncio.sleep(0)
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]


async def test_one_frame_at_a_time(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        sending = asyncio.create_task(found.link.send(b"one"))
        await asyncio.sleep(0)
        assert (await refused(found.link.send(b"two"))).code is Trouble.BUSY
        await sending


async def test_a_hung_session_costs_one_try_and_not_the_link(tmp_path: Path) -> None:
    hang = Fault(kind="hang", session=1, for_s=0.5)
    async with world(tmp_path, hang, timing=replace(TIMING, session_s=0.4)) as found:
        assert (await refused(found.link.send(b"hello"))).code is Trouble.HARDWARE
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]


async def test_a_brown_out_while_idle_does_not_make_the_link_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports.sbd_server, "HEARTBEAT_S", 0.05)
    async with world(tmp_path) as found:
        # As a RockBLOCK leaves the factory: it does not ring until it is told to.
        found.played.core.receive(b"ATE1\rAT+SBDMTA=0\rAT&W0\r")
        found.played.suffer(Fault(kind="reset", at_s=0))
        await asyncio.sleep(0.4)
        found.gateway.put(b"order")
        await found.until(lambda: found.inbox.frames == [b"order"])


async def test_a_modem_that_stays_silent_ends_the_run_with_advice(tmp_path: Path) -> None:
    timing = replace(TIMING, probe_s=0.05, session_s=0.2)
    async with world(tmp_path, Fault(kind="hang", session=1, for_s=60), timing=timing) as found:
        assert (await refused(found.link.send(b"hello"))).code is Trouble.HARDWARE
        error = await refused(found.run)
        assert error.code is Trouble.HARDWARE
        assert "unplug" in error.detail
        assert (found.state.phase, found.state.reason) == (Phase.DOWN, Trouble.HARDWARE)


async def test_an_idle_modem_that_hangs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports.sbd_server, "HEARTBEAT_S", 0.05)
    timing = replace(TIMING, command_s=0.1, probe_s=0.05)
    async with world(tmp_path, timing=timing) as found:
        await asyncio.sleep(0.2)
        assert not found.run.done()
        found.played.suffer(Fault(kind="hang", at_s=0, for_s=60))
        assert (await refused(found.run)).code is Trouble.HARDWARE


async def test_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(NATURE, session_s=0.3)) as found:
        sending = asyncio.create_task(found.link.send(b"hello"))
        await found.until(lambda: found.state.phase is Phase.BUSY)
        found.played.unplug(0.3)
        assert (await refused(sending)).code is Trouble.DEVICE_GONE
        assert (await refused(found.run)).code is Trouble.DEVICE_GONE
        assert (found.state.phase, found.state.reason) == (Phase.DOWN, Trouble.DEVICE_GONE)
        await found.run_again()
        await asyncio.sleep(0.1)
        assert (found.state.phase, found.state.reason) == (Phase.DOWN, Trouble.DEVICE_GONE)
        await found.until(lambda: found.state.phase is Phase.READY)
        await found.link.send(b"hello")
        assert found.gateway.received == [b"hello"]


async def test_garbage_on_the_line_loses_no_frame(tmp_path: Path) -> None:
    noise = tuple(
        Fault(kind="noise", command=command, nth=2, times=2, count=50)
        for command in ("AT+SBDWB", "AT+SBDRB", "AT+SBDD0", "AT+SBDIX")
    )
    sent = [b"report %d" % number for number in range(6)]
    timing = replace(TIMING, write_s=0.2, command_s=0.3, session_s=0.5)
    async with world(tmp_path, *noise, timing=timing) as found:
        for frame in sent:
            found.gateway.put(b"order for " + frame, ring=False)
            while True:
                try:
                    await found.link.send(frame)
                    break
                except LinkError:
                    if found.run.done():
                        await found.run_again()
                    await asyncio.sleep(0.05)
        await found.until(lambda: len(found.inbox.frames) == len(sent))
        assert found.inbox.frames == [b"order for " + frame for frame in sent]
        assert set(found.gateway.received) == set(sent)
