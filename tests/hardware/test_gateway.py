"""The played gateway keeps what it accepted, in order, and answers as the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hardware.directip import (
    MoMessage,
    MtConfirmation,
    MtFlag,
    MtMessage,
    decode_mo,
    decode_mt_confirmation,
    encode_mo_confirmation,
    encode_mt,
    read_message,
)
from hardware.sim.gateway import Faults, PlayedGateway
from hardware.sim.spool import Spool

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"
OTHER = "300234010000001"


class Center:
    """A vendor's server that says yes, or as often no as ``refuse`` says."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[MoMessage] = []
        self.refuse = 0

    @property
    def payloads(self) -> list[bytes | None]:
        return [message.payload for message in self.got]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Center]:
        server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.got.append(decode_mo(await read_message(reader)))
        self.refuse -= 1
        writer.write(encode_mo_confirmation(self.refuse < 0))
        await writer.drain()
        writer.close()


class Modem:
    """The modem's end of the JSON lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sessions = 0
        self.rings = 0

    def say(self, **words: object) -> None:
        self.writer.write(json.dumps(words).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 5)
        assert line, "the gateway closed the connection"
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def session(self, mo: bytes | None = None, mt_max: int = 270) -> dict[str, Any]:
        self.sessions += 1
        n = self.sessions
        words = mo.hex() if mo is not None else None
        self.say(op="session", n=n, momsn=n, mo=words, mt_max=mt_max)
        while (answer := await self.hear()).get("op") == "ring":
            self.rings += 1
        assert answer["n"] == n
        return answer


@asynccontextmanager
async def gateway(center_port: int, **more: Any) -> AsyncIterator[PlayedGateway]:
    played = PlayedGateway(LOOPBACK, center_port, clock=lambda: 1_800_000_000.0, **more)
    task = asyncio.create_task(played.run())
    await asyncio.wait_for(played.ready.wait(), 5)
    try:
        yield played
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def modem(played: PlayedGateway, imei: str = IMEI) -> AsyncIterator[Modem]:
    reader, writer = await asyncio.open_connection(LOOPBACK, played.modem_port)
    one = Modem(reader, writer)
    one.say(op="attach", imei=imei)
    try:
        yield one
    finally:
        writer.close()


@pytest.fixture
async def center() -> AsyncIterator[Center]:
    async with Center().open() as one:
        yield one


async def call(played: PlayedGateway, message: MtMessage) -> MtConfirmation:
    reader, writer = await asyncio.open_connection(LOOPBACK, played.mt_port)
    try:
        writer.write(encode_mt(message))
        return decode_mt_confirmation(await asyncio.wait_for(read_message(reader), 5))
    finally:
        writer.close()


async def queue(
    played: PlayedGateway, payload: bytes | None, flags: MtFlag = MtFlag.NONE, imei: str = IMEI
) -> int:
    return (await call(played, MtMessage(b"abcd", imei, flags, payload))).status


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def test_mo_messages_reach_the_center_in_order(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        for number in range(5):
            answer = await one.session(b"message %d" % number)
            assert answer["mo_status"] == 0
        await until(lambda: played.undelivered == 0)
    assert center.payloads == [b"message %d" % number for number in range(5)]
    assert {message.imei for message in center.got} == {IMEI}
    assert [message.momsn for message in center.got] == [1, 2, 3, 4, 5]
    assert {message.session_at for message in center.got} == {1_800_000_000}


async def test_what_the_center_does_not_confirm_comes_again_and_in_order(center: Center) -> None:
    center.refuse = 2
    async with gateway(center.port) as played, modem(played) as one:
        await one.session(b"first")
        await one.session(b"second")
        await until(lambda: played.undelivered == 0)
    assert center.payloads == [b"first", b"first", b"first", b"second"]


async def test_mo_waits_for_a_center_that_is_away() -> None:
    center = Center()
    async with center.open():
        pass
    async with gateway(center.port) as played, modem(played) as one:
        await one.session(b"nobody there yet")
        await asyncio.sleep(0.2)
        assert played.undelivered == 1
        async with center.open():
            await until(lambda: played.undelivered == 0)
    assert center.payloads == [b"nobody there yet"]


async def test_mt_comes_oldest_first_with_priority_in_front(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        assert await queue(played, b"one") == 1
        assert await queue(played, b"two") == 2
        assert await queue(played, b"urgent", MtFlag.HIGH_PRIORITY) == 1
        assert await queue(played, b"as urgent", MtFlag.HIGH_PRIORITY) == 2
        answers = [await one.session() for _ in range(5)]
        assert one.rings == 4
    got = [bytes.fromhex(answer["mt"]) for answer in answers[:4]]
    assert got == [b"urgent", b"as urgent", b"one", b"two"]
    assert answers[4]["mt"] is None
    assert [answer["queued"] for answer in answers] == [3, 2, 1, 0, 0]
    assert len({answer["mtmsn"] for answer in answers}) == 5


async def test_one_session_carries_both_ways(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        await queue(played, b"down")
        answer = await one.session(b"up")
        await until(lambda: played.undelivered == 0)
    assert bytes.fromhex(answer["mt"]) == b"down"
    assert (center.got[-1].payload, center.got[-1].mtmsn) == (b"up", answer["mtmsn"])


async def test_a_mailbox_check_reaches_the_center_without_payload(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        await until(lambda: played.undelivered == 0)
    assert center.payloads == [None]


async def test_each_modem_has_its_own_queue(center: Center) -> None:
    async with (
        gateway(center.port) as played,
        modem(played) as one,
        modem(played, OTHER) as other,
    ):
        await one.session()
        await other.session()
        await queue(played, b"for other", imei=OTHER)
        assert (await one.session())["mt"] is None
        assert bytes.fromhex((await other.session())["mt"]) == b"for other"


async def test_answers_to_mt_are_those_of_the_gateway(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        assert await queue(played, b"x", imei=OTHER) == -2
        assert await queue(played, b"x" * 271) == -3
        assert await queue(played, None) == -4
        assert await queue(played, None, MtFlag.RING) == 0
        for place in range(1, 51):
            assert await queue(played, b"x" * 270) == place
        assert await queue(played, b"x") == -5
        assert await queue(played, b"new", MtFlag.FLUSH) == 1
        assert bytes.fromhex((await one.session())["mt"]) == b"new"
        assert await queue(played, None, MtFlag.FLUSH) == 0
        assert played.waiting(IMEI) == 0


async def test_the_confirmation_names_the_message_it_confirms(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        answer = await call(played, MtMessage(b"\1\2\3\4", IMEI, payload=b"x"))
    assert (answer.client_id, answer.imei) == (b"\1\2\3\4", IMEI)


async def test_a_waiting_message_too_big_for_the_modem_stays(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        await queue(played, b"x" * 200)
        answer = await one.session(b"up", mt_max=135)
        assert (answer["mo_status"], answer["mt"], played.waiting(IMEI)) == (1, None, 1)
        assert bytes.fromhex((await one.session(mt_max=270))["mt"]) == b"x" * 200


async def test_a_session_that_takes_nothing_leaves_the_queue_as_it_is(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session()
        await queue(played, b"down")
        answer = await one.session(b"up", mt_max=0)
        assert (answer["mo_status"], answer["mt"], played.waiting(IMEI)) == (0, None, 1)


async def test_an_mo_message_too_big_is_refused(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        assert (await one.session(b"x" * 1961))["mo_status"] == 12
        assert played.undelivered == 0


async def test_both_queues_survive_a_restart(center: Center, tmp_path: Path) -> None:
    away = Center()
    async with away.open():
        pass
    async with gateway(away.port, spool=tmp_path) as played, modem(played) as one:
        await one.session(b"kept")
        await one.session(b"kept too")
        await queue(played, b"later")
        await queue(played, b"sooner", MtFlag.HIGH_PRIORITY)
    (tmp_path / "mo" / "1-000000000099.part").write_bytes(b"half writ")
    async with gateway(center.port, spool=tmp_path) as played:
        await until(lambda: played.undelivered == 0)
        assert await queue(played, b"last") == 3
        async with modem(played) as one:
            got = [bytes.fromhex((await one.session())["mt"]) for _ in range(3)]
    assert center.payloads[:2] == [b"kept", b"kept too"]
    assert got == [b"sooner", b"later", b"last"]
    assert len(Spool(tmp_path / f"mt-{IMEI}")) == 0
    assert not list(tmp_path.rglob("*.part"))


async def test_a_lost_confirmation_makes_mo_come_twice(center: Center) -> None:
    faults = Faults(confirm_loss=0.5, seed=4)
    async with gateway(center.port, faults=faults) as played, modem(played) as one:
        for number in range(4):
            await one.session(b"%d" % number)
        await until(lambda: played.undelivered == 0, 20)
        assert played.counters.repeated == len(center.got) - 4 > 0
    assert list(dict.fromkeys(center.payloads)) == [b"0", b"1", b"2", b"3"]


async def test_a_lost_mt_confirmation_leaves_the_message_queued(center: Center) -> None:
    faults = Faults(mt_confirm_loss=1.0)
    async with gateway(center.port, faults=faults) as played, modem(played) as one:
        await one.session()
        with pytest.raises(asyncio.IncompleteReadError):
            await queue(played, b"is it there?")
        assert bytes.fromhex((await one.session())["mt"]) == b"is it there?"


async def test_in_an_outage_nothing_passes_and_nothing_is_lost(center: Center) -> None:
    faults = Faults(outages=((0.3, 0.5),))
    async with gateway(center.port, faults=faults) as played, modem(played) as one:
        await one.session(b"before")
        await queue(played, b"down")
        await asyncio.sleep(0.35)
        answer = await one.session(b"in the outage")
        assert (answer["mo_status"], answer["mt"]) == (32, None)
        assert await queue(played, b"x") == -6
        await asyncio.sleep(0.5)
        answer = await one.session(b"after")
        assert (answer["mo_status"], bytes.fromhex(answer["mt"])) == (0, b"down")
        await until(lambda: played.undelivered == 0)
    assert center.payloads == [b"before", b"after"]


async def test_credits_are_counted_by_started_fifty_bytes(center: Center) -> None:
    async with gateway(center.port) as played, modem(played) as one:
        await one.session(b"x" * 50)
        await one.session(b"x" * 51)
        await one.session()
        await queue(played, b"x" * 270)
        await one.session()
        counters = played.counters
    assert counters.credits == 1 + 2 + 1 + 6
    assert (counters.mo, counters.mt, counters.checks) == (2, 1, 2)
    assert (counters.mo_bytes, counters.mt_bytes) == (101, 270)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00junk\n",
        b"{}\n",
        b'{"op":"attach","imei":"12"}\n',
        b'{"op":"session","n":1,"momsn":1,"mo":null,"mt_max":270}\n',
        b"x" * 40_000 + b"\n",
        b'{"op":"attach","imei":"300234010753370"}\n{"op":"session","n":1,"momsn":1,'
        b'"mo":"not hex","mt_max":270}\n',
        b'{"op":"attach","imei":"300234010753370"}\n' + b"[" * 15_000 + b"\n",
        b'{"op":"attach","imei":"300234010753370"}\n{"op":"session","z":' + b"[" * 15_000 + b"\n",
    ],
)
async def test_junk_from_a_modem_ends_its_connection_only(center: Center, line: bytes) -> None:
    async with gateway(center.port) as played, modem(played, OTHER) as good:
        await good.session(b"before")
        reader, writer = await asyncio.open_connection(LOOPBACK, played.modem_port)
        writer.write(line)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert (await good.session(b"after"))["mo_status"] == 0


async def test_junk_on_the_mt_port_gets_no_answer(center: Center) -> None:
    async with gateway(center.port) as played:
        reader, writer = await asyncio.open_connection(LOOPBACK, played.mt_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
