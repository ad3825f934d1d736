"""Short questions: a choice from a list, and help. Every answer has a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from crisiskit.i18n import _


class Choose(ModalScreen[str | None]):
    """One of several answers; Esc takes none. ``options`` are (answer, words).

    Typing the beginning of an answer, or a part of it, leads to it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "none")]

    def __init__(self, question: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._question = question
        self._options = options
        self._marked = 0
        self._typed = ""

    def compose(self) -> ComposeResult:
        """The question, then the answers, which alone take keys."""
        with VerticalScroll(classes="dialog", can_focus=False):
            yield Static(Content(self._question), classes="question")
            yield OptionList(
                *(Option(Content(f"  {words}"), id=answer) for answer, words in self._options)
            )
            yield Static(
                Content(
                    _("Up, Down or first letters to choose, Enter to take it, Esc to go back.")
                ),
                classes="hint",
            )

    def on_mount(self) -> None:
        """Keys go to the answers."""
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """A sign marks the answer that Enter takes, for eyes and terminals without color."""
        for place, mark in ((self._marked, " "), (event.option_index, ">")):
            words = Content(f"{mark} {self._options[place][1]}")
            event.option_list.replace_option_prompt_at_index(place, words)
        self._marked = event.option_index

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Taken."""
        self.dismiss(event.option_id)

    def on_key(self, event: Key) -> None:
        """Letters and figures look for an answer; any other key begins anew."""
        if not event.is_printable or not event.character:
            self._typed = ""
            return
        for typed in (self._typed + event.character, event.character):
            found = self._find(typed.casefold())
            if found is not None:
                self._typed = typed
                self.query_one(OptionList).highlighted = found
                return

    def _find(self, typed: str) -> int | None:
        """The first answer that begins so, else the first that has it."""
        words = [words.casefold() for _answer, words in self._options]
        places = range(len(words))
        begins = next((place for place in places if words[place].startswith(typed)), None)
        if begins is not None:
            return begins
        return next((place for place in places if typed in words[place]), None)

    def action_none(self) -> None:
        """No answer."""
        self.dismiss(None)


class Words(ModalScreen[None]):
    """Something to read."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q,enter", "dismiss")]

    def __init__(self, title: str, *paragraphs: str) -> None:
        super().__init__()
        self._title = title
        self._paragraphs = paragraphs

    def compose(self) -> ComposeResult:
        """The title, the paragraphs, and how to get away: that is seen however long it is."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="question")
            with VerticalScroll(classes="pages"):
                for words in self._paragraphs:
                    yield Static(Content(words), classes="paragraph")
            yield Static(Content(_("Esc closes this.")), classes="hint")


def key_help(title: str, keys: Sequence[tuple[str, str]]) -> Words:
    """All keys of a screen, a line for each, then what states and signs mean."""
    wide = max(len(key) for key, _words in keys) + 2
    return Words(title, "\n".join(f"{key:{wide}}{words}" for key, words in keys), state_help())


def excerpt(text: str, lines: int = 8, width: int = 72) -> str:
    """The beginning of a long text, and how much more there is."""
    most = lines * width
    shown = "\n".join(text.split("\n")[:lines])[:most]
    if len(shown) == len(text):
        return text
    return shown + _("… and {n} more characters").format(n=len(text) - len(shown))


def state_help() -> str:
    """What each word about a message promises, and what the signs before it say."""
    return "\n".join(
        (
            _("KEPT     safe on this computer, even if the power fails now"),
            _("SEALED   packed for the links; too late to withdraw it"),
            _("SENT     a link took it; the other side is not known to have it"),
            _("ARRIVED  it is there, but something older is still missing there"),
            _("HELD     the other side has it: its receipt came back"),
            _("READ     a person there opened it"),
            _("§        signed;   !  urgent, and nobody here opened it yet"),
        )
    )
