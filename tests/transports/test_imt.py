"""Frames of any size pass through an IMT modem whole, once, both ways, several at a time."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import transports.imt
from hardware.imt_options import Timing
from hardware.port import open_port
from hardware.sim.core9704 import Nature9704
from hardware.sim.faults9704 import MT, SEGMENTS, Fault9704
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.uplink import MemoryGateway, Reply
from transports.imt import Imt, ImtLink, ImtSettings
from transports.link import LinkError, LinkState, Phase, Trouble
from transports.testing import CHECKS, Check, Inbox, Pair

NATURE = Nature9704(latency_s=0.02, rate_bytes_s=1e7, boot_s=0.0, retry_s=0.05, line_bytes_s=1e7)
# This machine may be slow and busy; how long an answer may take is tested elsewhere.
PATIENT = replace(NATURE, answer_s=20.0)
TIMING = Timing(
    answer_s=5.0, probe_s=0.5, settle_s=0.01, state_s=5.0, cancel_s=5.0, provision_s=0.05
)


def open_link(path: Path, timing: Timing = TIMING, **words: Any) -> ImtLink:
    settings = msgspec.convert({"port": str(path), **words}, ImtSettings)
    return ImtLink(settings, Imt().traits(settings, {}), timing=timing)


class Crossing(MemoryGateway):
    """A cloud that sends what comes from one modem to the other."""

    other: "Crossing"

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        if mo is not None:
            self.other.put(mo)
            self.received.append(mo)
            return Reply(0)
        return await super().session(momsn, mo, mt_max, leave)


@asynccontextmanager
async def make_pair(tmp_path: Path) -> AsyncIterator[Pair]:
    near, far = Crossing(), Crossing()
    near.other, far.other = far, near
    async with (
        PlayedModem9704(tmp_path / "near", near, PATIENT) as near_modem,
        PlayedModem9704(tmp_path / "far", far, PATIENT) as far_modem,
    ):
        yield Pair(
            open_link(near_modem.path, mtu=20_000),
            open_link(far_modem.path, mtu=20_000),
            patience_s=30.0,
            flood_frames=10,
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, tmp_path: Path) -> None:
    async with make_pair(tmp_path) as pair:
        await check(pair)


class World:
    """A played modem, its cloud, and a link that is run again whenever it ends."""

    def __init__(self, played: PlayedModem9704, cloud: MemoryGateway, link: ImtLink) -> None:
        self.played, self.cloud, self.link = played, cloud, link
        self.inbox = Inbox()
        self.ends: list[LinkError] = []
        self._task = asyncio.create_task(self._serve())

    @property
    def state(self) -> LinkState:
        return self.inbox.states[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(40):
            while not true():
                await asyncio.sleep(0.005)

    async def ready(self) -> None:
        await self.until(lambda: self.inbox.phase in (Phase.READY, Phase.BUSY))

    async def send_until_sent(self, frame: bytes) -> None:
        """As the engine: again and again, when the link is there."""
        async with asyncio.timeout(60):
            while True:
                try:
                    return await self.link.send(frame)
                except LinkError:
                    await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def start(self) -> None:
        self._task = asyncio.create_task(self._serve())
        await self.ready()

    async def _serve(self) -> None:
        while True:
            try:
                await self.link.run(self.inbox)
            except LinkError as error:
                self.ends.append(error)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def world(
    tmp_path: Path,
    *faults: Fault9704,
    nature: Nature9704 = PATIENT,
    ready: bool = True,
    timing: Timing = TIMING,
    **words: Any,
) -> AsyncIterator[World]:
    cloud = MemoryGateway()
    async with PlayedModem9704(tmp_path / "modem0", cloud, nature, faults) as played:
        found = World(played, cloud, open_link(played.path, timing, **words))
        try:
            if ready:
                await found.ready()
            yield found
        finally:
            await found.stop()


async def refused(work: Awaitable[None]) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await asyncio.wait_for(work, 40)
    return caught.value


def frame_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def test_a_frame_goes_out_and_the_bar_shows_it(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        await found.link.send(b"hello")
        assert found.cloud.received == [b"hello"]
        assert Phase.BUSY in [state.phase for state in found.inbox.states]
        await found.until(lambda: found.state.phase is Phase.READY and bool(found.state.signal))
        assert found.state.reason == ""
        assert found.inbox.billed_bytes == []
        await found.link.poll()
    assert found.state == LinkState(Phase.DOWN)


async def test_a_hundred_kilobytes_go_in_one_frame_both_ways(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        photo = frame_of(100_000)
        await found.link.send(photo)
        assert found.cloud.received == [photo]
        found.cloud.put(photo[::-1])
        await found.until(lambda: bool(found.inbox.frames))
        assert found.inbox.frames == [photo[::-1]]


async def test_too_large_empty_and_not_running(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        assert (await refused(found.link.send(bytes(100_001)))).code is Trouble.TOO_LARGE
        assert (await refused(found.link.send(b""))).code is Trouble.REFUSED
        assert found.cloud.received == []
    assert (await refused(found.link.send(b"hello"))).code is Trouble.DEVICE_GONE


async def test_several_are_under_way_at_once_and_no_more_than_allowed(tmp_path: Path) -> None:
    nature = replace(PATIENT, latency_s=0.4, queue_depth=3)
    async with world(tmp_path, nature=nature, flights=8) as found:
        frames = [frame_of(3000, seed) for seed in range(9)]
        sends = [asyncio.create_task(found.link.send(frame)) for frame in frames]
        most = 0
        while not all(send.done() for send in sends):
            most = max(
                most,
                len(found.played.core.outgoing.queue()["status"])
                and sum(
                    len(queue["status"]) for queue in found.played.core.outgoing.queue()["status"]
                ),
            )
            await asyncio.sleep(0.005)
        await asyncio.gather(*sends)
        assert sorted(found.cloud.received) == sorted(frames)
        assert most == 3, "as many as the modem queues, and no overflow"


@pytest.mark.parametrize(
    ("word", "trouble"),
    [
        ("message_expired", Trouble.NO_SERVICE),
        ("message_transfer_timeout", Trouble.NO_SERVICE),
        ("network_error", Trouble.NO_SERVICE),
        ("segment_not_supplied", Trouble.BUSY),
        ("segment_incorrect", Trouble.BUSY),
        ("message_discarded_on_overflow", Trouble.BUSY),
        ("subscription_invalid", Trouble.REFUSED),
        ("protocol_error", Trouble.BUSY),
        ("crc_error_in_transfer", Trouble.NO_SERVICE),
        ("message_cancelled_in_transit", Trouble.NO_SERVICE),
        ("mo_ack_receivedx", Trouble.NO_SERVICE),
        ("success", Trouble.NO_SERVICE),
        ("", Trouble.NO_SERVICE),
    ],
)
async def test_only_one_word_means_sent(tmp_path: Path, word: str, trouble: Trouble) -> None:
    async with world(tmp_path, Fault9704(kind="final", message=1, word=word)) as found:
        assert (await refused(found.link.send(b"hello"))).code is trouble
        assert found.cloud.received == []
        assert found.state.reason == trouble
        await found.link.send(b"hello")
        assert found.cloud.received == [b"hello"]
        await found.until(lambda: found.state.reason == "")


@pytest.mark.parametrize("word", ["message_discarded_on_overflow", "subscription_invalid", "yes"])
async def test_a_refused_offer_is_not_sent(tmp_path: Path, word: str) -> None:
    async with world(tmp_path, Fault9704(kind="refuse", message=1, word=word)) as found:
        await refused(found.link.send(b"hello"))
        await found.link.send(b"hello")
        assert found.cloud.received == [b"hello"]


@pytest.mark.parametrize("word", SEGMENTS)
async def test_segments_are_asked_for_in_any_manner(tmp_path: Path, word: str) -> None:
    fault = Fault9704(kind="segments", message=1, word=word)
    nature = replace(PATIENT, answer_s=1.0)
    async with world(tmp_path, fault, nature=nature) as found:
        frame = frame_of(5000)
        if word in ("outside", "one_missing"):
            assert (await refused(found.link.send(frame))).code is Trouble.BUSY
        await found.send_until_sent(frame)
        assert found.cloud.received == [frame]


@pytest.mark.parametrize("word", MT)
async def test_messages_arrive_in_any_manner(tmp_path: Path, word: str) -> None:
    async with world(tmp_path, Fault9704(kind="mt", mt=1, word=word)) as found:
        frames = [frame_of(5000), b"second"]
        for frame in frames:
            found.cloud.put(frame)
        await found.until(lambda: found.inbox.frames[-1:] == [b"second"])
        wanted = frames[1:] if word == "bad_crc" else frames
        assert found.inbox.frames == wanted, "whole, once, in order; the damaged one not at all"


@pytest.mark.parametrize("moment", ["message", "mt"])
@pytest.mark.parametrize("kind", ["hang", "reset", "unplug", "noise", "state"])
async def test_accidents_in_the_middle_of_a_message(tmp_path: Path, kind: Any, moment: str) -> None:
    words: dict[str, Any] = {moment: 1, "kind": kind, "for_s": 0.3, "count": 500}
    nature = replace(PATIENT, answer_s=1.0, boot_s=0.05)
    timing = replace(TIMING, answer_s=0.5, heartbeat_s=0.5, cancel_s=0.5)
    async with world(
        tmp_path, Fault9704(**words), nature=nature, timing=timing, send_timeout_s=1
    ) as found:
        frame, order = frame_of(5000), frame_of(4000, 2)
        found.cloud.put(order)
        await found.send_until_sent(frame)
        assert set(found.cloud.received) == {frame}
        # With the cable goes what had just come over and was not read: only its writer can know.
        unread = found.played.core.incoming.handed and (kind, moment) == ("unplug", "message")
        if not unread and (moment == "message" or kind != "noise"):
            await found.until(lambda: found.inbox.frames[:1] == [order])
        found.cloud.put(b"later")
        await found.until(lambda: b"later" in found.inbox.frames)
        assert set(found.inbox.frames) <= {order, b"later"}


async def test_a_cancelled_send_is_taken_back_from_the_modem(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.cloud.connected = False
        sending = asyncio.create_task(found.link.send(b"stale"))
        await found.until(lambda: found.played.core.outgoing.answers == 1)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await found.until(lambda: found.played.core.outgoing.queue() == {"status": []})
        found.cloud.connected = True
        await found.link.send(b"fresh")
        assert found.cloud.received == [b"fresh"]
        assert found.inbox.billed_bytes == []


async def test_one_that_went_out_all_the_same_is_billed(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        handing = asyncio.Event()
        going = asyncio.Event()
        plain = found.cloud.session

        async def slow(momsn: int, mo: bytes | None, mt_max: int, leave: bool = False) -> Reply:
            if mo is not None:
                handing.set()
                await going.wait()
            return await plain(momsn, mo, mt_max, leave)

        found.cloud.session = slow  # type: ignore[method-assign]
        sending = asyncio.create_task(found.link.send(b"too late"))
        await handing.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        going.set()
        await found.until(lambda: found.inbox.billed_bytes == [8])
        assert found.cloud.received == [b"too late"]


async def test_after_the_timeout_it_is_taken_back(tmp_path: Path) -> None:
    async with world(tmp_path, send_timeout_s=0.05) as found:
        found.cloud.connected = False
        error = await refused(found.link.send(b"stale"))
        assert (error.code, "withdrawn" in error.detail) == (Trouble.NO_SERVICE, True)
        assert found.played.core.outgoing.queue() == {"status": []}


async def test_a_final_status_that_never_comes_ends_the_wait(tmp_path: Path) -> None:
    fault = Fault9704(kind="unended", message=1)
    async with world(tmp_path, fault, send_timeout_s=0.05) as found:
        error = await refused(found.link.send(b"hello"))
        assert "unknown whether sent" in error.detail
        await found.link.send(b"next")
        assert found.cloud.received == [b"hello", b"next"]


async def test_what_an_earlier_life_left_in_the_modem_does_not_go_out(tmp_path: Path) -> None:
    """The port is closed by a program that dies: nothing tells the modem."""
    async with world(tmp_path) as found:
        found.cloud.connected = False
        sending = asyncio.create_task(found.link.send(b"old"))
        await found.until(lambda: found.played.core.outgoing.answers == 1)
        assert found.link._line is not None
        found.link._line[1]._flights.clear()  # so that closing does not tell it
        await found.stop()
        assert (await asyncio.gather(sending, return_exceptions=True))[0] is not None
        assert found.played.core.outgoing.queue() != {"status": []}
        found.link = open_link(found.played.path)
        await found.start()
        await found.until(lambda: found.played.core.outgoing.queue() == {"status": []})
        found.cloud.connected = True
        await found.link.send(b"new")
        assert found.cloud.received == [b"new"]


async def test_a_link_that_is_closed_takes_its_frames_back(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        found.cloud.connected = False
        sending = asyncio.create_task(found.link.send(b"old"))
        await found.until(lambda: found.played.core.outgoing.answers == 1)
        await found.stop()
        assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], LinkError)
        await found.until(lambda: found.played.core.outgoing.queue() == {"status": []})


async def test_before_it_is_provisioned_the_bar_says_so(tmp_path: Path) -> None:
    nature = replace(PATIENT, provision_s=1.0)
    async with world(tmp_path, nature=nature, ready=False) as found:
        await found.until(lambda: bool(found.inbox.states) and "sky" in found.state.detail)
        assert (found.state.phase, found.state.reason) == (Phase.OPENING, Trouble.NO_SERVICE)
        assert (await refused(found.link.send(b"early"))).code is Trouble.NO_SERVICE
        await found.ready()
        await found.link.send(b"hello")


async def test_a_topic_that_was_not_bought_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, ready=False, topic=317) as found:
        await found.until(lambda: bool(found.inbox.states) and "317" in found.state.detail)
        assert (found.state.phase, found.state.reason) == (Phase.OPENING, Trouble.REFUSED)


async def test_a_modem_that_stays_faulty_is_told(tmp_path: Path) -> None:
    fault = Fault9704(kind="state", at_s=0.3, for_s=1000, reason=6)
    timing = replace(TIMING, state_s=0.3)
    async with world(tmp_path, fault, timing=timing) as found:
        await found.until(lambda: bool(found.ends))
        assert found.ends[0].code is Trouble.HARDWARE
        assert "supply voltage" in found.ends[0].detail


async def test_what_cannot_be_stored_is_handed_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports.imt, "STORE_RETRY_S", 0.02)
    async with world(tmp_path) as found:
        found.inbox.refuse = 3
        found.cloud.put(b"order")
        found.cloud.put(b"another")
        await found.until(lambda: found.inbox.frames == [b"order", b"another"])


async def test_lines_nobody_asked_for_may_come_anywhere(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(PATIENT, chatter=0.9)) as found:
        for seed in range(5):
            frame = frame_of(4000, seed)
            await found.link.send(frame)
            found.cloud.put(frame)
        await found.until(lambda: len(found.inbox.frames) == 5)
        assert found.inbox.frames == found.cloud.received


def test_settings_and_traits() -> None:
    settings = msgspec.convert({"port": "/dev/serial/by-id/modem", "mtu": 5000}, ImtSettings)
    traits = Imt().traits(settings, {"credit_micros": 120_000})
    assert (traits.mtu_bytes, traits.credit_bytes) == (5000, 1000)
    assert traits.price(1001).micros == 240_000
    assert traits.metered
    assert traits.returns
    assert not traits.listens


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"port": ""},
        {"port": "/dev/x", "speed": 1},
        {"port": "/dev/x", "mtu": 100_001},
        {"port": "/dev/x", "topic": 3},
        {"port": "/dev/x", "flights": 0},
        {"port": "/dev/x", "sim": "stolen"},
        {"port": "/dev/x", "send_timeout_s": 0},
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, ImtSettings)


async def test_a_modem_that_another_program_holds(tmp_path: Path) -> None:
    async with PlayedModem9704(tmp_path / "modem0", MemoryGateway(), PATIENT) as played:
        async with open_port(str(played.path), 230_400):
            with pytest.raises(LinkError) as caught:
                await open_link(played.path).run(Inbox())
        assert caught.value.code is Trouble.DEVICE_BUSY
