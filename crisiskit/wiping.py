"""A kit erases itself: keys first, since without them the rest is unreadable to others."""

from __future__ import annotations

from pathlib import Path

from crisiskit.files import erase
from crisiskit.installation import Places


def wipe(home: Path) -> None:
    """Erase keys, then messages, then what is left; may be cut and run again.

    Best effort on flash memory, which may keep old blocks.
    """
    places = Places.of(home)
    for key in sorted(places.keys.glob("*")):
        erase(key)
    for left in sorted(home.glob(f"{places.store.name}*")):
        erase(left)
    for left in (places.home / "ballast", places.network, places.log):
        left.unlink(missing_ok=True)
