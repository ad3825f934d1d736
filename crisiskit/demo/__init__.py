"""The main job with nothing attached: two stations, a played satellite modem and gateway."""

from __future__ import annotations

import tempfile
from pathlib import Path


def run(plain: bool, seconds: float) -> int:
    """Play the demo in a folder of its own; the exit status.

    ``plain`` tells the story as text and ends by itself, within ``seconds``. Otherwise the
    field screen opens, and the demo ends with it or after ``seconds`` (0: no limit).
    """
    from crisiskit.demo.stage import Stage

    with tempfile.TemporaryDirectory(prefix="crisiskit-demo-") as folder, Stage(Path(folder)) as st:
        if plain:
            from crisiskit.demo.story import tell

            return tell(st, seconds)
        from crisiskit.demo.play import play

        return play(st, seconds)
