"""The doctor says which programs may take a port of ours, and what to do about each."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit.doctor import disturbers
from crisiskit.doctor.finding import Level
from hardware.devices import Device


@pytest.fixture
def port(tmp_path: Path) -> str:
    path = tmp_path / "ttyUSB0"
    path.touch()
    return str(path)


def texts(ports: dict[str, str], *programs: str, braille: set[str] | None = None) -> list[str]:
    found = list(disturbers.findings(ports, set(programs), braille or set()))
    assert all(one.level is Level.WARNING and one.fix for one in found)
    return [f"{one.check}: {one.text} {one.fix}" for one in found]


def test_modemmanager_is_named_unless_udev_told_it(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = texts({"sat": port}, "ModemManager")
    assert text.startswith("link.sat: ModemManager") and "70-crisiskit.rules" in text
    monkeypatch.setattr(disturbers, "left_alone", lambda path: path == port)
    assert texts({"sat": port}, "ModemManager") == []


def test_brltty_is_named_for_the_adapters_it_takes(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert texts({"sat": port}, "brltty") == []
    assert "apt remove brltty" in texts({"sat": port}, "brltty", braille={port})[0]
    for number, named in ((0x7523, 1), (0x7524, 0)):
        device = Device(port, port, 0x1A86, number)
        monkeypatch.setattr(disturbers, "plugged_in", lambda device=device: [device])
        assert len(list(disturbers.findings({"sat": port}, {"brltty"}))) == named


def test_gpsd_is_named_for_the_receiver_only(port: str) -> None:
    assert texts({"sat": port}, "gpsd") == []
    assert 'gpsd = "127.0.0.1:2947"' in texts({"[gps]": port}, "gpsd")[0]


def test_nobody_is_named_who_does_not_run_or_where_nothing_is_plugged_in(port: str) -> None:
    assert texts({"sat": port}) == []
    assert texts({"sat": f"{port}-gone"}, "ModemManager", "brltty", "gpsd") == []
