"""Orders on both screens and in both line modes: given, read, answered, taken back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from crisiskit import duty
from crisiskit.center.plain import DeskLines
from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.field.plain import FieldLines
from crisiskit.model import Precedence, RecordKind
from crisiskit.store import issue

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)
VAULT = Vault(bytes(32))
FIRST, SECOND = "correct horse", "battery staple"


@pytest.fixture
def talk(price: Any) -> Any:
    """Type these lines into the line mode of a station; what it said."""

    def talked(station: Any, *lines: str) -> str:
        kind = FieldLines if station.role == "kit" else DeskLines
        out = io.StringIO()
        typed = io.StringIO("".join(f"{line}\n" for line in lines))
        kind(station.path, VAULT, price, typed, out).run()
        return out.getvalue()

    return talked


@pytest.fixture
def operators(center: Any) -> Any:
    """A center with the duty keys of two operators."""
    home = center.path.parent
    first = duty.new_duty_key(home, center.store, "Ali", FIRST, None, None)
    trust = issue.trust(center.store)
    ali = duty.open_signer(home, trust, first.index, lambda _name: FIRST)
    duty.new_duty_key(home, center.store, "Prefect", SECOND, ali, None)
    return center


def kept(center: Any) -> list[tuple[object, ...]]:
    """The orders that leave, and to which kits."""
    return sorted(
        center.rows(
            "SELECT d.pairing, opened(r.text, r.digest), o.exercise FROM delivery d"
            " JOIN record r ON r.id = d.record"
            " JOIN signed_object o ON o.record = r.id WHERE o.kind = 1"
        )
    )


@BOTH
async def test_an_order_to_all_is_confirmed_and_delivered_once_to_each_kit(
    center: Any, show: Any, wait: Any, lang: str
) -> None:
    whom = {"en": "ALL KITS (3 kits)", "fr": "TOUS LES KITS (3 kits)"}[lang]
    real = {"en": "Give this REAL order", "fr": "Donner cet ordre RÉEL"}[lang]
    async with show(center) as pilot:
        await pilot.press("o", "enter", *"Stay in", "ctrl+s", "enter")
        glass = await wait(pilot, whom)
        assert "Stay in" in glass and real in glass
        assert center.rows("SELECT count(*) FROM record") == [(0,)]
        await pilot.press("escape")
        await pilot.press(*"side", "ctrl+s")
        await pilot.press("enter")
        await wait(pilot, "Stay inside")
        await pilot.press("enter", "s")
        await wait(pilot, {"en": "KEPT", "fr": "GARDÉ"}[lang])
    assert kept(center) == [(kit, "Stay inside", 0) for kit in (1, 2, 3)]


async def test_an_exercise_has_its_own_key_and_its_own_last_question(
    center: Any, show: Any, wait: Any
) -> None:
    async with show(center) as pilot:
        await pilot.press("e")
        assert "EXERCISE order to whom?" in await wait(pilot, "to whom?")
        await pilot.press("enter", *"Report", "ctrl+s", "enter")
        glass = await wait(pilot, "Give this")
        assert "Give this EXERCISE order" in glass and "REAL" not in glass
        await pilot.press("enter", "g")
        assert "EXERCISE ORDER 1 Report" in await wait(pilot, "0/3")
    assert kept(center) == [(kit, "Report", 1) for kit in (1, 2, 3)]


async def test_a_drill_network_has_no_real_order(
    station: Any, tmp_path: Path, show: Any, wait: Any
) -> None:
    drill = station(tmp_path / "store.db", "center", exercise=True)
    async with show(drill) as pilot:
        await pilot.press("o", "enter", *"Report", "ctrl+s", "enter")
        glass = await wait(pilot, "Give this")
        assert "REAL" not in glass
        await pilot.press("enter")
        await wait(pilot, "is kept")
    assert kept(drill) == [(1, "Report", 1)]


async def test_two_operators_sign_and_one_takes_it_back(
    operators: Any, show: Any, wait: Any
) -> None:
    async with show(operators) as pilot:
        await pilot.press("o", "enter", *"Evacuate", "ctrl+s", "enter")
        await wait(pilot, "Who signs?")
        await pilot.press("enter")
        await wait(pilot, "as the second")
        await pilot.press("down", "enter")
        await wait(pilot, "Give this REAL order")
        await pilot.press("enter")
        await wait(pilot, "Passphrase of Ali")
        await pilot.press(*"wrong words", "enter")
        assert "Passphrase of Ali" in await wait(pilot, "passphrase is wrong")
        assert kept(operators) == []
        await pilot.press(*FIRST, "enter")
        await wait(pilot, "waits for its second")
        assert kept(operators) == []
        await pilot.press("g", "enter")
        assert "C take it back" in await wait(pilot, "S sign as the second")
        await pilot.press("s")
        await wait(pilot, "Passphrase of Prefect")
        await pilot.press(*SECOND, "enter")
        await wait(pilot, "signed by two")
        assert len(kept(operators)) == 3
        await pilot.press("enter")
        assert "signed by Ali and Prefect" in await wait(pilot, "IN FORCE")
        await pilot.press("c")
        await wait(pilot, "was withdrawn")
        await wait(pilot, "WITHDRAWN")
    states = operators.rows(
        "SELECT DISTINCT d.state FROM delivery d JOIN signed_object o ON o.record = d.record"
        " WHERE o.kind = 1"
    )
    assert states == [("cancelled",)]


async def test_a_passphrase_typed_again_never_gets_into_the_order(
    operators: Any, show: Any, wait: Any
) -> None:
    async with show(operators) as pilot:
        await pilot.press("o", "enter", *"Evacuate", "ctrl+s", "enter", "enter", "down", "enter")
        await wait(pilot, "Give this REAL order")
        await pilot.press("enter")
        await wait(pilot, "Passphrase of Ali")
        await pilot.press(*"wrong words", "enter", *"more wrong", "tab", "enter")
        await wait(pilot, "passphrase is wrong")
        await pilot.pause(0.3)
        await pilot.press("escape")
        await wait(pilot, "Ctrl+S send")
        assert pilot.app.screen.content() == "Evacuate"
    assert kept(operators) == []


@BOTH
async def test_each_line_of_an_exercise_card_says_so_in_both_languages(
    kit: Any, show: Any, seen: Any, wait: Any, lang: str
) -> None:
    kit.receive_order("Report your water. " * 20 + "\nThen rest.", exercise=True)
    async with show(kit) as pilot:
        await wait(pilot, {"en": "EXERCISE ORDER 1", "fr": "EXERCICE ORDRE 1"}[lang])
        await pilot.press("enter")
        await wait(pilot, "CODE")
        lead = {"en": "EXERCISE EXERCICE |", "fr": "EXERCICE EXERCISE |"}[lang]
        card = [line.strip() for line in seen(pilot)[:22] if line.strip(" ─│━▔▁")]
        assert len(card) > 10
        assert [line for line in card if not line.startswith(lead)] == []


@BOTH
async def test_a_real_order_is_read_and_answered_with_its_code(
    kit: Any, show: Any, wait: Any, lang: str
) -> None:
    from crisiskit.codec.objects import answer_code

    real = {"en": "(REAL): IN FORCE", "fr": "(RÉEL) : EN VIGUEUR"}[lang]
    signed = kit.receive_order("Open the school")
    async with show(kit) as pilot:
        await pilot.press("enter")
        glass = await wait(pilot, answer_code(signed))
        assert real in glass and "Open the school" in glass
        await pilot.press("a")
        await pilot.press(*"00000", "enter")
        wrong = {"en": "not the code of order 1", "fr": "n'est pas le code de l'ordre 1"}[lang]
        await wait(pilot, wrong)
        assert kit.rows("SELECT count(*) FROM record WHERE kind = 6") == [(0,)]
        await pilot.press("escape")
        await wait(pilot, real)
        await pilot.press("a", *"00000", "enter")
        await wait(pilot, wrong)
        await pilot.press(*answer_code(signed), "enter")
        for _try in range(100):
            await pilot.pause(0.02)
            if kit.rows("SELECT count(*) FROM record WHERE kind = 6") == [(1,)]:
                break
    assert kit.rows("SELECT count(*) FROM record WHERE kind = 6") == [(1,)]
    assert kit.rows("SELECT answered_at IS NOT NULL FROM signed_object") == [(1,)]


async def test_an_order_that_is_over_is_shown_with_its_age_and_never_hidden(
    kit: Any, show: Any, wait: Any
) -> None:
    kit.receive_order("Open the school")
    hour = 3_600_000
    with kit.store.changing() as (db, _now):
        db.execute("UPDATE signed_object SET expires_at = ?", (wall_ms() - 3 * hour,))
    async with show(kit) as pilot:
        assert "[EXPIRED, 3 h ago]" in await wait(pilot, "ORDER 1")
        await pilot.press("enter")
        assert "do not carry it out" in await wait(pilot, "EXPIRED, 3 h ago")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"signers": (3,)}, "UNKNOWN KEY"),
        ({"kits": (9,)}, "FOR OTHERS"),
        ({"signers": (0xF0, 0xF1)}, ""),
    ],
)
async def test_what_is_no_order_for_this_kit_says_so(
    kit: Any, show: Any, wait: Any, changes: dict[str, object], word: str
) -> None:
    if not word:
        kit.receive("Do it", Precedence.FLASH, RecordKind.ORDER)
        async with show(kit) as pilot:
            await wait(pilot, "Do it")
        return
    kit.receive_order("Do it", **changes)
    async with show(kit) as pilot:
        await pilot.press("enter")
        assert "(REAL)" in await wait(pilot, word)


@BOTH
def test_the_line_mode_gives_and_takes_back(center: Any, talk: Any, lang: str) -> None:
    order, yes = {"en": ("order", "yes"), "fr": ("ordre", "oui")}[lang]
    said = talk(center, order, "all", "Stay", "", "", "x", "2h", yes, "orders", "withdraw 1")
    assert {"en": "REAL ORDER: Stay", "fr": "ORDRE RÉEL : Stay"}[lang] in said
    assert "(0/3)" in said
    assert {"en": "was withdrawn", "fr": "a été retiré"}[lang] in said


def test_the_line_mode_knows_exercises_and_second_signers(operators: Any, talk: Any) -> None:
    signers = ("nobody", "Ali", "Ali", "Prefect")
    give = ("exercise", "all", "Evacuate", "", "", "2h", *signers, "yes", "wrong words", FIRST)
    said = talk(operators, *give, "orders", "sign 3", SECOND, "orders")
    assert "EXERCISE order. Type all" in said and "REAL" not in said
    assert "waits for its second signature" in said and "signed by two" in said
    assert len(kept(operators)) == 3


def test_the_line_mode_reads_the_card_and_sends_the_code(kit: Any, talk: Any) -> None:
    from crisiskit.codec.objects import answer_code

    signed = kit.receive_order("Open the school", exercise=True)
    said = talk(kit, "open 1", "code 1 99999", f"code 1 {answer_code(signed)}")
    card = said[said.index("ORDER 1 (EXERCISE)") :].split("> ")[0]
    assert all(line.startswith("EXERCISE EXERCICE |") for line in card.splitlines()[1:] if line)
    assert "not the code" in said and "is told that order 1 was read" in said
