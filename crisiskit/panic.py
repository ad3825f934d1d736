"""Erasing an installation: the keys first, then everything else that was there.

Without the keystore nothing of the rest can be read, so it goes before anything that takes
time. Every step may be cut and run again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from crisiskit import keystore
from crisiskit.errors import CrisiskitError
from crisiskit.files import erase
from crisiskit.i18n import LANGUAGES, N_, speak
from crisiskit.installation import Places
from crisiskit.lock import is_free

log = logging.getLogger(__name__)

WORD = N_("ERASE")
AGENT_S = 3.0
_LOOK_S = 0.05
_KEYS_LOOK_S = 0.25
_FOLDER_MODE = 0o700
_OURS = ("store.*", "agent.*", "backup.*", "restore.*", "ballast", "issued.*")


def confirms(typed: str) -> bool:
    """Whether this is the word that confirms, in any of our languages."""
    return typed.strip().casefold() in {speak(lang)(WORD).casefold() for lang in LANGUAGES}


def erase_keys(home: Path) -> None:
    """Erase the keystore and the key file beside it, on the disk and in memory.

    Goes on where one of them may not be removed, and raises its PermissionError at the end.
    """
    places = Places.of(home)
    _make_writable(home, places.keys)
    beside = places.keys.iterdir() if places.keys.is_dir() else ()
    _all_of(
        partial(erase, places.keystore),
        partial(keystore.forget, home),
        *(partial(erase, path) for path in beside if path != places.keystore),
    )


def erase_home(home: Path) -> int:
    """Erase everything in ``home``, the keys first; how many files there were.

    An agent that runs there sees its keystore go and ends; it is given ``AGENT_S`` for that.
    Raises CrisiskitError ``home_missing`` for a folder that is no installation.
    """
    if is_empty(home):
        _remove_folders(home)
        return 0
    if not any(_present(home)):
        raise CrisiskitError("home_missing", path=home)
    count = len({*_files(Places.of(home).keys), *_in_order(home)})
    _all_of(partial(erase_keys, home), partial(_erase_rest, home))
    return count


def _erase_rest(home: Path) -> None:
    end = time.monotonic() + AGENT_S
    while not is_free(home) and time.monotonic() < end:
        time.sleep(_LOOK_S)
    _all_of(*(partial(_remove, path) for path in _in_order(home)))
    _remove_folders(home)


def _all_of(*steps: Callable[[], None]) -> None:
    """Take every step; then raise the PermissionError of the first that was refused."""
    refused: list[PermissionError] = []
    for step in steps:
        try:
            step()
        except PermissionError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _make_writable(*folders: Path) -> None:
    """A write-protected folder lets nothing go."""
    for folder in folders:
        with suppress(OSError):
            folder.chmod(folder.stat().st_mode | _FOLDER_MODE)


def is_empty(home: Path) -> bool:
    """Whether there is nothing to erase."""
    return not any(_files(home))


def _present(home: Path) -> Iterator[Path]:
    """What tells that a folder is an installation, or what was left of one."""
    places = Places.of(home)
    marks = (places.keystore, places.store, places.network, places.settings, places.lock)
    return (path for path in (*marks, *_files(places.keys)) if path.exists())


def _in_order(home: Path) -> list[Path]:
    """The store and its journals first, last of all what tells that an installation was here."""
    places = Places.of(home)
    last = (places.lock, places.settings, places.network)
    found = list(_files(home) if _is_its_own(home) else _known(home))
    rank = {path: place for place, path in enumerate(last, 1)}
    return sorted(found, key=lambda path: (rank.get(path, 0), not path.name.startswith("store")))


def _is_its_own(home: Path) -> bool:
    """False where ``home`` is the user's own home folder, or one above it."""
    return home.resolve() not in (Path.home().resolve(), *Path.home().resolve().parents)


def _known(home: Path) -> Iterator[Path]:
    """Only what we put there."""
    places = Places.of(home)
    named = (places.network, places.settings, places.floor)
    yield from (path for path in named if path.exists())
    for pattern in _OURS:
        yield from (path for path in home.glob(pattern) if not path.is_dir())


def _files(folder: Path) -> Iterator[Path]:
    """All files in a folder and below; links are not followed."""
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _remove_folders(home: Path) -> None:
    """The home and its folders, except where something is left or somebody stands."""
    below = [path for path in home.rglob("*") if path.is_dir() and not path.is_symlink()]
    for folder in (*sorted(below, reverse=True), home):
        with suppress(OSError):
            folder.rmdir()


def _remove(path: Path) -> None:
    """Overwrite and remove; a link, a device or the empty reserve is only removed."""
    if not path.is_symlink() and path.is_file() and path.name != "ballast":
        with suppress(FileNotFoundError):  # its owner removed it meanwhile
            erase(path)
    path.unlink(missing_ok=True)


async def stop_when_erased(keystore: Path, stop: asyncio.Event) -> None:
    """A panic erases the keystore first; who still holds its keys must let go."""
    while keystore.exists():
        await asyncio.sleep(_KEYS_LOOK_S)
    log.warning("keystore_gone")
    stop.set()
