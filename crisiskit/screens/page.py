"""The page a message is written on: it takes no more than one message can hold."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from crisiskit.compose import TEXT_BYTES_MAX


class Page(TextArea):
    """A novel pasted by mistake is refused at once instead of drowning the screen."""

    class Full(Message):
        """Something was not taken, because no message is so long. ``size`` in bytes."""

        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

    def on_key(self, event: events.Key) -> None:
        """A letter more, if there is room for it."""
        if event.is_printable or event.key == "enter":
            self._admit(event, 1)

    def on_paste(self, event: events.Paste) -> None:
        """All of what is pasted, or nothing of it."""
        self._admit(event, len(event.text.encode(errors="replace")))

    def _admit(self, event: events.Event, more: int) -> None:
        size = len(self.text.encode(errors="replace")) + more
        if size > TEXT_BYTES_MAX:
            event.prevent_default()
            event.stop()
            self.post_message(self.Full(size))
