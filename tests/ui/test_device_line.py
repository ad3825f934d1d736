"""One quiet line for a device that is plugged in while the screen is open, and no byte to it."""

from __future__ import annotations

import io
import os
import tty
from pathlib import Path
from typing import Any

import pytest

from crisiskit import plugged
from crisiskit.center.desk import DeskApp
from crisiskit.crypto.vault import Vault
from crisiskit.field.app import FieldApp
from crisiskit.field.plain import FieldLines
from crisiskit.plugged import Newcomers
from crisiskit.screens import device as device_module
from crisiskit.screens.device import DeviceLine
from crisiskit.widths import cells
from hardware.devices import Device

VAULT = Vault(bytes(32))
WORDS = {"en": "New device: ", "fr": "Nouvel appareil"}


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dev"
    folder.mkdir()
    model = "A board with quite a long name that it gives to itself"
    monkeypatch.setattr(
        plugged,
        "devices",
        lambda *_: [Device(str(one), str(one), model=model) for one in folder.iterdir()],
    )
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    text = f'[[link]]\nname = "sat"\nkind = "sbd"\nport = "{tmp_path}/dev/ttyUSB9"\n'
    (folder / "settings.toml").write_text(text)
    return folder


@pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
@pytest.mark.parametrize("kind", [FieldApp, DeskApp])
async def test_it_comes_and_goes_on_80_by_24(
    request: Any, home: Path, dev: Path, price: Any, seen: Any, lang: str, kind: Any
) -> None:
    station = request.getfixturevalue("kit" if kind is FieldApp else "center")
    app = kind(station.path, VAULT, price, newcomers=Newcomers(home, dev))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        line = app.screen.query_one(DeviceLine)
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        (dev / "ttyUSB9").touch()
        (dev / "ttyUSB0").symlink_to(os.ttyname(slave))
        await line.look()
        await pilot.pause()
        (shown,) = [one for one in seen(pilot) if "crisiskit link add" in one]
        assert WORDS[lang] in shown and cells(shown) == 80 and "…" in shown
        with pytest.raises(BlockingIOError):
            os.read(master, 1)
        (dev / "ttyUSB0").unlink()
        await line.look()
        await pilot.pause()
        assert not any("crisiskit link add" in one for one in seen(pilot))
        os.close(master)
        os.close(slave)


async def test_it_does_not_stay_for_ever(
    kit: Any, home: Path, dev: Path, price: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = FieldApp(kit.path, VAULT, price, newcomers=Newcomers(home, dev))
    async with app.run_test(size=(80, 24)):
        line = app.screen.query_one(DeviceLine)
        (dev / "ttyACM0").touch()
        await line.look()
        assert line.has_class("shown")
        monkeypatch.setattr(device_module, "TOLD_S", 0.0)
        await line.look()
        assert not line.has_class("shown")


def test_the_line_mode_says_it_once(
    kit: Any, home: Path, dev: Path, price: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(line: str) -> str:
        (dev / "ttyUSB0").touch()
        return line

    lines = iter(["list\n", "list\n", ""])
    keyboard = io.StringIO()
    monkeypatch.setattr(keyboard, "readline", lambda: typed(next(lines)))
    out = io.StringIO()
    newcomers = Newcomers(home, dev)
    FieldLines(kit.path, VAULT, price, keyboard, out, newcomers=newcomers).run()
    assert out.getvalue().count("crisiskit link add") == 1
