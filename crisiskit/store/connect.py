"""Opening the database: pragmas, versions, and what an SQLite error means to people.

Protocol section 11: one writing connection a process, explicit transactions,
``synchronous=FULL``, WAL only where the library is free of the WAL-reset defect.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crisiskit.crypto.vault import Vault
from crisiskit.errors import BusyError, CrisiskitError, StoreError
from crisiskit.store import schema
from crisiskit.store.schema import Sealed

WAL_SOUND_SINCE = (3, 51, 3)
BUSY_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 2_000

_FOR_ALL = ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "foreign_keys = ON")


class Database(sqlite3.Connection):
    """The writing connection, and the vault of what is sealed in it."""

    vault: Vault


def open_writer(path: Path, vault: Vault) -> Database:
    """The writing connection, with the schema brought up to date. Creates the file.

    Raises TrustError ``sealed_otherwise`` if the file was begun with another vault.
    """
    with explained(path):
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_MS / 1000,
            check_same_thread=False,
            factory=Database,
        )
        connection.vault = vault
        try:
            _make_ready(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _make_ready(connection: Database, path: Path) -> None:
    for pragma in _FOR_ALL:
        connection.execute(f"PRAGMA {pragma}")
    journal = "WAL" if sqlite3.sqlite_version_info >= WAL_SOUND_SINCE else "TRUNCATE"
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    found = schema.version(connection)
    if found > schema.VERSION:
        raise StoreError("store_newer", path=path, found=found, known=schema.VERSION)
    if found < schema.VERSION:
        with transaction(connection):
            schema.migrate(connection)
    _check_vault(connection)


def _check_vault(connection: Database) -> None:
    """What would be sealed with a wrong key could never be read: find out before writing."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'vault'").fetchone()
    if row is None:
        sealed = connection.vault.seal(b"", Sealed.CHECK)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('vault', ?)", (sealed,))
    else:
        connection.vault.open(row[0], Sealed.CHECK)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and never creates the file."""
    with explained(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=READ_TIMEOUT_MS / 1000,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only = ON")
        for pragma in _FOR_ALL:
            connection.execute(f"PRAGMA {pragma}")
        return connection


def read(
    connection: sqlite3.Connection, path: Path, sql: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """The rows of a query. What a killed writer left half done is rolled back first."""
    with explained(path):
        try:
            return connection.execute(sql, tuple(values)).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            _roll_back(path)
            return connection.execute(sql, tuple(values)).fetchall()


def _roll_back(path: Path) -> None:
    """Undo a transaction that its process did not live to end: a reader may not do that."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("ROLLBACK")


@contextmanager
def transaction(connection: Database) -> Iterator[Database]:
    """One transaction: all of the block is durable afterwards, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, each with a sentence that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.DatabaseError, path: Path) -> CrisiskitError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError("store_locked", path=path)
    if code == sqlite3.SQLITE_FULL:
        return StoreError("disk_full", path=path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError("store_damaged", path=path)
    return StoreError("store_io", path=path, detail=str(error))
