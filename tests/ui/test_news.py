"""What happens while somebody reads or writes: it is seen, and nothing jumps away."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from crisiskit.crypto.vault import Vault
from crisiskit.errors import StoreError
from crisiskit.field.plain import FieldLines
from crisiskit.model import Precedence
from crisiskit.screens import app as screens_app

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)


async def test_something_urgent_is_announced_on_the_page_one_writes_on(
    kit: Any, show: Any, wait: Any
) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", *"Half a")
        kit.receive("Leave now", Precedence.FLASH)
        assert "Half a" in await wait(pilot, "FLASH from center")


async def test_something_urgent_is_announced_on_the_page_one_reads(
    kit: Any, show: Any, wait: Any
) -> None:
    kit.receive("Long story")
    async with show(kit) as pilot:
        await pilot.press("enter")
        await wait(pilot, "Long story")
        kit.receive("Leave now", Precedence.FLASH)
        await wait(pilot, "FLASH from center")


async def test_the_end_of_one_sentence_does_not_hide_the_next(
    kit: Any, show: Any, wait: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens_app, "TOLD_S", 0.2)
    async with show(kit) as pilot:
        pilot.app.tell("first", 0.2)
        pilot.app.tell("second", 30.0)
        await pilot.pause(0.5)
        assert "second" in "\n".join(seen(pilot))


async def test_the_lines_one_looks_at_stay_where_they_are(kit: Any, show: Any, seen: Any) -> None:
    for number in range(60):
        kit.receive(f"row-{number}.")
    async with show(kit) as pilot:
        await pilot.press(*["down"] * 40)
        before = re.findall(r"row-\d+", "".join(seen(pilot)))
        for _more in range(3):
            kit.receive("newer")
        pilot.app.look()
        await pilot.pause()
        assert re.findall(r"row-\d+", "".join(seen(pilot))) == before
        assert len(before) > 10
        assert pilot.app.list.chosen.text == "row-19."


async def test_on_the_board_the_next_to_be_opened_takes_the_place_of_the_opened(
    center: Any, show: Any, wait: Any
) -> None:
    for number in range(30):
        center.receive(f"row-{number}.")
    async with show(center) as pilot:
        await pilot.press("down", "down", "enter")
        await wait(pilot, "OPENED since")
        await pilot.press("escape")
        await wait(pilot, "row-5.")
        assert pilot.app.list.cursor == 2
        assert pilot.app.list.chosen.text == "row-3."


async def test_enter_opens_one_page_and_esc_closes_it(center: Any, show: Any, wait: Any) -> None:
    center.receive("Only one")
    async with show(center) as pilot:
        await pilot.press("enter")
        await wait(pilot, "OPENED since")
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("escape")
        assert len(pilot.app.screen_stack) == 1


def test_the_line_mode_tells_what_came_in_meanwhile(kit: Any, price: Any) -> None:
    kit.receive("Old")

    class Person:
        """Waits while something comes in, then presses Enter and leaves."""

        lines = iter(["\n", "quit\n"])

        def readline(self) -> str:
            if not kit.view().count("in") > 1:
                kit.receive("Leave now", Precedence.FLASH)
            return next(self.lines)

    out = io.StringIO()
    person: Any = Person()
    FieldLines(kit.path, Vault(bytes(32)), price, person, out).run()
    assert out.getvalue().count("FLASH from center") == 1
    assert "ROUTINE from center" not in out.getvalue()


@BOTH
async def test_an_exercise_says_so_on_every_page(
    center: Any, show: Any, wait: Any, lang: str
) -> None:
    word = {"en": "EXERCISE", "fr": "EXERCICE"}[lang]
    order = {"en": "ORDER", "fr": "ORDRE"}[lang]
    center.store.set_meta(exercise=b"1")
    async with show(center) as pilot:
        await wait(pilot, f" {word}  ")
        await pilot.press("o", "enter")
        await wait(pilot, f" {word}  {order}")
        await pilot.press(*"Stay", "ctrl+s")
        await wait(pilot, "24 ")
        await pilot.press("enter")
        await wait(pilot, f"┃ {word}  {order}")
        await pilot.press("enter", "s", "enter")
        glass = await wait(pilot, "Stay")
        assert glass.split("\n")[0].strip().startswith(word) and order in glass.split("\n")[0]


async def test_a_page_that_cannot_be_read_says_so_once(
    kit: Any, show: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_place: object) -> None:
        raise StoreError("passphrase_wrong")

    for number in range(5):
        kit.receive(f"row-{number}.")
    async with show(kit) as pilot:
        await wait(pilot, "row-4.")
        monkeypatch.setattr(pilot.app.list, "item", unreadable)
        pilot.app.list.refresh()
        assert (await wait(pilot, "passphrase is wrong")).count("passphrase is wrong") == 1
