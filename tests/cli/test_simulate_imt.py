"""``simulate modem --model 9704``: a played IMT modem on a real port, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]
MODEL = ("simulate", "modem", "--model", "9704")


def ask(port: Path, request: str) -> str:
    """What the modem answers, as soon as it is up."""
    end = time.monotonic() + 60
    while not port.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    with serial.Serial(str(port), 230_400, timeout=0.2) as line:
        heard = b""
        while time.monotonic() < end and b"200 " not in heard:
            line.write(b"\r" + request.encode() + b"\r")
            heard += line.read(4096)
        return heard.decode("ascii", "replace")


def test_it_answers_at_its_port_tells_at_its_end_and_leaves_nothing(
    spawn: Spawn, tmp_path: Path
) -> None:
    port = tmp_path / "imt0"
    modem = spawn(*MODEL, "--port", port, "--gateway", "127.0.0.1:9", "--json")
    assert modem.stdout is not None
    assert json.loads(modem.stdout.readline()) == {"port": str(port), "imei": "300234010753370"}
    assert '"supported_versions"' in ask(port, "GET apiVersion {}")
    modem.terminate()
    out, err = modem.communicate(timeout=30)
    assert json.loads(out) == {"answers": 0, "late": 0, "worst_answer_ms": 0}
    assert (modem.returncode, "Traceback" in err) == (0, False)
    assert not os.path.lexists(port)


def test_it_says_in_words_how_it_was_answered(spawn: Spawn, tmp_path: Path) -> None:
    port = tmp_path / "imt0"
    modem = spawn(*MODEL, "--port", port, "--gateway", "127.0.0.1:9", CRISISKIT_LANG="en")
    assert '"supported_versions"' in ask(port, "GET apiVersion {}")
    modem.terminate()
    out, err = modem.communicate(timeout=30)
    assert out == ""
    assert f"A played 9704 answers at {port}.\n" in err
    assert "0 segments came in time, 0 did not; the slowest took 0 ms.\n" in err


@pytest.mark.parametrize(
    "text",
    [
        '[[fault]]\nkind = "explode"\nat_s = 1\n',
        '[[fault]]\nkind = "mt"\nmt = 1\nword = "upside_down"\n',
        '[[fault]]\nkind = "final"\nat_s = 1\n',
        '[[fault]]\nkind = "reset"\n',
        '[[fault]]\nkind = "reset"\nat_s = 1\nmt = 1\n',
        "fault = 3",
    ],
)
def test_a_script_that_cannot_be_used_is_told(call: Call, tmp_path: Path, text: str) -> None:
    script = tmp_path / "faults.toml"
    script.write_text(text)
    words = (*MODEL, "--port", tmp_path / "x", "--gateway", "127.0.0.1:1", "--script", script)
    status, out, err = call(*words)
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_a_good_script_is_played(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nkind = "unplug"\nat_s = 0.1\nfor_s = 1000\n')
    port = tmp_path / "imt0"
    words = ("--port", port, "--gateway", "127.0.0.1:9", "--script", script, "--json")
    modem = spawn(*MODEL, *words)
    assert modem.stdout is not None
    modem.stdout.readline()
    end = time.monotonic() + 30
    while os.path.lexists(port):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_file_in_the_place_of_the_port_is_left_alone(call: Call, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    status, _out, err = call(*MODEL, "--port", precious, "--gateway", "127.0.0.1:1")
    assert (status, "precious" in err) == (1, True)
    assert precious.read_text() == "x"
