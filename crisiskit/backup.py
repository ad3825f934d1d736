"""A whole installation in one sealed file, and back.

The file holds the store, the center file and the settings, sealed with the data key, and the
keystore under its own lock. It never holds the key file, nor the floor of epochs, nor what
a center issued: what was used once must stay used.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import IO, BinaryIO, cast

from crisiskit.clock import wall_ms
from crisiskit.crypto.archive import Sealer, read_head
from crisiskit.crypto.keystore import Keystore, Lock
from crisiskit.crypto.vault import Vault
from crisiskit.errors import CrisiskitError, StoreError, TrustError
from crisiskit.files import SECRET, erase, read_small, sync_folder, write_whole
from crisiskit.installation import RESERVE_ROOM_BYTES, Places, looking
from crisiskit.keystore import fits, opened, present
from crisiskit.lock import AgentLock
from crisiskit.store.connect import explained, open_reader, open_writer
from crisiskit.store.store import Store
from crisiskit.store.views import Views

SMALL_BYTES_MAX = 1_048_576
COPY_BYTES = 1_048_576
LEVEL = 3
_STORE, _NETWORK, _SETTINGS = "store.db", "network.ckcn", "settings.toml"
_NAMES = (_STORE, _NETWORK, _SETTINGS)

Unlock = Callable[[Keystore], bytes]


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written or restored. ``aside``: where the store that stood there went."""

    file: Path
    size: int
    messages: int
    lock: Lock
    aside: Path | None = None


# -- there -----------------------------------------------------------------------------------


def back_up(home: Path, file: Path) -> Backup:
    """Write a backup of ``home``; an agent may go on running meanwhile.

    ``file`` is there whole or not at all. Raises CrisiskitError ``file_exists``, and what
    ``keystore.opened`` raises.
    """
    if file.exists():
        raise CrisiskitError("file_exists", path=file)
    with looking(home):  # says so if there is no installation
        keys, keystore = opened(home), present(home)
    copy, new = home / "backup.new", file.with_name(f".{file.name}.new")
    try:
        _copy_store(Places.of(home).store, copy, keys.vault)
        messages = _checked(copy, keys.vault)
        with _created(new) as out:
            _pack(Places.of(home), copy, Sealer(out, keys.vault, keystore, os.urandom))
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
        sync_folder(file.absolute().parent)
    finally:
        _forget(copy)
        new.unlink(missing_ok=True)
    return Backup(file, file.stat().st_size, messages, keystore.lock)


def _copy_store(store: Path, copy: Path, vault: Vault) -> None:
    """A consistent copy of a database that may be in use; SQLite takes an empty file for none."""
    _forget(copy)
    write_whole(copy, b"", SECRET)
    with closing(open_writer(store, vault)) as db, explained(copy):
        db.execute("VACUUM INTO ?", (str(copy),))


def _checked(store: Path, vault: Vault) -> int:
    """How many messages a copy holds, if it is whole. Raises StoreError ``store_damaged``."""
    with closing(open_reader(store)) as db, explained(store):
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise StoreError("store_damaged", path=store)
    with closing(Views(store, vault)) as views:
        views.page(rows=1)
        return views.count()


def _pack(places: Places, copy: Path, sealer: Sealer) -> None:
    import zstandard

    squeezed = zstandard.ZstdCompressor(level=LEVEL).stream_writer(
        cast("BinaryIO", sealer), closefd=False
    )
    with squeezed, tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, path in zip(_NAMES, (copy, places.network, places.settings), strict=True):
            if path.exists():
                tar.add(path, arcname=name, filter=_anonymous)
    sealer.close()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of accounts."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


# -- and back --------------------------------------------------------------------------------


def restore(home: Path, file: Path, unlock: Unlock) -> Backup:
    """Bring an installation back from a backup; the store that stands there is set aside.

    ``unlock`` gives the data key of the backup's keystore. Everything is checked before
    anything is replaced. The new store bears the fact ``restored``. Raises TrustError
    ``backup_...``, BusyError ``agent_running``.
    """
    with _opened(file) as source:
        keystore, contents = read_head(source)
        _check_owner(home, keystore)
        data_key = unlock(keystore)
        home.mkdir(0o700, parents=True, exist_ok=True)
        new = home / "restore.new"
        with AgentLock(home), _emptied(new):
            vault = Vault(data_key)
            _unpack(contents(vault), new)
            messages = _checked(new / _STORE, vault)
            with closing(Store(new / _STORE, wall_ms, vault)) as store:
                store.set_meta(restored=b"1")
                store.take_over_issued(home)
            if not _fits(home, data_key):
                Places.of(home).keys.mkdir(0o700, exist_ok=True)
                write_whole(Places.of(home).keystore, keystore.encode(), SECRET)
            aside = _put_in_place(Places.of(home), new)
            if disk_usage(home).free >= RESERVE_ROOM_BYTES:
                with closing(Store(Places.of(home).store, wall_ms, vault)) as store:
                    store.lay_ballast()
    return Backup(file, file.stat().st_size, messages, keystore.lock, aside)


def _check_owner(home: Path, keystore: Keystore) -> None:
    """A backup goes back to its own home, or to one where nothing is."""
    places = Places.of(home)
    if places.keystore.exists():
        try:
            owner = present(home).owner
        except TrustError:  # damaged: what brings it back is welcome
            owner = keystore.owner
        if owner != keystore.owner:
            raise TrustError("backup_of_another", path=home)
    elif places.store.exists():
        with looking(home) as views:
            own = views.fact("own_fp")
        if own and own != keystore.owner:
            raise TrustError("backup_of_another", path=home)


def _unpack(opener: object, folder: Path) -> None:
    """The three files of a backup, as far as it has them; nothing else is taken."""
    import zstandard

    stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        cast("IO[bytes]", opener), read_across_frames=False
    )
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if member.name not in _NAMES or content is None:
                    raise TrustError("backup_damaged")
                with _created(folder / member.name) as out:
                    shutil.copyfileobj(content, out, COPY_BYTES)
                    out.flush()
                    os.fsync(out.fileno())
        while stream.read(COPY_BYTES):  # to the end: the last chunk must be there
            pass
    except (tarfile.TarError, zstandard.ZstdError, EOFError):
        raise TrustError("backup_damaged") from None
    if not (folder / _STORE).exists():
        raise TrustError("backup_damaged")


def _put_in_place(places: Places, new: Path) -> Path | None:
    """The new store for the old one; other files only where none stand."""
    for name, path in ((_NETWORK, places.network), (_SETTINGS, places.settings)):
        if not path.exists() and (new / name).exists():
            write_whole(path, read_small(new / name, SMALL_BYTES_MAX))
    aside = _set_aside(places.store)
    (new / _STORE).replace(places.store)
    sync_folder(places.home)
    return aside


def _fits(home: Path, data_key: bytes) -> bool:
    """Whether the keystore there goes with this key; it may be newer, then, and stays."""
    try:
        return fits(present(home), data_key)
    except TrustError:
        return False


def _set_aside(store: Path) -> Path | None:
    """Rename the store that stands there. Journals first: they must never meet another store."""
    if not store.exists():
        return None
    with (
        suppress(sqlite3.DatabaseError),  # damaged: perhaps the reason for this restore
        closing(sqlite3.connect(store, isolation_level=None, timeout=10)) as db,
    ):
        db.execute("BEGIN IMMEDIATE")  # rolls back what a killed process left
        db.execute("ROLLBACK")
    aside = store.with_name(f"store.aside-{wall_ms()}.db")
    for suffix in ("-journal", "-wal", "-shm", ""):
        part = store.with_name(store.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    sync_folder(store.parent)
    return aside


# -- small things ----------------------------------------------------------------------------


@contextmanager
def _created(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner only."""
    path.unlink(missing_ok=True)
    handle = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), SECRET
    )
    with os.fdopen(handle, "wb") as file:
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file to read."""
    if not path.exists():
        raise CrisiskitError("file_missing", path=path)
    if not path.is_file():
        raise TrustError("backup_wrong_file")
    with path.open("rb") as file:
        yield file


def _forget(copy: Path) -> None:
    for left in copy.parent.glob(f"{copy.name}*"):
        left.unlink()


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """A folder for a while, empty at first and gone afterwards."""
    _clear(folder)
    folder.mkdir(0o700)
    try:
        yield
    finally:
        _clear(folder)


def _clear(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        for path in folder.iterdir():
            erase(path)
        folder.rmdir()
