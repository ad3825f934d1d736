"""Iridium system time: 90 ms ticks of a changing epoch, made into Unix time. Pure.

An Iridium "era" says when tick 0 was. The network moved to era 3 on 14 January 2026, so no
fixed epoch is right for every device and recording. Use the result to offer setting a clock,
never to date a signature.
"""

from __future__ import annotations

import re

TICK_S = 0.09
ERA_2 = 1_399_818_235  # 2014-05-11T14:23:55Z, in force until 2026-01-14
ERA_3 = 1_739_556_857  # 2025-02-14T18:14:17Z
ERAS = (ERA_2, ERA_3)

_TICKS = re.compile(r"-MSSTM:\s*([0-9A-Fa-f]{1,8})$")


def parse_ticks(line: str) -> int | None:
    """The ticks of a ``-MSSTM:`` line, None for ``no network service``."""
    found = _TICKS.match(line)
    return int(found.group(1), 16) if found else None


def ticks_to_unix(
    ticks: int,
    *,
    not_before: float,
    now: float | None,
    eras: tuple[int, ...] = ERAS,
) -> float | None:
    """Unix seconds of a 32-bit tick count; None when no era gives a possible date.

    ``not_before`` is the build date of this program: it cannot run earlier. ``now`` is the
    system clock, None when that is itself in doubt: the newest era is taken then. ``eras``
    are Unix seconds of tick 0, oldest first; settings may add the next one.
    """
    possible = [when for era in eras if (when := era + ticks * TICK_S) >= not_before]
    if not possible:
        return None
    if now is None:
        return possible[-1]
    return min(possible, key=lambda when: abs(when - now))
