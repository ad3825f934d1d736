"""The line about a stick: that one is inserted, how far it is, when it can be pulled out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from crisiskit.harmless import in_line
from crisiskit.stick import Report, offer_words, report_words

TOLD_MS = 60_000


class StickLine(Static):
    """One line above the links; nothing where there is nothing to say."""

    def __init__(self) -> None:
        super().__init__(id="stick")
        self.media: list[Path] = []
        self._since: dict[Path, int] = {}
        self._seen: set[Path] = set()

    def look(self, media: Sequence[Path], now_ms: int) -> bool:
        """Note what is inserted now; whether that changed."""
        before, self.media = self.media, list(media)
        self._seen |= set(self.media)
        self._since = {one: self._since.get(one, now_ms) for one in self.media}
        return before != self.media

    def show(self, report: Report | None, now_ms: int) -> None:
        """Draw the last word about a stick, until it is pulled out; else the offer."""
        words = in_line(self._words(report, now_ms))
        self.update(Content(words))
        self.set_class(bool(words), "shown")

    def _words(self, report: Report | None, now_ms: int) -> str:
        if report is not None:
            folder = Path(report.folder)
            since = self._since.get(folder)
            fresh = abs(now_ms - report.at) < TOLD_MS and folder not in self._seen
            if fresh or (since is not None and report.at >= since):
                return report_words(report)
        return offer_words(self.media[0]) if self.media else ""
