"""No text from outside moves a cursor, turns a line around or ends it; Arabic stays Arabic."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.harmless import clean_json, clean_line, clean_text, in_line
from crisiskit.screens import rows
from crisiskit.widths import cells, fit

ANYTHING = st.text(st.characters())
TURNS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
ARABIC = "الطريق مقطوع في صادا: 12 جريحا"
HEBREW = "הכביש חסום"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\0b", "ab"),
        ("a\x1b[31mred", "a[31mred"),
        ("a\x1fb\x85c\x9bd", "ab\ncd"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("\u2066a\u2069\ufeff", "a"),
        ("e\u0301", "é"),
        ("half \ud83d", "half"),
        ("one\u2028two", "one\ntwo"),
        ("👩\u200d🚒 \u200fعربي", "👩\u200d🚒 \u200fعربي"),
    ],
)
def test_what_could_harm_or_deceive_is_taken_out(typed: str, kept: str) -> None:
    assert clean_text(typed) == kept


@given(st.text(st.characters()))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    cleaned = clean_text(text)

    assert clean_text(cleaned) == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not {c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    assert cleaned.encode().decode() == cleaned


@given(ANYTHING)
def test_a_line_stays_one_line_and_keeps_its_direction(text: str) -> None:
    for line in (clean_line(text), in_line(text)):
        assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
        assert not set(line) & TURNS
        assert line.encode().decode() == line


@pytest.mark.parametrize("text", [ARABIC, HEBREW, f"Sada {HEBREW} 12"])
def test_what_runs_right_to_left_is_readable_and_leaves_its_neighbors_alone(text: str) -> None:
    assert clean_text(text) == text
    assert clean_line(text) == text
    assert in_line(text) == f"\u2068{text}\u2069"
    assert in_line("Pont coupé") == "Pont coupé"


@pytest.mark.parametrize("width", range(1, 12))
def test_a_cell_that_is_cut_still_ends_its_isolate(width: int) -> None:
    for cut in (fit(in_line(ARABIC), width), rows.fit(in_line(ARABIC), width)):
        assert cut.count("\u2068") == cut.count("\u2069")
        assert cells(cut) == width


@given(ANYTHING)
def test_json_says_the_same_without_a_sign_that_could_harm(text: str) -> None:
    line = clean_json(json.dumps({"text": text}, ensure_ascii=False))

    assert json.loads(line) == {"text": text}
    assert line == clean_line(line)
