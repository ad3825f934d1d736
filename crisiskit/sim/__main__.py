"""`python -m crisiskit.sim --hours 1000`: live through worlds until so many kit-hours are done."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from crisiskit.sim.campaign import draw, run
from crisiskit.sim.checks import Tally

PROGRESS_S = 15.0


def main() -> int:
    """Read the command line and run. Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crisiskit.sim", description=__doc__)
    parser.add_argument("--hours", type=float, default=1000.0, help="simulated kit-hours")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; others follow")
    parser.add_argument("--one", action="store_true", help="only that seed, to replay a failure")
    parser.add_argument("--folder", type=Path, help="where databases may lie; a RAM disk is quick")
    given = parser.parse_args()
    hours, bad, total, began, told = 0.0, [], Tally(), time.monotonic(), time.monotonic()
    for seed in count(given.seed):
        plan = draw(seed)
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            try:
                total.add(run(plan, Path(folder)))
            except Exception as broken:
                bad.append(seed)
                print(f"seed {seed}: {type(broken).__name__} {broken}", flush=True)
        hours += plan.kit_hours
        if time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            print(f"{hours:,.0f} kit-hours, {seed - given.seed + 1} worlds, {len(bad)} bad")
        if given.one or hours >= given.hours:
            break
    seconds = time.monotonic() - began
    print(
        f"{hours:,.0f} simulated kit-hours in {seconds:.0f} s, seeds {given.seed} to {seed}:"
        f" {len(bad)} bad {bad or ''}\n{total}"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
