"""P1 with real processes: kill -9 at random moments. ``make kill ROUNDS=1000`` for longer."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import IO

from crisiskit import enrolment
from crisiskit.installation import reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.store.store import Draft

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
LINES = 40
PATIENCE_S = 60 + ROUNDS
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
    with reading(home) as views:
        return [message.text for message in views.search("in")]


def waiting(home: Path) -> int:
    with reading(home) as views:
        return views.waiting()


def settle(*homes: Path) -> None:
    """Wait until nothing waits for a receipt any more."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and any(waiting(home) for home in homes):
        time.sleep(0.2)


def send_and_kill(home: Path, lines: str, after_ids: int, then_s: float) -> list[str]:
    """Feed ``send``, kill it soon after it has printed so many ids; every id it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "crisiskit", "send", "--lines", "--home", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"CRISISKIT_LANG": "en", "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdin is not None and process.stdout is not None
    running = threading.Event()
    feeder = threading.Thread(target=_feed, args=(process.stdin, lines, running))
    feeder.start()
    printed = [process.stdout.readline() for _ in range(min(1, after_ids))]
    running.set()
    printed += [process.stdout.readline() for _ in range(after_ids - 1)]
    time.sleep(then_s)
    process.kill()
    printed += process.stdout.readlines()
    process.wait()
    feeder.join()
    process.stdout.close()
    return [line.strip() for line in printed if line.endswith("\n")]


def _feed(pipe: IO[str], lines: str, running: threading.Event) -> None:
    """Line by line, as a sensor writes: lines that come together are kept together.

    The second waits until the first is kept, however long the program took to start: what had
    gathered in the pipe meanwhile would be kept as one, and no kill could hit its middle.
    """
    with suppress(BrokenPipeError):
        for line in lines.splitlines(keepends=True):
            pipe.write(line)
            pipe.flush()
            time.sleep(0.004)
            running.wait()
    with suppress(BrokenPipeError):
        pipe.close()


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
        settle(kit, center)
        for home in (center, kit):
            assert running[home].poll() is None, (home / "log").read_text()[-2000:]
            assert Counter(texts(home)) == wanted[home]
            assert waiting(home) == 0
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def test_every_id_that_send_printed_before_it_was_killed_arrives_once(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    center, kit = enrolled(tmp_path)
    running = [start(home) for home in (center, kit)]
    printed: list[str] = []
    try:
        for n in range(ROUNDS):
            lines = "".join(f"round {n} line {m}\n" for m in range(LINES))
            after_ids = rng.randrange(LINES // 2)
            printed += send_and_kill(kit, lines, after_ids, rng.uniform(0, 0.02))
        settle(kit)
        with reading(kit) as views:
            kept = {message.id: message.text for message in views.search("out")}
        assert set(printed) <= set(kept), "an id was printed of a message that is not kept"
        assert ROUNDS < len(printed) < ROUNDS * LINES, "some were killed in the middle"
        assert Counter(texts(center)) == Counter(kept.values())
        assert waiting(kit) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()
