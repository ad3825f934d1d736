"""Messages read well in both languages, and nothing in them can harm a terminal."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from crisiskit import i18n
from crisiskit.codec.forms import pack
from crisiskit.forms import catalog
from crisiskit.model import ClockQuality, Message, Precedence, RecordKind, State
from crisiskit.render import (
    age_text,
    body_lines,
    money_text,
    one_line,
    precedence_word,
    read_form,
    size_text,
    state_word,
    trust_word,
)
from crisiskit.screens.lines import SIGNED
from crisiskit.screens.view import facts

MINUTE = 29_000_000  # 2025-02-19 21:20 UTC
SITREP = pack(
    catalog.schema("sitrep"),
    {
        "place": "Sada",
        "position": (-12.7807, 45.225),
        "seen": -120,
        "present": 1350,
        "damage": 4,
        "road": "closed",
        "remarks": "Pont coupé\nrien ne passe",
    },
)
UNKNOWN = (bytes([250, 1, 2]), "école\x1f\x1fvite")


@pytest.fixture(scope="module", autouse=True)
def both_catalogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The French catalog compiled from its source, English chosen."""
    folder = tmp_path_factory.mktemp("locale")
    place = folder / "fr" / "LC_MESSAGES"
    place.mkdir(parents=True)
    source = Path(i18n.__file__).parent / "locale" / "fr" / "LC_MESSAGES" / "crisiskit.po"
    with source.open("rb") as text, (place / "crisiskit.mo").open("wb") as compiled:
        write_mo(compiled, read_po(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i18n, "LOCALES", folder)
        patch.setattr(i18n, "_chosen", "en")
        i18n._catalog.cache_clear()
        yield
    i18n._catalog.cache_clear()


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# -- bodies ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_utc")
def test_a_form_in_english() -> None:
    assert body_lines(RecordKind.FORM, *SITREP, minute=MINUTE) == [
        "Situation report",
        "Place: Sada",
        "Position: 12.7807° S 45.2250° E",
        "Seen at: 2025-02-19 19:20",
        "People present: 1,350",
        "Damage to buildings: 4/5",
        "Road: closed",
        "Remarks: Pont coupé",
        "  rien ne passe",
    ]


@pytest.mark.usefixtures("in_utc")
def test_a_form_in_french() -> None:
    assert body_lines(RecordKind.FORM, *SITREP, "fr", MINUTE) == [
        "Point de situation",
        "Lieu\u00a0: Sada",
        "Position\u00a0: 12.7807° S 45.2250° E",
        "Vu à\u00a0: 2025-02-19 19:20",
        "Personnes présentes\u00a0: 1\u00a0350",
        "Dégâts aux bâtiments\u00a0: 4/5",
        "Route\u00a0: coupée",
        "Remarques\u00a0: Pont coupé",
        "  rien ne passe",
    ]


def test_a_time_without_a_clock_is_a_distance() -> None:
    assert "Seen at: 2 h before writing" in body_lines(RecordKind.FORM, *SITREP)
    assert "Vu à\u00a0: 2 h avant la rédaction" in body_lines(RecordKind.FORM, *SITREP, "fr")


def test_a_clock_of_a_year_no_calendar_has_is_a_distance_too() -> None:
    assert "Seen at: 2 h before writing" in body_lines(
        RecordKind.FORM, *SITREP, minute=0x7FFF_FFFF_FFFF_FFFF
    )


def test_an_unknown_form_shows_its_number_its_words_and_what_to_do() -> None:
    number, *words, advice = body_lines(RecordKind.FORM, *UNKNOWN)

    assert number == "Form 250"
    assert words == ["école", "vite"]
    assert "update" in advice
    assert "mise à jour" in body_lines(RecordKind.FORM, *UNKNOWN, "fr")[-1]


def test_a_form_from_a_newer_version_says_that_there_is_more() -> None:
    data, text = SITREP
    newer = data.ljust(30, b"\0") + b"\x01"

    lines = body_lines(RecordKind.FORM, newer, text)

    assert lines[:-1] == body_lines(RecordKind.FORM, data, text)
    assert "more fields" in lines[-1]


def test_a_word_from_a_newer_version_is_not_guessed() -> None:
    data, text = pack(catalog.schema("position"), {"position": (0.0, 0.0), "status": "ok"})
    newest = (int.from_bytes(data + bytes(8 - len(data)), "big") | 7 << 8).to_bytes(8, "big")
    form = read_form(newest, text)

    assert form is not None and form[1].values["status"] == "?7"
    assert "Status: not known here (?7)" in body_lines(RecordKind.FORM, newest, text)


def test_a_text_keeps_its_lines() -> None:
    assert body_lines(RecordKind.TEXT, b"", "one\ntwo") == ["one", "two"]
    assert body_lines(RecordKind.ORDER, b"", "Return") == ["Return"]


def test_a_reading_receipt_is_said_in_words() -> None:
    assert body_lines(RecordKind.READ, b"\x01\x02\x03", "") == ["The message was opened."]
    assert one_line(RecordKind.READ, b"", "", "fr") == "Le message a été ouvert."


@given(
    st.sampled_from(RecordKind), st.binary(max_size=40), st.text(st.characters(), max_size=60),
    st.sampled_from(["en", "fr"]), st.integers(0, 0xFFFFFFFF),
)  # fmt: skip
def test_whatever_arrives_can_be_shown_on_any_terminal(
    kind: RecordKind, data: bytes, text: str, lang: str, minute: int
) -> None:
    lines = body_lines(kind, data, text, lang, minute)
    short = one_line(kind, data, text, lang, width=40)

    for line in (*lines, short):
        assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cs") and c != "\t"]
        assert "\u202e" not in line
        assert line.count("\u2068") == line.count("\u2069")
    assert len(short.strip("\u2068\u2069")) <= 40 and "\t" not in short


def test_one_line_of_a_form_begins_with_what_it_is() -> None:
    line = one_line(RecordKind.FORM, *SITREP, width=200)

    assert line.startswith("SITREP: Sada, 12.7807° S 45.2250° E, Seen at 2 h before writing, ")
    assert "People present 1,350" in line
    assert "\n" not in line
    assert one_line(RecordKind.FORM, *UNKNOWN) == "Form 250: école, vite"
    medevac = pack(catalog.schema("medevac"), {"place": "Sada"})
    assert one_line(RecordKind.FORM, *medevac, "fr") == "EVASAN: Sada"


def test_a_long_line_ends_in_an_ellipsis() -> None:
    line = one_line(RecordKind.TEXT, b"", "word " * 1_000_000, width=12)

    assert line == "word word w…"


# -- words and figures -----------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_each_state_has_a_word_of_its_own(lang: str) -> None:
    words = [state_word(state, lang) for state in State]

    assert len(set(words)) == len(State)
    assert all(word == word.upper() for word in words)


def test_sent_and_held_can_never_be_taken_for_each_other() -> None:
    assert (state_word(State.SENT), state_word(State.HELD)) == ("SENT", "HELD")
    assert (state_word(State.SENT, "fr"), state_word(State.HELD, "fr")) == ("PARTI", "CONFIRMÉ")


def test_precedence_keeps_the_words_of_the_field() -> None:
    assert [precedence_word(p) for p in Precedence] == [p.name for p in Precedence]
    assert [precedence_word(p, "fr") for p in Precedence] == [
        "ROUTINE (courant)",
        "PRIORITY (prioritaire)",
        "IMMEDIATE (immédiat)",
        "FLASH (éclair)",
    ]


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (-5, "0 s", "0 s"),
        (59.9, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (3599, "59 min", "59 min"),
        (7200, "2 h", "2 h"),
        (47 * 3600, "47 h", "47 h"),
        (48 * 3600, "2 d", "2 j"),
    ],
)
def test_ages(seconds: float, english: str, french: str) -> None:
    assert (age_text(seconds), age_text(seconds, "fr")) == (english, french)


@pytest.mark.parametrize(
    ("size", "english", "french"),
    [
        (0, "0 B", "0 o"),
        (999, "999 B", "999 o"),
        (1000, "1.0 kB", "1,0 ko"),
        (12_345, "12.3 kB", "12,3 ko"),
        (999_949, "999.9 kB", "999,9 ko"),
        (999_950, "1.0 MB", "1,0 Mo"),
        (4_500_000, "4.5 MB", "4,5 Mo"),
    ],
)
def test_sizes(size: int, english: str, french: str) -> None:
    assert (size_text(size), size_text(size, "fr")) == (english, french)


@pytest.mark.parametrize(
    ("micros", "english", "french"),
    [
        (0, "0.00 EUR", "0,00 EUR"),
        (80_000, "0.08 EUR", "0,08 EUR"),
        (1_200, "0.0012 EUR", "0,0012 EUR"),
        (12_345_678, "12.35 EUR", "12,35 EUR"),
    ],
)
def test_money(micros: int, english: str, french: str) -> None:
    assert (money_text(micros), money_text(micros, lang="fr")) == (english, french)


@pytest.mark.parametrize(
    ("box", "signed", "word"),
    [
        ("in", True, "signed"),
        ("in", False, "authentic, not signed yet"),
        ("out", True, "signed"),
        ("out", False, "not signed yet"),
    ],
)
def test_authentic_is_told_from_signed(box: str, signed: bool, word: str) -> None:
    message = Message(
        ref=1,
        id="7KQ2-M3XD",
        number=1,
        box=box,
        author="Delta-2",
        to="center",
        kind=RecordKind.TEXT,
        precedence=Precedence.ROUTINE,
        text="water",
        data=b"",
        form="",
        written_at=0,
        clock=ClockQuality.UNKNOWN,
        received_at=None,
        state=State.HELD,
        state_at=0,
        signed=signed,
    )
    assert trust_word(message, "en") == word
    assert (SIGNED in facts(message)) is signed
