"""The field screen, driven by keys only, on a real database."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input

from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.errors import StoreError
from crisiskit.field.app import FieldApp
from crisiskit.foresight import Foresight
from crisiskit.forms import catalog
from crisiskit.gps import Keeper, Policy
from crisiskit.model import Precedence, RecordKind, State
from crisiskit.screens.view import MessageScreen
from crisiskit.step import EpochOpened, Sealed, Spent
from crisiskit.store.store import Store
from hardware.nmea import Fix

MEDEVAC = ("f", *["down"] * catalog.names().index("medevac"), "enter")
BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
KEPT = {"en": "KEPT", "fr": "GARDÉ"}


@BOTH
async def test_a_flash_is_written_and_kept_with_keys_alone(
    kit: Any, show: Any, wait: Any, lang: str
) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", *"Roof gone", "f4", "ctrl+s")
        glass = await wait(pilot, KEPT[lang])
        row = next(line for line in glass.splitlines() if "Roof gone" in line)
        assert "FLASH" in row and KEPT[lang] in row
    assert kit.rows(
        "SELECT opened(r.text, r.digest), r.precedence, d.state FROM record r JOIN delivery d"
    ) == [("Roof gone", int(Precedence.FLASH), "kept")]


async def test_the_price_follows_every_letter_and_says_which_link_is_down(
    kit: Any, show: Any, wait: Any
) -> None:
    kit.store.set_link_state("satellite", "sbd", "down", None, "no_service", 0)
    async with show(kit) as pilot:
        await pilot.press("n", "a")
        line = "satellite: 41 B, 1 credit, 0.01 EUR, about 20 s, DOWN now"
        assert line in await wait(pilot, "41 B")
        await pilot.press("b")
        assert "0.02 EUR" in await wait(pilot, "42 B")


@BOTH
async def test_a_wrong_field_is_named_and_the_form_is_kept_once_corrected(
    kit: Any, show: Any, wait: Any, lang: str
) -> None:
    words = {"en": "Field “Patients, at once”", "fr": "Champ « Patients, tout de suite »"}
    async with show(kit) as pilot:
        await pilot.press(*MEDEVAC, *"Dock", "tab", "tab", *"many", "ctrl+s")
        glass = (await wait(pilot, words[lang].split("“")[0][:5])).replace("\u00a0", " ")
        assert words[lang].split(" ")[0] in glass
        assert "Dock" in glass and "many" in glass
        assert kit.rows("SELECT count(*) FROM record") == [(0,)]
        assert pilot.app.focused.id == "field-immediate" or pilot.app.focused.value == "many"
        await pilot.press(*["backspace"] * 4, "3", "ctrl+s")
        await wait(pilot, KEPT[lang])
    (kind,) = kit.rows("SELECT kind FROM record")[0]
    assert kind == int(RecordKind.FORM)
    message = kit.view().page()[0]
    assert message.text and message.data


async def test_words_are_only_thrown_away_when_that_is_said(kit: Any, show: Any, wait: Any) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", *"keep me", "escape")
        await wait(pilot, "This message is not sent.")
        await pilot.press("enter")
        assert "keep me" in await wait(pilot, "Ctrl+S")
        await pilot.press("ctrl+q")
        await wait(pilot, "This message is not sent.")
        await pilot.press("ctrl+q", "escape")
        assert "keep me" in await wait(pilot, "Ctrl+S")
        await pilot.press("escape", "down", "enter")
        await wait(pilot, "Nothing here yet")
    assert kit.rows("SELECT count(*) FROM record") == [(0,)]


async def test_ctrl_s_on_the_heels_of_the_last_letter_sends_every_letter(
    kit: Any, show: Any, wait: Any
) -> None:
    words = "Bridge is gone at the river mouth"
    async with show(kit) as pilot:
        await pilot.press("n")
        for key in words:
            pilot.app.post_message(Key(key if key != " " else "space", key))
        pilot.app.post_message(Key("ctrl+s", None))
        await wait(pilot, "is kept")
    assert kit.rows("SELECT opened(text, digest) FROM record") == [(words,)]


async def test_what_is_wrong_stays_on_the_glass_until_something_is_changed(
    kit: Any, show: Any, wait: Any, seen: Any
) -> None:
    async with show(kit) as pilot:
        await pilot.press(*MEDEVAC, "tab")
        for key in "here":
            pilot.app.post_message(Key(key, key))
        pilot.app.post_message(Key("ctrl+s", None))
        await wait(pilot, "Field “")
        await pilot.pause(0.3)
        await wait(pilot, "Field “")
        await pilot.press("x")
        await pilot.pause()
        assert "Field “" not in "\n".join(seen(pilot))


async def test_keys_that_come_in_one_burst_meet_the_page_they_were_meant_for(
    kit: Any, show: Any, wait: Any
) -> None:
    def burst(pilot: Any, keys: str) -> None:
        for key in keys:
            name = {"\t": "tab", "\r": "enter"}.get(key, key)
            pilot.app.post_message(Key(name, key if key.isprintable() else None))

    async with show(kit) as pilot:
        burst(pilot, "nq")
        await wait(pilot, "Ctrl+S")
        await pilot.press("escape", "down", "enter", *MEDEVAC)
        await wait(pilot, "Pick-up place")
        burst(pilot, "Dock\tx\r7")
        await wait(pilot, "7")
        values = [one.value for one in pilot.app.screen.query(Input)][:3]
        assert values == ["Dock", "x", "7"]


async def test_an_empty_page_is_left_without_a_question(kit: Any, show: Any, wait: Any) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", "escape")
        await wait(pilot, "Nothing here yet")


async def test_an_impatient_second_ctrl_s_sends_once(kit: Any, show: Any, wait: Any) -> None:
    async with show(kit) as pilot:
        await pilot.press("n", "x", "ctrl+s", "ctrl+s", "ctrl+s")
        await wait(pilot, "KEPT")
    assert kit.rows("SELECT count(*) FROM record") == [(1,)]


async def test_a_message_is_withdrawn_only_while_kept(kit: Any, show: Any, wait: Any) -> None:
    for text in ("first", "second"):
        kit.keep(text)
    kit.store.apply([EpochOpened(1, 0, b"salt", bytes(16), bytes(32))])
    kit.store.apply([Sealed(1, 0, 0, b"frame", Precedence.ROUTINE, bytes(32), bytes(32), (1,))])
    async with show(kit) as pilot:
        await pilot.press("c")
        await wait(pilot, "CANCELLED")
        await pilot.press("down", "c")
        await wait(pilot, "SEALED")
        await pilot.press("enter")
        assert "C cancel" not in await wait(pilot, "first")
        await pilot.press("c")
    states = [state for (state,) in kit.rows("SELECT state FROM delivery ORDER BY id")]
    assert states == [State.SEALED, State.CANCELLED]


async def test_opening_twice_makes_one_reading_receipt(kit: Any, show: Any, wait: Any) -> None:
    kit.receive("Open the school", Precedence.IMMEDIATE, RecordKind.ORDER)
    async with show(kit) as pilot:
        for _time in range(2):
            await pilot.press("enter")
            assert "ORDER" in await wait(pilot, "Open the school")
            await wait(pilot, "OPENED")
            await pilot.press("escape")
    receipts = f"SELECT count(*) FROM record WHERE kind = {int(RecordKind.READ)}"
    assert kit.rows(receipts) == [(1,)]


async def test_an_answer_carries_what_it_answers(kit: Any, show: Any, wait: Any) -> None:
    kit.receive("How many?")
    asked = kit.view().page("in")[0]
    async with show(kit) as pilot:
        await pilot.press("enter", "r")
        await wait(pilot, f"Answer to center about {asked.id}")
        await pilot.press(*"12", "ctrl+s")
        await wait(pilot, "KEPT")
    assert [one.answers for one in kit.view().page("out")] == [asked.id]


@BOTH
async def test_a_full_disk_says_so_and_leaves_the_words(
    kit: Any, show: Any, wait: Any, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_store: Store, _drafts: object) -> list[str]:
        raise StoreError("disk_full", path="store.db")

    async with show(kit) as pilot:
        with monkeypatch.context() as patched:
            patched.setattr(Store, "keep", full)
            await pilot.press("n", *"still here", "ctrl+s")
            word = {"en": "full", "fr": "plein"}[lang]
            assert "still here" in await wait(pilot, word)
            await pilot.press("escape", "escape", "escape", "down", "enter")
            await pilot.press(*MEDEVAC, *"Dock", "ctrl+s")
            assert "Dock" in await wait(pilot, word)
        await pilot.press("ctrl+s")
        await wait(pilot, KEPT[lang])


async def test_something_urgent_rings_once_and_is_said_in_words(
    kit: Any, show: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.receive("old news", Precedence.FLASH)
    async with show(kit) as pilot:
        bells: list[int] = []
        monkeypatch.setattr(pilot.app, "bell", lambda: bells.append(1))
        kit.receive("just news", Precedence.PRIORITY)
        await wait(pilot, "just news")
        assert bells == []
        kit.receive("dam breaks", Precedence.FLASH)
        glass = await wait(pilot, "FLASH from center")
        assert next(line for line in glass.splitlines() if "dam breaks" in line).startswith("  !<")
        kit.keep("something else")
        await wait(pilot, "something else")
        assert bells == [1]


async def test_what_another_process_writes_appears_and_the_chosen_stays_chosen(
    kit: Any, show: Any, wait: Any
) -> None:
    for text in ("one", "two", "three"):
        kit.keep(text)
    async with show(kit) as pilot:
        await pilot.press("down")
        assert pilot.app.list.chosen.text == "two"
        kit.keep("four")
        await wait(pilot, "four")
        assert pilot.app.list.chosen.text == "two"


def test_a_crash_of_the_screen_is_no_success(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from crisiskit import field, keystore
    from crisiskit.screens import estimator

    def broken(self: FieldApp, **_how: object) -> None:
        self._return_code = 1

    monkeypatch.setattr(estimator, "estimator", lambda home, vault: lambda draft: Foresight())
    monkeypatch.setattr(estimator, "why_waits", lambda home, vault: lambda message: "")
    monkeypatch.setattr(estimator, "currencies", lambda home: {})
    monkeypatch.setattr(keystore, "opened", lambda home: SimpleNamespace(vault=Vault(bytes(32))))
    monkeypatch.setattr(FieldApp, "run", broken)
    kit.path.with_name("settings.toml").touch()
    assert field.run(kit.path.parent, plain=False) == 1


async def test_without_function_keys_tab_leads_to_urgency_and_sending(
    kit: Any, show: Any, wait: Any
) -> None:
    async with show(kit) as pilot:
        await pilot.press(
            "n", *"Roof gone", "shift+tab", "right", "right", "right", "right", "left"
        )
        assert "lives at stake" not in await wait(pilot, "[IMMEDIATE]")
        await pilot.press("tab", "tab", "enter")
        await wait(pilot, "KEPT")
    assert kit.rows("SELECT precedence FROM record") == [(int(Precedence.IMMEDIATE),)]


@BOTH
async def test_each_urgency_says_when_to_take_it(kit: Any, show: Any, wait: Any, lang: str) -> None:
    meanings = {
        "en": ("when there is room", "today", "within the hour", "lives at stake"),
        "fr": ("quand il y a la place", "dans la journée", "dans l’heure", "vies en danger"),
    }
    async with show(kit) as pilot:
        await pilot.press("n")
        for key, words in zip(("f1", "f2", "f3", "f4"), meanings[lang], strict=True):
            await pilot.press(key)
            await wait(pilot, words)


async def test_money_is_in_the_currency_of_its_link(kit: Any, price: Any, wait: Any) -> None:
    kit.store.set_link_state("satellite", "sbd", "ready", 3, "", 0)
    kit.store.apply([Spent("satellite", 50, 1, 90_000)])
    async with FieldApp(kit.path, Vault(bytes(32)), price, {"satellite": "GBP"}).run_test(
        size=(80, 24)
    ) as pilot:
        await wait(pilot, "0.09 GBP")
        await pilot.press("n", "a")
        await wait(pilot, "0.01 GBP")


async def test_the_head_shows_the_time_of_day(
    kit: Any, show: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = 1_795_435_200_000
    monkeypatch.setattr("crisiskit.screens.app.wall_ms", lambda: noon)
    expected = time.strftime("%H:%M", time.localtime(noon / 1000))
    async with show(kit) as pilot:
        assert seen(pilot)[0].rstrip().endswith(expected)


async def test_a_message_that_moves_on_while_its_page_opens_is_shown_as_it_is(
    kit: Any, show: Any, wait: Any
) -> None:
    kit.keep("bridge gone")
    async with show(kit) as pilot:
        page = MessageScreen(pilot.app.views, pilot.app.views.page()[0])
        opened = pilot.app.push_screen(page)
        kit.store._db.execute("UPDATE delivery SET state = ?", (State.HELD,))
        page.reload()
        await opened
        assert "HELD" in await wait(pilot, "bridge gone")


@BOTH
async def test_the_place_that_the_satellites_say_is_offered(
    kit: Any, show: Any, wait: Any, lang: str
) -> None:
    fix = Fix(wall_ms() // 1000, -12.7807, 45.22507)
    Keeper(kit.store, Vault(bytes(32)), Policy(), wall_ms).take(fix)
    at = catalog.names().index("position")
    async with show(kit) as pilot:
        await pilot.press("f", *["down"] * at, "enter")
        await wait(pilot, "Ctrl+G")
        assert pilot.app.screen.content() == {}, "it is a proposal, no more"
        await pilot.press("ctrl+g")
        assert pilot.app.screen.content() == {"position": "-12.7807 45.2251"}
        await pilot.press("ctrl+s")
        await wait(pilot, KEPT[lang])
