"""``agent``, ``center run`` and ``links``: one at a time, ended cleanly, silent about contents."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit.installation import agent_runs
from crisiskit.lock import AgentLock

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def set_up(home: Path, kind: str, port: int, more: str = "") -> None:
    with (home / "settings.toml").open("a") as file:
        file.write(f'\n[[link]]\nname = "lan"\nkind = "{kind}"\nport = {port}\n{more}\n')


def wait_for(true: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def states(home: Path, box: str) -> list[str]:
    with sqlite3.connect(home / "store.db") as db:
        rows = db.execute("SELECT state FROM delivery WHERE box = ? AND listed = 1", (box,))
        return [row[0] for row in rows]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_ends_cleanly_when_asked(spawn: Spawn, kit: Path, number: int) -> None:
    process = spawn("agent", "--home", kit)
    wait_for(lambda: agent_runs(kit))
    time.sleep(0.5)
    process.send_signal(number)
    _out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert not agent_runs(kit)


def test_a_second_agent_is_told_to_come_later(call: Call, spawn: Spawn, center: Path) -> None:
    with AgentLock(center):
        for command in (("agent",), ("center", "run")):
            status, out, err = call(*command, "--home", center)
            assert (status, out) == (75, "")
            assert "running already" in err
        process = spawn("center", "run", "--home", center)
        assert process.wait(10) == 75


def test_a_message_travels_between_two_processes(
    call: Call, spawn: Spawn, center: Path, kit: Path
) -> None:
    port = free_port()
    set_up(center, "tcp-listen", port)
    set_up(kit, "tcp", port)
    hub = spawn("center", "run", "--home", center)
    wait_for(lambda: agent_runs(center))
    call("send", "Zebra crossing flooded", "--home", kit)
    agent = spawn("agent", "--until-idle", "--home", kit)
    _out, err = agent.communicate(timeout=30)
    assert agent.returncode == 0, err
    assert states(kit, "out") == ["held"]
    _status, out, _err = call("list", "--box", "in", "--json", "--home", center)
    row = json.loads(out)
    assert (row["text"], row["author"], row["state"]) == (
        "Zebra crossing flooded",
        "Delta-2",
        "held",
    )
    hub.terminate()
    _out, hub_err = hub.communicate(timeout=10)
    assert hub.returncode == 0
    for words in (err, hub_err):
        assert "Zebra" not in words
        assert "Delta" not in words
        assert "Traceback" not in words
        for line in words.splitlines():
            assert re.match(r"at=\S+Z level=\w+ from=\S+ ", line), line


def test_idle_with_work_left_says_so(call: Call, spawn: Spawn, kit: Path) -> None:
    set_up(kit, "tcp", free_port())
    call("send", "hello", "--home", kit)
    process = spawn("agent", "--until-idle", "--home", kit)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "1 message still waits." in err
    assert states(kit, "out") == ["kept"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("prot = 7411", "prot"),
        ("nosuch = 1", "nosuch"),
        ('port = "x"', "port"),
        ("port = ", "line"),
        ("\n[network]\nx = 1", "network"),
    ],
)
def test_a_wrong_setting_is_named(call: Call, kit: Path, line: str, named: str) -> None:
    with (kit / "settings.toml").open("a") as file:
        file.write(f'\n[[link]]\nname = "lan"\nkind = "tcp"\n{line}\n')
    for command in (("agent",), ("links",), ("send", "--dry-run", "x"), ("field", "--plain")):
        status, out, err = call(*command, "--home", kit)
        assert (status, out) == (1, ""), command
        assert named in err, command
        assert err.count("\n") == 1, command
    assert call("send", "x", "--home", kit)[0] == 0


def test_an_unknown_kind_of_link_is_named_with_those_there_are(call: Call, kit: Path) -> None:
    with (kit / "settings.toml").open("a") as file:
        file.write('\n[[link]]\nname = "lan"\nkind = "pigeon"\n')
    status, _out, err = call("agent", "--home", kit)
    assert (status, "pigeon" in err, "sbd" in err) == (1, True, True)


def test_links_are_listed_before_they_ever_ran(call: Call, kit: Path) -> None:
    set_up(kit, "tcp", 7411, 'price = { byte_micros = 5, currency = "EUR" }')
    status, out, err = call("links", "--json", "--home", kit)
    row = json.loads(out)
    assert (status, err) == (0, "")
    assert row == {
        "name": "lan",
        "kind": "tcp",
        "phase": "down",
        "signal": None,
        "reason": "",
        "nominal": {"bytes": 100, "credits": 0, "price": 0.0005, "seconds": 0.1},
        "status": "",
        "status_text": "",
        "since": None,
        "waiting": 0,
        "bytes_today": 0,
        "credits_today": 0,
        "spent_today": 0,
        "credit_price": 0,
        "byte_price": 0.000005,
        "currency": "EUR",
        "clear": False,
        "device": None,
        "plugged": True,
        "hours": None,
        "open": True,
        "budget": None,
        "budget_left": None,
        "budget_left_routine": None,
    }
    status, out, err = call("links", "--home", kit)
    assert (status, "lan" in out, "No agent" in err) == (0, True, True)


def test_links_show_what_the_agent_last_said(call: Call, kit: Path) -> None:
    set_up(kit, "tcp", 7411)
    with sqlite3.connect(kit / "store.db") as db:
        db.execute(
            "INSERT INTO link_state VALUES"
            " ('lan', 'tcp', 'down', 3, 'no_service', 0, 2, 0, 'sbd-33')"
        )
    with AgentLock(kit):
        status, out, err = call("links", "--home", kit)
    assert (status, err) == (0, "")
    assert "no service" in out
    assert "3/5" in out
    assert "lan: The antenna is faulty" in out
    row = json.loads(call("links", "--json", "--home", kit)[1])
    assert (row["reason"], row["signal"], row["waiting"]) == ("no_service", 3, 2)


def test_screens_need_a_terminal_and_say_what_else_there_is(
    call: Call, kit: Path, center: Path
) -> None:
    for command, home in (("field", kit), ("desk", center)):
        status, out, err = call(command, "--home", home)
        assert (status, out) == (1, "")
        assert "--plain" in err


def test_a_home_that_cannot_be_written_is_one_sentence(call: Call, made: Path, disk: Path) -> None:
    subprocess.run(["cp", "-r", made / "kit", disk], check=True)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    kit = disk / "kit"
    for command in (
        ("send", "x"),
        ("agent",),
        ("kit", "init", "B", "--center", kit / "network.ckcn"),
        ("doctor",),
    ):
        status, _out, err = call(*command, "--home", kit)
        assert status == 1, command
        assert "Traceback" not in err
        assert err.count("\n") <= 1, command
    fresh = ("kit", "init", "B", "--center", kit / "network.ckcn", "--home", disk / "new")
    status, _out, err = call(*fresh)
    assert (status, err.count("\n")) == (1, 1)
    assert call("list", "--home", kit)[0] == 0
