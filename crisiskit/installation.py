"""What a home folder keeps: its files, and which station it is. ``enrolment`` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crisiskit.clock import wall_ms
from crisiskit.errors import CrisiskitError
from crisiskit.model import CENTER

if TYPE_CHECKING:
    from crisiskit.store.store import Store
    from crisiskit.store.views import Views

KIT = "kit"
RESERVE_ROOM_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a home folder.

    ``keystore``: all secrets, sealed. ``key_file``: what opens it where no passphrase does.
    ``network``: the center file. ``floor``: the highest epoch ever opened, which no backup takes
    back. ``log``: what an agent inside a screen logs.
    """

    home: Path
    store: Path
    keys: Path
    keystore: Path
    key_file: Path
    network: Path
    settings: Path
    lock: Path
    floor: Path
    log: Path

    @classmethod
    def of(cls, home: Path) -> Places:
        """Where everything is under ``home``."""
        keys = home / "keys"
        return cls(
            home,
            store=home / "store.db",
            keys=keys,
            keystore=keys / "keystore",
            key_file=keys / "keyfile",
            network=home / "network.ckcn",
            settings=home / "settings.toml",
            lock=home / "agent.lock",
            floor=home / "epoch.floor",
            log=home / "agent.log",
        )


@dataclass(frozen=True, slots=True)
class Installation:
    """A home folder in use. ``kit_number`` is 0 at a center and before activation."""

    places: Places
    role: str
    name: str
    network: str
    network_id: bytes
    exercise: bool
    kit_number: int = 0

    @property
    def active(self) -> bool:
        """Whether it can exchange messages."""
        return self.role == CENTER or self.kit_number > 0


def open_installation(home: Path) -> Installation:
    """What this home folder is. Raises CrisiskitError ``home_missing``."""
    with looking(home) as views:
        return Installation(
            Places.of(home),
            views.role,
            views.own_name,
            views.network,
            views.fact("network_id"),
            views.exercise,
            int(views.fact("kit_number") or b"0"),
        )


@contextmanager
def looking(home: Path) -> Iterator[Views]:
    """The reading side of an installation without its keys: facts and counts, but no words.

    Raises CrisiskitError ``home_missing``.
    """
    from crisiskit.store.views import Views

    with closing(Views(_store_of(home), None)) as views:
        yield views


@contextmanager
def reading(home: Path) -> Iterator[Views]:
    """The reading side of an installation.

    Raises CrisiskitError ``home_missing``, and what ``keystore.opened`` raises.
    """
    from crisiskit.keystore import opened
    from crisiskit.store.views import Views

    path = _store_of(home)
    with closing(Views(path, opened(home).vault)) as views:
        yield views


@contextmanager
def writing(home: Path) -> Iterator[Store]:
    """The writing side of an installation.

    Raises CrisiskitError ``home_missing``, and what ``keystore.opened`` raises.
    """
    from crisiskit.keystore import opened
    from crisiskit.store.store import Store

    path = _store_of(home)
    with closing(Store(path, wall_ms, opened(home).vault)) as store:
        yield store


def _store_of(home: Path) -> Path:
    path = Places.of(home).store
    if not path.exists():
        raise CrisiskitError("home_missing", path=home)
    return path


def lay_reserve(home: Path) -> None:
    """Lay the ballast again that a full disk used up, once there is room for it and more."""
    from shutil import disk_usage

    if disk_usage(home).free >= RESERVE_ROOM_BYTES:
        with writing(home) as store:
            store.lay_ballast()


def agent_runs(home: Path) -> bool:
    """Whether an agent serves this installation. False only where that is certain."""
    from crisiskit.lock import is_free

    return not is_free(home)
