"""What a person typed becomes a valid body, or one sentence says what is wrong."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit import i18n
from crisiskit.codec.forms import Filled, unpack
from crisiskit.compose import (
    TEXT_BYTES_MAX,
    compose_form,
    compose_text,
    parse_duration,
    parse_precedence,
)
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.forms import catalog
from crisiskit.model import Precedence

MINUTE = 29_000_000


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def refusal(code: str, caught: pytest.ExceptionInfo[UsageError]) -> dict[str, object]:
    assert caught.value.code == code
    return caught.value.values


# -- texts -----------------------------------------------------------------------------------


def test_text_is_sent_as_it_was_meant() -> None:
    assert compose_text("  Pont coupé\r\n2 blessés\tgraves\r") == "Pont coupé\n2 blessés\tgraves"


@pytest.mark.parametrize("typed", ["", "   ", "\0\x01", "\n\t\n", "\u202e"])
def test_an_empty_text_is_refused(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        compose_text(typed)

    refusal("text_empty", caught)


def test_the_longest_text_passes_and_one_byte_more_does_not() -> None:
    longest = "é" * (TEXT_BYTES_MAX // 2)
    assert compose_text(f" {longest} ") == longest

    with pytest.raises(UsageError) as caught:
        compose_text(longest + "x")

    assert refusal("text_too_long", caught) == {
        "bytes": TEXT_BYTES_MAX + 1,
        "most": TEXT_BYTES_MAX,
    }


@pytest.mark.parametrize(
    "typed",
    ["x" * 1_000_000, "a" + "\u0301\u0323" * 500_000, "\ud800" * 1_000_000, "\0" * 1_000_000],
    ids=["letters", "accents in the worst order", "half characters", "zeros"],
)
def test_a_megabyte_is_refused_at_once(typed: str) -> None:
    begin = time.perf_counter()

    with pytest.raises(UsageError) as caught:
        compose_text(typed)

    assert refusal("text_too_long", caught)["most"] == TEXT_BYTES_MAX
    assert time.perf_counter() - begin < 1


# -- forms -----------------------------------------------------------------------------------


def test_a_form_is_filled_in_either_language() -> None:
    english = compose_form("sitrep", {"place": "Sada", "injured": "3", "road": "closed"}, MINUTE)
    french = compose_form("sitrep", {"Lieu": "Sada", "blessés": "3", "Route": "coupée"}, MINUTE)

    assert english == french
    assert unpack(catalog.schema("sitrep"), *english) == Filled(
        {"place": "Sada", "injured": 3, "road": "closed"}
    )


def test_a_field_goes_by_a_clear_beginning_of_its_name() -> None:
    assert compose_form("sitrep", {"inj": "3"}, MINUTE) == compose_form(
        "sitrep", {"injured": "3"}, MINUTE
    )


def test_answers_left_empty_are_not_given() -> None:
    assert compose_form("sitrep", {"injured": "3", "road": " ", "place": ""}, MINUTE) == (
        compose_form("sitrep", {"injured": "3"}, MINUTE)
    )


def test_words_cannot_smuggle_in_a_separator() -> None:
    _data, text = compose_form("sitrep", {"place": "a\x1fb", "remarks": "c\x00d"}, MINUTE)

    assert text == "ab\x1fcd"


@pytest.mark.parametrize(
    ("form", "answers", "field", "why"),
    [
        ("sitrep", {"injured": "some"}, "injured", "whole number"),
        ("sitrep", {"colour": "red"}, "colour", "the fields are: place, position"),
        ("sitrep", {"p": "1"}, "p", "several fields: place, position, present, power"),
        ("sitrep", {"injured": "1", "Blessés": "2"}, "injured", "twice"),
        ("sitrep", {"remarks": "x" * 100_000}, "remarks", "too long"),
        ("sitrep", {"remarks": "x" * 1001}, "remarks", "1001 bytes, at most 1000"),
        ("needs", {"water": "200", "urgency": "today"}, "place", "needed"),
        ("position", {"accuracy": "10m"}, "position", "needed"),
    ],
)
def test_a_wrong_answer_is_named_with_the_reason(
    form: str, answers: dict[str, str], field: str, why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        compose_form(form, answers, MINUTE)

    values = refusal("form_field", caught)
    assert values["field"] == field
    assert why in str(values["why"])


def test_the_sentence_calls_a_field_by_its_label() -> None:
    with pytest.raises(UsageError) as caught:
        compose_form("sitrep", {"present": "many"}, MINUTE)

    sentence = i18n.explain(caught.value)
    assert sentence == "Field “People present”: write a whole number from 0 to 1000000."


@pytest.mark.parametrize("answers", [{}, {"place": "  "}])
def test_an_empty_form_is_refused(answers: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        compose_form("sitrep", answers, MINUTE)

    refusal("form_empty", caught)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        compose_form("sitrap", {}, MINUTE)

    refusal("form_unknown", caught)


@given(st.sampled_from(catalog.names()), st.dictionaries(st.text(), st.text(), max_size=4))
def test_anything_typed_gives_a_form_or_a_sentence(form: str, answers: dict[str, str]) -> None:
    try:
        compose_form(form, answers, MINUTE)
    except CrisiskitError as error:
        assert error.exit_status == 2


# -- words of the command line ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("precedence", "words"),
    [
        (Precedence.FLASH, "FLASH flash Z f ÉCLAIR eclair"),
        (Precedence.IMMEDIATE, "IMMEDIATE O o I imm IMMÉDIAT immediat"),
        (Precedence.PRIORITY, "PRIORITY P prio PRIORITAIRE"),
        (Precedence.ROUTINE, "ROUTINE R r COURANT cour"),
    ],
)
def test_precedence_words(precedence: Precedence, words: str) -> None:
    assert {parse_precedence(word) for word in words.split()} == {precedence}


@pytest.mark.parametrize("word", ["", " ", "0", "urgent", "FLASHY", "3", "x" * 1000])
def test_a_mistyped_precedence_is_never_taken_for_another(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_precedence(word)

    refusal("precedence_unknown", caught)


@pytest.mark.parametrize(
    ("word", "seconds"), [("30m", 1800), ("2h", 7200), ("1d", 86_400), ("1j", 86_400)]
)
def test_durations(word: str, seconds: int) -> None:
    assert parse_duration(word) == seconds


@pytest.mark.parametrize("word", ["", "0m", "30", "soon", "-2h"])
def test_what_is_no_duration(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(word)

    refusal("duration_unknown", caught)
