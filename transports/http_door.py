"""An HTTP server for links: bounded in callers, sizes and time; silent towards junk.

Needs aiohttp (extra ``web``): import this module only from links of that extra.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from transports.link import LinkError, Trouble

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
MakeRoom = Callable[[], None]

HEAD_S_MAX = 20.0  # for a whole request to come
SWEEP_S = 5.0
END_S_MAX = 2.0
HEAD_BYTES_MAX = 8190
BACKLOG = 128


@asynccontextmanager
async def http_door(
    bind: str,
    port: int,
    answer: Answer,
    *,
    tls: ssl.SSLContext | None,
    callers_max: int,
    head_s: float = HEAD_S_MAX,
    make_room: MakeRoom | None = None,
) -> AsyncIterator[int]:
    """Serve ``answer`` on a TCP port; gives the real port. LinkError when it cannot be had.

    A caller that sends no whole request within ``head_s`` is cut off, one that sends no HTTP at
    once and without a word. More than ``callers_max`` connections at a time are not taken;
    before that, whoever keeps us waiting longest is cut off, or ``make_room`` ends another.
    """
    listener = _listener(bind, port)
    door = _Door(answer, callers_max, head_s, make_room)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        door,
        sock=listener,
        ssl=tls,
        backlog=BACKLOG,
        ssl_handshake_timeout=head_s if tls else None,
    )
    sweeping = asyncio.create_task(door.sweep())
    try:
        yield listener.getsockname()[1]
    finally:
        sweeping.cancel()
        server.close()
        door.cut_off()
        await door.shutdown(END_S_MAX)


def _listener(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bind, port))
    except OSError as error:
        listener.close()
        busy = error.errno == errno.EADDRINUSE
        code = Trouble.DEVICE_BUSY if busy else Trouble.REFUSED
        raise LinkError(code, f"{bind}:{port}: {error}", retry_after_s=30.0) from error
    return listener


class _Door(web.Server):
    """Knows each connection, and since when it has been waited for."""

    def __init__(
        self, answer: Answer, callers_max: int, head_s: float, make_room: MakeRoom | None
    ) -> None:
        super().__init__(
            self._answer,
            access_log=None,
            max_line_size=HEAD_BYTES_MAX,
            max_field_size=HEAD_BYTES_MAX,
            max_headers=64,
            keepalive_timeout=head_s,
            lingering_time=0,
        )
        self._give = answer
        self._callers_max = callers_max
        self._head_s = head_s
        self._make_room = make_room
        self._waited_since: dict[web.RequestHandler, float] = {}
        self._now = asyncio.get_running_loop().time

    def __call__(self) -> web.RequestHandler:
        return _Quiet(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self.connections) > self._callers_max and not self._made_room():
            # Only soon: the handler is not quite ready to lose its connection.
            asyncio.get_running_loop().call_soon(transport.abort)
        self._waited_since[handler] = self._now()

    def _made_room(self) -> bool:
        """End another connection: one that never asked for anything, or what ``make_room`` ends."""
        if self._make_room is None:
            return False
        waiting = next(iter(self._waited_since), None)
        if waiting is None:
            self._make_room()
        elif waiting.transport is not None:
            waiting.transport.abort()
        return True

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        self._waited_since.pop(handler, None)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        handler = request.protocol
        self._waited_since.pop(handler, None)
        try:
            return await self._give(request)
        finally:
            if handler.transport is not None:
                self._waited_since[handler] = self._now()

    def cut_off(self) -> None:
        """End every connection."""
        for handler in list(self.connections):
            if handler.transport is not None:
                handler.transport.abort()

    async def sweep(self) -> None:
        """Cut off who has kept us waiting."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self._head_s / 2))
            limit = self._now() - self._head_s
            for handler in [h for h, since in self._waited_since.items() if since < limit]:
                if handler.transport is not None:
                    handler.transport.abort()


class _Quiet(web.RequestHandler):
    """What is no HTTP gets no answer."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if self.transport is not None:
            self.transport.abort()
        return web.Response(status=status)
