"""A link is used in its hours, by local time, over midnight too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.sync.hours import ALWAYS, DAY_MIN, Hours, parse_hours

MINUTE_MS = 60_000
minutes = st.integers(0, DAY_MIN - 1)
windows = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1])


def test_windows_are_read_and_written_as_in_the_settings() -> None:
    hours = parse_hours(["06:00-12:30", "22:00-02:00", "23:00-24:00"])
    assert hours.windows == ((360, 750), (1320, 120), (1380, 1440))
    assert str(hours) == "06:00-12:30, 22:00-02:00, 23:00-24:00"
    assert [hours.open_at(60 * h) for h in (0, 1, 2, 6, 12, 13, 22)] == [1, 1, 0, 1, 1, 0, 1]


@pytest.mark.parametrize("word", ["", "6-22", "06:00", "25:00-26:00", "06:60-07:00", "06:00-06:00"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}$"):
        parse_hours([word])


def test_without_windows_a_link_is_never_closed() -> None:
    assert ALWAYS.opens_ms(1_234_567, 3600) == 1_234_567


@given(
    st.lists(windows, min_size=1, max_size=4),
    st.integers(0, 10**13),
    st.integers(-12 * 3600, 14 * 3600),
)
def test_it_opens_at_the_first_open_minute_from_now_on(
    pairs: list[tuple[int, int]], wall_ms: int, offset_s: int
) -> None:
    hours = Hours(tuple(pairs))
    at_ms = hours.opens_ms(wall_ms, offset_s)

    def is_open(ms: int) -> bool:
        return hours.open_at((ms + offset_s * 1000) // MINUTE_MS % DAY_MIN)

    assert wall_ms <= at_ms < wall_ms + DAY_MIN * MINUTE_MS
    assert is_open(at_ms)
    assert not any(is_open(ms) for ms in range(wall_ms, at_ms, MINUTE_MS))
