"""A port gives and takes bytes, for one program alone, and says clearly when it cannot."""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.port import Port, PortError, PortTrouble, memory_pair, open_port, wait_for_path


class Pty:
    """Both ends of a pseudo-terminal; ``path`` is what a driver opens."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave

    def unplug(self) -> None:
        for fd in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    pair.unplug()


async def read_exactly(port: Port, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await asyncio.wait_for(port.read(), 5)
    return data


async def test_every_byte_value_passes_both_ways(pty: Pty) -> None:
    every = bytes(range(256))
    async with open_port(pty.path, 19200) as port:
        await port.write(every)
        assert os.read(pty.master, 1000) == every
        os.write(pty.master, every)
        assert await read_exactly(port, 256) == every


async def test_a_large_write_waits_for_the_reader_and_loses_nothing(pty: Pty) -> None:
    data = os.urandom(100_000)
    async with open_port(pty.path, 115200) as port:
        writing = asyncio.create_task(port.write(data))
        await asyncio.sleep(0.05)
        assert not writing.done()
        got = b""
        while len(got) < len(data):
            got += await asyncio.to_thread(os.read, pty.master, 65536)
        await asyncio.wait_for(writing, 5)
    assert got == data


async def test_a_cancelled_write_leaves_the_port_usable(pty: Pty) -> None:
    async with open_port(pty.path, 115200) as port:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(port.write(bytes(100_000)), 0.05)
        os.write(pty.master, b"still here")
        assert await read_exactly(port, 10) == b"still here"


async def test_no_such_port() -> None:
    with pytest.raises(PortError) as caught:
        async with open_port("/dev/no-such-modem", 19200):
            pass
    assert caught.value.code is PortTrouble.MISSING
    assert "/dev/no-such-modem" in caught.value.detail


async def test_a_plain_file_is_not_a_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(PortError) as caught:
        async with open_port(str(path), 19200):
            pass
    assert caught.value.code is PortTrouble.MISSING


async def test_a_second_opener_is_told_that_the_port_is_busy(pty: Pty) -> None:
    async with open_port(pty.path, 19200):
        with pytest.raises(PortError) as caught:
            async with open_port(pty.path, 19200):
                pass
    assert caught.value.code is PortTrouble.BUSY


async def test_closing_frees_the_port_for_the_next(pty: Pty) -> None:
    for _ in range(3):
        async with open_port(pty.path, 19200) as port:
            await port.write(b"x")


@pytest.mark.skipif(os.name == "nt", reason="termios")
async def test_closing_does_not_hang_up(pty: Pty) -> None:
    async with open_port(pty.path, 19200):
        assert not termios.tcgetattr(pty.master)[2] & termios.HUPCL


async def test_unplugging_wakes_a_waiting_reader(pty: Pty) -> None:
    async with open_port(pty.path, 19200) as port:
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0.02)
        pty.unplug()
        with pytest.raises(PortError) as caught:
            await asyncio.wait_for(reading, 5)
        assert caught.value.code is PortTrouble.GONE
        with pytest.raises(PortError):
            await asyncio.wait_for(port.write(b"AT\r"), 5)


async def test_closing_wakes_a_waiting_reader_and_may_be_repeated(pty: Pty) -> None:
    async with open_port(pty.path, 19200) as port:
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0.02)
        await port.aclose()
        with pytest.raises(PortError):
            await asyncio.wait_for(reading, 5)
        with pytest.raises(PortError):
            await port.write(b"x")
        await port.aclose()


async def test_closing_with_unread_output_does_not_hang(pty: Pty) -> None:
    async with asyncio.timeout(5):
        async with open_port(pty.path, 300) as port:
            writing = asyncio.create_task(port.write(bytes(50_000)))
            await asyncio.sleep(0.02)
        with pytest.raises(PortError):
            await writing


async def test_a_cancelled_opening_leaves_the_port_free(pty: Pty) -> None:
    opening = asyncio.create_task(open_port(pty.path, 19200).__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.sleep(0.1)
    async with open_port(pty.path, 19200):
        pass


async def test_waiting_for_a_name_ends_when_it_comes_back(pty: Pty, tmp_path: Path) -> None:
    name = tmp_path / "modem0"
    name.symlink_to("/dev/pts/no-such")
    waiting = asyncio.create_task(wait_for_path(str(name), poll_s=0.01))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    name.unlink()
    name.symlink_to(pty.path)
    await asyncio.wait_for(waiting, 5)


async def test_a_url_port_reads_by_thread_and_closes_cleanly() -> None:
    every = bytes(range(256)) * 4
    async with asyncio.timeout(5):
        async with open_port("loop://", 1_000_000) as port:
            await port.write(every)
            assert await read_exactly(port, len(every)) == every
            reading = asyncio.create_task(port.read())
            await asyncio.sleep(0.02)
        with pytest.raises(PortError):
            await reading
        with pytest.raises(PortError):
            await port.write(b"x")


async def test_a_null_modem_in_memory() -> None:
    left, right = memory_pair()
    await left.write(b"ping")
    assert await right.read() == b"ping"
    await right.write(b"pong")
    assert await left.read() == b"pong"
    await left.aclose()
    with pytest.raises(PortError):
        await right.read()
    with pytest.raises(PortError):
        await right.write(b"x")


async def test_a_null_modem_holds_the_writer_back() -> None:
    left, right = memory_pair()
    writing = asyncio.create_task(left.write(bytes(200_000)))
    await asyncio.sleep(0.01)
    assert not writing.done()
    assert len(await read_exactly(right, 200_000)) == 200_000
    await asyncio.wait_for(writing, 5)
