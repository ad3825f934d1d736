"""``links --follow``: what comes, goes and changes, a line each; a file plays the device."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit import plugged
from crisiskit.cli import linkfollow
from crisiskit.cli.linkfollow import follow
from crisiskit.cli.links import phase_word
from hardware.devices import Device

Call = Callable[..., tuple[int, str, str]]
IDLE_S = 12.0
CPU_SHARE_MAX = 0.02


class EndedError(Exception):
    """The script of the test is over."""


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ports in which the test plugs in and pulls out."""
    folder = tmp_path / "dev"
    folder.mkdir()

    class Here(plugged.Newcomers):
        def __init__(self, home: Path) -> None:
            super().__init__(home, folder)

    monkeypatch.setattr(linkfollow, "Newcomers", Here)
    monkeypatch.setattr(
        plugged,
        "devices",
        lambda *_: [Device(str(one), str(one), model="FT230X") for one in folder.iterdir()],
    )
    return folder


def steps(*doings: Callable[[], object]) -> Callable[[float], None]:
    """A pause that does the next thing each time, and ends after the last."""
    left = iter(doings)

    def pause(_seconds: float) -> None:
        doing = next(left, None)
        if doing is None:
            raise EndedError
        doing()

    return pause


def followed(home: Path, capsys: pytest.CaptureFixture[str], *doings: Callable[[], object]) -> str:
    with pytest.raises(EndedError):
        follow(home, True, phase_word, steps(*doings))
    return capsys.readouterr().out


def rows(text: str) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in text.splitlines())


def test_an_unplugged_device_and_its_return(
    call: Call, kit: Path, dev: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = dev / "ttyUSB0"
    port.touch()
    call("link", "add", "sbd", "--name", "sat", f"port={port}", "--home", kit)
    found = list(rows(followed(kit, capsys, lambda: None, port.unlink, port.touch, lambda: None)))
    assert [(row["name"], row["reason"], row["plugged"]) for row in found] == [
        ("sat", "", True),
        ("sat", "device_gone", False),
        ("sat", "", True),
    ], "the device of a link is no new device"


def test_a_new_device_that_no_link_uses(
    kit: Path, dev: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = dev / "ttyACM0"
    found = list(rows(followed(kit, capsys, port.touch, port.unlink, lambda: None)))
    assert [(row["event"], row["path"], row["plugged"]) for row in found] == [
        ("device", str(port), True),
        ("device", str(port), False),
    ]


def test_people_read_lines(
    call: Call, kit: Path, dev: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("link", "add", "sbd", "--name", "sat", f"port={dev / 'none'}", "--home", kit)
    with pytest.raises(EndedError):
        follow(kit, False, phase_word, steps((dev / "ttyUSB3").touch, lambda: None))
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("sat: down (unplugged)")
    assert "New device: " in second and second.endswith("— crisiskit link add")


def test_links_say_which_device_is_unplugged(call: Call, kit: Path, tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    call("link", "add", "sbd", "--name", "sat", f"port={port}", "--home", kit)
    assert "unplugged" in call("links", "--home", kit)[1]
    row = json.loads(call("links", "--json", "--home", kit)[1])
    assert (row["device"], row["plugged"]) == (str(port), False)
    port.touch()
    assert "unplugged" not in call("links", "--home", kit)[1]
    assert json.loads(call("links", "--json", "--home", kit)[1])["plugged"] is True


def test_following_costs_next_to_nothing(kit: Path, spawn: Callable[..., object]) -> None:
    process = spawn("links", "--follow", "--json", "--home", kit)
    assert isinstance(process, subprocess.Popen)
    time.sleep(2)
    before = cpu_s(process.pid)
    time.sleep(IDLE_S)
    used = cpu_s(process.pid) - before
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert used < CPU_SHARE_MAX * IDLE_S


def cpu_s(pid: int) -> float:
    """What a process has used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
