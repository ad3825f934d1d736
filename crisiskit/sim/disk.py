"""What a disk really holds when the power is cut: a model of files between two syncs.

A write is in memory only until its file is synced; until then each 512-byte sector of it may
be on the disk whole, in part, or not at all, in any order. A name made or removed is certain
only after its folder was synced; until then any of the files it stood for may be back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

SECTOR_BYTES = 512
TORN = 0.1
JUNK = 0.25


@dataclass(frozen=True, slots=True)
class Create:
    """A file that was not there gets a name."""

    path: str


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place in a file."""

    path: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file is cut to a size."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All of a file so far becomes durable; with ``folder`` also the names beside it."""

    path: str
    folder: bool


@dataclass(frozen=True, slots=True)
class Delete:
    """A name is removed; durable at once with ``folder``."""

    path: str
    folder: bool


@dataclass(frozen=True, slots=True)
class FailedSync:
    """A sync that failed: the system forgets what it should have written, but still shows it."""

    path: str


Operation = Create | Write | Truncate | Sync | Delete | FailedSync


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            if isinstance(change, Truncate):
                del self.durable[change.size :]
            else:
                _put(self.durable, change.at, change.data)
        self.pending.clear()

    def cut(self, rng: Random) -> bytes:
        left = bytearray(self.durable)
        for change in self.pending:
            if isinstance(change, Truncate):
                if rng.random() < 0.5:
                    del left[change.size :]
                continue
            for at, sector in _sectors(change):
                _survive(left, at, sector, rng)
        return bytes(left)


class Disk:
    """See the module. ``files`` are there from the start; then ``play`` what happens."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._live = {path: _File(bytearray(data)) for path, data in files.items()}
        self._named: defaultdict[str, list[_File | None]] = defaultdict(list)
        for path, file in self._live.items():
            self._named[path] = [file]

    def play(self, operation: Operation) -> None:
        """One operation happens."""
        match operation:
            case Create(path):
                self._live[path] = _File()
                self._name(path)
            case Delete(path, folder):
                del self._live[path]
                self._name(path)
                if folder:
                    self._sync_names()
            case Sync(path, folder):
                self._live[path].sync()
                if folder:
                    self._sync_names()
            case FailedSync(path):
                self._live[path].pending.clear()
            case Write(path) | Truncate(path):
                self._live[path].pending.append(operation)

    def _name(self, path: str) -> None:
        if path not in self._named:
            self._named[path] = [None]
        self._named[path].append(self._live.get(path))

    def _sync_names(self) -> None:
        for path in self._named:
            self._named[path] = [self._live.get(path)]

    def cut(self, rng: Random) -> dict[str, bytes]:
        """The files that are found after the power comes back."""
        found = {path: rng.choice(files) for path, files in self._named.items()}
        return {path: file.cut(rng) for path, file in found.items() if file is not None}


def _sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    at, end = write.at, write.at + len(write.data)
    while at < end:
        edge = min(end, at - at % SECTOR_BYTES + SECTOR_BYTES)
        yield at, write.data[at - write.at : edge - write.at]
        at = edge


def _survive(file: bytearray, at: int, sector: bytes, rng: Random) -> None:
    """A sector arrives whole, in part or not; the file may have grown for it all the same."""
    fate = rng.random()
    if fate < TORN:
        _put(file, at, sector[: rng.randrange(len(sector) + 1)])
    elif fate < 0.5 + TORN / 2:
        _put(file, at, sector)
    elif at + len(sector) > len(file) and rng.random() < JUNK:
        grown = at + len(sector) - max(at, len(file))
        _put(file, at + len(sector) - grown, rng.randbytes(grown))


def _put(file: bytearray, at: int, data: bytes) -> None:
    if len(file) < at:
        file.extend(bytes(at - len(file)))
    file[at : at + len(data)] = data
