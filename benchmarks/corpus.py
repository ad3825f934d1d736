"""Real crisis messages for measuring. They stay outside the project: the path is an argument."""

from __future__ import annotations

import csv
import io
import random
from itertools import islice
from pathlib import Path

import zstandard

FILE = "data/crisis_messages.csv.zst"
BYTES_MIN, BYTES_MAX = 20, 500
UNPACKED_MAX = 64 * 1024 * 1024


class MissingError(Exception):
    """Something that a part needs is not on this machine; the words say what to do."""


def needed(shared: Path, name: str) -> Path:
    """A file of the shared folder. Raises MissingError."""
    path = shared / name
    if not path.is_file():
        raise MissingError(f"{path} is missing: name the folder that holds {name} with SHARED=DIR")
    return path


def messages(
    shared: Path, column: str, count: int, genre: str | None = "direct", seed: int = 1
) -> list[str]:
    """``count`` distinct texts of 20 to 500 bytes from a column: ``message`` or ``original``.

    ``genre`` ``direct`` is what people sent to a help number, the nearest to what a field
    team types; None takes social media and news sentences too. Raises MissingError.
    """
    with needed(shared, FILE).open("rb") as file:
        raw = zstandard.ZstdDecompressor().stream_reader(file).read(UNPACKED_MAX)
    rows = csv.DictReader(io.StringIO(raw.decode()))
    texts = sorted({row[column] for row in rows if genre in (None, row["genre"])})
    fit = [text for text in texts if BYTES_MIN <= len(text.encode()) <= BYTES_MAX]
    return random.Random(seed).sample(fit, count)


def first_messages(shared: Path, count: int) -> list[str]:
    """The first English texts of 20 to 500 bytes: what the runner of the shared folder sends."""
    with needed(shared, FILE).open("rb") as file:
        raw = zstandard.ZstdDecompressor().stream_reader(file).read(UNPACKED_MAX)
    texts = (row["message"] for row in csv.DictReader(io.StringIO(raw.decode(), newline="")))
    return list(islice((x for x in texts if BYTES_MIN <= len(x.encode()) <= BYTES_MAX), count))
