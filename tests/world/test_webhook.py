"""The main job with real processes and a web service between the satellite and the center.

Kit, played 9602, played network, HTTP push, center, and back over HTTP, with faults.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit.demo.stage import Stage
from crisiskit.installation import reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.store.store import Draft
from hardware.sim.cloudloop import TOKEN
from hardware.sim.groundcontrol import LOGIN, kept_key

SECRET = "the-secret-of-this-test"
KIT = """
[[link]]
name = "satellite"
kind = "sbd"
port = "{modem}"
session_gap_s = 0.5
receipt_delay_s = 3.0
repeat_s = 30.0
"""
WEBHOOK = """
[[link]]
name = "groundcontrol"
kind = "webhook"
port = {port}
path_secret_file = "{folder}/secret"
key_file = "{folder}/play.key.pub"
credentials_file = "{folder}/login"
mt_url = "http://127.0.0.1:{mt}"
receipt_delay_s = 2.0
repeat_s = 30.0
"""
CLOUDLOOP = """
[[link]]
name = "cloudloop"
kind = "cloudloop"
network = "sbd"
port = {port}
path_secret_file = "{folder}/secret"
token_file = "{folder}/token"
api_url = "http://127.0.0.1:{mt}"
receipt_delay_s = 2.0
repeat_s = 30.0
"""


class WebStage(Stage):
    """A stage whose gateway is a web service."""

    def __init__(self, folder: Path, table: str, *service: str) -> None:
        super().__init__(folder)
        self._table = table
        self._service = service

    def _start_all(self) -> None:
        modems, port, mt = (self.free_port() for _ in range(3))
        modem = self.folder / "modem"
        kept_key(self.folder / "play.key")
        for name, text in (("secret", SECRET), ("login", "\n".join(LOGIN)), ("token", TOKEN)):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(text)
        self.add_link(self.center, self._table.format(port=port, mt=mt, folder=self.folder))
        self.add_link(self.kit, KIT.format(modem=modem))
        self.start("center", "run", "--home", str(self.center))
        self.start(
            *("simulate", "gateway", "--modem-port", str(modems), "--mt-port", str(mt)),
            *("--spool", str(self.folder / "spool"), "--seed", "5"),
            *("--loss", "0.2", "--double", "0.3", "--heard", "-12.78,45.23,9"),
            *(word.format(port=port, folder=self.folder) for word in self._service),
        )
        self.start(
            *("simulate", "modem", "--port", str(modem), "--gateway", f"127.0.0.1:{modems}"),
            *("--latency", "0.5", "--loss", "0.1", "--maybe", "0.1", "--seed", "1"),
        )
        self.await_true(modem.exists)


def keep(home: Path, text: str, to: str = CENTER) -> None:
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.IMMEDIATE, text, to=to)])


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


@pytest.mark.parametrize(
    ("table", "service"),
    [
        (
            WEBHOOK,
            (
                *("--web", f"http://127.0.0.1:{{port}}/push/{SECRET}"),
                *("--web-key", "{folder}/play.key", "--forge", "0.3"),
            ),
        ),
        (CLOUDLOOP, ("--cloudloop", f"http://127.0.0.1:{{port}}/push/{SECRET}")),
    ],
    ids=["groundcontrol", "cloudloop"],
)
@pytest.mark.timeout(240)
def test_both_ways_through_a_web_service_loses_and_doubles_nothing(
    tmp_path: Path, table: str, service: tuple[str, ...]
) -> None:
    with WebStage(tmp_path, table, *service) as stage:
        stage.start("agent", "--home", str(stage.kit))
        for n in range(3):
            keep(stage.kit, f"report {n}")
        until(lambda: len(texts(stage.center)) > 0, 90)
        stage.kill_and_restart("center")
        for n in range(3):
            keep(stage.center, f"order {n}", "all")
        stage.kill_and_restart("simulate gateway")
        until(lambda: not waiting(stage.kit) and not waiting(stage.center), 120)
        assert texts(stage.center) == Counter(f"report {n}" for n in range(3))
        assert texts(stage.kit) == Counter(f"order {n}" for n in range(3))
        command = ("list", "--box", "in", "--json", "--home", str(stage.center))
        told = subprocess.run(
            [sys.executable, "-m", "crisiskit", *command], capture_output=True, check=True
        )
        rows = [json.loads(line) for line in told.stdout.splitlines()]
        assert len(rows) == 3
        for row in rows:
            assert row["link_position"] == {"latitude": -12.78, "longitude": 45.23, "radius_km": 9}
