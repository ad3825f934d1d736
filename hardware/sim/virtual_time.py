"""A clock that jumps to whatever comes next: days of a played device in seconds of a test.

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(a_whole_day())

Good for what lives in one loop, with ports in memory; threads and processes know other times.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Waits for nothing but what is there already; what would have been waited is skipped."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """See :class:`selectors.BaseSelector`."""
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self.now_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time`` starts at 0 and passes only while everybody waits."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.now_s
