"""What is wrong here and what to do: every check says so in one sentence, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crisiskit.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]


def examine(home: Path) -> Iterator[Finding]:
    """Look at this machine, and at the installation in ``home`` if there is one."""
    from crisiskit.doctor import links, machine, station

    yield from machine.findings()
    if not station.exists(home):
        yield station.nothing_yet(home)
        return
    yield from station.findings(home)
    yield from links.findings(home)
