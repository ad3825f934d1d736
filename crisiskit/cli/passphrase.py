"""Passphrases: typed where nobody sees them, or read from a file. Never words of a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from crisiskit.i18n import _

FILE_BYTES_MAX = 1024


def asker(file: Path | None) -> Callable[[str], str]:
    """What asks for the passphrase of a name; once if it is in a file."""

    def ask(name: str) -> str:
        if file is not None:
            return _read(file)
        _needs_keyboard()
        words: str = click.prompt(
            _("Passphrase of {name}").format(name=name), hide_input=True, err=True
        )
        return words

    return ask


def new_passphrase(name: str, file: Path | None) -> str:
    """A passphrase that is chosen now: typed twice, or read from a file."""
    if file is not None:
        return _read(file)
    _needs_keyboard()
    words: str = click.prompt(
        _("New passphrase of {name}").format(name=name),
        hide_input=True,
        confirmation_prompt=_("Once more"),
        err=True,
    )
    return words


def _read(file: Path) -> str:
    from crisiskit.files import read_small

    return read_small(file, FILE_BYTES_MAX).decode(errors="replace").rstrip("\r\n")


def _needs_keyboard() -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            _("Nobody can be asked here: give the passphrase with --passphrase-file.")
        )
