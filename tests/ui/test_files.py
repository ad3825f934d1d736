"""A file is attached, seen and saved by keys alone, in both languages and in the line mode."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from crisiskit.crypto.vault import Vault
from crisiskit.field.plain import FieldLines
from crisiskit.model import Attached
from crisiskit.screens.filepath import as_path, completed

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
PHOTO = bytes(range(256)) * 20


@BOTH
async def test_a_file_is_attached_with_its_name_completed(
    kit: Any, show: Any, wait: Any, lang: str, tmp_path: Path
) -> None:
    (tmp_path / "bridge.jpg").write_bytes(PHOTO)
    attached = {"en": "Attached: bridge.jpg", "fr": "Joint : bridge.jpg"}[lang]
    async with show(kit) as pilot:
        await pilot.press("n", *"Gone", "f6")
        await wait(pilot, "Tab")
        pilot.app.screen.query_one("#asked").value = f"{tmp_path}/bri"
        await pilot.press("tab", "enter")
        await wait(pilot, attached)
        await pilot.press("ctrl+s")
        await wait(pilot, {"en": "KEPT", "fr": "GARDÉ"}[lang])
        await pilot.press("enter")
        assert "0 %" in await wait(pilot, attached)
    assert kit.rows("SELECT count(*) FROM piece WHERE number = 0") == [(1,)]


async def test_a_wrong_path_is_said_and_nothing_is_lost(kit: Any, show: Any, wait: Any) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", *"Gone", "f6", *"/nowhere", "enter")
        await wait(pilot, "/nowhere")
        await pilot.press("escape", "ctrl+s")
        await wait(pilot, "KEPT")


async def test_s_saves_the_file_where_the_person_says(
    kit: Any, show: Any, wait: Any, tmp_path: Path
) -> None:
    kit.keep("the bridge", files=(Attached("bridge.bin", PHOTO),))
    place = tmp_path / "out"
    place.mkdir()
    async with show(kit) as pilot:
        await pilot.press("enter")
        await wait(pilot, "S save the file")
        await pilot.press("s")
        await wait(pilot, "bridge.bin where")
        pilot.app.screen.query_one("#asked").value = str(place)
        await pilot.press("enter")
        await wait(pilot, "Saved as")
    assert (place / "bridge.bin").read_bytes() == PHOTO


def test_the_line_mode_attaches_and_saves(
    kit: Any, price: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISISKIT_LANG", "en")
    (tmp_path / "map.bin").write_bytes(PHOTO)
    place = tmp_path / "out"
    place.mkdir()
    lines = (f"attach {tmp_path}/map.bin", "the map", "", "", "list", f"save 1 {place}", "quit")
    out = io.StringIO()
    typed = io.StringIO("".join(f"{line}\n" for line in lines))
    FieldLines(kit.path, Vault(bytes(32)), price, typed, out).run()
    assert "Attached: map.bin" in out.getvalue() and "Saved as" in out.getvalue()
    assert (place / "map.bin").read_bytes() == PHOTO


def test_tab_completes_as_far_as_it_is_clear(tmp_path: Path) -> None:
    for name in ("bridge-1.jpg", "bridge-2.jpg", "other", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert completed(f"{tmp_path}/b") == f"{tmp_path}/bridge-"
    assert completed(f"{tmp_path}/fo") == f"{tmp_path}/folder/"
    assert completed(f"{tmp_path}/nothing") == f"{tmp_path}/nothing"
    assert completed("/no/such/place") == "/no/such/place"
    assert as_path(' "a b" ') == Path("a b")
