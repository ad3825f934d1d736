"""A thread of its own for calls that may block: a medium that hangs holds up nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
_Call = tuple["Future[Any]", Callable[[], Any]]


class StuckError(Exception):
    """A call does not come back."""


class Hand:
    """Does one call after the other; StuckError for one that takes over ``call_s_max``.

    The thread is a daemon: whoever ends the program does not wait for a dead medium.
    """

    def __init__(self, call_s_max: float) -> None:
        self._call_s_max = call_s_max
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Calls are done in this block. StuckError while an older one has not ended."""
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(0.1)
            if self._thread.is_alive():
                raise StuckError("an older call has not ended")
        self._calls = SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._calls,), daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._calls.put(None)

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives or raises. Cancelled, a call that began goes on to its end."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: call(*args, **kwargs)))
        try:
            async with asyncio.timeout(self._call_s_max) as limit:
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StuckError(f"no answer within {self._call_s_max:g} s") from error


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (job := calls.get()) is not None:
        future, call = job
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(call())
        except BaseException as error:  # whatever it is, it is told where it was asked for
            future.set_exception(error)
