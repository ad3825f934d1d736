"""A played modem finds its gateway, loses it and finds it again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hardware.sim.uplink import GatewayLostError, Uplink

IMEI = "300234010753370"


class Line:
    """The gateway's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> Any:
        return json.loads(await asyncio.wait_for(self._reader.readline(), 5))

    def write(self, data: bytes) -> None:
        self._writer.write(data + b"\n")

    def cut(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def attached() -> AsyncIterator[tuple[Uplink, asyncio.Queue[Line], list[str]]]:
    lines: asyncio.Queue[Line] = asyncio.Queue()
    accepted: list[Line] = []
    rings: list[str] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(Line(reader, writer))
        lines.put_nowait(accepted[-1])

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    uplink = Uplink("127.0.0.1", server.sockets[0].getsockname()[1])
    task = asyncio.create_task(uplink.run(IMEI, lambda: rings.append("ring")))
    try:
        yield uplink, lines, rings
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        for line in accepted:
            line.cut()
        await asyncio.sleep(0.01)


async def test_attach_session_and_ring() -> None:
    async with attached() as (uplink, lines, rings):
        line = await asyncio.wait_for(lines.get(), 5)
        assert await line.read() == {"op": "attach", "imei": IMEI}
        session = asyncio.create_task(uplink.session(5, b"\xc0\xff\xee", 270))
        asked = await line.read()
        assert asked == {
            "op": "session",
            "n": 1,
            "momsn": 5,
            "mo": "c0ffee",
            "mt_max": 270,
            "leave": False,
        }
        line.write(b'{"op":"ring"}')
        line.write(b'{"n":0,"mo_status":13}')
        line.write(b'{"n":1,"mo_status":0,"mt":"beef","mtmsn":7,"queued":3}')
        reply = await asyncio.wait_for(session, 5)
        assert (reply.mo_status, reply.mt, reply.mtmsn, reply.queued) == (0, b"\xbe\xef", 7, 3)
        assert rings == ["ring"]


async def test_a_mailbox_check_has_no_payload() -> None:
    async with attached() as (uplink, lines, _):
        line = await asyncio.wait_for(lines.get(), 5)
        await line.read()
        session = asyncio.create_task(uplink.session(0, None, 270))
        assert (await line.read())["mo"] is None
        line.write(b'{"n":1,"mo_status":0,"mt":null,"mtmsn":0,"queued":0}')
        assert (await session).mt is None


@pytest.mark.parametrize(
    "junk",
    [b"not json", b'{"n":1,"mt":"zz"}', b"x" * 20_000, None],
    ids=["not JSON", "not hex", "endless line", "cut"],
)
async def test_a_lost_or_mad_gateway_ends_the_session_and_is_called_again(
    junk: bytes | None,
) -> None:
    async with attached() as (uplink, lines, _):
        line = await asyncio.wait_for(lines.get(), 5)
        await line.read()
        session = asyncio.create_task(uplink.session(1, b"x", 270))
        await line.read()
        if junk is None:
            line.cut()
        else:
            line.write(junk)
        with pytest.raises(GatewayLostError):
            await asyncio.wait_for(session, 5)
        with pytest.raises(GatewayLostError):
            await uplink.session(1, b"x", 270)
        again = await asyncio.wait_for(lines.get(), 5)
        assert (await again.read())["op"] == "attach"
        assert uplink.connected
