"""How many columns text takes, where some characters take two places and some none."""

from __future__ import annotations

import unicodedata


def cells(text: str) -> int:
    """How many columns ``text`` takes."""
    return sum(_cell(character) for character in text)


def fit(text: str, columns: int) -> str:
    """``text`` cut or filled with blanks to exactly so many columns."""
    if (taken := cells(text)) <= columns:
        return text + " " * (columns - taken)
    short = _beginning(text, columns - 1) + "…"
    return short + " " * (columns - cells(short))


def wrap(text: str, columns: int, lines_max: int) -> list[str]:
    """``text`` in 1 to ``lines_max`` lines of at most ``columns`` (2 or more), broken at blanks.

    What has no room is left out, and the last line then ends with ``…``.
    """
    lines: list[str] = []
    line, words = "", text.split()
    while words and len(lines) <= lines_max:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        if cells(longer) <= columns:
            line = longer
            continue
        if line:
            lines.append(line)
            line = ""
            words.insert(0, word)
        else:
            lines.append(_beginning(word, columns))
            words.insert(0, word[len(lines[-1]) :])
    lines += [line] if line or not lines else []
    if len(lines) > lines_max:
        lines[lines_max - 1] = _beginning(lines[lines_max - 1], columns - 1).rstrip() + "…"
    return lines[:lines_max]


def _beginning(text: str, columns: int) -> str:
    """As many characters as fit."""
    room = columns
    for place, character in enumerate(text):
        room -= _cell(character)
        if room < 0:
            return text[:place]
    return text


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
