"""Short questions: a choice from a list, and help. Every answer has a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from crisiskit.i18n import _


class Choose(ModalScreen[str | None]):
    """One of several answers; Esc takes none. ``options`` are (answer, words)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "none", _("Back"))]

    def __init__(self, question: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._question = question
        self._options = options

    def compose(self) -> ComposeResult:
        """The question, then the answers."""
        with VerticalScroll(classes="dialog"):
            yield Static(Content(self._question), classes="question")
            yield OptionList(
                *(Option(Content(words), id=answer) for answer, words in self._options)
            )
            yield Static(
                Content(_("Up and Down to choose, Enter to take it, Esc to go back.")),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Keys go to the answers."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Taken."""
        self.dismiss(event.option_id)

    def action_none(self) -> None:
        """No answer."""
        self.dismiss(None)


class Help(ModalScreen[None]):
    """All keys of the screen below, in words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "dismiss", _("Back"))
    ]

    def __init__(self, title: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        """One line for each key, then what the states mean."""
        wide = max(len(key) for key, _words in self._keys) + 2
        lines = [f"{key:{wide}}{words}" for key, words in self._keys]
        with VerticalScroll(classes="dialog help"):
            yield Static(Content(self._title), classes="question")
            yield Static(Content("\n".join(lines)))
            yield Static(Content(state_help()), classes="states")
            yield Static(Content(_("Esc closes this help.")), classes="hint")


def state_help() -> str:
    """What each word about a message promises."""
    return "\n".join(
        (
            _("KEPT     safe on this computer, even if the power fails now"),
            _("SENT     the modem took it; the center is not known to have it"),
            _("HELD     the center has it: its receipt came back"),
            _("READ     a person there opened it"),
        )
    )
