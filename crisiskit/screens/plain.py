"""The line mode: the same jobs as numbered lines, for screen readers, pipes and poor terminals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from crisiskit.clock import wall_ms
from crisiskit.codec.forms import Choice
from crisiskit.compose import compose_form, compose_text, parse_precedence
from crisiskit.errors import CrisiskitError
from crisiskit.forms import catalog
from crisiskit.i18n import _, explain, language
from crisiskit.model import Message, Precedence, RecordKind
from crisiskit.render import body_lines, one_line
from crisiskit.screens.compose import Estimator, price_lines
from crisiskit.screens.lines import age, life_word
from crisiskit.screens.linkbar import link_words
from crisiskit.screens.view import facts
from crisiskit.store.store import Draft, Store
from crisiskit.store.views import Views

SHOWN = 15
Job = Callable[[str], None]


class LeaveError(Exception):
    """The person wants to leave, or the input has ended."""


class Lines:
    """Numbered lines in, sentences out. ``jobs`` are words and what they do."""

    def __init__(
        self,
        store: Path,
        estimator: Estimator,
        read: TextIO = sys.stdin,
        write: TextIO = sys.stdout,
    ) -> None:
        self.views = Views(store)
        self.store = Store(store, wall_ms)
        self.estimator = estimator
        self._read, self._write = read, write
        self.shown: list[Message] = []

    def jobs(self) -> dict[str, tuple[Job, str]]:
        """Each word with its job and what it is for."""
        return {
            "list": (self.list, _("list the messages")),
            "open": (self.open, _("open N: read message number N of the list")),
            "new": (self.new, _("write a message")),
            "form": (self.form, _("fill in a form")),
            "answer": (self.answer, _("answer N")),
            "cancel": (self.cancel, _("cancel N, while it is only KEPT")),
            "links": (self.links, _("the links and what they cost today")),
            "help": (self.help, _("these words")),
            "quit": (self.quit, _("leave")),
        }

    def run(self) -> None:
        """Until the person leaves or the input ends."""
        name, network = self.views.own_name, self.views.network
        self.say(_("crisiskit, {name} ({network}).").format(name=name, network=network))
        if self.views.exercise:
            self.say(_("EXERCISE"))
        self.list("")
        self.say(_("Type help for the words."))
        try:
            while True:
                self._one(self.ask("> "))
        except LeaveError:
            return
        finally:
            self.store.close()
            self.views.close()

    def _one(self, line: str) -> None:
        word, _blank, rest = line.strip().partition(" ")
        if not word:
            return
        found = [name for name in self.jobs() if name.startswith(word.lower())]
        if not found:
            self.say(_("No such word: {word}. Type help.").format(word=word))
            return
        try:
            self.jobs()[found[0]][0](rest.strip())
        except CrisiskitError as error:
            self.say(explain(error))

    # -- talking ---------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """A line for the person."""
        print(text, file=self._write, flush=True)

    def ask(self, question: str) -> str:
        """A line from the person. Raises LeaveError at the end of the input."""
        print(question, end="", file=self._write, flush=True)
        line = self._read.readline()
        if not line:
            raise LeaveError
        return line.rstrip("\n")

    # -- jobs ------------------------------------------------------------------------------

    def messages(self) -> Sequence[Message]:
        """What the list shows."""
        return self.views.page("all", 0, SHOWN)

    def list(self, _rest: str) -> None:
        """The newest messages, numbered."""
        self.shown = list(self.messages())
        waiting, unread = self.views.waiting(), self.views.unread()
        self.say(_("{waiting} waiting, {unread} new.").format(waiting=waiting, unread=unread))
        self.tell_shown()

    def tell_shown(self) -> None:
        """The list as numbered lines."""
        for number, one in enumerate(self.shown, 1):
            way = _("to {name}") if one.box == "out" else _("from {name}")
            who = way.format(name=one.to if one.box == "out" else one.author)
            when = one.received_at if one.received_at is not None else one.written_at
            state = life_word(one)[2:]
            text = one_line(one.kind, one.data, one.text, width=60)
            ago = age(when, wall_ms())
            self.say(f"{number}. {one.precedence.name}, {state}, {who}, {ago}, {one.id}: {text}")

    def chosen(self, number: str) -> Message | None:
        """The message with that number in the last list."""
        if number.isdecimal() and 1 <= int(number) <= len(self.shown):
            return self.views.delivery(self.shown[int(number) - 1].ref)
        self.say(_("Say which one by its number in the list, for example: open 1"))
        return None

    def open(self, number: str) -> None:
        """Read a message; its author will be told."""
        message = self.chosen(number)
        if message is None:
            return
        self.say(facts(message))
        for line in body_lines(
            message.kind, message.data, message.text, minute=message.written_at // 60_000
        ):
            self.say(line)
        self.store.mark_read(message.ref)

    def new(self, _rest: str) -> None:
        """Write a message."""
        self.write(self.blank())

    def blank(self) -> Draft:
        """An empty message to whoever is written to. Raises CrisiskitError for nobody."""
        raise NotImplementedError

    def write(self, template: Draft) -> None:
        """Ask for text and urgency, name the price, keep it."""
        self.say(_("Write the message; an empty line ends it."))
        lines = []
        while line := self.ask(""):
            lines.append(line)
        self._keep(template, compose_text("\n".join(lines)), b"")

    def form(self, name: str) -> None:
        """Fill in a form, question by question."""
        names = catalog.names()
        if name not in names:
            self.say(_("Which form? {names}").format(names=", ".join(names)))
            name = self.ask("> ").strip()
        schema = catalog.schema(name)
        template = self.blank()
        answers = {}
        for field in schema.fields:
            label = field.label.say(language())
            words = ""
            if isinstance(field, Choice):
                options = " / ".join(option.say(language()) for option in field.values)
                words = f" ({options})"
            value = self.ask(f"{label}{words}: ").strip()
            if value:
                answers[field.name] = value
        data, text = compose_form(name, answers, wall_ms() // 60_000)
        self._keep(template, text, data)

    def _keep(self, template: Draft, text: str, data: bytes) -> None:
        urgency = self.ask(_("Urgency (ROUTINE, PRIORITY, IMMEDIATE, FLASH): ")).strip()
        precedence = parse_precedence(urgency) if urgency else template.precedence
        kind = RecordKind.FORM if data else template.kind
        draft = Draft(kind, precedence, text, data, to=template.to, answers=template.answers)
        self.say(price_lines(self.estimator(draft)))
        if not self.confirmed(draft):
            self.say(_("Not sent."))
            return
        code = self.store.keep([draft])[0]
        self.say(_("{id} is kept. It leaves as soon as a link can take it.").format(id=code))

    def confirmed(self, draft: Draft) -> bool:
        """Whether it may leave."""
        return True

    def answer(self, number: str) -> None:
        """Answer a message that came in."""
        message = self.chosen(number)
        if message is not None and message.box == "in":
            kind = RecordKind.TEXT
            self.write(Draft(kind, Precedence.ROUTINE, to=message.author, answers=message.id))

    def cancel(self, number: str) -> None:
        """Withdraw a message."""
        message = self.chosen(number)
        if message is not None:
            self.store.cancel(message.ref)
            self.say(_("Withdrawn: it will not be sent."))

    def links(self, _rest: str) -> None:
        """The links."""
        for link in self.views.links(wall_ms()):
            self.say(link_words(link))

    def help(self, _rest: str) -> None:
        """The words."""
        for word, (_job, words) in self.jobs().items():
            self.say(f"{word}: {words}")

    def quit(self, _rest: str) -> None:
        """Leave."""
        raise LeaveError
