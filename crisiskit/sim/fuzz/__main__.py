"""All campaigns, round after round, each with a seed of its own: ``make fuzz``."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from crisiskit.sim.fuzz import bodies, decoders, frames

FRAMES = 100_000
FRAMES_FIRST = 2_000
BODIES = 500
INPUTS = 1_000
INPUTS_SLOW = 40
SLOW = ("iridium modem", "imt modem")


class Campaign:
    """What the rounds have done so far."""

    def __init__(self, frames_each: int) -> None:
        self.frames_each = frames_each
        self.done: Counter[str] = Counter()
        self.engine_s = 0.0
        self.slowest_s = 0.0
        self.grown_kib = 0

    def round(self, seed: int) -> Iterator[str]:
        """One round of everything."""
        with TemporaryDirectory() as place:
            for name, campaign in (
                ("frames", self._frames),
                ("bodies", self._bodies),
                ("decoders", self._decoders),
            ):
                folder = Path(place) / name
                folder.mkdir()
                try:
                    yield from campaign(folder, seed)
                except Exception as error:
                    yield f"{name}: {type(error).__name__}: {error}"

    def _frames(self, folder: Path, seed: int) -> Iterator[str]:
        recording = frames.record(folder, seed)
        yield from frames.attack(recording, seed + 1, FRAMES_FIRST).bad
        before = _memory_kib()
        report = frames.attack(recording, seed, self.frames_each)
        self.grown_kib = max(self.grown_kib, _memory_kib() - before)
        for station in recording.world.stations:
            station.store.close()
        self.done["frames"] += report.frames
        self.done["frames accepted"] += report.accepted
        self.done["frames answered"] += report.answers
        self.engine_s += report.seconds
        yield from report.bad
        if not report.kept:
            yield f"{report.stored_bytes} bytes stored, the queue flows: {report.flows}"

    def _bodies(self, folder: Path, seed: int) -> Iterator[str]:
        costs = bodies.run(folder, seed, BODIES)
        self.done["bodies"] += len(costs)
        self.slowest_s = max(self.slowest_s, *(cost.seconds for cost in costs if not cost.traced))
        yield from bodies.too_dear(costs)

    def _decoders(self, folder: Path, seed: int) -> Iterator[str]:
        for decoder in decoders.all_decoders(folder):
            count = INPUTS_SLOW if decoder.name in SLOW else INPUTS
            self.done["decoder inputs"] += count
            yield from decoders.run(decoder, seed, count)


def main() -> int:
    """See ``make fuzz``."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--frames", type=int, default=0, help="stop after so many instead")
    parser.add_argument("--seed", type=int, help="that of the first round; random if not given")
    parser.add_argument("--rounds", type=int, default=0, help="stop after so many instead")
    wanted = parser.parse_args()
    first = random.SystemRandom().randrange(10**9) if wanted.seed is None else wanted.seed
    campaign = Campaign(wanted.frames or FRAMES)
    start, seed, failed = monotonic(), first, 0
    while True:
        for wrong in campaign.round(seed):
            failed += 1
            print(f"seed {seed}: {wrong}\n  again: make fuzz SEED={seed} ROUNDS=1", flush=True)
        seed += 1
        enough = campaign.done["frames"] >= wanted.frames if wanted.frames else False
        late = monotonic() - start >= wanted.minutes * 60
        if seed - first >= wanted.rounds if wanted.rounds else enough if wanted.frames else late:
            break
    done = ", ".join(f"{count:,} {name}" for name, count in campaign.done.items())
    print(f"{seed - first} rounds from seed {first} in {monotonic() - start:.0f} s: {done}")
    print(f"junk: {campaign.done['frames'] / campaign.engine_s:,.0f} frames/s refused on one core")
    print(f"slowest body: {campaign.slowest_s * 1000:.0f} ms")
    print(f"memory: {campaign.grown_kib:,} KiB more after the junk of a round than before it")
    print(f"{failed} failures")
    return 1 if failed else 0


def _memory_kib() -> int:
    """The memory this process has now; where the system does not tell, the most it has had."""
    try:
        resident = Path("/proc/self/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
