"""The center's side of Iridium: confirmed only when durable, alive after any bytes.

The other end is the played gateway, and a played modem made into a link.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import msgspec
import pytest

from hardware.directip import (
    Location,
    MoMessage,
    MtConfirmation,
    MtFlag,
    MtMessage,
    decode_mo_confirmation,
    decode_mt,
    encode_mo,
    encode_mt_confirmation,
    read_message,
)
from hardware.sim.gateway import Faults, PlayedGateway
from transports.directip import DirectIp, DirectIpLink, DirectIpSettings
from transports.link import Link, LinkError, Place, Trouble
from transports.testing import CHECKS, Check, Inbox, Pair, Running, arrived, running

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"
Modem = Callable[[int], Link]
MO = MoMessage(1, IMEI, 0, 5, 0, 1_800_000_000, b"hello")


def center(gateway_port: int = 9, **more: object) -> DirectIpLink:
    table = {"gateway_host": LOOPBACK, "gateway_port": gateway_port, "port": 0, **more}
    settings = msgspec.convert(table, DirectIpSettings)
    return DirectIp().open(settings, DirectIp().traits(settings, {}))


@asynccontextmanager
async def played(center_port: int, faults: Faults | None = None) -> AsyncIterator[PlayedGateway]:
    gateway = PlayedGateway(LOOPBACK, center_port, faults=faults)
    task = asyncio.create_task(gateway.run())
    await asyncio.wait_for(gateway.ready.wait(), 5)
    try:
        yield gateway
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def free_port() -> int:
    server = await asyncio.start_server(lambda reader, writer: None, LOOPBACK, 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    return port


@asynccontextmanager
async def make_pair(modem: Modem) -> AsyncIterator[Pair]:
    port = await free_port()
    async with played(port) as gateway:
        far = center(gateway.mt_port, port=port)
        yield Pair(modem(gateway.modem_port), far, flood_frames=25)


async def push(port: int, data: bytes) -> bytes:
    """Give bytes to the center as a gateway would; what it answers before it closes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    answer = b""
    try:
        writer.write(data)
        with suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(100), 5):
                answer += piece
    finally:
        writer.close()
    return answer


@asynccontextmanager
async def answering(
    status: int | Callable[[MtMessage], bytes],
) -> AsyncIterator[tuple[int, list[MtMessage]]]:
    """A gateway for MT that always answers so."""
    asked: list[MtMessage] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = decode_mt(await read_message(reader))
        asked.append(message)
        if callable(status):
            writer.write(status(message))
        else:
            answer = MtConfirmation(message.client_id, message.imei, 77, status)
            writer.write(encode_mt_confirmation(answer))
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, modem: Modem) -> None:
    async with make_pair(modem) as pair:
        await check(pair)


async def test_it_is_a_link_when_confirmations_are_lost(modem: Modem) -> None:
    port = await free_port()
    async with played(port, Faults(confirm_loss=0.3, seed=1)) as gateway:
        near, far = modem(gateway.modem_port), center(port=port)
        async with running(near, far) as (_, hub):
            frames = [b"frame %d" % number for number in range(8)]
            for frame in frames:
                await near.send(frame)
            await arrived(frames, hub.inbox, Pair(far, far))
            assert gateway.counters.repeated > 0


async def test_the_confirmation_comes_after_the_frame_is_durable() -> None:
    far = center()
    committed = asyncio.Event()

    class Slow(Inbox):
        async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> None:
            await committed.wait()
            await super().frame(data, peer)

    inbox = Slow()
    task = asyncio.create_task(far.run(inbox))
    while not far.port:
        await asyncio.sleep(0.005)
    pushing = asyncio.create_task(push(far.port, encode_mo(MO)))
    await asyncio.sleep(0.1)
    assert not pushing.done()
    committed.set()
    assert decode_mo_confirmation(await pushing) is True
    assert (inbox.frames, inbox.peer) == ([b"hello"], IMEI)
    task.cancel()


async def test_a_frame_that_was_not_stored_is_not_accepted() -> None:
    far = center()
    async with running(far) as (hub,):
        hub.inbox.refuse = 1
        assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is False
        assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is True
        assert hub.inbox.frames == [b"hello"]


async def test_a_repeat_of_what_is_durable_is_confirmed_and_goes_no_further() -> None:
    far = center()
    async with running(far) as (hub,):
        for _ in range(2):
            assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is True
        assert hub.inbox.frames == [b"hello"]
        for other in (replace(MO, momsn=6), replace(MO, session_at=1), replace(MO, payload=b"x")):
            assert decode_mo_confirmation(await push(far.port, encode_mo(other))) is True
        assert hub.inbox.frames == [b"hello", b"hello", b"hello", b"x"]


async def test_the_place_of_the_modem_comes_along() -> None:
    far = center()
    place = Location(-12.5, 45.25, 8)
    poor = replace(MO, momsn=6, status=2, location=place)
    async with running(far) as (hub,):
        for one in (replace(MO, location=place), poor, replace(MO, momsn=7)):
            await push(far.port, encode_mo(one))
        assert hub.inbox.places == [Place(-12.5, 45.25, 8), None, None]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0, None),
        (1, "modem_queue_blocked"),
        (2, None),
        (10, None),
        (12, "modem_sends_too_much"),
        (13, None),
        (14, "modem_prohibited"),
        (15, "modem_prohibited"),
        (99, None),
    ],
)
async def test_every_session_status_is_understood_and_its_payload_counts(
    status: int, code: str | None
) -> None:
    far = center()
    async with running(far) as (hub,):
        answer = await push(far.port, encode_mo(replace(MO, status=status)))
        assert decode_mo_confirmation(answer) is True
        assert hub.inbox.frames == [b"hello"]
        assert hub.inbox.notices == ([(code, IMEI)] if code else [])


async def test_a_mailbox_check_is_confirmed_and_not_handed_up() -> None:
    far = center()
    check = MoMessage(1, IMEI, 0, 5, 0, 1_800_000_000)
    async with running(far) as (hub,):
        assert decode_mo_confirmation(await push(far.port, encode_mo(check))) is True
        assert hub.inbox.frames == []


async def test_an_account_without_confirmation_gets_none() -> None:
    far = center(confirm=False)
    async with running(far) as (hub,):
        assert await push(far.port, encode_mo(MO)) == b""
        assert hub.inbox.frames == [b"hello"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\1\xff\xff" + b"x" * 100_000,
        b"\1\0\4\5\0\1\1",
        encode_mo(MO)[:-1] + b"",
        encode_mo(MO).replace(IMEI.encode(), b"x" * 15),
    ],
)
async def test_bad_bytes_get_no_answer_and_harm_nobody(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.directip.READ_S_MAX", 0.3)
    far = center()
    async with running(far) as (hub,):
        assert await push(far.port, data) == b""
        assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is True
        assert hub.inbox.frames == [b"hello"]


async def test_callers_that_say_nothing_are_bounded_in_number_and_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transports.directip.READ_S_MAX", 0.4)
    far = center(connections_max=3)
    async with running(far) as (hub,):
        silent = [await asyncio.open_connection(LOOPBACK, far.port) for _ in range(10)]
        await asyncio.sleep(0.1)
        assert far._serving == 3
        assert await push(far.port, encode_mo(MO)) == b""
        await asyncio.sleep(0.5)
        assert far._serving == 0
        assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is True
        assert hub.inbox.frames == [b"hello"]
        for _, writer in silent:
            writer.close()


async def test_what_goes_to_the_gateway() -> None:
    async with answering(3) as (port, asked):
        far = center(port, high_priority=True)
        async with running(far) as (hub,):
            await far.send(b"one", IMEI)
            await far.send(b"two", IMEI)
            assert hub.inbox.states[-1].waiting == 3
    assert [message.payload for message in asked] == [b"one", b"two"]
    assert {(message.imei, message.flags) for message in asked} == {(IMEI, MtFlag.HIGH_PRIORITY)}
    assert asked[0].client_id != asked[1].client_id


async def test_what_is_urgent_says_so() -> None:
    async with answering(1) as (port, asked):
        far = center(port)
        async with running(far):
            for rank in range(4):
                await far.send_ranked(b"one", IMEI, rank)
        mute = center(port, priorities=False)
        async with running(mute):
            await mute.send_ranked(b"one", IMEI, 3)
    assert [message.priority for message in asked] == [None, 3, 2, 1, None]


@pytest.mark.parametrize("place", [0, 1, 50])
async def test_a_place_in_the_queue_is_success(place: int) -> None:
    async with answering(place) as (port, _):
        far = center(port)
        async with running(far) as (hub,):
            await far.send(b"one", IMEI)
            assert (hub.inbox.states[-1].waiting, hub.inbox.states[-1].reason) == (place, "")


async def test_a_full_queue_is_emptied_where_the_settings_say_so() -> None:
    def gateway(message: MtMessage) -> bytes:
        status = 1 if message.flags & MtFlag.FLUSH else -5
        return encode_mt_confirmation(MtConfirmation(message.client_id, IMEI, 1, status))

    async with answering(gateway) as (port, asked):
        far = center(port, flush_when_stuck=True)
        async with running(far):
            await far.send(b"one", IMEI)
            with pytest.raises(LinkError):
                await center(port).send(b"two", IMEI)
    assert [message.flags for message in asked] == [MtFlag.NONE, MtFlag.FLUSH]


async def test_a_queue_blocked_by_what_the_modem_cannot_take_is_emptied_with_the_next() -> None:
    async with answering(1) as (port, asked):
        far = center(port, flush_when_stuck=True)
        async with running(far):
            await push(far.port, encode_mo(replace(MO, status=1)))
            await far.send(b"one", IMEI)
            await far.send(b"two", IMEI)
    assert [message.flags for message in asked] == [MtFlag.FLUSH, MtFlag.NONE]


@pytest.mark.parametrize(
    ("status", "code", "least_s", "told"),
    [
        (-1, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-2, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-3, Trouble.TOO_LARGE, 3600, "gateway_refuses"),
        (-4, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-5, Trouble.BUSY, 900, "modem_queue_full"),
        (-6, Trouble.BUSY, 30, None),
        (-7, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-8, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-9, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-10, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-11, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-12, Trouble.REFUSED, 3600, "gateway_refuses"),
        (-99, Trouble.REFUSED, 3600, "gateway_refuses"),
    ],
)
async def test_a_refusal_says_why_and_until_when(
    status: int, code: Trouble, least_s: float, told: str | None
) -> None:
    async with answering(status) as (port, _):
        far = center(port)
        async with running(far) as (hub,):
            with pytest.raises(LinkError) as refused:
                await far.send(b"one", IMEI)
            assert (refused.value.code, refused.value.retry_after_s) == (code, least_s)
            full = hub.inbox.states[-1].waiting == 50
            assert full == (status == -5)
            stopped = hub.inbox.states[-1].reason == Trouble.REFUSED
            assert stopped == (status in (-10, -12))
            assert [code for code, _ in hub.inbox.notices] == ([told] if told else [])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", Trouble.NO_SERVICE),
        (b"\1\0", Trouble.NO_SERVICE),
        (b"HTTP/1.1 400 Bad Request\r\n", Trouble.REFUSED),
        (encode_mt_confirmation(MtConfirmation(b"else", IMEI, 1, 1)), Trouble.REFUSED),
    ],
)
async def test_an_answer_that_confirms_nothing_is_no_success(answer: bytes, code: Trouble) -> None:
    async with answering(lambda message: answer) as (port, _):
        far = center(port)
        async with running(far):
            with pytest.raises(LinkError) as refused:
                await far.send(b"one", IMEI)
            assert refused.value.code is code


async def test_no_gateway_and_no_imei_are_told() -> None:
    far = center(await free_port())
    async with running(far):
        with pytest.raises(LinkError) as refused:
            await far.send(b"one", IMEI)
        assert refused.value.code is Trouble.NO_SERVICE
        with pytest.raises(LinkError) as refused:
            await far.send(b"one", "7")
        assert refused.value.code is Trouble.REFUSED


async def test_a_silent_gateway_ends_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transports.directip.MT_S_MAX", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, LOOPBACK, 0)
    far = center(server.sockets[0].getsockname()[1])
    async with running(far):
        with pytest.raises(LinkError) as refused:
            await far.send(b"one", IMEI)
    assert refused.value.code is Trouble.NO_SERVICE
    server.close()


async def test_a_port_in_use_is_told_as_busy() -> None:
    first = center()
    async with running(first):
        with pytest.raises(LinkError) as refused:
            await Running(center(port=first.port), 5).ready()
        assert refused.value.code is Trouble.DEVICE_BUSY


def test_traits_follow_the_settings() -> None:
    settings = DirectIpSettings(gateway_host="gateway")
    traits = DirectIp().traits(settings, {"credit_micros": 110_000})
    assert traits.listens and traits.metered
    assert (traits.mtu_bytes, traits.price(51).credits, traits.price(51).micros) == (
        270,
        2,
        220_000,
    )
    assert (traits.receipt_delay_s, traits.repeat_s) == (600, 1800)


@pytest.mark.parametrize("table", [{}, {"gateway_host": ""}, {"gateway_host": "x", "mtu": 2000}])
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, DirectIpSettings)
