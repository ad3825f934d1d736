"""A line in reverse video from edge to edge: the head of a screen, and its keys."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from crisiskit.screens.rows import fit


class Bar(Static):
    """Words on the left, and on the right those that are never cut."""

    def __init__(self, left: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right = left, ""

    def show(self, left: str, right: str = "") -> None:
        """Draw these words."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render(self) -> Content:
        """The whole line, blanks included: a terminal reverses only what is written."""
        right = f"{self._right} " if self._right else ""
        room = max(0, self.size.width - cell_len(right))
        return Content(fit(f" {self._left}", room) + right)
