"""``simulate``: played devices on real ports, as processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def first_row(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    row: dict[str, object] = json.loads(process.stdout.readline())
    return row


def gateway(spawn: Spawn, *more: str) -> tuple[subprocess.Popen[str], dict[str, object]]:
    process = spawn("simulate", "gateway", "--modem-port", 0, "--mt-port", 0, "--json", *more)
    return process, first_row(process)


def ask(port: Path, command: str) -> str:
    """What the modem answers within a few seconds."""
    with serial.Serial(str(port), 19_200, timeout=0.2) as line:
        end = time.monotonic() + 8
        heard = ""
        while time.monotonic() < end and not heard.rstrip().endswith(("OK", "ERROR")):
            if not heard:
                line.write(command.encode() + b"\r")
            heard += line.read(4096).decode()
        return heard


def test_a_played_modem_answers_at_its_port_and_leaves_nothing(
    spawn: Spawn, tmp_path: Path
) -> None:
    _process, ports = gateway(spawn)
    port = tmp_path / "sat0"
    address = f"127.0.0.1:{ports['modem_port']}"
    imei = "300234010000001"
    modem = spawn(
        *("simulate", "modem", "--model", "9602", "--port", port, "--gateway", address),
        *("--imei", imei, "--latency", "0.2", "--seed", "3", "--json"),
    )
    assert first_row(modem) == {"port": str(port), "imei": imei}
    assert imei in ask(port, "AT+CGSN")
    modem.terminate()
    assert modem.wait(10) == 0
    assert not os.path.lexists(port)


def test_an_outage_hides_the_sky(spawn: Spawn, tmp_path: Path) -> None:
    _process, ports = gateway(spawn)
    port = tmp_path / "sat0"
    modem = spawn(
        *("simulate", "modem", "--port", port, "--outage", "0:600", "--latency", "0.2"),
        *("--gateway", f"127.0.0.1:{ports['modem_port']}", "--json"),
    )
    first_row(modem)
    assert "+CSQ:0" in ask(port, "AT+CSQ")


def test_a_gateway_ends_cleanly(spawn: Spawn) -> None:
    process, ports = gateway(spawn, "--loss", "0.5", "--latency", "0.1", "--outage", "9:1")
    for name in ("modem_port", "mt_port"):
        socket.create_connection(("127.0.0.1", int(str(ports[name])))).close()
    process.terminate()
    _out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_port_in_use_is_told(call: Call) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _out, err = call("simulate", "gateway", "--modem-port", port, "--mt-port", 0)
    assert (status, "listening" in err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--gateway", "nowhere"),
        ("--gateway", "host:99999"),
        ("--gateway", ":1"),
        ("--gateway", "h:1", "--loss", "2"),
        ("--gateway", "h:1", "--outage", "soon"),
        ("--gateway", "h:1", "--outage", "5:-1"),
        ("--gateway", "h:1", "--outage", "nan:inf"),
        ("--gateway", "h:1", "--imei", "12"),
        ("--gateway", "h:1", "--model", "9999"),
        (),
    ],
)
def test_wrong_words_are_wrong_usage(call: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    status, out, err = call("simulate", "modem", "--port", tmp_path / "x", *words)
    assert (status, out) == (2, "")
    assert "Error: " in err


def test_a_script_that_cannot_be_used_is_told(call: Call, tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nkind = "explode"\nat_s = 1\n')
    words = ("simulate", "modem", "--port", tmp_path / "x", "--gateway", "127.0.0.1:1")
    for path in (script, tmp_path / "none", tmp_path):
        status, _out, err = call(*words, "--script", path)
        assert (status, err.count("\n")) == (1, 1)


def test_a_file_in_the_place_of_the_port_is_left_alone(call: Call, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x")
    words = ("simulate", "modem", "--port", precious, "--gateway", "127.0.0.1:1")
    status, _out, err = call(*words)
    assert (status, "precious" in err) == (1, True)
    assert precious.read_text() == "x"


def test_a_played_web_service_makes_its_key_and_takes_what_the_center_sends(
    spawn: Spawn, tmp_path: Path
) -> None:
    key = tmp_path / "play.key"
    _process, ports = gateway(
        spawn, "--web", "http://127.0.0.1:9/push", "--web-key", str(key), "--heard", "1.5,2.5,3"
    )
    assert key.stat().st_mode & 0o077 == 0
    assert b"BEGIN PUBLIC KEY" in (tmp_path / "play.key.pub").read_bytes()
    form = b"imei=300234010000001&username=crisiskit&password=simulation&data=00"
    address = f"http://127.0.0.1:{ports['mt_port']}/rockblock/MT"
    with urllib.request.urlopen(address, data=form, timeout=20) as answer:
        assert answer.read().startswith(b"FAILED,11,")


@pytest.mark.parametrize(
    "more",
    [
        ("--web", "http://127.0.0.1:9"),
        ("--web", "http://127.0.0.1:9", "--web-key", "k", "--cloudloop", "http://127.0.0.1:9"),
        ("--heard", "91,0,1"),
        ("--heard", "somewhere"),
    ],
)
def test_web_services_are_asked_for_rightly(call: Call, more: tuple[str, ...]) -> None:
    status, _out, err = call("simulate", "gateway", *more)
    assert status == 2 and err


def test_played_radios_hear_each_other(spawn: Spawn, tmp_path: Path) -> None:
    path = tmp_path / "kit.tnc"
    process = spawn(*("simulate", "tnc", "--port", path, "--tcp", 0, "--rate", 100_000, "--json"))
    ports = first_row(process)["ports"]
    assert isinstance(ports, list) and ports[0] == str(path)
    wire = bytes.fromhex("c00086a492a692a6e08c68b0b2b4406f03f0dbdcdbdd0062696ec0")
    with (
        socket.create_connection(("127.0.0.1", int(ports[1])), timeout=20) as far,
        serial.Serial(str(path), 9600) as near,
    ):
        near.write(wire)
        heard = b""
        while len(heard) < len(wire):
            heard += far.recv(4096)
    assert heard == wire
    process.terminate()
    assert process.wait(10) == 0
    assert not os.path.lexists(path)


def test_one_radio_alone_is_no_channel(call: Call, tmp_path: Path) -> None:
    status, _out, err = call("simulate", "tnc", "--port", tmp_path / "kit.tnc")
    assert status == 2 and "two modems" in err
