"""How many columns text takes, where some characters take two places and some none."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from crisiskit.harmless import ended


def cells(text: str) -> int:
    """How many columns ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def fit(text: str, columns: int) -> str:
    """``text`` cut or filled with blanks to exactly so many columns."""
    if (taken := cells(text)) <= columns:
        return text + " " * (columns - taken)
    short = ended(_beginning(text, columns - 1) + "…")
    return short + " " * (columns - cells(short))


def wrap(text: str, columns: int, lines_max: int) -> list[str]:
    """``text`` in 1 to ``lines_max`` lines of at most ``columns`` (2 or more), broken at blanks.

    What has no room is left out, and the last line then ends with ``…``.
    """
    lines, room = [""], columns
    for word in text.split():
        width = cells(word)
        if lines[-1] and width < room:
            lines[-1] += f" {word}"
            room -= width + 1
            continue
        if lines[-1]:
            lines.append("")
        while width > columns and len(lines) <= lines_max:
            lines[-1] = _beginning(word, columns)
            word = word[len(lines[-1]) :]
            width = cells(word)
            lines.append("")
        if len(lines) > lines_max:
            lines[lines_max - 1] = _beginning(lines[lines_max - 1], columns - 1).rstrip() + "…"
            return lines[:lines_max]
        lines[-1], room = word, columns - width
    return lines


def _beginning(text: str, columns: int) -> str:
    """As many characters as fit."""
    if text.isascii():
        return text[:columns]
    room = columns
    for place, character in enumerate(text):
        room -= _cell(character)
        if room < 0:
            return text[:place]
    return text


@lru_cache(maxsize=4096)
def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
