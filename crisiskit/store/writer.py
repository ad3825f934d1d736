"""The one writing connection of a process, and what to think of a COMMIT that failed.

Protocol section 11: an I/O error at COMMIT leaves the outcome unknown. The connection is let
go, the file opened again, and only what is found there, made certain by a commit that does
succeed, counts as kept. Until that works nothing more is read or written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crisiskit.errors import CrisiskitError, StoreError
from crisiskit.store.connect import Database, explained, transaction
from crisiskit.store.schema import Sealed as Column

Look = Callable[[Database], bool]


class Writer:
    """See the module. ``opening`` opens the file at ``path``; ``wall`` gives milliseconds."""

    def __init__(
        self, path: Path, opening: Callable[[], Database], wall: Callable[[], int]
    ) -> None:
        self._path = path
        self._opening = opening
        self._wall = wall
        self._trouble = ""
        self._connection: Database | None = opening()

    @property
    def db(self) -> Database:
        """The connection, opened again first where a COMMIT failed; else StoreError."""
        if self._connection is None:
            self._connection = self._opened_again()
        return self._connection

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def transaction(self, look: Look | None = None) -> Iterator[Database]:
        """One transaction: all of the block is durable afterwards, or StoreError says not.

        ``look`` tells from the file, opened again, whether a block whose COMMIT failed is in
        it after all: then nothing is raised. Where that cannot be found out either the error
        is ``store_unsure``. A full disk leaves no doubt: it stops a commit, never ends one.
        """
        written = False
        try:
            with explained(self._path), transaction(self.db) as db:
                yield db
                written = True
        except StoreError as error:
            if not written or error.code == "disk_full":
                raise
            self._let_go(error)
            if look is None or not self._found(look):
                raise

    def _let_go(self, error: StoreError) -> None:
        self._trouble = str(error.values.get("detail", error.code))
        self.close()
        self._connection = None

    def _found(self, look: Look) -> bool:
        try:
            with explained(self._path):
                return look(self.db)
        except CrisiskitError as error:
            raise StoreError("store_unsure", path=self._path) from error

    def _opened_again(self) -> Database:
        """Its first commit tells people, and syncs whatever the failed one left unsynced."""
        connection = self._opening()
        try:
            at = self._wall()
            detail = connection.vault.seal(self._trouble.encode(), Column.DETAIL, str(at).encode())
            with explained(self._path), transaction(connection) as db:
                db.execute(
                    "INSERT INTO notice (at, code, detail) VALUES (?, 'store_reopened', ?)",
                    (at, detail),
                )
        except CrisiskitError:
            connection.close()
            raise
        return connection
