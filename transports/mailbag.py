"""Frames as files in the folder ``crisiskit`` of a stick or a shared folder.

One file is one frame. Its name is a hash of its bytes: it says nothing, two stations never
take the same name for different bytes, a copy of a stick holds the same files, and a file that
was cut off or altered is no frame. A file appears under its name only when all of it is on the
medium. Whatever else lies there is left alone; nothing is followed, opened for long, or read
beyond its limit. A medium may vanish at any call: then OSError.

All calls block: a slow stick takes its time.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2s
from itertools import islice
from pathlib import Path

FOLDER = "crisiskit"
NAME_BYTES = 16
ENTRIES_MOST = 20_000
LEFTOVER_S = 3600.0
_FRAME = re.compile(r"[0-9a-f]{32}\.frame")
_UNFINISHED = re.compile(r"[0-9a-f]{32}\.new")
_LOOK = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_NO_WAIT = _LOOK | os.O_NONBLOCK | os.O_NOCTTY
_NOT_SYNCED = (errno.EINVAL, errno.ENOTSUP)  # file systems that know no folder sync


Mark = tuple[int, int, int]
"""Tells two files of one name apart: number, size in bytes, time of its last change."""


def name_of(frame: bytes) -> str:
    """The file name of a frame."""
    return f"{blake2s(frame, digest_size=NAME_BYTES).hexdigest()}.frame"


def prepare(root: Path) -> None:
    """Make the folder on a medium whose owner agreed. OSError where that is not possible."""
    with suppress(FileExistsError):
        (root / FOLDER).mkdir()
        _sync_path(root)
    with _opened(root):
        return


def is_prepared(root: Path) -> bool:
    """Whether somebody once agreed that this medium carries messages."""
    try:
        return stat.S_ISDIR(os.lstat(root / FOLDER).st_mode)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class Mailbag:
    """The folder under ``root``. It is open during a call only, so that a stick can be ejected.

    ``frame_bytes_max`` bounds one file, ``files_max`` how many there may be.
    """

    root: Path
    frame_bytes_max: int
    files_max: int

    def files(self) -> dict[str, Mark]:
        """What may be frames, ``files_max`` at most, of the first 20 000 entries.

        What an interrupted writer left behind is removed after an hour.
        """
        found: dict[str, Mark] = {}
        with _opened(self.root) as folder, os.scandir(folder) as entries:
            for entry in islice(entries, ENTRIES_MOST):
                if _FRAME.fullmatch(entry.name) and len(found) < self.files_max:
                    with suppress(OSError):
                        found[entry.name] = _mark(entry.stat(follow_symlinks=False))
                elif _UNFINISHED.fullmatch(entry.name):
                    _remove_leftover(folder, entry.name)
        return found

    def read(self, name: str) -> bytes | None:
        """The frame in a file; None for what is not one, or not whole."""
        with _opened(self.root) as folder:
            found = self._read(folder, name)
        return None if found is None else found[0]

    def _read(self, folder: int, name: str) -> tuple[bytes, Mark] | None:
        try:
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return None
            handle = os.open(name, _NO_WAIT, dir_fd=folder)
        except (FileNotFoundError, PermissionError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        try:
            seen = os.fstat(handle)
            if not stat.S_ISREG(seen.st_mode) or not 0 < seen.st_size <= self.frame_bytes_max:
                return None
            data = _read_most(handle, self.frame_bytes_max + 1)
        finally:
            os.close(handle)
        return (data, _mark(seen)) if name_of(data) == name else None

    def write(self, frame: bytes) -> tuple[str, Mark]:
        """Put a frame there, durable when this returns; the name and mark of its file.

        A frame that is there already is left as it is. Raises OSError.
        """
        name = name_of(frame)
        unfinished = f"{name.partition('.')[0]}.new"
        with _opened(self.root) as folder:
            if there := self._read(folder, name):
                return name, there[1]
            if _count(folder) >= min(self.files_max, ENTRIES_MOST):
                raise OSError(errno.ENOSPC, "too many files")
            for wrong in (unfinished, name):  # cut off by an earlier pull, or somebody's junk
                with suppress(FileNotFoundError):
                    os.unlink(wrong, dir_fd=folder)
            try:
                mark = _write_new(folder, unfinished, frame)
                os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
                _sync(folder)
                return name, mark
            except OSError:
                with suppress(OSError):
                    os.unlink(unfinished, dir_fd=folder)
                raise

    def remove(self, name: str) -> None:
        """Take away a frame that is safe elsewhere; one that cannot be removed stays."""
        with suppress(OSError), _opened(self.root) as folder:
            os.unlink(name, dir_fd=folder)

    def settle(self) -> None:
        """Make removals durable; a medium that cannot be written to keeps what it has."""
        with suppress(OSError), _opened(self.root) as folder:
            _sync(folder)


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    """The folder itself, never where a link leads to."""
    handle = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        folder = os.open(FOLDER, _LOOK | os.O_DIRECTORY, dir_fd=handle)
    finally:
        os.close(handle)
    try:
        yield folder
    finally:
        os.close(folder)


def _count(folder: int) -> int:
    with os.scandir(folder) as entries:
        return sum(1 for _ in islice(entries, ENTRIES_MOST))


def _mark(seen: os.stat_result) -> Mark:
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _read_most(handle: int, bytes_max: int) -> bytes:
    data = b""
    while len(data) < bytes_max and (piece := os.read(handle, bytes_max - len(data))):
        data += piece
    return data


def _write_new(folder: int, name: str, data: bytes) -> Mark:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(name, flags, 0o644, dir_fd=folder)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
        return _mark(os.fstat(handle))
    finally:
        os.close(handle)


def _remove_leftover(folder: int, name: str) -> None:
    with suppress(OSError):
        age_s = time.time() - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
        if abs(age_s) > LEFTOVER_S:
            os.unlink(name, dir_fd=folder)


def _sync_path(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise
