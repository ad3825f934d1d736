"""The wall clock, in one place.

``CRISISKIT_TEST_CLOCK`` (milliseconds since 1970 UTC) makes the clock of a process start at
that instant and run on from there: for tests of wrong clocks, and for exercises.
"""

from __future__ import annotations

import os
import time

TEST_CLOCK = "CRISISKIT_TEST_CLOCK"
_MINUTE_MAX = 0xFFFFFFFF


def wall_ms() -> int:
    """Whole milliseconds since 1970 UTC by this machine's clock, right or wrong."""
    return time.time_ns() // 1_000_000 + _shift_ms


def minute_of(at_ms: int) -> int:
    """The minute since 1970 UTC that a record of this instant bears: 4 bytes, the nearest that fit.

    A clock far off gives a wrong date; nothing is refused for it.
    """
    return max(0, min(at_ms // 60_000, _MINUTE_MAX))


def _read_shift() -> int:
    start = os.environ.get(TEST_CLOCK, "")
    return int(start) - time.time_ns() // 1_000_000 if start.isdecimal() else 0


_shift_ms = _read_shift()


def offset_s(at_ms: int) -> int:
    """How far local time is ahead of UTC at an instant; 0 for years that no calendar here has."""
    try:
        return time.localtime(at_ms / 1000).tm_gmtoff
    except (OverflowError, ValueError, OSError):
        return 0
