"""The PIN of a SIM card, from a file, entered at most once: three wrong ones lock the card.

A mark beside the file says that this very file was tried, and it is durable before the try. It
goes when the card took the PIN; else only a changed file, which a person wrote, is tried again.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

FILE_BYTES_MAX = 64
MARK = ".tried"


class PinError(Exception):
    """There is no PIN to try. The text is technical and holds no PIN."""


class PinFile:
    """A file with four to eight digits that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = path.with_name(path.name + MARK)

    def take(self) -> str:
        """The PIN, for one try. Raises PinError; durable is then, or before, that it was taken."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                pin = file.read(FILE_BYTES_MAX).decode("ascii", "replace").strip()
        except OSError as error:
            raise PinError(f"{self._path}: {error.strerror}") from error
        if os.name != "nt" and stat.S_IMODE(found.st_mode) & 0o077:
            raise PinError(f"{self._path} can be read by others: chmod 600")
        if not re.fullmatch("[0-9]{4,8}", pin):
            raise PinError(f"{self._path} holds no PIN of 4 to 8 digits")
        this = f"{found.st_mtime_ns} {found.st_ino}\n".encode()
        try:
            if self._mark.exists() and self._mark.read_bytes() == this:
                raise PinError(f"the PIN in {self._path} was tried already: write it anew")
            self._remember(this)
        except OSError as error:
            raise PinError(f"{self._mark}: {error.strerror}") from error
        return pin

    def accepted(self) -> None:
        """The card took it: it may be entered again when the modem lost power."""
        self._mark.unlink(missing_ok=True)

    def _remember(self, this: bytes) -> None:
        with self._mark.open("wb") as file:
            file.write(this)
            file.flush()
            os.fsync(file.fileno())
        if os.name != "nt":
            folder = os.open(self._mark.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
