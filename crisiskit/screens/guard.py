"""What protects a screen: when it locks, what opens it, and how everything is erased."""

from __future__ import annotations

from pathlib import Path

from crisiskit import keystore, panic
from crisiskit.crypto.keystore import Lock
from crisiskit.errors import TrustError
from crisiskit.installation import Places
from crisiskit.settings import load

LOCK_AFTER_MIN = 10.0
ERASED = 9  # the exit status of a screen whose keys were just erased by its user


class Guard:
    """The protection of one home. ``idle_s`` without a key lock its screen; 0 is never."""

    def __init__(self, home: Path, idle_s: float) -> None:
        self._home = home
        self.idle_s = idle_s

    @property
    def has_passphrase(self) -> bool:
        """Whether there is something to lock with."""
        try:
            return keystore.present(self._home).lock is Lock.PASSPHRASE
        except TrustError:
            return False

    def opens(self, words: str) -> bool:
        """Whether this is the passphrase. Takes a tenth of a second and more."""
        try:
            keystore.opened_with(self._home, words.encode())
        except TrustError:
            return False
        return True

    @property
    def erased(self) -> bool:
        """Whether somebody erased the keys of this home."""
        return not Places.of(self._home).keystore.exists()

    def erase_keys(self) -> None:
        """Make everything unreadable, now. Whoever started the screen erases the rest."""
        panic.erase_keys(self._home)


def guard_of(home: Path) -> Guard:
    """The guard of a home as its settings say."""
    minutes = load(home, links=False).screen.lock_after_min
    return Guard(home, 60.0 * (LOCK_AFTER_MIN if minutes is None else minutes))
