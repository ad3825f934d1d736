"""Typed answers become values in either language; what is wrong is said in people's words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit import i18n
from crisiskit.codec.forms import AnyField, Value
from crisiskit.forms import catalog
from crisiskit.forms.answers import AnswerError, parse_answer
from crisiskit.forms.words import fold, pick, seconds_of

NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) // 60


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


@pytest.fixture
def in_mayotte(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three hours ahead of UTC, all year."""
    monkeypatch.setenv("TZ", "XXX-3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def field(form: str, name: str) -> AnyField:
    return next(field for field in catalog.schema(form).fields if field.name == name)


def answer(form: str, name: str, typed: str, minute: int = NOON) -> Value:
    return parse_answer(field(form, name), typed, minute)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("0", 0), ("12", 12), ("1200", 1200), ("1 200", 1200), ("1\u00a0000\u202f000", 1_000_000)],
)
def test_numbers(typed: str, number: int) -> None:
    assert answer("sitrep", "injured", typed) == number


@pytest.mark.parametrize(
    "typed", ["-1", "3.5", "1,200", "1.200", "about 3", "1 20", "1000001", "9" * 5000, "٣", "0x1"]
)
def test_what_is_no_number(typed: str) -> None:
    with pytest.raises(AnswerError, match="whole number from 0 to 1000000"):
        answer("sitrep", "injured", typed)


def test_a_scale_has_an_end() -> None:
    assert answer("sitrep", "damage", "5") == 5
    with pytest.raises(AnswerError, match="0 to 5"):
        answer("sitrep", "damage", "6")


@pytest.mark.parametrize("typed", ["yes", "YES", "y", "oui", "o", "Oui ", "true", "1"])
def test_yes(typed: str) -> None:
    assert answer("medevac", "landing", typed) is True


@pytest.mark.parametrize("typed", ["no", "n", "NON", "non", "false", "0"])
def test_no(typed: str) -> None:
    assert answer("medevac", "landing", typed) is False


@pytest.mark.parametrize("typed", ["perhaps", "2", "-"])
def test_neither_yes_nor_no(typed: str) -> None:
    with pytest.raises(AnswerError, match="yes or no"):
        answer("medevac", "landing", typed)


@pytest.mark.parametrize(
    "typed",
    ["foot", "on foot only", "à pied seulement", "A PIED", "on", "a pied", "à-pied", "f"],
)
def test_a_word_by_its_key_its_words_or_a_clear_beginning(typed: str) -> None:
    assert answer("sitrep", "road", typed) == "foot"


def test_a_whole_word_wins_over_the_beginning_of_another() -> None:
    assert answer("sitrep", "need", "power") == "power"
    assert answer("position", "accuracy", "10 m") != answer("position", "accuracy", "10km")


def test_an_unclear_word_is_answered_with_those_it_may_mean() -> None:
    with pytest.raises(AnswerError, match="several things: normal, none"):
        answer("sitrep", "power", "n")


def test_an_unknown_word_is_answered_with_all_there_are() -> None:
    with pytest.raises(AnswerError, match="normal, partial, generator only, none"):
        answer("sitrep", "power", "maybe")


@pytest.mark.usefixtures("in_mayotte")
@pytest.mark.parametrize(
    ("typed", "offset"),
    [
        ("now", 0),
        ("maintenant", 0),
        ("15:00", 0),
        ("14:30", -30),
        ("14h30", -30),
        ("14 h 30", -30),
        ("16:05", 65),
        ("4:00", -11 * 60),
        ("2:00", 11 * 60),
        ("2h ago", -120),
        ("il y a 2 h", -120),
        ("-45 min", -45),
        ("\N{MINUS SIGN}45m", -45),
        ("in 1h30", 90),
        ("dans 2 jours", 2880),
        ("+2d", 2880),
    ],
)
def test_times(typed: str, offset: int) -> None:
    assert answer("sitrep", "seen", typed) == offset


@pytest.mark.parametrize("typed", ["soon", "25:00", "14:60", "2h", "ago", "-", "in", "-2x"])
def test_what_is_no_time_or_could_be_a_duration_as_well(typed: str) -> None:
    with pytest.raises(AnswerError, match="14:30"):
        answer("sitrep", "seen", typed)


def test_a_time_too_far_away() -> None:
    with pytest.raises(AnswerError, match="more than 7 days"):
        answer("sitrep", "seen", "8 days ago")


def test_a_clock_at_the_very_beginning_is_no_trouble() -> None:
    assert isinstance(answer("sitrep", "seen", "23:59", minute=0), int)


def test_positions() -> None:
    assert answer("position", "position", "12°46.842'S 45°13.5'E") == (-12.7807, 45.225)
    with pytest.raises(AnswerError, match="latitude and longitude"):
        answer("position", "position", "at the school")


def test_words_have_a_limit_in_bytes() -> None:
    assert answer("sitrep", "place", "é" * 40) == "é" * 40
    with pytest.raises(AnswerError, match="82 bytes, at most 80"):
        answer("sitrep", "place", "é" * 41)


@given(st.sampled_from(catalog.names()), st.data())
def test_any_answer_is_taken_or_refused_with_a_sentence(form: str, data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(catalog.schema(form).fields))
    typed = data.draw(st.text(min_size=1, max_size=50))

    try:
        parse_answer(one, typed, NOON)
    except AnswerError as error:
        assert str(error)


# -- the words underneath --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("30s", 30),
        ("30m", 1800),
        ("30 min", 1800),
        ("2h", 7200),
        ("1h30", 5400),
        ("1 h 30 min", 5400),
        ("1d", 86_400),
        ("1j", 86_400),
        ("2 jours", 172_800),
        ("1d12h", 129_600),
        ("1w", 604_800),
    ],
)
def test_durations(typed: str, seconds: int) -> None:
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize("typed", ["", "30", "m", "2x", "1d30", "h2", "1.5h", "-2h", "9" * 99])
def test_what_is_no_duration(typed: str) -> None:
    assert seconds_of(typed) is None


def test_fold_forgives_accents_case_and_dashes() -> None:
    assert fold("  Sans-Abri_d’Été ") == "sans abri d ete"


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text)
    assert fold(once) == fold(fold(once))


def test_pick_tells_clear_from_unclear_from_unknown() -> None:
    known = {"north": 1, "northeast": 2, "south": 3}

    assert pick("North", known) == [1]
    assert pick("nor", known) == [1, 2]
    assert pick("west", known) == []
    assert pick(" ", known) == []
