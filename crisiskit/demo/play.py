"""The demo on the field screen: whoever sits here is the team, an operator answers."""

from __future__ import annotations

import subprocess
import sys

from crisiskit.demo.operator import Operator
from crisiskit.demo.stage import Stage


def play(stage: Stage, seconds: float) -> int:
    """Open the field screen on the demo's kit; its exit status."""
    operator = Operator(stage.center)
    operator.start()
    command = [sys.executable, "-m", "crisiskit", "field", "--home", str(stage.kit)]
    try:
        return subprocess.run(command, check=False, timeout=seconds or None).returncode
    except subprocess.TimeoutExpired:
        return 0
    finally:
        operator.go_home()
