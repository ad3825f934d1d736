"""What several links share: limits for settings, the size check, handing up, listening."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated
from weakref import WeakSet

import msgspec

from transports.link import LinkError, Place, Receiver, Traits, Trouble

log = logging.getLogger(__name__)

Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
PortOrAny = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
# Seconds and bits per second: finite, so that every sum of them is.
Positive = Annotated[float, msgspec.Meta(ge=0.001, le=1e9)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
FrameBytes = Annotated[int, msgspec.Meta(ge=64, le=65_536)]
SECRET_BYTES_MAX = 16_384
UNUSABLE_S = 60.0
Connections = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class WrongSetting(ValueError):  # noqa: N818 - a judgement on a settings file
    """A link's table does not fit together: its ``__post_init__`` raises this.

    ``key`` is the key to correct, ``reason`` the word of a sentence higher up.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def check_size(frame: bytes, traits: Traits) -> None:
    """Raise LinkError(TOO_LARGE) for a frame over the MTU."""
    if len(frame) > traits.mtu_bytes:
        raise LinkError(Trouble.TOO_LARGE, f"{len(frame)} bytes, at most {traits.mtu_bytes}")


async def hand_up(
    receiver: Receiver, frame: bytes, peer: str = "", place: Place | None = None
) -> bool:
    """Hand up one frame; whether it is durable above, so that it may be acknowledged.

    Where it is not, no receipt goes out either and the frame comes again: the link goes on.
    """
    try:
        await receiver.frame(frame, peer, place)
    except Exception as error:
        log.warning("frame not stored error=%s", type(error).__name__)
        return False
    return True


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Around the imports of an extra of ours: LinkError PART_MISSING where it is not installed."""
    try:
        yield
    except ImportError as error:
        raise LinkError(Trouble.PART_MISSING, f"crisiskit[{extra}]: {error}", 3600.0) from error


def secret_text(path: str) -> str:
    """What a file holds that nobody else on the machine may read, without blanks around it.

    LinkError UNUSABLE where it cannot be read, is empty or too long, or others may read it.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(SECRET_BYTES_MAX + 1)
        text = raw.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LinkError(Trouble.UNUSABLE, f"{path}: {error}", UNUSABLE_S) from error
    if os.name != "nt" and mode & 0o007:
        raise LinkError(Trouble.UNUSABLE, f"{path} can be read by others: chmod 600", UNUSABLE_S)
    if not text or len(raw) > SECRET_BYTES_MAX:
        raise LinkError(Trouble.UNUSABLE, f"{path} holds no secret", UNUSABLE_S)
    return text


class Seen:
    """The newest ``most`` of the names that were added: a memory that strangers cannot fill."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._names: dict[object, None] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def add(self, name: object) -> None:
        """Remember it, and forget the oldest beyond ``most``."""
        self._names[name] = None
        if len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def discard(self, name: object) -> None:
        """Forget it."""
        self._names.pop(name, None)


@asynccontextmanager
async def listening(
    bind: str, port: int, callers_max: int, read_bytes: int
) -> AsyncIterator[tuple[int, asyncio.Queue[Caller]]]:
    """Listen on a TCP port; gives the real port and the queue in which callers wait.

    ``callers_max`` bounds that queue, ``read_bytes`` what is read ahead of each caller. At the
    end all connections are gone. LinkError when the port cannot be had.
    """
    callers: asyncio.Queue[Caller] = asyncio.Queue(callers_max)
    writers: WeakSet[asyncio.StreamWriter] = WeakSet()

    def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            callers.put_nowait((reader, writer))
        except asyncio.QueueFull:
            writer.transport.abort()

    try:
        server = await asyncio.start_server(called, bind, port, limit=read_bytes)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        code = Trouble.DEVICE_BUSY if busy else Trouble.REFUSED
        raise LinkError(code, f"{bind}:{port}: {error}", retry_after_s=30.0) from error
    try:
        yield server.sockets[0].getsockname()[1], callers
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
