"""The one thread of a screen that writes: a commit must never hold up a key press."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.store.store import Draft, Store

T = TypeVar("T")


class Writer:
    """Durable writes of a screen, one after another. The store is opened at the first one.

    Every call returns when its change is on disk, or raises what the store raised.
    """

    def __init__(self, path: Path, vault: Vault, wall: Callable[[], int] = wall_ms) -> None:
        self._path = path
        self._vault = vault
        self._wall = wall
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._store: Store | None = None

    @property
    def path(self) -> Path:
        """The database."""
        return self._path

    async def change(self, write: Callable[[Store], T]) -> T:
        """Any other change, in the same thread; its result."""
        return await self._do(write)

    async def keep(self, drafts: Sequence[Draft]) -> list[str]:
        """Make drafts durable and return their ids: from here on they are KEPT."""
        return await self._do(lambda store: store.keep(drafts))

    async def cancel(self, ref: int) -> None:
        """Withdraw a delivery that was not sealed yet."""
        await self._do(lambda store: store.cancel(ref))

    async def mark_read(self, ref: int) -> bool:
        """Note that a message was opened here; True the first time."""
        return await self._do(lambda store: store.mark_read(ref))

    def close(self) -> None:
        """Finish what was begun, then close the store."""
        self._thread.shutdown(wait=True)
        if self._store is not None:
            self._store.close()

    async def _do(self, write: Callable[[Store], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: write(self._open())
        )

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store(self._path, self._wall, self._vault)
        return self._store
