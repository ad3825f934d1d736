"""The operator's desk, driven by keys only, on a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisiskit.model import Notice, Precedence
from crisiskit.step import Raised

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)


async def test_the_board_stands_by_urgency_then_age(center: Any, show: Any, seen: Any) -> None:
    center.receive("routine-1")
    center.receive("flash-1", Precedence.FLASH, kit=2)
    center.receive("priority-1", Precedence.PRIORITY)
    center.receive("flash-2", Precedence.FLASH)
    async with show(center) as pilot:
        found = [line.split()[-1] for line in seen(pilot) if "-1 " in line or "-2 " in line]
        assert found[-4:] == ["flash-1", "flash-2", "priority-1", "routine-1"]
        assert [line[:4] for line in seen(pilot)[2:6]] == ["  !<", "  !<", "   <", "   <"]


async def test_a_reply_goes_to_the_author_and_names_what_it_answers(
    center: Any, show: Any, wait: Any
) -> None:
    center.receive("Need water", kit=2)
    asked = center.view().page("in")[0]
    async with show(center) as pilot:
        await pilot.press("r", *"Coming", "ctrl+s")
        await wait(pilot, "is kept")
    reply = center.view().page("out")[0]
    assert (reply.to, reply.answers, reply.text) == ("kit-2", asked.id, "Coming")


async def test_the_kits_are_listed_with_what_waits(center: Any, show: Any, wait: Any) -> None:
    center.keep("hello", to="kit-3")
    center.receive("hi", kit=2)
    async with show(center) as pilot:
        await pilot.press("k")
        lines = (await wait(pilot, "LAST HEARD")).splitlines()
        assert [line.split()[0:2] for line in lines[2:5]] == [
            ["1", "kit-1"],
            ["2", "kit-2"],
            ["3", "kit-3"],
        ]
        assert lines[3].split()[-2:] == ["1", "-"] and lines[4].split()[-2:] == ["-", "1"]
        await pilot.press("down", "enter")
        await wait(pilot, "Message to kit-2")


@BOTH
async def test_an_alert_is_read_in_full(center: Any, show: Any, wait: Any, lang: str) -> None:
    center.store.apply([Raised(1, Notice("fork", "epoch 7"))])
    async with show(center) as pilot:
        await pilot.press("a", "enter")
        glass = await wait(pilot, "epoch 7")
        end = glass.replace("┃", " ").split("epoch 7")[-1]
        assert "." in end
        await pilot.press("escape")


async def test_without_kits_writing_says_what_to_do(
    station: Any, tmp_path: Path, show: Any, wait: Any
) -> None:
    async with show(station(tmp_path / "store.db", "center", kits=0)) as pilot:
        await pilot.press("n")
        await wait(pilot, "crisiskit center enrol")


async def test_among_many_kits_typing_leads_to_the_one(
    station: Any, tmp_path: Path, show: Any, wait: Any
) -> None:
    async with show(station(tmp_path / "store.db", "center", kits=40)) as pilot:
        for typed, found in (("12", "12  kit-12"), ("-31", "31  kit-31"), ("KIT-7", "7  kit-7")):
            await pilot.press("n")
            await wait(pilot, "To which kit?")
            await pilot.press(*typed)
            await wait(pilot, f"> {found}")
            await pilot.press("escape")
        await pilot.press("n", "tab", "shift+tab", "tab", *"40", "enter")
        await wait(pilot, "Message to kit-40")
