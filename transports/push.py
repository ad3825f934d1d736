"""HTTP in: what a provider's web service pushes to the center, one message a call.

An answer comes within ``ANSWER_S``: 200 once the message is durable, 503 where that takes
longer, so that it comes again. Anything else gets a status of the 4xx kind and no word more;
junk beyond ``JUNK_ANSWERS_S`` a second not even that. Needs aiohttp.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from transports.common import Seen, hand_up
from transports.http_door import http_door
from transports.link import Place, Receiver
from transports.tls import server_tls
from transports.websettings import ServerSettings, whole_path

ANSWER_S = 2.5
CALL_S_MAX = 15.0
JUNK_ANSWERS_S = 20


class RefusedError(Exception):
    """A call that is no message of the provider. ``status`` is the answer, of the 4xx kind."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message that a call brought. ``name`` is the same for its repeats, and for no other.

    Without payload: a mailbox check.
    """

    name: object
    peer: str
    payload: bytes | None
    place: Place | None = None


Read = Callable[[str, bytes], Pushed]
"""Content type and body to the message; raises RefusedError."""


class PushServer:
    """The web server of a link. ``read`` says what a call is worth."""

    def __init__(self, settings: ServerSettings, body_bytes: int, read: Read) -> None:
        self.port = settings.port
        self._settings = settings
        self._body_bytes = body_bytes
        self._read = read
        self._path = ""
        self._seen = Seen()
        self._storing: dict[object, asyncio.Task[bool]] = {}
        self._junk_second, self._junk = 0, 0
        self._receiver: Receiver | None = None

    @asynccontextmanager
    async def serving(self, receiver: Receiver) -> AsyncIterator[None]:
        """Listen while the context lasts. LinkError when that cannot be had."""
        self._receiver = receiver
        self._path = whole_path(self._settings)
        tls = server_tls(self._settings.tls_cert_file or None, self._settings.tls_key_file or None)
        try:
            async with http_door(
                self._settings.bind,
                self.port,
                self._answer,
                tls=tls,
                callers_max=self._settings.connections_max,
                head_s=CALL_S_MAX,
            ) as self.port:
                yield
        finally:
            for task in self._storing.values():
                task.cancel()
            self._receiver = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        status = await self._status(request)
        refused = 400 <= status < 500
        if refused and self._too_much_junk() and request.transport is not None:
            request.transport.abort()
        response = web.Response(status=status)
        response.force_close()
        return response

    async def _status(self, request: web.BaseRequest) -> int:
        if "Content-Encoding" in request.headers:
            return 415
        try:
            # Read before anything is judged: an answer to half a call may not be heard.
            async with asyncio.timeout(CALL_S_MAX):
                body = await self._body(request)
            if not hmac.compare_digest(request.rel_url.raw_path.encode(), self._path.encode()):
                return 404
            if request.method != "POST":
                return 405
            pushed = self._read(request.content_type, body)
        except TimeoutError:
            return 408
        except RefusedError as error:
            return error.status
        return 200 if await self._durable(pushed) else 503

    async def _body(self, request: web.BaseRequest) -> bytes:
        if (request.content_length or 0) > self._body_bytes:
            raise RefusedError(413)
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > self._body_bytes:
                raise RefusedError(413)
        return bytes(body)

    async def _durable(self, pushed: Pushed) -> bool:
        """Whether the message is durable above, as far as that is known in time."""
        if pushed.payload is None or pushed.name in self._seen:
            return True
        task = self._storing.get(pushed.name)
        if task is None:
            if len(self._storing) >= self._settings.connections_max:
                return False
            task = asyncio.create_task(self._store(pushed))
            self._storing[pushed.name] = task
            task.add_done_callback(lambda _: self._storing.pop(pushed.name, None))
        done, _ = await asyncio.wait({task}, timeout=ANSWER_S)
        return bool(done) and not task.cancelled() and task.result()

    async def _store(self, pushed: Pushed) -> bool:
        if self._receiver is None or pushed.payload is None:
            return False
        stored = await hand_up(self._receiver, pushed.payload, pushed.peer, pushed.place)
        if stored:
            self._seen.add(pushed.name)
        return stored

    def _too_much_junk(self) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._junk_second:
            self._junk_second, self._junk = second, 0
        self._junk += 1
        return self._junk > JUNK_ANSWERS_S
