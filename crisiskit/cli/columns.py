"""Text in columns of a terminal, where some characters take two places and some none."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from shutil import get_terminal_size

import click

from crisiskit.harmless import ended

COLUMNS = 80


def width_here() -> int:
    """How many columns a line may have: those of the terminal, 80 in a pipe."""
    return (
        max(COLUMNS, get_terminal_size((COLUMNS, 24)).columns) if sys.stdout.isatty() else COLUMNS
    )


def cells(text: str) -> int:
    """How many columns ``text`` takes."""
    return sum(_cell(character) for character in text)


def fit(text: str, columns: int) -> str:
    """``text`` cut or filled with blanks to exactly so many columns."""
    if (taken := cells(text)) <= columns:
        return text + " " * (columns - taken)
    kept, room = [], columns - 1
    for character in text:
        room -= _cell(character)
        if room < 0:
            break
        kept.append(character)
    short = ended("".join(kept) + "…")
    return short + " " * (columns - cells(short))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of words on standard output, each column as wide as its widest word."""
    widths = [max(cells(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        columns = (fit(word, width) for word, width in zip(row, widths, strict=True))
        click.echo("  ".join(columns).rstrip())


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
