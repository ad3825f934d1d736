"""Fixes of a satellite navigation receiver: from its serial port, or from gpsd over TCP.

Source: gpsd's client protocol (gpsd_json): ``?WATCH`` asks for reports, one JSON object a line;
class TPV with mode 2 or 3 is a fix.
"""

from __future__ import annotations

import asyncio
import calendar
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from hardware.nmea import Decoder, Fix, believable
from hardware.port import PortError, PortTrouble, open_port

LINE_BYTES_MAX = 16_384
CONNECT_S_MAX = 10.0
MODE_2D = 2

_WATCH = b'?WATCH={"enable":true,"json":true};\n'
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")


async def serial_fixes(port: str, baud: int) -> AsyncGenerator[Fix, None]:
    """The fixes that a receiver tells on its port, without being asked. Raises PortError."""
    decoder = Decoder()
    async with open_port(port, baud) as device:
        while True:
            for fix in decoder.feed(await device.read()):
                yield fix


async def gpsd_fixes(host: str, port: int) -> AsyncGenerator[Fix, None]:
    """The fixes that gpsd reports. Raises PortError when it does not answer or goes away."""
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
    except (OSError, TimeoutError) as error:
        raise PortError(PortTrouble.MISSING, f"gpsd at {host}:{port}: {error}") from error
    try:
        writer.write(_WATCH)
        while True:
            line = await reader.readline()
            if not line:
                raise PortError(PortTrouble.GONE, "gpsd closed the connection")
            if (fix := parse_report(line)) is not None:
                yield fix
    except (OSError, ValueError) as error:  # ValueError: a line longer than the limit
        raise PortError(PortTrouble.GONE, str(error)) from error
    finally:
        writer.transport.abort()


def parse_report(line: bytes) -> Fix | None:
    """The fix in one line of gpsd; None where it tells something else, or nonsense."""
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or report.get("class") != "TPV":
        return None
    latitude, longitude = _number(report.get("lat"), 90), _number(report.get("lon"), 180)
    mode, at_s = report.get("mode"), _instant(report.get("time"))
    valid = isinstance(mode, int) and mode >= MODE_2D
    if not valid or latitude is None or longitude is None or at_s is None:
        return None
    error_m = _number(report.get("eph"), 1_000_000)
    return Fix(at_s, latitude, longitude, None if error_m is None else abs(error_m))


def _number(value: Any, most: float) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and -most <= value <= most else None


def _instant(value: Any) -> int | None:
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        at_s = calendar.timegm(tuple(map(int, found.groups())))
    except ValueError:
        return None
    return at_s if believable(at_s) else None
