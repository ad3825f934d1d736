"""`python -m crisiskit.sim.day --kits 40 --hours 24 --seed 1`: a day, and its figures."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from crisiskit.sim.checks import BrokenPromiseError
from crisiskit.sim.day.live import Figures, live
from crisiskit.sim.day.plan import draw

LATE_FRAMES_MOST = 1.0
RATIO_MOST = 1.25


def main() -> int:
    """Read the command line and run. Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crisiskit.sim.day", description=__doc__)
    parser.add_argument("--kits", type=int, default=40)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="the figures as one object")
    parser.add_argument("--folder", type=Path, help="where databases may lie; a RAM disk is quick")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        try:
            found = live(draw(given.kits, given.hours, given.seed), Path(folder))
        except BrokenPromiseError as broken:
            print(f"seed {given.seed}: {broken}", file=sys.stderr)
            return 1
    if given.json:
        print(json.dumps(found.table()))
    else:
        _show(found)
        print(f"{time.monotonic() - began:.0f} s")
    return 0


def _show(found: Figures) -> None:
    rows = (
        ("messages; all held, none doubled", f"{found.messages}", ""),
        ("frames; carried for neighbours", f"{found.frames}; {found.carried}", ""),
        ("settled after the day", f"{found.settled_h} h", ""),
        (f"FLASH ({found.flashes}), median", f"{found.flash_median_s} s", ""),
        ("the bare link", f"{found.bare_median_s} s", ""),
        ("beyond it, frames", f"{found.late_median}", _verdict(found.late_median <= 1)),
        ("FLASH, p99", f"{found.flash_p99_s} s", ""),
        ("the bare link", f"{found.bare_p99_s} s", ""),
        ("beyond it, frames", f"{found.late_p99}", _verdict(found.late_p99 <= LATE_FRAMES_MOST)),
        ("credits", f"{found.credits} {found.credits_by_link}", ""),
        ("of the oracle", f"{found.oracle}, {found.oracle_receipts} of them receipts", ""),
        ("ratio", f"{found.ratio:.2f}", _verdict(found.ratio <= RATIO_MOST)),
    )
    for what, value, verdict in rows:
        print(f"{what:<36}{value:<40}{verdict}".rstrip())


def _verdict(reached: bool) -> str:
    return "reached" if reached else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
