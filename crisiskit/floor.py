"""The floor: the highest epoch ever opened here, kept outside the database and its backups.

A store that knows only lower epochs was restored from a backup. Its station must then go on
above the floor, so that nothing is ever sealed under the same numbers again (protocol
section 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from errno import ENOSPC
from pathlib import Path

from crisiskit.errors import CrisiskitError, StoreError
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
        self.rise_to(max((c.epoch for c in changes if isinstance(c, EpochOpened)), default=-1))

    def rise_to(self, epoch: int) -> None:
        """The floor is at least this epoch. Raises StoreError if that could not be written."""
        if epoch <= self.epoch:
            return
        try:
            write_whole(self._path, f"{epoch}\n".encode())
        except OSError as error:
            code = "disk_full" if error.errno == ENOSPC else "store_io"
            raise StoreError(code, path=self._path, detail=error.strerror or "") from None
        self.epoch = epoch


def _read(path: Path) -> int:
    try:
        return int(read_small(path, _BYTES_MAX))
    except ValueError:
        raise CrisiskitError("file_unreadable", path=path, detail="damaged") from None
