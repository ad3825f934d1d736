"""READABLE BY ALL: on the link bar, while writing, and on what came in so."""

from __future__ import annotations

import io
from typing import Any

import pytest

from crisiskit.crypto.vault import Vault
from crisiskit.field.plain import FieldLines
from crisiskit.foresight import Foresight
from crisiskit.forms import catalog
from crisiskit.sync.plan import Estimate

MEDEVAC = ("f", *["down"] * catalog.names().index("medevac"), "enter")
BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
WORDS = {"en": "READABLE BY ALL", "fr": "LISIBLE PAR TOUS"}
RELEASED = "SELECT opened(text, digest), clear FROM record"
VAULT = Vault(bytes(32))


@pytest.fixture
def radio(kit: Any) -> Any:
    """A kit with two links, one of them without encryption."""
    kit.store.set_link_state("wifi", "tcp", "ready", None, "", 0)
    kit.store.set_link_state("radio", "serial", "ready", None, "", 0, clear=True)
    return kit


@pytest.fixture
def price() -> Any:
    """What the estimator of such a kit answers."""
    return lambda draft: Foresight(
        (
            Estimate("wifi", 40, 0, 0, 1.0),
            Estimate("radio", 40, 0, 0, 9.0, clear=True, barred=not draft.clear),
        )
    )


@BOTH
async def test_the_link_bar_says_which_link_all_can_read(
    radio: Any, show: Any, seen: Any, lang: str
) -> None:
    async with show(radio) as pilot:
        lines = seen(pilot)
        assert WORDS[lang] in next(line for line in lines if "radio:" in line)
        assert WORDS[lang] not in next(line for line in lines if "wifi:" in line)


@BOTH
async def test_a_message_is_released_by_a_key_and_in_words(
    radio: Any, show: Any, wait: Any, lang: str
) -> None:
    barred = {"en": "radio: not for this one", "fr": "radio: pas pour celui-ci"}[lang]
    async with show(radio) as pilot:
        await pilot.press("n", *"Road closed")
        glass = await wait(pilot, barred)
        assert glass.count(WORDS[lang]) == 1, "the price, not the message"
        await pilot.press("f8")
        glass = await wait(pilot, f"{WORDS[lang]}\u00a0:" if lang == "fr" else f"{WORDS[lang]}:")
        assert barred not in glass
        await pilot.press("ctrl+s")
        await wait(pilot, "[TOUS]" if lang == "fr" else "[ALL]")
    assert radio.rows(RELEASED) == [("Road closed", 1)]


async def test_the_key_takes_it_back(radio: Any, show: Any, wait: Any) -> None:
    async with show(radio) as pilot:
        await pilot.press("n", *"Secret", "f8", "f8", "ctrl+s")
        await wait(pilot, "is kept")
    assert radio.rows(RELEASED) == [("Secret", 0)]


@BOTH
async def test_the_key_stands_on_the_narrowest_page(
    radio: Any, show: Any, wait: Any, lang: str
) -> None:
    async with show(radio) as pilot:
        await pilot.press(*MEDEVAC)
        await wait(pilot, {"en": "F8 readable", "fr": "F8 lisible"}[lang])


async def test_without_such_a_link_there_is_no_such_key(kit: Any, show: Any, wait: Any) -> None:
    kit.store.set_link_state("wifi", "tcp", "ready", None, "", 0)
    async with show(kit) as pilot:
        await pilot.press("n", "x", "f8")
        assert "READABLE BY ALL:" not in await wait(pilot, "Ctrl+S")
        assert "F8" not in await wait(pilot, "Ctrl+S")
        await pilot.press("ctrl+s")
        await wait(pilot, "is kept")
    assert kit.rows(RELEASED) == [("x", 0)]


async def test_personal_data_is_named_and_nothing_is_lost(radio: Any, show: Any, wait: Any) -> None:
    async with show(radio, (80, 30)) as pilot:
        await pilot.press(*MEDEVAC, *"Dock")
        for _field in range(10):
            await pilot.press("tab")
        await pilot.press(*"Ali", "f8", "ctrl+s")
        glass = await wait(pilot, "personal data")
        assert "Ali" in glass and radio.rows("SELECT count(*) FROM record") == [(0,)]
        await pilot.press("f8", "ctrl+s")
        await wait(pilot, "is kept")
    assert radio.rows("SELECT clear FROM record") == [(0,)]


async def test_an_answer_is_secret_unless_it_is_released_again(
    radio: Any, show: Any, wait: Any
) -> None:
    radio.receive("how are you")
    async with show(radio) as pilot:
        await pilot.press("r", *"well", "ctrl+s")
        await wait(pilot, "is kept")
    assert ("well", 0) in radio.rows(RELEASED)


@BOTH
def test_the_line_mode_asks(radio: Any, price: Any, lang: str) -> None:
    new, yes, no = {"en": ("new", "yes", "no"), "fr": ("nouveau", "oui", "non")}[lang]
    out = io.StringIO()
    typed = [new, "open", "", "routine", yes, new, "closed", "", "routine", no, "list", "quit"]
    lines = io.StringIO("".join(f"{line}\n" for line in typed))
    FieldLines(radio.path, VAULT, price, lines, out).run()
    assert radio.rows(RELEASED) == [("open", 1), ("closed", 0)]
    assert WORDS[lang] in out.getvalue()
    assert ("[TOUS] open" if lang == "fr" else "[ALL] open") in out.getvalue()
