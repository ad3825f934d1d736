"""Everything that is measured: ``python -m benchmarks --shared DIR [PART...]``.

Each figure is printed beside its goal. The exit status is 0 even where a goal was missed: a
busy machine is no defect. It is 1 where a part could not run.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

# These are scripts and import one another by their own names, however they were started.
sys.path.insert(0, str(Path(__file__).resolve().parent))

PARTS = {
    "bytes": "sizes",
    "satellite": "satellite",
    "line": "line",
    "footprint": "footprint",
}


def main() -> int:
    """Run the parts that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS) + "; default all")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), metavar="DIR")
    parser.add_argument(
        "--all-peers", action="store_true", help="line: also the slower variants, 5 minutes more"
    )
    words = parser.parse_args()
    if strange := [name for name in words.parts if name not in PARTS]:
        parser.error(f"no part {strange[0]!r}: there are {', '.join(PARTS)}")
    from corpus import MissingError
    from report import Options, Report

    options = Options(words.shared.absolute(), words.all_peers)
    report, status = Report(), 0
    for name in words.parts or PARTS:
        try:
            import_module(PARTS[name]).run(options, report)
        except MissingError as missing:
            print(f"\n{name}: cannot run. {missing}", flush=True)
            status = 1
    report.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
