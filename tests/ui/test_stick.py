"""A stick is seen, one key exchanges messages with it, and a sentence says when it may go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisiskit import stick
from crisiskit.clock import wall_ms
from crisiskit.screens import app, plain

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
OFFER = {"en": "Stick inserted (COURIER): press U", "fr": "Clé insérée (COURIER) : touche U"}
DONE = {"en": "You can pull the stick out now", "fr": "Vous pouvez retirer la clé"}


@pytest.fixture
def media(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is inserted."""
    there: list[Path] = []
    monkeypatch.setattr(app, "mounted", lambda: list(there))
    monkeypatch.setattr(plain, "mounted", lambda: list(there))
    monkeypatch.setattr(app, "MEDIA_S", 0.05)
    return there


def answer(station: Any, state: stick.Stage, **how: Any) -> None:
    """Do what the agent would: tell about the request there is."""
    request = stick.asked(station.store.meta, wall_ms())
    assert request is not None
    report = stick.Report(request.number, request.folder, wall_ms(), state, **how)
    stick.tell(station.store, report)


@BOTH
async def test_a_stick_comes_is_used_with_one_key_and_goes(
    kit: Any, show: Any, wait: Any, media: list[Path], lang: str
) -> None:
    async with show(kit) as pilot:
        assert OFFER[lang][:5] not in await wait(pilot, "Mayotte")
        media.append(Path("/media/COURIER"))
        await wait(pilot, OFFER[lang])
        await pilot.press("u")
        for _try in range(200):
            await pilot.pause(0.02)
            if stick.asked(kit.store.meta, wall_ms()):
                break
        answer(kit, "done", written=12, read=3)
        glass = await wait(pilot, DONE[lang])
        assert "12" in glass and "3" in glass
        media[:] = [Path("/media/OTHER")]
        assert DONE[lang] not in await wait(pilot, "(OTHER)")


async def test_without_a_stick_the_key_says_what_to_do(
    kit: Any, show: Any, wait: Any, media: list[Path]
) -> None:
    async with show(kit) as pilot:
        await pilot.press("u")
        await wait(pilot, "No stick is inserted.")
    assert stick.asked(kit.store.meta, wall_ms()) is None and not media


async def test_of_several_sticks_one_is_chosen(
    center: Any, show: Any, wait: Any, media: list[Path]
) -> None:
    media += [Path("/media/A"), Path("/media/B")]
    async with show(center) as pilot:
        await pilot.press("u")
        await wait(pilot, "Which stick?")
        await pilot.press("down", "enter")
        await wait(pilot, "being read and written")
    request = stick.asked(center.store.meta, wall_ms())
    assert request is not None and request.folder == "/media/B"


async def test_the_letter_is_typed_where_words_are_written(
    kit: Any, show: Any, wait: Any, media: list[Path]
) -> None:
    media.append(Path("/media/COURIER"))
    async with show(kit) as pilot:
        await pilot.press("n", *"sun")
        await wait(pilot, "sun")
    assert stick.asked(kit.store.meta, wall_ms()) is None
