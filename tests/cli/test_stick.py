"""``crisiskit stick``: both directions in one command, without an agent and beside one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crisiskit.cli import stick as command


def test_a_stick_goes_to_and_fro_and_all_is_held(
    call: Any, kit: Path, center: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    assert call("send", "water is short", "--home", kit)[0] == 0
    status, _out, words = call("stick", folder, "--home", kit)
    assert status == 0 and "You can pull the stick out now: 1 message written" in words
    status, out, _words = call("stick", folder, "--home", center, "--json")
    assert status == 0
    told = json.loads(out)
    assert (told["state"], told["read"], told["written"]) == ("done", 1, 0)
    assert call("stick", folder, "--home", kit)[0] == 0
    assert '"held"' in call("list", "--json", "--home", kit)[1]


def test_what_is_not_there_is_said_with_what_to_do(
    call: Any, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _out, words = call("stick", tmp_path / "nowhere", "--home", kit)
    assert status == 1 and "There is no folder" in words
    monkeypatch.setattr("hardware.removable.mounted", list)
    status, _out, words = call("stick", "--home", kit)
    assert status == command.AGAIN and "No stick is inserted" in words
    two = [tmp_path / "a", tmp_path / "b"]
    monkeypatch.setattr("hardware.removable.mounted", lambda: two)
    status, _out, words = call("stick", "--home", kit)
    assert status == 2 and "There are several" in words
