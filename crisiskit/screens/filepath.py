"""A line for the path of a file: Tab completes it as far as it is clear."""

from __future__ import annotations

import os
from itertools import islice, takewhile
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

LOOKED_MAX = 5000


class PathInput(Input):
    """An input whose Tab completes the name of a file."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", priority=True)]

    def action_complete(self) -> None:
        """Longer by what all names that begin so have in common."""
        self.value = completed(self.value)
        self.cursor_position = len(self.value)


def as_path(typed: str) -> Path:
    """The path that was typed; ``~`` is the home folder, quotes and blanks around it go."""
    word = typed.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        word = word[1:-1]
    try:
        return Path(word).expanduser()
    except RuntimeError:  # nobody's home
        return Path(word)


def completed(typed: str) -> str:
    """``typed`` and what is clear of the rest of its name; of a folder, the slash as well."""
    before, slash, name = typed.rpartition("/")
    try:
        with os.scandir(as_path(before + slash or ".")) as found:
            looked = [(one.name, one.is_dir()) for one in islice(found, LOOKED_MAX)]
    except OSError:
        return typed
    names = [f"{one}/" if folder else one for one, folder in looked if one.startswith(name)]
    if not name:
        names = [one for one in names if not one.startswith(".")]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return before + slash + ("".join(letters[0] for letters in alike) or name)
