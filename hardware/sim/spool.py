"""A queue of small messages in order of their names; with a folder it survives a power cut."""

from __future__ import annotations

import os
from bisect import bisect_left, insort
from pathlib import Path

PART = ".part"
FILES_MAX = 10_000


class Spool:
    """Messages by name, such as ``1-000000000042``: rank, then number. First is smallest."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._messages: dict[str, bytes] = {}
        self._names: list[str] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder)
        self.last_number = max((int(name.partition("-")[2]) for name in self._names), default=0)

    def __len__(self) -> int:
        return len(self._names)

    def put(self, name: str, message: bytes) -> None:
        """Durable on return."""
        if self._folder is not None:
            part = self._folder / (name + PART)
            with part.open("wb") as file:
                file.write(message)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / name)
            _sync(self._folder)
        self._messages[name] = message
        insort(self._names, name)

    def first(self) -> tuple[str, bytes] | None:
        """The next message, which stays."""
        return (self._names[0], self._messages[self._names[0]]) if self._names else None

    def place(self, name: str) -> int:
        """Its place in the queue, from 1."""
        return bisect_left(self._names, name) + 1

    def drop(self, name: str) -> None:
        """Forget one message; nothing happens when it is gone already."""
        if self._messages.pop(name, None) is None:
            return
        self._names.remove(name)
        if self._folder is not None:
            (self._folder / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all messages."""
        for name in list(self._names):
            self.drop(name)

    def _load(self, folder: Path) -> None:
        for path in sorted(folder.iterdir())[:FILES_MAX]:
            rank, _, number = path.name.partition("-")
            if rank.isdecimal() and number.isdecimal():
                self._messages[path.name] = path.read_bytes()
                self._names.append(path.name)
            elif path.name.endswith(PART):
                path.unlink()


def _sync(folder: Path) -> None:
    """Make the new name of a file durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
