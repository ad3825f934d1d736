"""Iridium ticks become the right date in each era."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.iridium_time import ERA_2, ERA_3, ERAS, TICK_S, parse_ticks, ticks_to_unix

BUILT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("ticks", "when", "era"),
    [
        ("250564cd", "2026-11-23T18:00:00Z", ERA_3),
        ("140d6135", "2026-01-31T04:46:02Z", ERA_3),
        ("712a957d", "2019-10-10T07:48:12Z", ERA_2),
    ],
)
def test_vectors(ticks: str, when: str, era: int) -> None:
    found = ticks_to_unix(int(ticks, 16), not_before=0, now=unix(when))
    assert found == pytest.approx(unix(when), abs=1)
    assert found == era + int(ticks, 16) * TICK_S


def test_a_wrong_system_clock_cannot_bring_back_an_old_era() -> None:
    found = ticks_to_unix(0x250564CD, not_before=BUILT, now=unix("2016-02-17T00:00:00Z"))
    assert found == pytest.approx(unix("2026-11-23T18:00:00Z"), abs=1)


def test_a_doubtful_clock_takes_the_newest_era() -> None:
    assert ticks_to_unix(0x712A957D, not_before=0, now=None) == ERA_3 + 0x712A957D * TICK_S


def test_a_next_era_can_be_configured() -> None:
    next_era = int(unix("2035-01-01T00:00:00Z"))
    now = unix("2035-06-01T00:00:00Z")
    ticks = int((now - next_era) / TICK_S)
    found = ticks_to_unix(ticks, not_before=BUILT, now=now, eras=(*ERAS, next_era))
    assert found == pytest.approx(now, abs=1)


def test_no_era_gives_a_date_before_the_build() -> None:
    assert ticks_to_unix(0, not_before=BUILT, now=BUILT) is None


@given(ticks=st.integers(0, 2**32 - 1), now=st.one_of(st.none(), st.floats(0, 4e9)))
def test_never_before_the_build(ticks: int, now: float | None) -> None:
    found = ticks_to_unix(ticks, not_before=BUILT, now=now)
    assert found is None or found >= BUILT


@pytest.mark.parametrize(
    ("line", "ticks"),
    [
        ("-MSSTM: 250564cd", 0x250564CD),
        ("-MSSTM:5", 5),
        ("-MSSTM: no network service", None),
        ("-MSSTM: 123456789", None),
        ("OK", None),
    ],
)
def test_the_line_of_the_modem(line: str, ticks: int | None) -> None:
    assert parse_ticks(line) == ticks
