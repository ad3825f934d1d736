"""The wall clock, in one place.

``CRISISKIT_TEST_CLOCK`` (milliseconds since 1970 UTC) makes the clock of a process start at
that instant and run on from there: for tests of wrong clocks, and for exercises.
"""

from __future__ import annotations

import os
import time

TEST_CLOCK = "CRISISKIT_TEST_CLOCK"


def wall_ms() -> int:
    """Whole milliseconds since 1970 UTC by this machine's clock, right or wrong."""
    return time.time_ns() // 1_000_000 + _shift_ms


def _read_shift() -> int:
    start = os.environ.get(TEST_CLOCK, "")
    return int(start) - time.time_ns() // 1_000_000 if start.isdecimal() else 0


_shift_ms = _read_shift()
