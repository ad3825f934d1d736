"""NMEA 0183 sentences of a satellite navigation receiver, as fixes. Pure: no I/O, no clock.

A sentence is ``$``, talker and type, fields, ``*`` and the XOR of all between as two hex digits.
RMC gives time, date and place, GGA of the same second the quality. Nothing is believed that
its checksum, its receiver (``V``, quality 0) or its date speak against: old receivers are off by
1024 weeks. Sources: NMEA 0183 as published by gpsd; u-blox 8 protocol specification.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

LINE_BYTES_MAX = 120  # the standard says 82; some receivers write more
EARLIEST_S = 1_767_225_600  # 2026-01-01: before this program was written
LATEST_S = EARLIEST_S + 1024 * 7 * 86_400
ERROR_OF_HDOP_M = 5.0  # what a hand-held receiver is off by at HDOP 1, two times in three

_SENTENCE = re.compile(rb"\$([A-Z]{2})(RMC|GGA),([ -)+-~]*)\*([0-9A-Fa-f]{2})")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?:\.\d{1,6})?")
_DATE = re.compile(r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])(\d\d)")
_ANGLE = re.compile(r"(\d{2,3})([0-5]\d(?:\.\d{1,8})?)")
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4})?")


@dataclass(frozen=True, slots=True)
class Fix:
    """A place at a time: seconds since 1970 UTC, degrees, north and east positive.

    ``error_m`` is the receiver's estimate in metres, None where it gives none.
    """

    at_s: int
    latitude: float
    longitude: float
    error_m: float | None = None


def checksum(body: bytes) -> int:
    """The XOR of the bytes between ``$`` and ``*``."""
    found = 0
    for byte in body:
        found ^= byte
    return found


class Decoder:
    """Takes a stream in any pieces and gives the fixes in it. No bytes make it fail.

    Holds at most one line. ``sentences`` counts those with a right checksum.
    """

    def __init__(self) -> None:
        self.sentences = 0
        self._held = b""
        self._quality: dict[str, tuple[bool, float | None]] = {}

    def feed(self, chunk: bytes) -> list[Fix]:
        """The fixes whose sentence ends in this chunk, in order."""
        *lines, rest = (self._held + chunk).split(b"\n")
        self._held = rest[-LINE_BYTES_MAX:]
        return [fix for line in lines if (fix := self._line(line[-LINE_BYTES_MAX:])) is not None]

    def _line(self, line: bytes) -> Fix | None:
        found = _SENTENCE.search(line)
        if found is None:
            return None
        talker, kind, fields, told = found.groups()
        if checksum(talker + kind + b"," + fields) != int(told, 16):
            return None
        self.sentences += 1
        words = fields.decode("ascii").split(",")
        if kind == b"GGA":
            self._take_quality(words)
            return None
        return self._fix(words)

    def _take_quality(self, words: list[str]) -> None:
        """What GGA says of its second: whether there is a fix, and its error."""
        if len(words) < 8 or not _TIME.fullmatch(words[0]):
            return
        valid = words[5].isdigit() and words[5] != "0"
        hdop = float(words[7]) if _NUMBER.fullmatch(words[7]) else None
        self._quality = {words[0]: (valid, None if hdop is None else hdop * ERROR_OF_HDOP_M)}

    def _fix(self, words: list[str]) -> Fix | None:
        if len(words) < 9 or words[1] != "A":
            return None
        valid, error_m = self._quality.get(words[0], (True, None))
        at_s = _instant(words[8], words[0])
        latitude = _angle(words[2], words[3], "NS", 90)
        longitude = _angle(words[4], words[5], "EW", 180)
        if not valid or at_s is None or latitude is None or longitude is None:
            return None
        return Fix(at_s, latitude, longitude, error_m)


def believable(at_s: float) -> bool:
    """Whether a receiver can have this date and be right."""
    return EARLIEST_S <= at_s < LATEST_S


def _instant(date: str, time: str) -> int | None:
    day, clock = _DATE.fullmatch(date), _TIME.fullmatch(time)
    if day is None or clock is None:
        return None
    numbers = (2000 + int(day[3]), int(day[2]), int(day[1]), *map(int, clock.groups()))
    at_s = calendar.timegm(numbers)
    return at_s if believable(at_s) else None


def _angle(text: str, half: str, halves: str, most: int) -> float | None:
    """``ddmm.mmmm`` and its half of the globe, in degrees."""
    found = _ANGLE.fullmatch(text)
    if found is None or len(half) != 1 or half not in halves:
        return None
    degrees = int(found[1]) + float(found[2]) / 60
    if degrees > most:
        return None
    return round(-degrees if half == halves[1] else degrees, 7)
