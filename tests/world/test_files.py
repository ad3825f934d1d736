"""A photo over TCP while both ends are killed again and again: all of it arrives, once."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from crisiskit import enrolment
from crisiskit.installation import reading, writing
from crisiskit.model import CENTER, Attached, Precedence, RecordKind, State, Whole
from crisiskit.store.store import Draft
from crisiskit.store.views import Views

PATIENCE_S = 120
KILLS = 6
PHOTO = random.Random(3).randbytes(400_000)


def enrolled(tmp_path: Path) -> tuple[Path, Path]:
    center, kit = tmp_path / "center", tmp_path / "kit"
    enrolment.create_center(center, "Test", exercise=False)
    enrolment.create_kit(kit, "kit-1", (center / "network.ckcn").read_bytes())
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
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


def there(views: Views) -> int:
    return int(views.rows("SELECT count(*) FROM piece")[0][0])


def wait_for_more(home: Path, than: int) -> int:
    """Wait until more pieces came in, or all of it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with reading(home) as views:
            if (now := there(views)) > than or views.files_in()[0]:
                return now
        time.sleep(0.02)
    raise AssertionError("nothing more came in")


def test_a_photo_arrives_whole_though_both_ends_are_killed(tmp_path: Path) -> None:
    center, kit = enrolled(tmp_path)
    with writing(kit) as store:
        file = Attached("bridge.jpg", PHOTO)
        draft = Draft(RecordKind.TEXT, Precedence.ROUTINE, "the bridge", to=CENTER, files=(file,))
        store.keep([draft])
    homes = {"center": center, "kit": kit}
    running = {name: start(home) for name, home in homes.items()}
    try:
        come = 0
        for n in range(KILLS):
            come = wait_for_more(center, come)
            victim = ("kit", "center")[n % 2]
            running[victim].kill()
            running[victim].wait()
            running[victim] = start(homes[victim])
        deadline = time.monotonic() + PATIENCE_S
        state = State.KEPT
        while time.monotonic() < deadline and state is not State.HELD:
            time.sleep(0.2)
            with reading(kit) as views:
                state = views.search("out")[0].state
        assert state is State.HELD
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    with reading(center) as views:
        (message,) = views.search("in")
        (attached,) = message.attachments
        assert (attached.state, attached.name) == (Whole.WHOLE, "bridge.jpg")
        assert views.file_content(attached) == PHOTO
