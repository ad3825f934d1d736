"""A window between the stock ``sqlite3`` module and its disk, by ctypes alone.

Inside ``watching`` every write, truncate, sync, creation and removal that SQLite asks of the
operating system is first shown to a watcher, which lets it pass or makes it fail. Nothing is
synced for real. The code that opens the databases does not know.

Layouts: ``sqlite3_vfs`` and ``sqlite3_io_methods``, https://www.sqlite.org/c3ref/objlist.html
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from crisiskit.sim.disk import Create, Delete, Operation, Sync, Truncate, Write

Watcher = Callable[[Operation], int]

_Int, _Int64, _Ptr, _Text = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_char_p
_Open = ctypes.CFUNCTYPE(_Int, _Ptr, _Ptr, _Ptr, _Int, _Ptr)
_Delete = ctypes.CFUNCTYPE(_Int, _Ptr, _Text, _Int)
_Write = ctypes.CFUNCTYPE(_Int, _Ptr, _Ptr, _Int, _Int64)
_Truncate = ctypes.CFUNCTYPE(_Int, _Ptr, _Int64)
_Sync = ctypes.CFUNCTYPE(_Int, _Ptr, _Int)

_OPEN_MAIN_JOURNAL, _OPEN_SUPER_JOURNAL, _OPEN_WAL = 0x800, 0x4000, 0x80000
_NAME_SYNCED_WITH_FILE = _OPEN_MAIN_JOURNAL | _OPEN_SUPER_JOURNAL | _OPEN_WAL


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", _Int),
        ("szOsFile", _Int),
        ("mxPathname", _Int),
        ("pNext", _Ptr),
        ("zName", _Text),
        ("pAppData", _Ptr),
        ("xOpen", _Ptr),
        ("xDelete", _Ptr),
        ("others", _Ptr * 14),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("iVersion", _Int),
        ("xClose", _Ptr),
        ("xRead", _Ptr),
        ("xWrite", _Ptr),
        ("xTruncate", _Ptr),
        ("xSync", _Ptr),
        ("others", _Ptr * 13),
    )


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Show ``watcher`` what connections opened in here do; close them in here too.

    It returns 0 to let an operation pass, else the SQLite error it shall fail with. A write
    that fails has written its first half. One watcher at a time in a process.
    """
    shim = _shim()
    shim.watch(watcher)
    try:
        yield
    finally:
        shim.rest()


def half(write: Write) -> Write:
    """What a failed write leaves."""
    return Write(write.path, write.at, write.data[: len(write.data) // 2])


@cache
def _shim() -> _Shim:
    return _Shim()


class _Shim:
    """The wrapped VFS; lives as long as the process, since SQLite keeps its address."""

    def __init__(self) -> None:
        self._library = _sqlite_library()
        self._find = self._library.sqlite3_vfs_find
        self._find.restype = ctypes.POINTER(_Vfs)
        self._base = self._find(None)
        self._watcher: Watcher | None = None
        self._files: dict[int, tuple[str, bool]] = {}
        self._methods: dict[int, _Methods] = {}
        self._kept_alive: list[object] = []
        base = self._base.contents
        self._open, self._delete = _Open(base.xOpen), _Delete(base.xDelete)
        self._vfs = _Vfs.from_buffer_copy(base)
        self._vfs.zName = b"watched"
        self._vfs.xOpen = self._address(_Open, self._on_open)
        self._vfs.xDelete = self._address(_Delete, self._on_delete)

    def watch(self, watcher: Watcher) -> None:
        assert self._watcher is None, "one watcher at a time"
        self._watcher = watcher
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def rest(self) -> None:
        self._watcher = None
        self._library.sqlite3_vfs_register(self._base, 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def _address(self, kind: Any, function: Callable[..., int]) -> int:
        callback = kind(function)
        self._kept_alive.append(callback)
        address = ctypes.cast(callback, _Ptr).value
        assert address is not None
        return address

    def _tell(self, operation: Operation) -> int:
        return 0 if self._watcher is None else self._watcher(operation)

    # -- what SQLite calls -----------------------------------------------------------------

    def _on_open(self, _vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = "" if name is None else os.fsdecode(ctypes.string_at(name))
        new = bool(path) and not Path(path).exists()
        error: int = self._open(self._base, name, file, flags, out)
        if error or not path:
            return error
        new = new and Path(path).exists()
        if new:
            self._tell(Create(path))
        self._files[file] = path, new and bool(flags & _NAME_SYNCED_WITH_FILE)
        methods = ctypes.cast(file, ctypes.POINTER(_Ptr))
        methods[0] = self._wrapped(methods[0])
        return 0

    def _wrapped(self, address: int) -> int:
        """The address of a method table like the one at ``address``, watched."""
        if address not in self._methods:
            base = ctypes.cast(address, ctypes.POINTER(_Methods)).contents
            table = _Methods.from_buffer_copy(base)
            write, truncate = _Write(base.xWrite), _Truncate(base.xTruncate)

            def on_write(file: int, data: int, size: int, at: int) -> int:
                path = self._files[file][0]
                error = self._tell(Write(path, at, ctypes.string_at(data, size)))
                done: int = write(file, data, size // 2 if error else size, at)
                return error or done

            def on_truncate(file: int, size: int) -> int:
                error = self._tell(Truncate(self._files[file][0], size))
                return error or int(truncate(file, size))

            def on_sync(file: int, _flags: int) -> int:
                path, folder = self._files[file]
                error = self._tell(Sync(path, folder))
                if not error:
                    self._files[file] = path, False
                return error

            table.xWrite = self._address(_Write, on_write)
            table.xTruncate = self._address(_Truncate, on_truncate)
            table.xSync = self._address(_Sync, on_sync)
            self._methods[address] = table
        return ctypes.addressof(self._methods[address])

    def _on_delete(self, _vfs: int, name: bytes, folder: int) -> int:
        path = os.fsdecode(name)
        if Path(path).exists():
            error = self._tell(Delete(path, bool(folder)))
            if error:
                return error
        return int(self._delete(self._base, name, folder))


def _sqlite_library() -> ctypes.CDLL:
    """The very SQLite that the ``sqlite3`` module is linked to, not another on this machine."""
    import _sqlite3

    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_libversion.restype = _Text
    assert library.sqlite3_libversion().decode() == sqlite3.sqlite_version
    return library
