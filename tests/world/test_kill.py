"""P1 with real processes: kill -9 at random moments of a running exchange, 20 rounds."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from crisiskit import enrolment
from crisiskit.installation import writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.store.store import Draft
from crisiskit.store.views import Views

ROUNDS = 20
SEED = 20261123


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def enrolled(tmp_path: Path) -> tuple[Path, Path]:
    center, kit = tmp_path / "center", tmp_path / "kit"
    enrolment.create_center(center, "Test", exercise=False)
    enrolment.create_kit(kit, "kit-1", (center / "network.ckcn").read_bytes())
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    port = free_port()
    for home, kind in ((center, "tcp-listen"), (kit, "tcp")):
        with (home / "settings.toml").open("a") as file:
            file.write(f'\n[[link]]\nname = "lan"\nkind = "{kind}"\nport = {port}\n')
    return center, kit


def start(home: Path) -> subprocess.Popen[bytes]:
    command = ["center", "run"] if home.name == "center" else ["agent"]
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "crisiskit", *command, "--home", str(home)],
            stderr=log,
            stdout=log,
            env=os.environ | {"CRISISKIT_LANG": "en"},
        )


def keep(home: Path, text: str, to: str) -> None:
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, text, to=to)])


def texts(home: Path) -> list[str]:
    views = Views(home / "store.db")
    try:
        return [message.text for message in views.search("in")]
    finally:
        views.close()


def waiting(home: Path) -> int:
    views = Views(home / "store.db")
    try:
        return views.waiting()
    finally:
        views.close()


def test_nothing_is_lost_or_doubled_by_kill_9_at_any_moment(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    center, kit = enrolled(tmp_path)
    running = {home: start(home) for home in (center, kit)}
    wanted: dict[Path, Counter[str]] = {center: Counter(), kit: Counter()}
    try:
        for n in range(ROUNDS):
            for m in range(3):
                up, down = f"report {n}.{m}", f"order {n}.{m}"
                keep(kit, up, CENTER)
                keep(center, down, "kit-1")
                wanted[center][up] += 1
                wanted[kit][down] += 1
            time.sleep(rng.uniform(0.0, 1.2))
            victim = rng.choice((center, kit))
            running[victim].kill()
            running[victim].wait()
            running[victim] = start(victim)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (waiting(kit) or waiting(center)):
            time.sleep(0.2)
        for home in (center, kit):
            assert running[home].poll() is None, (home / "log").read_text()[-2000:]
            assert Counter(texts(home)) == wanted[home]
            assert waiting(home) == 0
    finally:
        for process in running.values():
            process.kill()
            process.wait()
