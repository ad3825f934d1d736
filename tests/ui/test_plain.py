"""The line mode: the same jobs through plain text in and out."""

from __future__ import annotations

import io
from typing import Any

import pytest

from crisiskit.center.plain import DeskLines
from crisiskit.crypto.vault import Vault
from crisiskit.errors import StoreError
from crisiskit.field.plain import FieldLines
from crisiskit.model import Precedence, RecordKind
from crisiskit.store.store import Store

BOTH = pytest.mark.parametrize("lang", ["en", "fr"], indirect=True)


@pytest.fixture
def talk(price: Any) -> Any:
    """Type these lines into the line mode of a station; what it said."""

    def typed(station: Any, *lines: str) -> str:
        kind = FieldLines if station.role == "kit" else DeskLines
        out = io.StringIO()
        kind(
            station.path,
            Vault(bytes(32)),
            price,
            io.StringIO("".join(f"{line}\n" for line in lines)),
            out,
        ).run()
        return out.getvalue()

    return typed


@BOTH
def test_a_message_is_written_and_listed_in_the_readers_words(
    kit: Any, talk: Any, lang: str
) -> None:
    new, kept = {"en": ("new", "KEPT"), "fr": ("nouveau", "GARDÉ")}[lang]
    said = talk(kit, new, "Roof gone", "14 hurt", "", "flash", "list", "quit")
    assert "satellite: 57 B" in said or "satellite: 57 o" in said
    assert f"1. FLASH, {kept}" in said and "Roof gone 14 hurt" in said
    assert kit.rows("SELECT opened(text, digest), precedence FROM record") == [
        ("Roof gone\n14 hurt", 3)
    ]


def test_a_wrong_urgency_is_asked_again_and_loses_nothing(kit: Any, talk: Any) -> None:
    said = talk(kit, "new", "text", "", "urgent!!", "priority")
    assert "is no precedence" in said
    assert kit.rows("SELECT opened(text, digest), precedence FROM record") == [("text", 1)]


def test_a_form_is_asked_question_by_question(kit: Any, talk: Any) -> None:
    said = talk(kit, "form needs", "", "school", "", "nonsense", "today", *[""] * 20)
    assert "Field “Place”: an answer is needed" in said
    assert "Field “Urgency”" in said
    (row,) = kit.rows("SELECT kind, precedence FROM record")
    assert row == (int(RecordKind.FORM), int(Precedence.ROUTINE))


def test_a_dot_gives_up(kit: Any, talk: Any) -> None:
    assert talk(kit, "new", "text", ".", "form", "needs", "school", ".").count("Not sent.") == 2
    assert kit.rows("SELECT count(*) FROM record") == [(0,)]


def test_a_message_is_opened_answered_and_read_once(kit: Any, talk: Any) -> None:
    kit.receive("How many?", Precedence.IMMEDIATE)
    asked = kit.view().page("in")[0]
    said = talk(kit, "open 1", "open 1", "answer 1", "Twelve", "", "")
    assert "IMMEDIATE, NEW, from center" in said and said.count("How many?") == 3
    kinds = kit.rows(f"SELECT count(*) FROM record WHERE kind = {int(RecordKind.READ)}")
    assert kinds == [(1,)]
    assert [one.answers for one in kit.view().page("out")] == [asked.id]


def test_own_messages_are_withdrawn_but_not_answered(kit: Any, talk: Any) -> None:
    kit.keep("oops")
    said = talk(kit, "answer 1", "cancel 1", "cancel 1")
    assert "nobody to answer" in said and "Withdrawn" in said
    assert kit.rows("SELECT state FROM delivery") == [("cancelled",)]


def test_links_are_told_in_words(kit: Any, talk: Any) -> None:
    assert "No link is set up" in talk(kit, "links")
    kit.store.set_link_state("wifi", "tcp", "down", None, "no_service", 0)
    assert "wifi: DOWN, no service" in talk(kit, "links")


def test_wrong_words_are_answered_with_the_right_ones(kit: Any, talk: Any) -> None:
    said = talk(kit, "sing\x1b[2J", "l", "open", "open 7", "open \u0664", "help")
    assert "No such word: sing" in said and "\x1b" not in said
    assert "l can mean: list, links." in said
    assert said.count("Say which one by its number") == 3
    assert "cancel: with a number" in said


def test_the_end_of_the_input_is_no_message(kit: Any, talk: Any) -> None:
    talk(kit)
    talk(kit, "new", "half a sent")
    assert kit.rows("SELECT count(*) FROM record") == [(0,)]


def test_a_full_disk_keeps_the_words_for_another_try(
    kit: Any, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tries = Store.keep, iter([False, True])

    def sometimes(store: Store, drafts: Any) -> list[str]:
        if not next(tries):
            raise StoreError("disk_full", path="store.db")
        return keep(store, drafts)

    monkeypatch.setattr(Store, "keep", sometimes)
    said = talk(kit, "new", "text", "", "", "yes")
    assert "Your words are still here" in said and "is kept" in said


@BOTH
def test_the_operator_works_in_lines_too(center: Any, talk: Any, lang: str) -> None:
    center.receive("later", kit=1)
    center.receive("first", Precedence.FLASH, kit=2)
    order, kits, sent, yes = {
        "en": ("order", "kits", "sent", "yes"),
        "fr": ("ordre", "kits", "envoyes", "oui"),
    }[lang]
    said = talk(center, order, "all", "Stay in", "", "", "", yes, sent, kits, "notices", "quit")
    assert said.index("first") < said.index("later")
    assert "3 kit-3" in said
    sent_to = center.rows("SELECT pairing FROM delivery WHERE box = 'out'")
    assert sent_to == [(1,), (2,), (3,)]


def test_an_order_that_is_not_confirmed_is_not_given(center: Any, talk: Any) -> None:
    said = talk(center, "order", "kit-9", "order", "kit-1", "Go", "", "", "", "no")
    assert "kit-9" in said and "Not sent." in said
    assert center.rows("SELECT count(*) FROM record") == [(0,)]
