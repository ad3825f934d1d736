"""Which sticks and cards are mounted now, read from what the kernel says; nothing is touched.

Linux: ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)) and the ``removable`` files of sysfs.
Elsewhere nothing is found, and a folder is named by its path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
DEVICES = Path("/sys/dev/block")
MEDIA_MOST = 16
LINES_MOST = 4096
_READ_BYTES = 1 << 20
_MEDIA_PLACES = ("/media/", "/run/media/")
_SYSTEM_PLACES = ("/", "/boot", "/home", "/usr", "/var")
_NO_FILES = frozenset(("autofs", "iso9660", "udf", "squashfs", "overlay", "swap"))
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table. ``device`` is ``major:minor``, ``kind`` the file system's name."""

    device: str
    root: str
    place: str
    kind: str


def parse_mounts(table: str) -> Iterator[Mount]:
    """The mounts of a mountinfo table; lines that are none are passed over."""
    for line in table.split("\n", LINES_MOST)[:LINES_MOST]:
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if separator and len(fields) >= 6 and fields[4].startswith("/"):
            yield Mount(fields[2], fields[3], _plain(fields[4]), kinds[0])


def mounted(mounts: Path = MOUNTS, devices: Path = DEVICES) -> list[Path]:
    """Where removable media are mounted, the newest first, 16 at most.

    The medium that this system itself runs from is not one of them.
    """
    try:
        with mounts.open("rb") as file:
            table = file.read(_READ_BYTES).decode("utf-8", "surrogateescape")
    except OSError:
        return []
    found = list(parse_mounts(table))
    own = {_disk(one.device, devices) for one in found if one.place in _SYSTEM_PLACES}
    media: dict[str, Path] = {}
    for one in reversed(found):
        disk = _disk(one.device, devices)
        whole = one.root == "/" and one.kind not in _NO_FILES
        if whole and disk is not None and disk not in own and _comes_and_goes(one, disk):
            media.setdefault(one.device, Path(one.place))
    return list(media.values())[:MEDIA_MOST]


def _plain(place: str) -> str:
    """A path of the table without its escapes: blanks and the like stand there as octal."""
    return _OCTAL.sub(lambda code: chr(int(code[1], 8)), place)


def _disk(device: str, devices: Path) -> Path | None:
    """The whole disk in sysfs that a block device is, or is a part of."""
    if not re.fullmatch(r"\d{1,10}:\d{1,10}", device):
        return None
    try:
        place = (devices / device).resolve(strict=True)
    except OSError:
        return None
    return place.parent if (place / "partition").exists() else place


def _comes_and_goes(mount: Mount, disk: Path) -> bool:
    """Whether a person plugged it in: it says so, hangs on USB, or was mounted as a medium."""
    if mount.place.startswith(_MEDIA_PLACES) or "/usb" in os.fspath(disk):
        return True
    try:
        with (disk / "removable").open("rb") as file:
            return file.read(1) == b"1"
    except OSError:
        return False
