"""The choice of urgency: the field's four words, each with its key and when to take it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from crisiskit.i18n import N_, _
from crisiskit.model import Precedence

KEYS = {
    "f1": Precedence.ROUTINE,
    "f2": Precedence.PRIORITY,
    "f3": Precedence.IMMEDIATE,
    "f4": Precedence.FLASH,
}
MEANINGS = {
    Precedence.ROUTINE: N_("when there is room"),
    Precedence.PRIORITY: N_("today"),
    Precedence.IMMEDIATE: N_("within the hour"),
    Precedence.FLASH: N_("lives at stake"),
}


def urgency_line(chosen: Precedence) -> str:
    """The four words with their keys; the chosen one in brackets, and what it stands for."""
    words = []
    for key, precedence in KEYS.items():
        word = precedence.name
        mark = f"[{word}]" if precedence is chosen else f" {word} "
        words.append(f"{key.upper()}{mark}")
    return "  ".join(words) + f"   {_(MEANINGS[chosen])}"


class Urgency(Static, can_focus=True):
    """Left and Right choose as well, for terminals that keep the function keys to themselves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.shift(-1)"),
        Binding("right", "screen.shift(1)"),
    ]

    def show(self, chosen: Precedence) -> None:
        """Draw the line."""
        self.update(Content(urgency_line(chosen)))


class Send(Static, can_focus=True):
    """What Ctrl+S does, for terminals that take Ctrl+S as “stop”."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "screen.send")]

    def on_mount(self) -> None:
        """The word never changes."""
        self.update(Content(_("[ Send ]")))

    async def on_click(self) -> None:
        """The mouse may send, too."""
        await self.run_action("screen.send")
