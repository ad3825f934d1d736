"""crisiskit beside other systems on the emulated slow line, by the runner of the shared folder.

The runner is `run_peers.py` of SHARED/bench; crisiskit takes part through ``line_peer``. What
`make bench-peers` and Debian's packages uucp and lrzsz bring is measured too; what is missing
is said. Absolute times hold for one machine only: compare within one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import FILE, MissingError, needed
from report import Options, Report, load, quietly

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
OURS = f"{HERE / 'line_peer.py'}:CrisisKit"
OTHERS = ("lxmf-direct", "uucp-batch", "zmodem")
SLOWER = ("uucp", "zmodem-w")
CLEAN, ROUGH = "sat-clean", ("sat-ber", "sat-outage", "wire")
MANY = 500
TIMEOUT_S = 400
HEAD = (
    f"  {'peer':<13}{'condition':<12}{'n':>4}{'s':>8}{'x limit':>9}{'x ours':>8}"
    f"{'B/text up+down':>16}{'CPU s A/B':>13}{'MB A/B':>13}{'lost':>6}{'twice':>6}{'load':>6}"
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Runner:
    """The runner, with the Python and the texts it takes."""

    python: Path
    program: Path
    texts: Path

    def can_run(self, names: Sequence[str]) -> dict[str, str]:
        """What is missing for each of the peers; empty where nothing is."""
        listed = subprocess.run(
            [self.python, self.program, "--list", "--peers", ",".join(names)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        words = dict(line.split(maxsplit=1) for line in listed.splitlines() if line[:1].strip())
        return {name: words[name].removeprefix("ready").strip() for name in names}

    def row(self, name: str, n: int, condition: str) -> Row:
        """Measure one peer with ``n`` texts. Raises MissingError when it did not come to that."""
        options = {"peers": name, "n": n, "condition": condition}
        options |= {"messages": self.texts, "timeout": TIMEOUT_S}
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        done = subprocess.run(
            [self.python, self.program, *words], env=_environment(), capture_output=True, text=True
        )
        for line in done.stderr.splitlines():
            if line.startswith("{"):
                row: Row = json.loads(line)
                return row
        raise MissingError(f"{name} on the line: {(done.stderr or done.stdout).strip()[-400:]}")


def run(options: Options, report: Report) -> None:
    """All on the clean line, crisiskit alone on the others."""
    runner = Runner(
        PEERS_PYTHON if PEERS_PYTHON.exists() else Path(sys.executable),
        needed(options.shared, "bench/run_peers.py"),
        needed(options.shared, FILE),
    )
    report.part("line: from the command to send until the last text can be read at the center")
    wanted = OTHERS + SLOWER * options.all_peers
    absent = runner.can_run(wanted)
    for name in wanted:
        if absent[name]:
            report.note(f"{name} left out. {absent[name]}; try `make bench-peers`")
    others = [name for name in wanted if not absent[name]]
    print(HEAD, flush=True)
    alone = _measured(runner, others, 1, CLEAN)
    batch = _measured(runner, others, 100, CLEAN)
    many = _measured(runner, [], MANY, CLEAN)
    rough = [_measured(runner, [], 100, condition) for condition in ROUGH]
    for row in (alone, batch, many, *rough):
        _check(row, report)
    for row in (batch, many):
        what = f"{row['n']} texts, sat-clean, signed and encrypted, times the limit"
        report.figure(what, row["ratio_to_limit"], "x", most=0.9, digits=2)
    report.figure("the first of 100 readable", batch["first_s"], "s", digits=2)
    report.figure("one text, sat-clean, readable", alone["wall_s"], "s", most=2, digits=2)
    both = sum(alone["bytes_total"])
    report.figure("one text, both ways together, its receipt included", both, "B", most=170)


def _measured(runner: Runner, others: Sequence[str], n: int, condition: str) -> Row:
    """Measure crisiskit, then the others, print a line for each; crisiskit's row."""
    ours = _calm_row(runner, OURS, n, condition)
    _show(ours, ours)
    if "error" in ours:
        raise MissingError("crisiskit failed on the line")
    for name in others:
        _show(_calm_row(runner, name, n, condition), ours)
    return ours


def _calm_row(runner: Runner, name: str, n: int, condition: str) -> Row:
    """One measurement; its ``load1`` is the higher of before and after."""

    def measure() -> Row:
        row = runner.row(name, n, condition)
        return row | {"load1": max(row["load1"], load())}

    return quietly(measure)


def _show(row: Row, ours: Row) -> None:
    start = f"  {row['peer']:<13}{row['condition']:<12}{row['n']:>4}"
    if "error" in row:
        print(f"{start}  {row['error']}", flush=True)
        return
    wall = f"{'>' if row.get('timed_out') else ''}{row['wall_s']:.2f}"
    limit = f"{row['ratio_to_limit']:.2f}" if "ratio_to_limit" in row else "-"
    beside = f"{row['wall_s'] / ours['wall_s']:.2f}" if "wall_s" in ours else "-"
    up, down = row["bytes_per_message"]
    print(
        f"{start}{wall:>8}{limit:>9}{beside:>8}{f'{up:.0f}+{down:.0f}':>16}"
        f"{'/'.join(f'{one:.2f}' for one in row['cpu_s']):>13}"
        f"{'/'.join(f'{one:.0f}' for one in row['peak_rss_mb']):>13}"
        f"{row['lost']:>6}{row['duplicates'] + row['altered']:>6}{row['load1']:>6.2f}",
        flush=True,
    )


def _check(row: Row, report: Report) -> None:
    wrong = row["lost"] + row["duplicates"] + row["altered"]
    what = f"{row['condition']}, of {row['n']}: lost, doubled or altered"
    report.figure(what, wrong, "texts", most=0)


def _environment() -> dict[str, str]:
    """Ours, but for Python's compiled files: kept outside the source tree, as if installed."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}
