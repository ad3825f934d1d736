"""A locked screen shows nothing of any message; a panic erases the keys, and only after a word."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from crisiskit import keystore
from crisiskit.center.desk import DeskApp
from crisiskit.crypto.vault import Vault
from crisiskit.field.app import FieldApp
from crisiskit.field.plain import FieldLines
from crisiskit.model import Precedence
from crisiskit.screens.guard import ERASED, LOCK_AFTER_MIN, Guard, guard_of

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
WORDS = "words of a team"
LOCKED = {"en": "LOCKED", "fr": "VERROUILLÉ"}
VAULT = Vault(bytes(32))

Guarded = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
def guarded(price: Any) -> Guarded:
    """The screen of a station with a passphrase, or with a key file if there are no words."""

    @asynccontextmanager
    async def shown(
        station: Any, idle_s: float = 0.0, words: str | None = WORDS
    ) -> AsyncIterator[Pilot[None]]:
        home = station.path.parent
        protect(home, words)
        app = FieldApp if station.role == "kit" else DeskApp
        guard = Guard(home, idle_s)
        async with app(station.path, VAULT, price, {}, guard).run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            yield pilot

    return shown


def protect(home: Path, words: str | None) -> None:
    (home / "keys").mkdir(exist_ok=True)
    keystore.create(home, bytes(16), {}, words)


def nothing_is_told(glass: str) -> None:
    for word in ("Roof", "gone", "typed", "FLASH", "ROUTINE", "KEPT", "Mayotte", "kit-1"):
        assert word not in glass


@BOTH
@pytest.mark.parametrize("role", ["kit", "center"])
async def test_a_locked_screen_tells_only_links_and_how_much_waits(
    kit: Any,
    station: Any,
    tmp_path: Path,
    guarded: Guarded,
    seen: Any,
    wait: Any,
    lang: str,
    role: str,
) -> None:
    (tmp_path / "c").mkdir()
    there = kit if role == "kit" else station(tmp_path / "c" / "store.db", "center")
    there.receive("Roof gone", Precedence.FLASH)
    there.store.set_link_state("satellite", "sbd", "ready", 4, "", 0)
    async with guarded(there) as pilot:
        await wait(pilot, "Roof gone")
        await pilot.press("ctrl+l")
        glass = await wait(pilot, LOCKED[lang])
        assert "satellite" in glass
        nothing_is_told(glass)
        there.keep("Roof typed elsewhere", to="center" if role == "kit" else "all")
        there.receive("Roof gone again", Precedence.FLASH)
        waiting = {"en": "1 waiting", "fr": "1 en attente"}[lang]
        glass = await wait(pilot, waiting)
        nothing_is_told(glass)
        assert all(len(line) <= 80 and "…" not in line for line in seen(pilot))
        await pilot.press(*"wrong words", "enter")
        glass = await wait(pilot, {"en": "not the passphrase", "fr": "pas la phrase"}[lang])
        assert "wrong" not in glass
        nothing_is_told(glass)
        await pilot.press("ctrl+q", "q", "ctrl+c", "escape", "enter", "ctrl+l")
        assert LOCKED[lang] in await wait(pilot, LOCKED[lang])
        await pilot.press("ctrl+u", *WORDS, "enter")
        await wait(pilot, "Roof gone again")
    there.store.close()


async def test_a_screen_that_nobody_uses_locks_itself_and_keeps_what_was_typed(
    kit: Any, guarded: Guarded, wait: Any
) -> None:
    async with guarded(kit, idle_s=0.6) as pilot:
        await pilot.press("n", *"Roof typed")
        await wait(pilot, "Roof typed")
        nothing_is_told(await wait(pilot, "LOCKED"))
        await pilot.press(*WORDS, "enter")
        assert "LOCKED" not in await wait(pilot, "Roof typed")


async def test_keys_keep_a_screen_open(kit: Any, guarded: Guarded, seen: Any) -> None:
    async with guarded(kit, idle_s=0.8) as pilot:
        for _ in range(8):
            await pilot.press("down")
            await pilot.pause(0.2)
            assert "LOCKED" not in "\n".join(seen(pilot))


async def test_without_a_passphrase_nothing_locks(
    kit: Any, guarded: Guarded, wait: Any, seen: Any
) -> None:
    async with guarded(kit, idle_s=0.2, words=None) as pilot:
        await pilot.press("ctrl+l")
        await wait(pilot, "crisiskit passphrase")
        await pilot.pause(0.8)
        assert "LOCKED" not in "\n".join(seen(pilot))


@pytest.mark.parametrize(("minutes", "idle_s"), [(None, 60 * LOCK_AFTER_MIN), (0, 0), (2.5, 150)])
def test_the_minutes_are_a_setting(tmp_path: Path, minutes: float | None, idle_s: float) -> None:
    text = "" if minutes is None else f"[screen]\nlock_after_min = {minutes}\n"
    (tmp_path / "settings.toml").write_text(text)
    assert guard_of(tmp_path).idle_s == idle_s


@BOTH
@pytest.mark.parametrize("locked", [False, True])
async def test_a_panic_needs_a_typed_word(
    kit: Any, guarded: Guarded, wait: Any, lang: str, locked: bool
) -> None:
    file = kit.path.parent / "keys" / "keystore"
    question = {"en": "ERASE EVERYTHING?", "fr": "TOUT EFFACER ?"}[lang]
    async with guarded(kit) as pilot:
        if locked:
            await pilot.press("ctrl+l")
            await wait(pilot, LOCKED[lang])
        await pilot.press("ctrl+p")
        await wait(pilot, question)
        await pilot.press("enter", *"yes", "tab", "enter")
        await wait(pilot, {"en": "not the word ERASE", "fr": "pas le mot EFFACER"}[lang])
        await pilot.press("ctrl+p", "escape")
        await pilot.pause(0.1)
        assert file.exists() and pilot.app.return_code is None
        await pilot.press("ctrl+p")
        await wait(pilot, question)
        await pilot.press(*{"en": "erase", "fr": "effacer"}[lang], "enter")
        await pilot.pause(0.1)
    assert pilot.app.return_code == ERASED
    assert not file.exists()


async def test_a_screen_ends_when_the_keys_are_erased_elsewhere(kit: Any, guarded: Guarded) -> None:
    async with guarded(kit) as pilot:
        (kit.path.parent / "keys" / "keystore").unlink()
        await pilot.pause(0.6)
    assert pilot.app.return_code == 1


@BOTH
def test_the_line_mode_has_a_panic_too(kit: Any, price: Any, lang: str) -> None:
    home = kit.path.parent
    protect(home, None)
    word, sure = {"en": ("erase", "ERASE"), "fr": ("effacer", "EFFACER")}[lang]
    for lines, status in ((f"{word}\nyes\n", 0), (f"{word}\n{sure}\nlist\n", ERASED)):
        out = io.StringIO()
        person = FieldLines(kit.path, VAULT, price, io.StringIO(lines), out, {}, Guard(home, 0))
        assert person.run() == status
        assert (home / "keys" / "keystore").exists() == (status == 0)
