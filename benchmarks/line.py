"""crisiskit beside other systems on the emulated slow line, by the runner of the shared folder.

The runner is `run_peers.py` of SHARED/bench; crisiskit takes part through ``line_peer``. What
`make bench-peers` and Debian's packages uucp, lrzsz, pat and nncp bring is measured too; what is
missing is said. Absolute times hold for one machine only: compare within one run.
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
STANDING = f"{HERE / 'line_peer.py'}:Standing"
OTHERS = ("zmodem", "uucp-batch", "lxmf-direct")
# NNCP's own hand-shake never ends at 2400 bit/s: its packets travel by ZMODEM here.
SLOWER = ("pat", "nncp-zmodem", "zmodem-w", "uucp")
CLEAN, DAMAGED, BROKEN, WIDE = "sat-clean", "sat-ber", "sat-outage", "wire"
HUNDRED = (DAMAGED, BROKEN, "radio-9600", WIDE)
MANY = 500
DEAD_S, DEAD_EVERY_S, DEAD_FIRST_S = 20.0, 60.0, 10.0  # what the runner calls sat-outage
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
    """crisiskit and the others side by side, one condition after another."""
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
    alone, _ = _measured(runner, others, 1, CLEAN)
    batch = {name: _measured(runner, others, 100, name) for name in (CLEAN, *HUNDRED)}
    rivals = others if options.all_peers else []
    many = {name: _measured(runner, rivals, MANY, name) for name in (CLEAN, DAMAGED, BROKEN)}
    standing = _calm_row(runner, STANDING, 100, WIDE)
    _show(standing, batch[WIDE][0])
    rows = [(alone, []), *batch.values(), *many.values(), (standing, [])]
    for row, rows_of_others in rows:
        _check(row, rows_of_others, report)
    for row in (batch[CLEAN][0], many[CLEAN][0]):
        what = f"{row['n']} texts, sat-clean, signed and encrypted, times the limit"
        report.figure(what, row["ratio_to_limit"], "x", most=0.9, digits=2)
    report.figure("the first of 100 readable", batch[CLEAN][0]["first_s"], "s", digits=2)
    report.figure("one text, sat-clean, readable", alone["wall_s"], "s", most=2, digits=2)
    both = sum(alone["bytes_total"])
    report.figure("one text, both ways together, its receipt included", both, "B", most=170)
    _beside_clean(batch, many, report)
    _wide(standing, report)


def with_outages(open_s: float) -> float:
    """When a line that works for so long has done so, with the outages of the runner."""
    passed, open_until = 0.0, DEAD_FIRST_S
    while open_s > open_until - passed:
        open_s -= open_until - passed
        passed = open_until + DEAD_S
        open_until += DEAD_EVERY_S
    return passed + open_s


def _beside_clean(
    batch: dict[str, tuple[Row, list[Row]]], many: dict[str, tuple[Row, list[Row]]], report: Report
) -> None:
    """What damage and outages cost, against the clean line of the same run."""
    for rows in (batch, many):
        clean, damaged, broken = (rows[name][0] for name in (CLEAN, DAMAGED, BROKEN))
        n = clean["n"]
        what = f"{n} texts, one byte in 10,000 damaged, times clean"
        goal = 1.05 if n == MANY else None
        report.figure(what, damaged["wall_s"] / clean["wall_s"], "x", most=goal, digits=2)
        what = f"{n} texts, outages, times what the open time allows"
        allowed = with_outages(clean["wall_s"])
        report.figure(what, broken["wall_s"] / allowed, "x", most=1.1, digits=2)


def _wide(row: Row, report: Report) -> None:
    """At 115,200 bit/s, written to a command that runs already."""
    report.figure("wire, 100 texts to a running `send`", row["wall_s"], "s", most=0.7, digits=2)
    for end, goal, cpu_s in zip(("kit", "center"), (0.3, 0.5), row["cpu_s"], strict=True):
        report.figure(f"wire, processor time of the {end}", cpu_s, "s", most=goal, digits=2)


def _measured(
    runner: Runner, others: Sequence[str], n: int, condition: str
) -> tuple[Row, list[Row]]:
    """Measure crisiskit, then the others, print a line for each; its row, and theirs."""
    ours = _calm_row(runner, OURS, n, condition)
    _show(ours, ours)
    if "error" in ours:
        raise MissingError("crisiskit failed on the line")
    rows = [_calm_row(runner, name, n, condition) for name in others]
    for row in rows:
        _show(row, ours)
    return ours, rows


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


def _check(row: Row, others: Sequence[Row], report: Report) -> None:
    """Nothing lost; and nobody faster. Who did not finish took at least the time he was given."""
    wrong = row["lost"] + row["duplicates"] + row["altered"]
    what = f"{row['condition']}, of {row['n']}: lost, doubled or altered"
    report.figure(what, wrong, "texts", most=0)
    times = [other["wall_s"] for other in others if "wall_s" in other]
    if times:
        what = f"{row['condition']}, {row['n']} texts: the best other, times ours"
        report.figure(what, min(times) / row["wall_s"], "x", least=1.0, digits=2)


def _environment() -> dict[str, str]:
    """Ours, but for Python's compiled files: kept outside the source tree, as if installed."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "pycache")}
