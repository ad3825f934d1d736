"""Columns of a terminal or of a printed page: nothing runs over the edge, nothing is torn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisiskit.widths import cells, fit, wrap

texts = st.text(max_size=80) | st.text("ab 橋e\u0301", max_size=80)


@given(texts, st.integers(2, 40))
def test_a_column_is_filled_exactly(text: str, columns: int) -> None:
    assert cells(fit(text, columns)) == columns


@given(texts, st.integers(2, 40), st.integers(1, 5))
def test_lines_keep_their_width_and_number(text: str, columns: int, most: int) -> None:
    lines = wrap(text, columns, most)
    assert 1 <= len(lines) <= most
    assert all(cells(line) <= columns for line in lines)


@given(texts, st.integers(2, 40))
def test_with_room_for_all_no_letter_is_lost(text: str, columns: int) -> None:
    lines = wrap(text, columns, 200)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_break_at_blanks_and_what_has_no_room_is_shown_to_be_missing() -> None:
    assert wrap("the bridge at Sada is open", 12, 3) == ["the bridge", "at Sada is", "open"]
    assert wrap("the bridge at Sada is open", 12, 2) == ["the bridge", "at Sada is…"]
    assert wrap("", 12, 2) == [""]
