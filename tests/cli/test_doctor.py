"""``doctor``: every trouble is found, named, and comes with what to do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit import clock, enrolment, keystore
from crisiskit.doctor import machine, protection
from crisiskit.lock import AgentLock

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]

RANKS = ["ok", "warning", "wrong"]


def findings(call: Call, home: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit status, and the worst finding of each check."""
    status, out, err = call("doctor", "--json", "--home", home)
    assert err == ""
    worst: dict[str, dict[str, str]] = {}
    for row in map(json.loads, out.splitlines()):
        assert list(row) == ["check", "state", "text", "fix"]
        assert row["text"]
        before = worst.get(row["check"])
        if before is None or RANKS.index(row["state"]) > RANKS.index(before["state"]):
            worst[row["check"]] = row
    return status, worst


def add_link(home: Path, text: str) -> None:
    with (home / "settings.toml").open("a") as file:
        file.write(f'\n[[link]]\nname = "one"\n{text}\n')


def test_a_fresh_machine_is_fine_and_told_what_comes_next(call: Call, tmp_path: Path) -> None:
    status, found = findings(call, tmp_path / "none")
    assert status == 0
    assert "kit init" in found["home"]["fix"]
    for check in ("python", "sqlite", "libraries", "cryptography", "names", "clock"):
        assert found[check]["state"] == "ok"
    assert not (tmp_path / "none").exists()


def test_a_healthy_kit_and_center_are_fine(call: Call, kit: Path, center: Path) -> None:
    for home in (kit, center):
        status, found = findings(call, home)
        assert status == 0
        for check in ("role", "network", "store", "keys", "disk", "agent"):
            assert found[check]["state"] == "ok", found[check]
        assert found["settings"]["state"] == "warning"
        assert "ballast" not in found
        status, out, err = call("doctor", "--home", home)
        assert (status, err) == (0, "")
        assert "WRONG" not in out


def test_a_kit_that_waits_for_its_answer_is_told_so(call: Call, made: Path, tmp_path: Path) -> None:
    enrolment.create_kit(tmp_path / "k", "New", (made / "center" / "network.ckcn").read_bytes())
    status, found = findings(call, tmp_path / "k")
    assert (status, found["role"]["state"]) == (0, "warning")
    assert "activate" in found["role"]["fix"]


def test_a_store_in_pieces_is_wrong(call: Call, kit: Path) -> None:
    store = kit / "store.db"
    whole = store.read_bytes()
    store.write_bytes(whole[:20_000] + os.urandom(30_000) + whole[50_000:])
    status, found = findings(call, kit)
    assert (status, found["store"]["state"]) == (1, "wrong")
    store.write_bytes(b"no database at all" * 1000)
    status, found = findings(call, kit)
    assert (status, found["store"]["state"]) == (1, "wrong")
    store.unlink()
    status, found = findings(call, kit)
    assert (status, "missing" in found["store"]["text"]) == (1, True)


def test_a_store_of_a_later_version_is_wrong(call: Call, kit: Path) -> None:
    with sqlite3.connect(kit / "store.db") as db:
        db.execute("PRAGMA user_version = 999")
    status, found = findings(call, kit)
    assert (status, "999" in found["store"]["text"]) == (1, True)


def test_keys_that_others_can_read_are_wrong(call: Call, kit: Path) -> None:
    (kit / "keys" / "keystore").chmod(0o644)
    status, found = findings(call, kit)
    assert (status, found["keys"]["state"]) == (1, "wrong")
    subprocess.run(found["keys"]["fix"], shell=True, check=True)
    assert findings(call, kit)[0] == 0
    (kit / "keys" / "keystore").unlink()
    assert findings(call, kit)[1]["keys"]["state"] == "wrong"


def test_what_protects_a_home_is_told(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, found = findings(call, kit)
    assert (status, found["lock"]["state"]) == (0, "warning")
    assert "crisiskit passphrase" in found["lock"]["fix"]
    assert "names of stations" in found["sealed"]["text"]
    assert "not looked at" in found["disk-encryption"]["text"]
    key = tmp_path / "stick.key"
    (kit / "keys" / "keyfile").rename(key)
    assert findings(call, kit)[1]["lock"]["state"] == "wrong"
    monkeypatch.setenv("CRISISKIT_KEY_FILE", str(key))
    status, found = findings(call, kit)
    assert (status, found["lock"]["state"], str(key) in found["lock"]["text"]) == (0, "ok", True)
    words = tmp_path / "words"
    words.write_text("words of a team")
    assert call("passphrase", "--passphrase-file", words, "--home", kit)[0] == 0
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("CRISISKIT_KEY_FILE")
    monkeypatch.setattr(keystore, "_known", {})
    found = findings(call, kit)[1]
    assert "locked now" in found["lock"]["text"] and "not protected" in found["lock"]["text"]
    assert "not looked at" in found["sealed"]["text"]
    assert call("unlock", "--passphrase-file", words, "--home", kit)[0] == 0
    assert "unlocked now" in findings(call, kit)[1]["lock"]["text"]


def test_memory_that_goes_to_a_disk_is_told(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swaps = tmp_path / "swaps"
    monkeypatch.setattr(protection, "SWAPS", swaps)
    head, disk = "Filename Type Size Used Priority\n", "/dev/sda2 partition 1 0 -2\n"
    zram = "/dev/zram0 partition 1 0 100\n"
    for text, state in ((head, "ok"), (head + zram, "ok"), (head + zram + disk, "warning")):
        swaps.write_text(text)
        assert findings(call, kit)[1]["swap"]["state"] == state
    assert "/dev/sda2" in findings(call, kit)[1]["swap"]["text"]
    swaps.unlink()
    assert "not looked at" in findings(call, kit)[1]["swap"]["text"]


def test_a_network_file_of_somebody_else_is_wrong(call: Call, kit: Path, tmp_path: Path) -> None:
    enrolment.create_center(tmp_path / "other", "Other", exercise=False)
    shutil.copy(tmp_path / "other" / "network.ckcn", kit)
    status, found = findings(call, kit)
    assert (status, found["network"]["state"]) == (1, "wrong")
    (kit / "network.ckcn").write_bytes(b"x")
    assert findings(call, kit)[1]["network"]["state"] == "wrong"


def test_settings_that_cannot_be_used_are_wrong(call: Call, kit: Path) -> None:
    add_link(kit, 'kind = "pigeon"')
    status, found = findings(call, kit)
    assert (status, "pigeon" in found["settings"]["text"]) == (1, True)


def test_a_missing_device_is_wrong(call: Call, kit: Path) -> None:
    add_link(kit, f'kind = "sbd"\nport = "{kit}/nosuch"')
    status, found = findings(call, kit)
    assert (status, "nosuch" in found["link.one"]["text"]) == (1, True)


def test_a_device_is_looked_at_and_left_as_it_is(call: Call, kit: Path) -> None:
    master, slave = os.openpty()
    add_link(kit, f'kind = "serial"\nport = "{os.ttyname(slave)}"')
    try:
        status, found = findings(call, kit)
        assert (status, found["link.one"]["state"]) == (0, "ok")
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_somebody_listens_on_is_wrong_unless_it_is_us(call: Call, center: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        add_link(center, f'kind = "tcp-listen"\nport = {other.getsockname()[1]}')
        status, found = findings(call, center)
        assert (status, found["link.one"]["state"]) == (1, "wrong")
        with AgentLock(center):
            status, found = findings(call, center)
        assert (status, found["link.one"]["state"]) == (0, "ok")


def web_link(folder: Path) -> str:
    files = {"key_file": "key", "credentials_file": "login"}
    for name in files.values():
        (folder / name).touch(mode=0o600)
    named = "\n".join(f'{key} = "{folder / name}"' for key, name in files.items())
    return f'kind = "webhook"\nport = 0\n{named}'


def test_files_of_a_link_are_looked_at(call: Call, center: Path, tmp_path: Path) -> None:
    add_link(center, web_link(tmp_path))
    assert findings(call, center)[1]["link.one"]["state"] == "ok"
    (tmp_path / "login").chmod(0o644)
    found = findings(call, center)[1]["link.one"]
    assert found["state"] == "wrong" and f"chmod 600 {tmp_path / 'login'}" in found["text"]
    (tmp_path / "login").unlink()
    found = findings(call, center)[1]["link.one"]
    assert found["state"] == "wrong" and str(tmp_path / "login") in found["text"]


def test_a_missing_part_of_a_link_is_told(
    call: Call, center: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_link(center, web_link(tmp_path))
    monkeypatch.setattr("transports.webhook.Webhook.needs", ("no_such_module",))
    found = findings(call, center)[1]["link.one"]
    assert found["state"] == "wrong" and "“web”" in found["text"]


def test_a_clock_of_1970_is_wrong_and_stops_nobody(call: Call, spawn: Spawn, kit: Path) -> None:
    process = spawn("doctor", "--json", "--home", kit, CRISISKIT_TEST_CLOCK="86400000")
    out, _err = process.communicate(timeout=20)
    rows = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 1
    assert [row["state"] for row in rows if row["check"] == "clock"] == ["wrong"]
    assert "1970" in out
    process = spawn("send", "hello", "--home", kit, CRISISKIT_TEST_CLOCK="86400000")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    row = json.loads(call("list", "--json", "--home", kit)[1])
    assert str(row["written_at"]).startswith("1970-01-02")


def test_a_clock_behind_the_store_is_doubtful(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("send", "x", "--home", kit)
    with sqlite3.connect(kit / "store.db") as db:
        db.execute("UPDATE delivery SET state_at = state_at + 999999999")
    status, found = findings(call, kit)
    assert (status, found["clock"]["state"]) == (0, "warning")
    monkeypatch.setattr(machine, "wall_ms", lambda: clock.wall_ms() + 10**14)
    status, found = findings(call, kit)
    assert (status, found["clock"]["state"]) == (0, "warning")


def test_a_used_up_reserve_is_told(call: Call, kit: Path) -> None:
    (kit / "ballast").unlink()
    status, found = findings(call, kit)
    assert (status, found["ballast"]["state"]) == (0, "warning")
    assert "There is room" in found["ballast"]["fix"]


def test_a_full_disk_is_wrong(call: Call, kit: Path, disk: Path) -> None:
    home = Path(shutil.copytree(kit, disk / "kit"))
    status, found = findings(call, home)
    assert (status, found["disk"]["state"]) == (1, "wrong")


def test_a_name_with_two_owners_is_wrong(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = {"transports": ["crisiskit", "bus-timetables"]}
    monkeypatch.setattr(machine, "packages_distributions", lambda: owners)
    status, found = findings(call, tmp_path / "none")
    assert (status, "bus-timetables" in found["names"]["text"]) == (1, True)


def test_a_missing_library_is_wrong(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(machine.LIBRARIES, "nosuch_library", "nosuch-library")
    status, found = findings(call, tmp_path / "none")
    assert (status, "nosuch-library" in found["libraries"]["text"]) == (1, True)


def test_an_agent_that_runs_is_told(call: Call, kit: Path) -> None:
    with AgentLock(kit):
        assert findings(call, kit)[1]["agent"]["text"] == "An agent runs."
    assert "No agent" in findings(call, kit)[1]["agent"]["text"]
