"""Small files, written whole or not at all, and read with a limit."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from crisiskit.errors import CrisiskitError

OPEN = 0o644
SECRET = 0o600
_BLANK_BYTES = 1024 * 1024
_BINARY = getattr(os, "O_BINARY", 0)
_WAITLESS = getattr(os, "O_NONBLOCK", 0) | _BINARY


def write_whole(path: Path, data: bytes, mode: int = OPEN) -> None:
    """Write ``data`` so that after a power cut the old file is there or the new one, complete."""
    with whole(path, mode) as file:
        file.write(data)


@contextmanager
def whole(path: Path, mode: int = OPEN) -> Iterator[BinaryIO]:
    """``write_whole`` piece by piece: the file takes its place when the block ends well."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_secret(path: Path, data: bytes) -> None:
    """``write_whole`` for a secret; the bytes that stood there before are overwritten.

    Best effort, as with ``erase``.
    """
    if os.name == "nt" or not path.exists():
        write_whole(path, data, SECRET)
        return
    with path.open("r+b") as old:
        write_whole(path, data, SECRET)
        _blank(old)


def write_new(path: Path, data: bytes, mode: int = OPEN) -> None:
    """``write_whole``, but never over another file. CrisiskitError ``file_exists``."""
    if path.exists() and (not path.is_file() or path.read_bytes() != data):
        raise CrisiskitError("file_exists", path=path)
    write_whole(path, data, mode)


def read_small(path: Path, bytes_max: int) -> bytes:
    """All bytes of a regular file of at most ``bytes_max``; never waits for a pipe or device.

    Raises CrisiskitError ``file_missing``, ``file_unreadable`` or ``file_too_large``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _WAITLESS)
    except FileNotFoundError:
        raise CrisiskitError("file_missing", path=path) from None
    except OSError as error:
        raise CrisiskitError("file_unreadable", path=path, detail=error.strerror) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise CrisiskitError("file_unreadable", path=path, detail="not a regular file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise CrisiskitError("file_too_large", path=path, limit=bytes_max)
    return data


def erase(path: Path) -> None:
    """Overwrite and remove a file that holds a secret, if it is there.

    Best effort: flash memory may keep old blocks. What is ours and write-protected is made
    writable first; what is somebody else's is only removed. OSError where not even that goes.
    """
    if not path.exists():
        return
    with suppress(PermissionError):
        path.chmod(SECRET)
    with suppress(PermissionError), path.open("r+b") as file:
        _blank(file)
    path.unlink()
    sync_folder(path.parent)


def _blank(file: BinaryIO) -> None:
    """Zeros over all of an open file, on the disk when this returns."""
    left = os.fstat(file.fileno()).st_size
    file.seek(0)
    while left > 0:
        left -= file.write(bytes(min(left, _BLANK_BYTES)))
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename or removal durable, where the file system knows how; Windows needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
