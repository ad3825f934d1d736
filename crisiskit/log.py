"""Logging set-up: one ``key=value`` line for each event, for people and for programs.

Bodies, positions, names and keys are never logged. An exception is logged by its type and
the places it went through, never by its message: that may quote what was being handled.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from crisiskit.harmless import clean_line

LEVELS = ("debug", "info", "warning", "error")
FILE_BYTES_MAX = 1024 * 1024
FILES_KEPT = 2
A_MINUTE_MOST = 60
KINDS_MOST = 1000
_PAIRS = re.compile(r"(?:^| )(?=[a-z_]+=)")
_PLAIN = re.compile(r"[!#-<>-~]+")


class KeyValueFormatter(logging.Formatter):
    """``at=… level=… from=… event=… key=value …``, always one line.

    A call reads ``log.info("tcp lost port=%d", port)``: the words before the first pair
    become the event.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line without its line end."""
        words, *pairs = _PAIRS.split(record.getMessage(), maxsplit=1)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = [
            f"at={at.replace('+00:00', 'Z')}",
            f"level={record.levelname.lower()}",
            f"from={record.name}",
        ]
        if words:
            line.append(f"event={_value(words)}")
        line += [clean_line(text) for text in pairs]
        if record.exc_info and record.exc_info[0] is not None:
            line += _failure(record.exc_info[0], record.exc_info[2])
        return " ".join(line)


class Sparing(logging.Filter):
    """Lets ``A_MINUTE_MOST`` events of a kind through in a minute: strangers must not fill a disk.

    The first one of a later minute says ``left_out=``, how many there were besides. Who asked
    for level debug gets all of that level.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; see :class:`logging.Filter`."""
        if record.levelno <= logging.DEBUG:
            return True
        kind, minute = (record.name, str(record.msg)), int(record.created // 60)
        if kind not in self._kinds and len(self._kinds) >= KINDS_MOST:
            self._kinds.clear()
        began, count = self._kinds.get(kind, (minute, 0))
        if began != minute:
            if count > A_MINUTE_MOST:
                record.msg = f"{record.msg} left_out={count - A_MINUTE_MOST}"
            began, count = minute, 0
        self._kinds[kind] = (began, count + 1)
        return count < A_MINUTE_MOST


def to_stderr(level: str = "info") -> None:
    """Log to standard error: what a service manager collects. ``level``: one of LEVELS."""
    handler = logging.StreamHandler()
    handler.setFormatter(KeyValueFormatter())
    handler.addFilter(Sparing())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


@contextmanager
def to_file(path: Path, level: str = "info") -> Iterator[None]:
    """Log to a file of bounded size, from a thread of its own: no screen waits for the disk."""
    from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
    from queue import SimpleQueue

    file = RotatingFileHandler(
        path, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = QueueHandler(queue)
    handler.setFormatter(KeyValueFormatter())
    handler.addFilter(Sparing())
    listener = QueueListener(queue, file)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    listener.start()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        listener.stop()
        file.close()


def _failure(kind: type[BaseException], trace: TracebackType | None) -> list[str]:
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(trace)]
    return [f"error={kind.__name__}", f"places={','.join(places)}"]


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
