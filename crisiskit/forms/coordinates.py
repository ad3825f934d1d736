"""Positions as people write and read them: decimal degrees, or degrees and minutes."""

from __future__ import annotations

import re

_CHARACTERS_MAX = 100
_SIGNS = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{MASCULINE ORDINAL INDICATOR}": "°",
        "\N{PRIME}": "'",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{DOUBLE PRIME}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    }
)
_DECIMAL = re.compile(
    r"([+-]?\d{1,2}(?:\.\d+)?)\s*°?(?:\s*[,;]\s*|\s+)([+-]?\d{1,3}(?:\.\d+)?)\s*°?"
)
_LETTERED = re.compile(r"([^NSEWO]*)([NSEWO])([^NSEWO]*)([NSEWO])([^NSEWO]*)")
_ANGLE = re.compile(
    r"(\d{1,3}(?:\.\d+)?)\s*°?"
    r"(?:(?<=[°\s])\s*(\d{1,2}(?:\.\d+)?)\s*'?(?:(?<=['\s])\s*(\d{1,2}(?:\.\d+)?)\s*\"?)?)?"
)
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")


def parse_position(typed: str) -> tuple[float, float] | None:
    """(latitude, longitude) in degrees to 1e-4, or None where it is no position.

    Takes ``-12.7807 45.2250``, ``12.7807 S 45.2250 E``, ``12°46.842'S 45°13.503'E``, degrees
    with minutes and seconds, letters in front, O for west (ouest) and decimal commas.
    """
    if len(typed) > _CHARACTERS_MAX:
        return None
    text = typed.translate(_SIGNS).upper().replace("''", '"').strip()
    return _parse(text) or _parse(_DECIMAL_COMMA.sub(".", text))


def show_position(position: tuple[float, float], language: str) -> str:
    """``12.7807° S 45.2250° E``; west is O in French."""
    latitude, longitude = position
    west = "O" if language == "fr" else "W"
    return (
        f"{abs(latitude):.4f}° {'S' if latitude < 0 else 'N'} "
        f"{abs(longitude):.4f}° {west if longitude < 0 else 'E'}"
    )


def _parse(text: str) -> tuple[float, float] | None:
    if plain := _DECIMAL.fullmatch(text):
        return _on_globe(float(plain[1]), float(plain[2]))
    lettered = _LETTERED.fullmatch(text)
    if lettered is None:
        return None
    before, first, between, second, after = lettered.groups()
    pieces = (before, between) if before.strip() else (between, after)
    if (after if before.strip() else before).strip():
        return None
    one, two = (_angle(piece.strip(" ,;")) for piece in pieces)
    if one is None or two is None:
        return None
    sides = {first: one, second: two}
    south = sides.get("S", sides.get("N"))
    west = sides.get("W", sides.get("O", sides.get("E")))
    if south is None or west is None or len(sides) < 2:
        return None
    return _on_globe(-south if "S" in sides else south, west if "E" in sides else -west)


def _angle(text: str) -> float | None:
    """Degrees, minutes and seconds; only the last of them may have decimals."""
    found = _ANGLE.fullmatch(text)
    if found is None:
        return None
    parts = [part for part in found.groups() if part is not None]
    numbers = [float(part) for part in parts]
    if any("." in part for part in parts[:-1]) or any(number >= 60 for number in numbers[1:]):
        return None
    return sum((number / 60.0**place for place, number in enumerate(numbers)), 0.0)


def _on_globe(latitude: float, longitude: float) -> tuple[float, float] | None:
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return round(latitude, 4), round(longitude, 4)
