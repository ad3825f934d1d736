"""The hours of a day in which a link may be used, by the clock on the wall of the place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DAY_MIN = 24 * 60
MINUTE_MS = 60_000
DAY_MS = DAY_MIN * MINUTE_MS
WINDOWS_MAX = 12
_WINDOW = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Windows of local minutes [start, end); one that ends before it starts goes over midnight.

    Without windows a link is never closed.
    """

    windows: tuple[tuple[int, int], ...] = ()

    def open_at(self, minute: int) -> bool:
        """Whether a link may be used in this minute of the local day."""
        return not self.windows or any(_inside(minute, *window) for window in self.windows)

    def opens_ms(self, wall_ms: int, offset_s: int) -> int:
        """The first instant from ``wall_ms`` on at which the link may be used.

        ``offset_s``: how far local time is ahead of UTC.
        """
        local_ms = wall_ms + offset_s * 1000
        minute = local_ms // MINUTE_MS % DAY_MIN
        if self.open_at(minute):
            return wall_ms
        ahead = min((start - minute) % DAY_MIN for start, _ in self.windows)
        return wall_ms + ahead * MINUTE_MS - local_ms % MINUTE_MS

    def __str__(self) -> str:
        """As in the settings file: ``06:00-12:00, 22:00-02:00``."""
        return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in self.windows)


ALWAYS = Hours()


def parse_hours(words: Iterable[str]) -> Hours:
    """Windows such as ``06:00-22:00`` and ``22:00-02:00``. Raises ValueError for anything else."""
    windows = []
    for word in words:
        found = _WINDOW.fullmatch(word.strip())
        if found is None:
            raise ValueError(word)
        hour, minute, end_hour, end_minute = map(int, found.groups())
        start, end = 60 * hour + minute, 60 * end_hour + end_minute
        if start >= DAY_MIN or end > DAY_MIN or start == end:
            raise ValueError(word)
        windows.append((start, end))
    return Hours(tuple(windows))


def _inside(minute: int, start: int, end: int) -> bool:
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
