"""A position is understood however people write it, and never misunderstood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.forms.coordinates import parse_position, show_position

HERE = (-12.7807, 45.225)


@pytest.mark.parametrize(
    "typed",
    [
        "-12.7807 45.2250",
        "-12.7807, 45.2250",
        "-12.7807,45.2250",
        "-12.7807;45.225",
        "  -12.7807°  +45.2250° ",
        "\N{MINUS SIGN}12.7807 45.2250",
        "-12,7807 45,2250",
        "-12,7807; 45,2250",
        "12.7807S 45.2250E",
        "12.7807 S, 45.2250 E",
        "12,7807 s 45,2250 e",
        "S12.7807 E045.2250",
        "S 12.7807, E 45.2250",
        "45.2250 E 12.7807 S",
        "12°46.842'S 45°13.5'E",
        "12° 46.842′ S 45° 13.500′ E",
        "12 46.842 S 45 13.5 E",
        "S12°46.842' E45°13.5'",
        "12°46'50.5\"S 45°13'30\"E",
        "12°46'50.5''S 45°13'30''E",
        "12º46’50,5”S 45º13’30”E",
        "12 46 50.5 S 45 13 30 E",
    ],
)
def test_one_place_in_many_spellings(typed: str) -> None:
    assert parse_position(typed) == HERE


@pytest.mark.parametrize(
    ("typed", "position"),
    [
        ("0 0", (0.0, 0.0)),
        ("-12,45", (-12.0, 45.0)),
        ("-90 180", (-90.0, 180.0)),
        ("48.8566 N 2.3522 O", (48.8566, -2.3522)),
        ("48.8566 N 2.3522 W", (48.8566, -2.3522)),
        ("N48°51'24\" W2°21'8\"", (48.8567, -2.3522)),
    ],
)
def test_every_side_of_the_globe(typed: str, position: tuple[float, float]) -> None:
    assert parse_position(typed) == position


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "here",
        "12.7807",
        "91 0",
        "0 181",
        "12°61'S 45°13'E",
        "12°46'61\"S 45°13'E",
        "12.5°30'S 45°13'E",
        "-12.7 S 45.2 E",
        "12.7 S 45.2 S",
        "12.7 E 45.2 W",
        "1246S 04513E",
        "0451S 4513E",
        "S 12.7 E 45.2 1",
        "-12,7807,45,2250",
        "12 46 45 13",
        "nan nan",
        "1e1 1e1",
        "-12.7807 45.2250" + " " * 200,
        "1" * 10_000,
    ],
)
def test_what_is_unclear_is_not_guessed(typed: str) -> None:
    assert parse_position(typed) is None


@given(st.text(alphabet="0123456789 .,;°'\"NSEWO+-", max_size=120))
def test_anything_typed_is_a_place_on_the_globe_or_nothing(typed: str) -> None:
    position = parse_position(typed)

    assert position is None or (abs(position[0]) <= 90 and abs(position[1]) <= 180)


@given(st.integers(-900_000, 900_000), st.integers(-1_800_000, 1_800_000))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_is_shown_can_be_typed_again(language: str, north: int, east: int) -> None:
    position = (north / 10_000, east / 10_000)

    assert parse_position(show_position(position, language)) == position


def test_west_is_ouest_in_french() -> None:
    assert show_position((-12.78, -45.2), "fr") == "12.7800° S 45.2000° O"
    assert show_position((12.78, -45.2), "en") == "12.7800° N 45.2000° W"
