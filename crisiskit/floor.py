"""The floor: the highest epoch ever opened here, kept outside the database and its backups.

A store that knows only lower epochs was restored from a backup. Its station must then go on
above the floor, so that nothing is ever sealed under the same numbers again (protocol
section 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crisiskit.errors import CrisiskitError
from crisiskit.files import read_small, write_whole
from crisiskit.step import Change, EpochOpened

_BYTES_MAX = 16


class Floor:
    """The file, and what it says. Raises CrisiskitError ``file_unreadable`` if it is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.epoch = _read(path) if path.exists() else -1

    def note(self, changes: Iterable[Change]) -> None:
        """Write a new floor before anything sealed above the old one leaves."""
        newest = max((c.epoch for c in changes if isinstance(c, EpochOpened)), default=-1)
        if newest > self.epoch:
            write_whole(self._path, f"{newest}\n".encode())
            self.epoch = newest


def _read(path: Path) -> int:
    try:
        return int(read_small(path, _BYTES_MAX))
    except ValueError:
        raise CrisiskitError("file_unreadable", path=path, detail="damaged") from None
