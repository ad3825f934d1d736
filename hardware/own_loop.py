"""An event loop in a thread of its own, for a device that must be answered in time.

The screen, a commit or a long computation may hold the main loop for seconds; a driver that
runs here goes on answering. Python threads take turns every few milliseconds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, TypeVar

Value = TypeVar("Value")

CLOSE_S = 5.0


class LoopEndedError(Exception):
    """The loop was closed before the work there was done."""


class Beside(Protocol):
    """A place where coroutines of a driver run."""

    async def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run ``work`` there and wait for it; cancelling the call cancels the work."""

    def tell(self, call: Callable[..., None], *words: object) -> None:
        """From there: have ``call`` called in the loop of the one who waits here."""


class SameLoop:
    """No place of its own: for tests under a virtual clock."""

    async def __aenter__(self) -> Beside:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Nothing to close."""

    async def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """See :class:`Beside`."""
        return await work

    def tell(self, call: Callable[..., None], *words: object) -> None:
        """See :class:`Beside`."""
        call(*words)


class OwnLoop:
    """A thread with an event loop; a context manager. At its end all work there is cancelled.

    The thread does not keep the program alive: a device that holds it can be left behind.
    """

    def __init__(self, name: str) -> None:
        self._here = asyncio.get_running_loop()
        self._there: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def __aenter__(self) -> Beside:
        self._thread.start()
        await asyncio.to_thread(self._started.wait)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._there is not None and self._end is not None
        with suppress(RuntimeError):  # it is over already
            self._there.call_soon_threadsafe(self._end.set)
        await asyncio.to_thread(self._thread.join, CLOSE_S)

    async def call(self, work: Coroutine[Any, Any, Value]) -> Value:
        """See :class:`Beside`."""
        assert self._there is not None
        try:
            running = asyncio.run_coroutine_threadsafe(work, self._there)
        except RuntimeError as error:  # its end and this call crossed
            work.close()
            raise LoopEndedError from error
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise LoopEndedError from error
            raise

    def tell(self, call: Callable[..., None], *words: object) -> None:
        """See :class:`Beside`."""
        with suppress(RuntimeError):  # the program ends: nobody listens
            self._here.call_soon_threadsafe(call, *words)

    def _run(self) -> None:
        asyncio.run(self._stay())

    async def _stay(self) -> None:
        self._there = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._started.set()
        await self._end.wait()
        # What was cancelled may close its device in peace; the rest is cancelled then.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=CLOSE_S / 2)
