"""A JSPR dialogue on a port: one task reads and sorts, one writes, every request has a deadline.

What the modem says unasked is handed out from the reading task itself, and what is posted in
answer to it is written before any waiting request: so an answer is on the line at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType

from hardware.at_line import ModemError, ModemTrouble
from hardware.jspr import END, Code, Decoder, Reply, request
from hardware.port import Port, PortError

POSTED_MAX = 64

Notice = Callable[[Reply], None]
Mine = Callable[[Reply], bool]


class JsprLine:
    """Requests and replies on an open port; a context manager around its two tasks.

    ``notice`` is called with each unasked line, ``stray`` with each answer that nobody waits
    for, ``lost`` when the port ends. Times are in seconds. Calls raise ModemError(SILENT) at a
    deadline and PortError when the port is gone.
    """

    def __init__(
        self,
        port: Port,
        notice: Notice,
        stray: Notice,
        lost: Callable[[], None],
        *,
        answer_s: float,
    ) -> None:
        self._port = port
        self._notice = notice
        self._stray = stray
        self._on_lost = lost
        self._answer_s = answer_s
        self._decoder = Decoder()
        self._posted: deque[bytes] = deque(maxlen=POSTED_MAX)
        self._request: bytes | None = None
        self._work = asyncio.Event()
        self._turn = asyncio.Lock()
        self._asked: tuple[str, Mine, asyncio.Future[Reply]] | None = None
        self._lost: PortError | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> JsprLine:
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise PortError if the port is gone."""
        if self._lost is not None:
            raise PortError(self._lost.code, self._lost.detail)

    def post(self, method: str, target: str, body: Mapping[str, object]) -> None:
        """Write a line soon, before waiting requests, and wait for no answer."""
        self._posted.append(request(method, target, body))
        self._work.set()

    async def ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        *,
        mine: Mine = lambda _reply: True,
        fresh: bool = False,
        deadline_s: float | None = None,
    ) -> Reply:
        """A request and its reply, be it a refusal. ``mine`` knows which reply is meant.

        ``fresh``: end first whatever half line the modem may hold.
        """
        async with self._turn:
            waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            self.check()
            self._asked = (target, mine, waiting)
            self._request = (END if fresh else b"") + request(method, target, body or {})
            self._work.set()
            try:
                async with asyncio.timeout(deadline_s or self._answer_s):
                    return await waiting
            except TimeoutError as error:
                raise ModemError(ModemTrouble.SILENT, f"{method} {target}") from error
            finally:
                self._asked = None
                self._request = None

    async def drain(self) -> None:
        """Wait until all that was posted is on the line; raises nothing when the port is gone."""
        while self._posted and self._lost is None:
            await asyncio.sleep(0.01)

    async def _write(self) -> None:
        try:
            while True:
                await self._work.wait()
                if self._posted:
                    data = self._posted[0]
                    await self._port.write(data)
                    if self._posted and self._posted[0] is data:
                        self._posted.popleft()
                elif self._request is not None:
                    data, self._request = self._request, None
                    await self._port.write(data)
                else:
                    self._work.clear()
        except PortError as error:
            self._end(error)

    async def _read(self) -> None:
        """Sort what arrives until the port is gone."""
        try:
            while True:
                for reply in self._decoder.feed(await self._port.read()):
                    if reply.code == Code.UNASKED:
                        self._notice(reply)
                    else:
                        self._answered(reply)
        except PortError as error:
            self._end(error)

    def _answered(self, reply: Reply) -> None:
        if self._asked is not None:
            target, mine, waiting = self._asked
            # A modem that could not read a line names no target that was asked for.
            unread = reply.code in (401, 403, 404, 405) and not reply.target.startswith("message")
            if (reply.target == target and mine(reply)) or unread:
                if not waiting.done():
                    waiting.set_result(reply)
                return
        self._stray(reply)

    def _end(self, error: PortError) -> None:
        self._lost = self._lost or error
        if self._asked is not None and not self._asked[2].done():
            self._asked[2].set_exception(PortError(error.code, error.detail))
        self._on_lost()
