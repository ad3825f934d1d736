"""What the played web services share: calls to the center, and a small web server for MT.

Needs aiohttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from hardware.sim.gateway import Faults, PlayedGateway

PATIENCE_S = 3.0
BODY_BYTES_MAX = 262_144

Take = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, str] | None]]
"""Path and fields of a call to the HTTP status and text of the answer, None for no answer."""


@dataclass(frozen=True, slots=True)
class WebFaults(Faults):
    """``doubled``: chance that a call to the center that went well is made again at once.

    ``forged``: chance that somebody else calls the center first with such a message.
    ``refusals``: what the first MT calls are answered with, whatever they say.
    """

    doubled: float = 0.0
    forged: float = 0.0
    refusals: tuple[int, ...] = ()


class PlayedService(PlayedGateway):
    """A gateway that speaks HTTP with the center, at ``url``; ``patience_s`` is how long it
    waits for an answer. ``statuses``: how often which one came."""

    def __init__(self, url: str, faults: WebFaults | None = None, **more: object) -> None:
        super().__init__("", 0, faults=faults or WebFaults(), **more)  # type: ignore[arg-type]
        self.url = url
        self.patience_s = PATIENCE_S
        self.statuses: dict[int, int] = {}

    async def post(self, content_type: str, body: bytes) -> int:
        """Call the center; the status of its answer, 0 where none came in time."""
        limit = aiohttp.ClientTimeout(total=self.patience_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(self.url, data=body, headers={"Content-Type": content_type}) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            status = 0
        self.statuses[status] = self.statuses.get(status, 0) + 1
        return status

    @asynccontextmanager
    async def _listening(self, take: Take) -> AsyncIterator[int]:
        async def answer(request: web.Request) -> web.StreamResponse:
            fields = {name: str(value) for name, value in (await request.post()).items()}
            found = await take(request.path, fields)
            if found is None and request.transport is not None:
                request.transport.abort()
            status, text = found or (500, "")
            return web.Response(status=status, text=text)

        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._bind, self.mt_port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await asyncio.shield(runner.cleanup())
