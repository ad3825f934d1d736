"""One line that is asked for: a code, or a passphrase. What was wrong is asked again here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, explain

T = TypeVar("T")


class Ask(ModalScreen[T | None], Generic[T]):
    """Ends with what ``take`` made of the line; Esc gives none. ``secret``: nobody sees it.

    ``take`` raises CrisiskitError for a line that is wrong: that is said, and the box stays.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "none", priority=True)]

    def __init__(
        self,
        question: str,
        take: Callable[[str], Awaitable[T]],
        secret: bool = False,
        line: Input | None = None,
    ) -> None:
        """``line``: an input of another sort, with the id ``asked``."""
        super().__init__()
        self._question = question
        self._take = take
        self._line = line or Input(password=secret, compact=True, id="asked")
        self._taking = False

    def compose(self) -> ComposeResult:
        """The question, the line, and what was wrong with it."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(self._question), classes="question")
            yield self._line
            yield Static(id="wrong")
            yield Static(Content(_("Enter to go on, Esc to go back.")), classes="hint")

    def on_mount(self) -> None:
        """Keys go to the line; nothing blinks on a battery."""
        line = self.query_one(Input)
        line.cursor_blink = False
        line.focus()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Try it; what is typed meanwhile stays in this box."""
        if not self.is_current:
            return
        words, event.input.value = event.value, ""
        self._taking = True
        try:
            taken = await self._take(words)
        except CrisiskitError as error:
            wrong = self.query_one("#wrong", Static)
            wrong.update(Content(explain(error)))
            wrong.add_class("shown")
            self.app.bell()
        else:
            self.dismiss(taken)
        finally:
            self._taking = False

    def action_none(self) -> None:
        """Not given; what is being tried is waited for."""
        if not self._taking:
            self.dismiss(None)
