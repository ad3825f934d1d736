"""The main job with real processes over the played satellite, and both links at once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit.demo.stage import Stage
from crisiskit.installation import reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.store.store import Draft

SEED = 7


def test_the_demo_tells_the_main_job_and_ends_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crisiskit", "demo", "--plain"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env=os.environ | {"CRISISKIT_LANG": "en"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("KEPT", "SENT", "HELD", "READ", "credit", "came in", "nothing lost"):
        assert word in done.stdout, word


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as made:
        yield made


def keep(home: Path, text: str, to: str = CENTER) -> None:
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.PRIORITY, text, to=to)])


def texts(home: Path) -> Counter[str]:
    with reading(home) as views:
        return Counter(message.text for message in views.search("in"))


def waiting(home: Path) -> int:
    with reading(home) as views:
        return views.waiting()


def until(ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_anything_killed_and_started_again_loses_and_doubles_nothing(stage: Stage) -> None:
    rng = random.Random(SEED)
    stage.start("agent", "--home", str(stage.kit))
    wanted: dict[Path, Counter[str]] = {stage.center: Counter(), stage.kit: Counter()}
    for n, victim in enumerate(("agent", "center", "simulate modem", "simulate gateway")):
        keep(stage.kit, f"report {n}")
        keep(stage.center, f"order {n}", "all")
        wanted[stage.center][f"report {n}"] += 1
        wanted[stage.kit][f"order {n}"] += 1
        time.sleep(rng.uniform(0.5, 4))
        stage.kill_and_restart(victim)
    until(lambda: not waiting(stage.kit) and not waiting(stage.center), 80)
    for home, texts_wanted in wanted.items():
        assert texts(home) == texts_wanted


def test_two_links_at_once_carry_each_message_once(stage: Stage) -> None:
    port = stage.free_port()
    for home, kind in ((stage.center, "tcp-listen"), (stage.kit, "tcp")):
        stage.add_link(home, f'\n[[link]]\nname = "lan"\nkind = "{kind}"\nport = {port}\n')
    stage.kill_and_restart("center")
    stage.start("agent", "--home", str(stage.kit))
    for n in range(10):
        keep(stage.kit, f"report {n}")
        keep(stage.center, f"order {n}", "all")
    until(lambda: not waiting(stage.kit) and not waiting(stage.center), 60)
    assert texts(stage.center) == Counter(f"report {n}" for n in range(10))
    assert texts(stage.kit) == Counter(f"order {n}" for n in range(10))
