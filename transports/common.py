"""What several links share: limits for settings, the size check, handing up, listening."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from weakref import WeakSet

import msgspec

from transports.link import LinkError, Receiver, Traits, Trouble

log = logging.getLogger(__name__)

Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
PortOrAny = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
# Seconds and bits per second: finite, so that every sum of them is.
Positive = Annotated[float, msgspec.Meta(ge=0.001, le=1e9)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
FrameBytes = Annotated[int, msgspec.Meta(ge=64, le=65_536)]
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


async def hand_up(receiver: Receiver, frame: bytes, peer: str = "") -> bool:
    """Hand up one frame; whether it is durable above, so that it may be acknowledged.

    Where it is not, no receipt goes out either and the frame comes again: the link goes on.
    """
    try:
        await receiver.frame(frame, peer)
    except Exception as error:
        log.warning("frame not stored error=%s", type(error).__name__)
        return False
    return True


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
