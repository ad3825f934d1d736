"""What a stick can bring: a table of mounts with its name in it, and any files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from crisiskit.sim.fuzz.decoder import Decoder
from hardware.removable import Mount, parse_mounts
from transports.mailbag import FOLDER, Mailbag, name_of, prepare

MOUNTS = (
    b"36 35 8:17 / /media/ann/COURIER rw,nosuid shared:1 - vfat /dev/sdb1 rw,uid=1000\n",
    b"22 27 0:21 / /proc rw,relatime - proc proc rw\n27 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
    b"40 35 8:33 / /run/media/ann/TWO\\040WORDS rw master:2 - exfat /dev/sdc1 rw\n",
)
FRAME = b"\x04\x02" + bytes(range(60))
FILE_BYTES_MAX = 4096
FILES_MAX = 8
NAME_BYTES_MAX = 255


def decoders(folder: Path) -> tuple[Decoder, ...]:
    """All of them. A stick is a folder in ``folder``."""
    name = name_of(FRAME).encode()
    sticks = (
        name + b"\0" + FRAME,
        name + b"\0" + FRAME[:20] + b"|" + name[:32] + b".new\0" + FRAME,
        b"photo.jpg\0some bytes|" + name.upper() + b"\0" + FRAME + b"|.hidden\0",
    )
    return (
        Decoder("mount table", MOUNTS, _mounts),
        Decoder("stick", sticks, lambda data: _stick(folder / "stick", data)),
    )


def _mounts(data: bytes) -> list[Mount]:
    found = list(parse_mounts(data.decode("utf-8", "surrogateescape")))
    assert all(one.place.startswith("/") for one in found), "a place that is no path"
    return found


def _stick(root: Path, data: bytes) -> list[bytes]:
    """Read a stick that holds these files: pieces between bars, a name and a zero in front."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    prepare(root)
    for piece in data.split(b"|")[: 2 * FILES_MAX]:
        name, _zero, content = piece.partition(b"\0")
        if name not in (b"", b".", b"..") and b"/" not in name and len(name) <= NAME_BYTES_MAX:
            (root / FOLDER / os.fsdecode(name)).write_bytes(content)
    mail = Mailbag(root, FILE_BYTES_MAX, FILES_MAX)
    names = mail.files()
    assert len(names) <= FILES_MAX, "more files than there may be"
    frames = {one: mail.read(one) for one in names}
    for named, frame in frames.items():
        assert frame is None or (name_of(frame) == named and 0 < len(frame) <= FILE_BYTES_MAX)
    return [frame for frame in frames.values() if frame is not None]
