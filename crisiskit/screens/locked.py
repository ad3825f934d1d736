"""The locked screen, and the question before everything is erased."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from crisiskit.i18n import _
from crisiskit.panic import WORD, confirms
from crisiskit.screens.bar import Bar
from crisiskit.screens.guard import Guard
from crisiskit.screens.linkbar import LinkBar


class LockScreen(Screen[None]):
    """Nothing of any message: that it is locked, how the links are, how much waits.

    ``show`` draws the two; the app calls it whenever they may have changed.
    """

    def __init__(self, guard: Guard, show: Callable[[LockScreen], None]) -> None:
        super().__init__()
        self._guard = guard
        self._show = show

    def compose(self) -> ComposeResult:
        """Head, question, links, keys."""
        yield Bar(id="head")
        with Vertical(id="locked"):
            yield Static(Content(_("LOCKED. Messages come and go all the same.")))
            yield Static(Content(_("Passphrase:")))
            yield Input(password=True, id="passphrase")
            yield Static(id="wrong")
        yield LinkBar(id="links")
        yield Bar(_("Enter opens   Ctrl+P erases everything"), id="keys")

    def on_mount(self) -> None:
        """Letters go to the passphrase."""
        self.query_one(Input).focus()
        self._show(self)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Try what was typed, without holding up the screen."""
        words, event.input.value = event.value, ""
        self._tell("")
        if not words:
            return
        event.input.disabled = True
        right = await asyncio.to_thread(self._guard.opens, words)
        event.input.disabled = False
        if right:
            self.dismiss()
        else:
            event.input.focus()
            self._tell(_("That is not the passphrase."))

    def _tell(self, words: str) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.update(Content(words))
        wrong.set_class(bool(words), "shown")


class PanicScreen(ModalScreen[bool]):
    """Whether everything is to be erased: a word has to be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back")]

    def compose(self) -> ComposeResult:
        """What would happen, and the word."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(_("ERASE EVERYTHING?")), classes="question")
            words = _(
                "The keys go first, then all messages and settings of this computer. Nothing can "
                "bring them back but a backup."
            )
            yield Static(Content(words), classes="paragraph")
            yield Input(id="word")
            yield Static(id="wrong")
            text = _("Type {word}, in capitals or not, and press Enter. Esc goes back.")
            yield Static(Content(text.format(word=_(WORD))), classes="hint")

    def on_mount(self) -> None:
        """Letters go to the word."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The word, or why nothing happened."""
        typed, event.input.value = event.value, ""
        if confirms(typed):
            self.dismiss(True)
        elif typed:
            text = _("That is not the word {word}. Nothing was erased.").format(word=_(WORD))
            wrong = self.query_one("#wrong", Static)
            wrong.update(Content(text))
            wrong.add_class("shown")

    def action_back(self) -> None:
        """No."""
        self.dismiss(False)
