"""A serial port as async bytes: real, pseudo-terminal, pyserial URL or in memory.

pyserial opens and configures the port. Afterwards, on Linux and macOS the event loop watches
the file descriptor; on Windows, and for pyserial URLs (``socket://``, ``loop://``), one reader
thread feeds the loop. This module knows nothing of what the bytes mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import serial

try:
    import fcntl
    import termios

    SYSTEM_ERRORS: tuple[type[Exception], ...] = (OSError, termios.error)
except ImportError:  # Windows
    SYSTEM_ERRORS = (OSError,)
OPENING_ERRORS: tuple[type[Exception], ...] = (*SYSTEM_ERRORS, ValueError)  # ValueError: baud

READ_SIZE = 4096
BUFFER_LIMIT = 65_536
THREAD_POLL_S = 0.2
DRAIN_POLL_S = 0.1
BITS_PER_BYTE = 10  # 8N1: start, eight bits, stop


class PortTrouble(StrEnum):
    """Why a port cannot be used."""

    MISSING = "missing"
    BUSY = "busy"
    DENIED = "denied"
    GONE = "gone"


class PortError(Exception):
    """A port cannot be opened, or went away while open. ``detail`` is technical, in English."""

    def __init__(self, code: PortTrouble, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


class Port(Protocol):
    """An open port. One reader and one writer at a time."""

    async def read(self) -> bytes:
        """The next bytes, 1 to 4096 of them; waits for the first. PortError(gone) at the end."""

    async def write(self, data: bytes) -> None:
        """Write all of it and wait until it has left the system's buffer. May be cancelled."""

    async def aclose(self) -> None:
        """Close. Bytes not sent yet are dropped, a waiting read or write fails. Idempotent."""


@asynccontextmanager
async def open_port(
    path: str,
    baud: int,
    rtscts: bool = False,
    *,
    dtr: bool = True,
    rts: bool = True,
) -> AsyncIterator[Port]:
    """Open ``path`` at ``baud`` 8N1 for this program alone; closed on leaving the context.

    ``rtscts`` turns hardware flow control on. ``dtr`` and ``rts`` are the levels of the lines
    from the first moment on, and they stay when the port is closed: no pulse resets a board.
    Raises PortError.
    """
    # A dying USB adapter can hold open() for seconds: never on the loop's thread.
    opening = asyncio.ensure_future(asyncio.to_thread(_open, path, baud, rtscts, dtr, rts))
    try:
        device = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise
    port: Port = _ThreadPort(device) if _needs_thread(path) else _FdPort(device, baud)
    try:
        yield port
    finally:
        await port.aclose()


async def wait_for_path(path: str, poll_s: float = 1.0) -> None:
    """Return once ``path`` exists, looking every ``poll_s`` seconds. A URL always exists."""
    while not await path_exists(path):
        await asyncio.sleep(poll_s)


async def path_exists(path: str) -> bool:
    """Whether ``path`` is there now. A URL always is."""
    return await asyncio.to_thread(_present, path)


def memory_pair() -> tuple[Port, Port]:
    """Two ports joined by a null modem inside this program."""
    left, right = _MemoryPort(), _MemoryPort()
    left.other, right.other = right, left
    return left, right


def _needs_thread(path: str) -> bool:
    return os.name == "nt" or "://" in path


def _present(path: str) -> bool:
    if "://" in path:
        return True
    if os.name == "nt":
        from serial.tools import list_ports

        return any(found.device == path for found in list_ports.comports())
    return Path(path).exists()


def _open(path: str, baud: int, rtscts: bool, dtr: bool, rts: bool) -> Any:
    threaded = _needs_thread(path)
    try:
        device = serial.serial_for_url(
            path,
            do_not_open=True,
            baudrate=baud,
            rtscts=rtscts,
            dsrdtr=False,
            timeout=THREAD_POLL_S if threaded else 0,
            exclusive=None if threaded else True,
        )
        device.dtr = dtr
        device.rts = rts
        device.open()
        if not threaded:
            _claim(device)
    except OPENING_ERRORS as error:
        raise PortError(_trouble(error), f"{path}: {error}") from error
    return device


def _claim(device: Any) -> None:
    """Keep programs that know no flock out; no hang-up on close; a read of nothing is EAGAIN."""
    try:
        fcntl.ioctl(device.fd, termios.TIOCEXCL)
        settings = termios.tcgetattr(device.fd)
        settings[2] &= ~termios.HUPCL
        settings[6][termios.VMIN] = 1
        termios.tcsetattr(device.fd, termios.TCSANOW, settings)
    except SYSTEM_ERRORS:
        device.close()
        raise


def _trouble(error: Exception) -> PortTrouble:
    number = getattr(error, "errno", None)
    text = str(error)
    # On Windows pyserial keeps the number only in the text, and "busy" is a PermissionError.
    if number in (errno.EBUSY, errno.EAGAIN) or "PermissionError" in text:
        return PortTrouble.BUSY
    if number in (errno.EACCES, errno.EPERM):
        return PortTrouble.DENIED
    if number == errno.EIO:
        return PortTrouble.GONE
    return PortTrouble.MISSING


def _close_late(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _gone(error: object = "closed") -> PortError:
    return PortError(PortTrouble.GONE, str(error))


class _FdPort:
    """A port whose file descriptor the event loop watches."""

    def __init__(self, device: Any, baud: int) -> None:
        self._device = device
        self._fd: int = device.fd
        self._byte_s = BITS_PER_BYTE / baud
        self._waits: set[asyncio.Future[None]] = set()
        self._closed = False

    async def read(self) -> bytes:
        while not self._closed:
            try:
                data = os.read(self._fd, READ_SIZE)
            except (BlockingIOError, InterruptedError):
                await self._ready(self._loop().add_reader, self._loop().remove_reader)
                continue
            except OSError as error:
                raise _gone(error) from error
            if not data:
                raise _gone("the device hung up")
            return data
        raise _gone()

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._closed:
                raise _gone()
            try:
                view = view[os.write(self._fd, view) :]
            except (BlockingIOError, InterruptedError):
                await self._ready(self._loop().add_writer, self._loop().remove_writer)
            except OSError as error:
                raise _gone(error) from error
        await self._drain()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        for wait in self._waits:
            if not wait.done():
                wait.set_exception(_gone())
        self._loop().remove_reader(self._fd)
        self._loop().remove_writer(self._fd)
        # Unsent bytes would hold close() until a silent device takes them.
        with contextlib.suppress(*SYSTEM_ERRORS):
            self._device.reset_output_buffer()
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, termios.TIOCNXCL)
        self._device.close()

    @staticmethod
    def _loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def _ready(self, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
        wait: asyncio.Future[None] = self._loop().create_future()
        self._waits.add(wait)
        add(self._fd, _finish, wait)
        try:
            await wait
        finally:
            self._waits.discard(wait)
            if not self._closed:
                remove(self._fd)

    async def _drain(self) -> None:
        while not self._closed:
            try:
                queued: int = self._device.out_waiting
            except OSError as error:
                raise _gone(error) from error
            if not queued:
                return
            await asyncio.sleep(min(queued * self._byte_s, DRAIN_POLL_S))
        raise _gone()


def _finish(wait: asyncio.Future[None]) -> None:
    if not wait.done():
        wait.set_result(None)


class _Inbox:
    """Bytes that arrived, for one reader on the event loop; ``room`` is clear when full."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self._bytes = bytearray()
        self._news = asyncio.Event()
        self._end: PortError | None = None

    def put(self, data: bytes) -> None:
        self._bytes += data
        self._news.set()
        if len(self._bytes) >= BUFFER_LIMIT:
            self.room.clear()

    def end(self, error: PortError) -> None:
        self._end = self._end or error
        self._news.set()
        self.room.set()

    async def take(self) -> bytes:
        while not self._bytes:
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()
        data = bytes(self._bytes[:READ_SIZE])
        del self._bytes[:READ_SIZE]
        if len(self._bytes) < BUFFER_LIMIT:
            self.room.set()
        return data


class _ThreadPort:
    """A port without a usable file descriptor: one thread reads, writes run in the pool."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._inbox = _Inbox()
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._thread = threading.Thread(target=self._pump, name="port-reader", daemon=True)
        self._thread.start()

    async def read(self) -> bytes:
        data = await self._inbox.take()
        if self._inbox.room.is_set():
            self._room.set()
        return data

    async def write(self, data: bytes) -> None:
        if self._stop.is_set():
            raise _gone()
        try:
            await asyncio.to_thread(self._device.write, data)
        except (OSError, serial.PortNotOpenError) as error:
            raise _gone(error) from error

    async def aclose(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        self._room.set()
        self._inbox.end(_gone())
        for cancel in ("cancel_read", "cancel_write"):
            with contextlib.suppress(OSError, AttributeError):
                getattr(self._device, cancel)()
        await asyncio.to_thread(self._thread.join)
        with contextlib.suppress(OSError):
            self._device.close()

    def _pump(self) -> None:
        end = _gone()
        try:
            while not self._stop.is_set():
                self._room.wait()
                data = self._device.read(max(1, min(self._device.in_waiting, READ_SIZE)))
                if data:
                    self._tell(self._take_in, data)
        except (OSError, TypeError, AttributeError) as error:
            # The last two: pyserial trips over its own handle when the port dies under a read.
            end = _gone(error)
        finally:
            self._tell(self._inbox.end, end)

    def _take_in(self, data: bytes) -> None:
        self._inbox.put(data)
        if not self._inbox.room.is_set():
            self._room.clear()

    def _tell(self, call: Callable[[Any], None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(call, value)


class _MemoryPort:
    """One end of a null modem in memory. Writing waits while the other end does not read."""

    other: _MemoryPort

    def __init__(self) -> None:
        self._inbox = _Inbox()
        self._closed = False

    async def read(self) -> bytes:
        return await self._inbox.take()

    async def write(self, data: bytes) -> None:
        if self._closed or self.other._closed:
            raise _gone()
        self.other._inbox.put(data)
        await self.other._inbox.room.wait()

    async def aclose(self) -> None:
        self._closed = True
        self._inbox.end(_gone())
        self.other._inbox.end(_gone())
