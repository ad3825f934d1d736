"""The pictures of the README show the screens as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"


def test_the_pictures_are_those_of_today(tmp_path: Path) -> None:
    """Else run ``make pictures``. The French one needs a compiled catalog and is not compared."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [sys.executable, PICTURES / "make.py", tmp_path], check=True, env=environment, timeout=60
    )
    for name in ("field-en.svg", "desk-en.svg"):
        assert (tmp_path / name).read_text("utf-8") == (PICTURES / name).read_text("utf-8"), name
