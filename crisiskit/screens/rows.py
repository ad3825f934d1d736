"""A list drawn by line: a hundred thousand rows cost no more than the few that are seen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from crisiskit.errors import CrisiskitError
from crisiskit.harmless import ended
from crisiskit.i18n import explain

PAGE_ROWS = 128
PAGES_KEPT = 4

Cells = Sequence[tuple[str, str]]


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells; what is cut ends in a sign that says so."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(ended(set_cell_size(text, width - 1).rstrip() + "…"), width)


class Rows(Protocol):
    """Where a list gets its rows from. A page is at most ``PAGE_ROWS`` items."""

    empty: str

    def count(self) -> int:
        """How many rows there are."""

    def page(self, first: int) -> Sequence[Any]:
        """The items from place ``first`` on."""

    def key(self, item: Any) -> Hashable:
        """What stays the same when the item changes its place or its state."""

    def head(self, width: int) -> str:
        """The line above the columns, or nothing."""

    def cells(self, item: Any, width: int) -> Cells:
        """One line as pieces of (text, class); a class is a word of ``RowList.MARKS``."""


class RowList(ScrollView, can_focus=True):
    """A live list with one chosen row. The chosen item stays chosen when rows move."""

    class Opened(Message):
        """Enter was pressed on an item, or it was clicked twice."""

        def __init__(self, item: Any) -> None:
            super().__init__()
            self.item = item

    class Moved(Message):
        """Another row was chosen."""

    MARKS: ClassVar[set[str]] = {"strong", "alarm", "quiet"}
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--chosen",
        "rows--strong",
        "rows--alarm",
        "rows--quiet",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("home", "ends(0)", show=False),
        Binding("end", "ends(1)", show=False),
        Binding("enter", "open", show=False),
    ]

    def __init__(self, rows: Rows, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows = rows
        self.cursor = 0
        self._count = 0
        self._pages: dict[int, Sequence[Any]] = {}

    def on_mount(self) -> None:
        """Fill for the first time."""
        self.reload()

    # -- items -----------------------------------------------------------------------------

    def show(self, rows: Rows) -> None:
        """Show other rows, from their first one on."""
        self.rows = rows
        self.cursor = 0
        self._count = 0
        self._pages.clear()
        self.reload()
        self._scroll(0)

    def reload(self) -> None:
        """Ask for the rows anew: something was committed. The first row stays the first."""
        before, place = self.chosen, self.cursor
        moved = -self._count
        self._pages.clear()
        self._count = self.rows.count()
        if before is not None and self.cursor:
            self.cursor = self._find(self.rows.key(before), self.cursor + moved + self._count)
        self.cursor = max(0, min(self.cursor, self._count - 1))
        self.virtual_size = Size(0, max(1, self._count))
        if self.scroll_offset.y:
            self._scroll(self.scroll_offset.y + self.cursor - place)
        self._reveal()
        self.refresh()

    @property
    def chosen(self) -> Any | None:
        """The item of the chosen row, None when the list is empty."""
        return self.item(self.cursor)

    def item(self, place: int) -> Any | None:
        """The item at a place, from the cache or with one read of a page."""
        if not 0 <= place < self._count:
            return None
        first = place - place % PAGE_ROWS
        if first in self._pages:
            self._pages[first] = self._pages.pop(first)
        else:
            self._pages[first] = self.rows.page(first)
            if len(self._pages) > PAGES_KEPT:
                del self._pages[next(iter(self._pages))]
        page = self._pages[first]
        return page[place - first] if place - first < len(page) else None

    def _find(self, key: Hashable, near: int) -> int:
        """The place of the item with that key around ``near``, else ``cursor`` as it was."""
        near = max(0, min(near, self._count - 1))
        for place in sorted(
            range(max(0, near - PAGE_ROWS), min(self._count, near + PAGE_ROWS)),
            key=lambda place: abs(place - near),
        ):
            item = self.item(place)
            if item is not None and self.rows.key(item) == key:
                return place
        return self.cursor

    # -- keys ------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Choose the row above or below."""
        self._choose(self.cursor + by)

    def action_turn(self, by: int) -> None:
        """Choose a row one screenful away."""
        self._choose(self.cursor + by * max(1, self.size.height - 1))

    def action_ends(self, end: int) -> None:
        """Choose the first or the last row."""
        self._choose(end * (self._count - 1))

    def action_open(self) -> None:
        """Open the chosen row."""
        if self.chosen is not None:
            self.post_message(self.Opened(self.chosen))

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked; a second click opens it."""
        self._choose(event.y + self.scroll_offset.y)
        if event.chain == 2:
            self.action_open()

    def _choose(self, place: int) -> None:
        place = max(0, min(place, self._count - 1))
        if place != self.cursor:
            self.cursor = place
            self.post_message(self.Moved())
            self.refresh()
        self._reveal()

    def _reveal(self) -> None:
        """Bring the chosen row into the window."""
        height = max(1, self.size.height)
        top = self.scroll_offset.y
        if self.cursor < top:
            self._scroll(self.cursor)
        elif self.cursor >= top + height:
            self._scroll(self.cursor - height + 1)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, immediate=True)

    # -- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        width = self.size.width
        place = y + self.scroll_offset.y
        words = self.rows.empty if place == 0 and not self._count else ""
        try:
            item = self.item(place)
        except CrisiskitError as error:
            item, words = None, explain(error) if y == 0 else ""
        if item is None:
            return Strip([Segment(fit(words, width), self.rich_style)], width)
        chosen = place == self.cursor
        base = self.get_component_rich_style("rows--chosen") if chosen else self.rich_style
        segments = []
        room = width
        for text, mark in self.rows.cells(item, width):
            style = base
            if mark:
                style = base + self.get_component_rich_style(f"rows--{mark}", partial=True)
            if cell_len(text) > room:
                text = fit(text, room)
            room -= cell_len(text)
            segments.append(Segment(text, style))
        return Strip([*segments, Segment(" " * room, base)], width)
