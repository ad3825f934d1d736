"""``link test``: the device, its signal and the way of the bytes, without sending anything."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit import enrolment
from crisiskit.i18n import status_text
from crisiskit.lock import AgentLock
from crisiskit.sentences import STATUSES
from hardware.at_line import ModemTrouble
from hardware.iridium_status import mo_status

Call = Callable[..., tuple[int, str, str]]
PLAYED = """
import asyncio, sys
from pathlib import Path
from hardware.sim.core9602 import Nature
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway

async def main():
    gateway = MemoryGateway()
    async with PlayedModem(Path(sys.argv[1]), gateway, Nature(boot_s=0.05, sky_s=0.05)):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "center"
    enrolment.create_center(found, "Test", exercise=False)
    return found


def link(home: Path, **keys: object) -> None:
    with (home / "settings.toml").open("a") as file:
        file.write("[[link]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items()))


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "modem0"
    with subprocess.Popen(
        [sys.executable, "-c", PLAYED, str(path)], stdout=subprocess.PIPE, text=True
    ) as played:
        assert played.stdout is not None and played.stdout.readline() == "ready\n"
        yield path
        played.kill()


def test_a_modem_is_asked_and_bytes_go_through_it(call: Call, home: Path, modem: Path) -> None:
    link(home, name="satellite", kind="sbd", port=str(modem))
    status, out, err = call("link", "test", "satellite", "--home", home)
    assert status == 0, out + err
    assert "300234010753370" in out and "bytes through the modem and back" in out
    assert "Trying satellite" in err


def test_scripts_get_one_object_for_each_finding(call: Call, home: Path, modem: Path) -> None:
    link(home, name="satellite", kind="sbd", port=str(modem))
    status, out, _ = call("link", "test", "satellite", "--json", "--home", home)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["what"] for row in rows] == ["modem", "signal", "loopback"]
    assert all(row["good"] for row in rows)


def test_a_missing_device_is_a_sentence(call: Call, home: Path, tmp_path: Path) -> None:
    link(home, name="satellite", kind="sbd", port=str(tmp_path / "none"))
    status, out, _ = call("link", "test", "satellite", "--home", home)
    assert status == 1 and "The device is not there" in out


def test_any_link_is_tried_until_it_is_ready(call: Call, home: Path) -> None:
    link(home, name="lan", kind="tcp-listen", port=0)
    status, out, _ = call("link", "test", "lan", "--home", home)
    assert status == 0 and out.startswith("good")


def test_nobody_at_the_other_end_is_told(call: Call, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    link(home, name="lan", kind="tcp", port=port)
    status, out, _ = call("link", "test", "lan", "--for", "10", "--home", home)
    assert status == 1 and "FAILED" in out


def test_an_unknown_name_lists_the_known_ones(call: Call, home: Path) -> None:
    link(home, name="lan", kind="tcp-listen", port=0)
    status, _, err = call("link", "test", "wlan", "--home", home)
    assert status == 1 and "There is no link called “wlan”" in err and "lan" in err


def test_while_an_agent_runs_its_links_are_left_alone(call: Call, home: Path) -> None:
    link(home, name="lan", kind="tcp-listen", port=0)
    with AgentLock(home):
        status, _, err = call("link", "test", "lan", "--home", home)
    assert status == 75 and "running already" in err


def test_every_end_of_a_session_has_its_sentence() -> None:
    for code in range(1, 64 + 2):
        known = mo_status(code)
        if known.known and code > 4:
            assert f"sbd-{code}" in STATUSES, code
    for word in ModemTrouble:
        assert status_text(f"modem-{word}") != "", word
