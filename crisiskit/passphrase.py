"""Where a passphrase comes from: a file for scripts, or a person at the terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from crisiskit.errors import CrisiskitError, UsageError

FILE_VARIABLE = "CRISISKIT_PASSPHRASE_FILE"
BYTES_MAX = 1024

Asker = Callable[[Path], str | None]
_asker: Asker | None = None


def ask_with(asker: Asker | None) -> None:
    """From here on this asks the person in front of this process; None for nobody.

    It gets the home folder, and gives None where nobody can be asked.
    """
    global _asker
    _asker = asker


def given(home: Path) -> str | None:
    """The passphrase of ``home`` from CRISISKIT_PASSPHRASE_FILE, else from a person, else None."""
    if file := os.environ.get(FILE_VARIABLE):
        return read_passphrase(Path(file))
    return _asker(home) if _asker else None


def read_passphrase(file: Path) -> str:
    """The first line of a file. Raises UsageError ``passphrase_...``, CrisiskitError ``file_...``.

    A pipe will do as well: ``--passphrase-file <(pass show kit)``.
    """
    try:
        with file.open("rb") as source:
            line = source.read(BYTES_MAX + 1).split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise CrisiskitError("file_unreadable", path=file, detail=error.strerror) from None
    try:
        words = line.decode()
    except UnicodeDecodeError:
        raise UsageError("passphrase_not_text", path=file) from None
    if not words or len(line) > BYTES_MAX:
        raise UsageError("passphrase_empty", path=file)
    return words
