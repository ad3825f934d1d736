"""The data key of an unlocked home, in a folder that exists in memory only.

It is the user's own run-time folder (XDG_RUNTIME_DIR), gone at shutdown at the latest.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from crisiskit.crypto.vault import KEY_BYTES
from crisiskit.errors import CrisiskitError
from crisiskit.files import SECRET, erase, read_small, write_whole

VARIABLE = "XDG_RUNTIME_DIR"
_NAME_LETTERS = 16


def check(home: Path) -> Path:
    """Where a key of this home may be left. Raises CrisiskitError ``no_memory_folder``."""
    path = _place(home)
    if path is None:
        raise CrisiskitError("no_memory_folder", variable=VARIABLE)
    return path


def keep(home: Path, data_key: bytes) -> Path:
    """Leave the key there; the file's place. Raises CrisiskitError ``no_memory_folder``."""
    path = check(home)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, data_key, SECRET)
    return path


def kept(home: Path) -> bytes | None:
    """The key that was left there, if any."""
    path = _place(home)
    if path is None or not path.exists():
        return None
    try:
        data_key = read_small(path, KEY_BYTES)
    except CrisiskitError:
        return None
    return data_key if len(data_key) == KEY_BYTES else None


def forget(home: Path) -> None:
    """Take the key away."""
    path = _place(home)
    if path is not None:
        erase(path)


def _place(home: Path) -> Path | None:
    """A name that differs for each home, in a folder that is only for its owner."""
    folder = Path(os.environ.get(VARIABLE, ""))
    if os.name == "nt" or not folder.is_absolute():
        return None
    try:
        about = folder.stat()
    except OSError:
        return None
    private = about.st_uid == os.getuid() and not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not private or not stat.S_ISDIR(about.st_mode):
        return None
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:_NAME_LETTERS]
    return folder / "crisiskit" / f"{name}.key"
