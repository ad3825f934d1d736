"""The program: ``crisiskit`` and ``python -m crisiskit``."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run one command and exit with its status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old terminal cannot show every letter
    try:
        from crisiskit.cli.main import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
