"""Tables of words on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size

import click

from crisiskit.widths import cells, fit

COLUMNS = 80


def width_here() -> int:
    """How many columns a line may have: those of the terminal, 80 in a pipe."""
    return (
        max(COLUMNS, get_terminal_size((COLUMNS, 24)).columns) if sys.stdout.isatty() else COLUMNS
    )


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows of words on standard output, each column as wide as its widest word."""
    widths = [max(cells(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        columns = (fit(word, width) for word, width in zip(row, widths, strict=True))
        click.echo("  ".join(columns).rstrip())
