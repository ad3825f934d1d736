"""What stands above a log that is exported, and what makes foreign words harmless in one."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from crisiskit.harmless import clean_text

# Marks that show nothing but can reorder, hide or tag the words around them. The joiners stay:
# some scripts are not readable without.
_MARKS = re.compile(
    "[\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """Whose log, of what, and when it was made. Instants are milliseconds since 1970 UTC.

    ``since`` and ``until`` are None where the log is not limited, ``incident`` is empty where
    it is to be written by hand. ``lang`` is ``en`` or ``fr``.
    """

    station: str
    network: str
    made_at: int
    lang: str = "en"
    incident: str = ""
    since: int | None = None
    until: int | None = None
    exercise: bool = False


def harmless(text: str) -> str:
    """``text`` without control characters, bidirectional and invisible marks, or tabs."""
    return _MARKS.sub("", clean_text(text)).replace("\t", " ")


def one_line_of(text: str) -> str:
    """``harmless``, in one line."""
    return " ".join(harmless(text).split())


def zone_text(at_ms: int) -> str:
    """How far local time is ahead of UTC at that instant: ``UTC+03:00``."""
    try:
        offset = time.localtime(at_ms / 1000).tm_gmtoff
    except (OverflowError, ValueError, OSError):
        return "UTC"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"UTC{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
