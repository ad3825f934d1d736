"""The center's side of Iridium: confirmed only when durable, alive after any bytes.

The other end is the played gateway, and a played modem made into a link by these few lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest

from hardware.directip import (
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
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.testing import CHECKS, Check, Inbox, Pair, Running, arrived, running

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"
MO = MoMessage(1, IMEI, 0, 5, 0, 1_800_000_000, b"hello")


def center(gateway_port: int = 9, **more: object) -> DirectIpLink:
    table = {"gateway_host": LOOPBACK, "gateway_port": gateway_port, "port": 0, **more}
    settings = msgspec.convert(table, DirectIpSettings)
    return DirectIp().open(settings, DirectIp().traits(settings, {}))


class PlayedModem:
    """A link for tests: a modem of the played gateway, one session for each frame and poll."""

    traits = Traits(mtu_bytes=340)

    def __init__(self, port: int) -> None:
        self._port = port
        self._sessions = 0
        self._busy = asyncio.Lock()
        self._receiver: Receiver | None = None

    async def run(self, receiver: Receiver) -> None:
        self._receiver = receiver
        receiver.state(LinkState(Phase.READY))
        try:
            await asyncio.Event().wait()
        finally:
            self._receiver = None

    async def send(self, frame: bytes, peer: str = "") -> None:
        if len(frame) > self.traits.mtu_bytes:
            raise LinkError(Trouble.TOO_LARGE)
        await self._session(frame.hex())

    async def poll(self) -> None:
        await self._session(None)

    async def _session(self, mo: str | None) -> None:
        async with self._busy:
            if self._receiver is None:
                raise LinkError(Trouble.NO_SERVICE)
            self._sessions += 1
            words: list[dict[str, Any]] = [
                {"op": "attach", "imei": IMEI},
                {"op": "session", "n": 1, "momsn": self._sessions, "mo": mo, "mt_max": 270},
            ]
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
            writer.write(b"".join(json.dumps(line).encode() + b"\n" for line in words))
            while (answer := json.loads(await reader.readline())).get("op") == "ring":
                pass
            writer.close()
            if answer["mt"] is not None:
                await self._receiver.frame(bytes.fromhex(answer["mt"]))


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
async def make_pair() -> AsyncIterator[Pair]:
    port = await free_port()
    async with played(port) as gateway:
        far = center(gateway.mt_port, port=port)
        yield Pair(PlayedModem(gateway.modem_port), far, flood_frames=25)


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
async def test_it_is_a_link(check: Check) -> None:
    async with make_pair() as pair:
        await check(pair)


async def test_it_is_a_link_when_confirmations_are_lost() -> None:
    port = await free_port()
    async with played(port, Faults(confirm_loss=0.3, seed=1)) as gateway:
        near, far = PlayedModem(gateway.modem_port), center(port=port)
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
        async def frame(self, data: bytes, peer: str = "") -> None:
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


async def test_repeats_are_handed_up_and_confirmed_again() -> None:
    far = center()
    async with running(far) as (hub,):
        for _ in range(2):
            assert decode_mo_confirmation(await push(far.port, encode_mo(MO))) is True
        assert hub.inbox.frames == [b"hello"] * 2


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


@pytest.mark.parametrize(
    ("status", "code", "least_s"),
    [
        (-1, Trouble.REFUSED, 3600),
        (-2, Trouble.REFUSED, 3600),
        (-3, Trouble.TOO_LARGE, 3600),
        (-5, Trouble.BUSY, 900),
        (-6, Trouble.BUSY, 30),
        (-9, Trouble.REFUSED, 3600),
        (-99, Trouble.REFUSED, 3600),
    ],
)
async def test_a_refusal_says_why_and_until_when(
    status: int, code: Trouble, least_s: float
) -> None:
    async with answering(status) as (port, _):
        far = center(port)
        async with running(far) as (hub,):
            with pytest.raises(LinkError) as refused:
                await far.send(b"one", IMEI)
            assert (refused.value.code, refused.value.retry_after_s) == (code, least_s)
            full = hub.inbox.states[-1].waiting == 50
            assert full == (status == -5)


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
