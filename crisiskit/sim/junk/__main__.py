"""``make junk MINUTES=10``: the campaign, and its figures."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from crisiskit.sim.junk.campaign import NAMES, Report, run

CALM_S = 30.0


def main() -> int:
    """Run it and tell. Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crisiskit.sim.junk", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--calm", type=float, default=CALM_S, help="seconds without junk first")
    parser.add_argument("--callers", type=int, default=16, help="for each port at a time")
    parser.add_argument("--seed", type=int, help="random if not given")
    parser.add_argument("--folder", type=Path, help="keep homes and logs there")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if given.seed is None else given.seed
    with TemporaryDirectory(prefix="junk-") as place:
        folder = given.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(run(folder, seed, given.minutes * 60, given.calm, given.callers))
    tell(report, seed)
    failures = list(report.failures())
    print("\n".join(failures or ["all promises kept"]))
    return 1 if failures else 0


def tell(report: Report, seed: int) -> None:
    """The figures."""
    print(f"{len(report.links)} links, {report.seconds:.0f} s of junk, seed {seed}")
    print(f"\n{'port':14}{'calls':>8}{'thrown kB':>11}{'answered B':>12}  statuses")
    for door in report.doors:
        statuses = ", ".join(f"{n} x {status}" for status, n in sorted(door.statuses.items()))
        thrown = door.thrown_bytes // 1000
        print(f"{door.name:14}{door.calls:8}{thrown:11,}{door.answered_bytes:12}  {statuses}")
    print(f"\n{'line':14}{'thrown kB':>11}{'written B':>11}")
    for line in report.lines:
        print(f"{line.name:14}{line.thrown_bytes // 1000:11,}{line.answered_bytes:11}")
    for name, babbler in report.babblers.items():
        print(f"{name:14}{babbler.thrown_bytes // 1000:11,}{babbler.heard_bytes:11}")
    for name in NAMES:
        first, last = report.calm[-1].memory[name], report.samples[-1].memory[name]
        print(
            f"\n{name}: memory {first / 1024:.1f} MiB before, {last / 1024:.1f} after,"
            f" {report.memory_beyond(name) / 1024:+.1f} at most, {report.creep(name):+} KiB from"
            f" the middle third to the last\n{name}: home {report.disk_beyond(name):+,} bytes"
            f" beyond the good messages, log {report.log_beyond(name):,} bytes"
        )
    print(
        f"\n{report.kept} good messages: {report.arrived} arrived, {report.held} held,"
        f" {len(report.doubled)} doubled; the last {report.settled_s:.1f} s after the junk\n"
        + ", ".join(f"{count} {what}" for what, count in report.billed.items())
    )


if __name__ == "__main__":
    sys.exit(main())
