"""One message: all that is known of it, and what can be done with it."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from crisiskit.attachment import attachment_words
from crisiskit.harmless import in_line
from crisiskit.i18n import _, ngettext
from crisiskit.model import Attachment, ClockQuality, Message, RecordKind, State, Whole
from crisiskit.render import (
    body_lines,
    clear_words,
    heard_words,
    precedence_word,
    size_text,
    trust_word,
)
from crisiskit.screens.bar import Bar
from crisiskit.screens.estimator import WhyWaits, waits_unknown
from crisiskit.screens.lines import SIGNED, life_word, station
from crisiskit.store.views import Views


def when(ms: int) -> str:
    """Date and time where the reader is; a clock gone mad gives its number."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(ms / 1000))
    except (ValueError, OverflowError, OSError):
        return str(ms)


def clock(ms: int) -> str:
    """The time of day where the reader is."""
    return when(ms).split()[-1]


def facts(message: Message, waits: str = "") -> str:
    """Who, when, how urgent, how far, at what price; ``waits``: why it has not left yet."""
    first = [message.id, precedence_word(message.precedence)]
    if message.kind is RecordKind.ORDER:
        first.append(_("ORDER"))
    if message.clear:
        first.append(clear_words(clear=True))
    if message.exercise:
        first.insert(0, _("EXERCISE"))
    lines = [
        "   ".join(first),
        _("{author} to {to}, written {when}").format(
            author=station(message.author), to=station(message.to), when=when(message.written_at)
        ),
    ]
    if message.received_at is not None:
        doubt = "" if message.clock is not ClockQuality.UNKNOWN else _(" (clock not checked)")
        lines[-1] += doubt
        lines.append(_("came in {when}").format(when=when(message.received_at)))
    lines.append(
        _("{state} since {when}").format(state=life_word(message), when=when(message.state_at))
    )
    if message.link:
        cost = _("   by {link}, {size}").format(
            link=message.link, size=size_text(message.frame_bytes)
        )
        if message.credits:
            credits = ngettext("{n} credit", "{n} credits", message.credits)
            cost += ", " + credits.format(n=message.credits)
        lines[-1] += cost
    if waits:
        lines.append(waits)
    lines.append(f"{SIGNED if message.signed else '-'} {trust_word(message)}")
    if message.link_position is not None:
        lines.append(_("heard near {place}").format(place=heard_words(message.link_position)))
    if message.answers:
        lines.append(_("answers {id}").format(id=message.answers))
    for one in message.attachments:
        lines.append(_("Attached: {file}").format(file=in_line(attachment_words(one))))
    return "\n".join(lines)


def is_here(message: Message, file: Attachment) -> bool:
    """Whether all bytes of a file are kept here."""
    return message.box == "out" or file.state is Whole.WHOLE


class MessageScreen(Screen[str]):
    """A message in full. Ends with ``answer``, ``cancel``, ``save`` or an empty word."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left,backspace", "end('')"),
        Binding("r,R", "end('answer')", priority=True),
        Binding("c,C", "end('cancel')", priority=True),
        Binding("s,S", "end('save')", priority=True),
    ]

    def __init__(self, views: Views, message: Message, why: WhyWaits = waits_unknown) -> None:
        """``why``: the reason why a message of ours waits, empty for none."""
        super().__init__()
        self._views = views
        self._why = why
        self._shown_why = ""
        self.message = message

    def compose(self) -> ComposeResult:
        """Facts, body, keys."""
        yield Static(id="facts")
        with VerticalScroll(id="body-scroll"):
            lines = body_lines(
                self.message.kind,
                self.message.data,
                self.message.text,
                minute=self.message.written_at // 60_000,
            )
            yield Static(Content("\n".join(lines)))
        yield Static(id="told")
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """The body takes the arrow keys."""
        self.query_one("#body-scroll").focus()
        self.show()

    def reload(self) -> None:
        """Something was committed: perhaps this message moved on. Before its first draw, too."""
        fresh = self._views.delivery(self.message.ref)
        if fresh is None or (fresh == self.message and self._why(fresh) == self._shown_why):
            return
        self.message = fresh
        if self.query("#keys"):
            self.show()

    def show(self) -> None:
        """The facts as they are now, and the keys that make sense."""
        self._shown_why = self._why(self.message)
        first, line_end, rest = facts(self.message, self._shown_why).partition("\n")
        words = Content.assemble((f" {first} ", "bold reverse"), line_end, rest)
        self.query_one("#facts", Static).update(words)
        keys = [_("R answer")] if self.may_answer else []
        keys += [_("C cancel it")] if self.may_cancel else []
        keys += [_("S save the file")] if self.may_save else []
        keys += [_("Up and Down read on"), _("Esc back")]
        self.query_one("#keys", Bar).show("   ".join(keys))

    @property
    def may_answer(self) -> bool:
        """Only what came in can be answered."""
        return self.message.box == "in"

    @property
    def may_cancel(self) -> bool:
        """Only what was not sealed yet can be withdrawn, of a message or of its files."""
        partly = any(one.state is Whole.PARTLY for one in self.message.attachments)
        return self.message.box == "out" and (self.message.state is State.KEPT or partly)

    @property
    def may_save(self) -> bool:
        """Only what is whole here can be saved."""
        return any(is_here(self.message, one) for one in self.message.attachments)

    def action_end(self, word: str) -> None:
        """Leave with what is to be done."""
        may = {"answer": self.may_answer, "cancel": self.may_cancel, "save": self.may_save}
        if not may.get(word, True):
            return
        self.dismiss(word)
