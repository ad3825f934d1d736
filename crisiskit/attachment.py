"""Files that go with a message: taken from the disk, and put back where nothing is harmed.

A name from outside is only ever the name of a file in the folder that the person chose; what
is saved can be read by its owner alone and is never opened or started here.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from crisiskit.codec.pieces import FILE_BYTES_MAX, FILE_NAME_BYTES_MAX
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.files import SECRET, read_small, write_new, write_whole
from crisiskit.harmless import clean_line
from crisiskit.i18n import N_, speak
from crisiskit.model import Attached, Attachment, Whole

ATTACHED_MAX = 8
_UNFIT = re.compile(r'[/\\:*?"<>|]+')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_UNSEEN = frozenset({"Cf", "Cc", "Co", "Cn", "Zl", "Zp"})
_STATES = {
    Whole.PARTLY: N_("{percent} %"),
    Whole.WHOLE: N_("whole"),
    Whole.WRONG: N_("damaged"),
    Whole.WITHDRAWN: N_("{percent} %, the rest was withdrawn"),
    Whole.EXPIRED: N_("{percent} %, the rest has expired"),
    Whole.GIVEN_UP: N_("given up"),
}


def file_name(name: str) -> str:
    """A name as it may be shown and saved under: one part of a path, visible letters only.

    Formatting letters (category Cf) go too: a name that turns around hides what it ends in.
    """
    line = unicodedata.normalize("NFC", clean_line(name))
    seen = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in line)
    whole = " ".join(_UNFIT.sub("_", seen).split()).lstrip(". -").rstrip(". ")
    if _DEVICES.fullmatch(whole):
        whole = f"_{whole}"
    return _short(whole) or "file"


def _short(name: str) -> str:
    """At most ``FILE_NAME_BYTES_MAX`` bytes; the end says what it is, and stays."""
    stem, dot, end = name.rpartition(".")
    tail = f"{dot}{end}" if stem and len(end.encode()) <= 16 else ""
    stem = name[: len(name) - len(tail)]
    room = FILE_NAME_BYTES_MAX - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore") + tail


def read_attached(path: Path) -> Attached:
    """A file to be sent with a message.

    Raises UsageError ``attachment_empty``, CrisiskitError ``file_missing``,
    ``file_unreadable`` or ``attachment_too_large``.
    """
    try:
        content = read_small(path, FILE_BYTES_MAX)
    except CrisiskitError as error:
        if error.code != "file_too_large":
            raise
        from crisiskit.render import size_text

        most = size_text(FILE_BYTES_MAX)
        raise UsageError("attachment_too_large", path=path, most=most) from None
    if not content:
        raise UsageError("attachment_empty", path=path)
    return Attached(file_name(path.name), content)


def save(content: bytes, path: Path, force: bool = False) -> Path:
    """Write a file, whole, for its owner alone. Where it is then.

    Raises CrisiskitError ``file_exists`` for another file there, unless ``force``.
    """
    if force and not path.is_dir():
        write_whole(path, content, SECRET)
    else:
        write_new(path, content, SECRET)
    return path


def attachment_words(attachment: Attachment, lang: str | None = None) -> str:
    """Name, size and how much of it is there: ``photo.jpg, 98.3 kB, 34 %``."""
    from crisiskit.render import size_text

    _ = speak(lang)
    state = _(_STATES[attachment.state]).format(percent=attachment.percent)
    return f"{file_name(attachment.name)}, {size_text(attachment.size, lang)}, {state}"
