"""The line mode: the same jobs as numbered lines, for screen readers, pipes and poor terminals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from crisiskit import stick
from crisiskit.attachment import read_attached
from crisiskit.cards import card_lines
from crisiskit.clock import minute_of, wall_ms
from crisiskit.codec.forms import AnyField, Choice
from crisiskit.compose import compose_form, compose_text, parse_precedence
from crisiskit.crypto.vault import Vault
from crisiskit.devicewords import newcomer_words
from crisiskit.errors import BusyError, CrisiskitError, StoreError, TrustError, UsageError
from crisiskit.foresight import link_line, sentence
from crisiskit.forms import catalog
from crisiskit.forms.answers import AnswerError, parse_answer
from crisiskit.forms.personal import check_readable
from crisiskit.forms.words import fold, pick
from crisiskit.harmless import clean_text, in_line
from crisiskit.i18n import N_, _, explain, language
from crisiskit.model import Message, Precedence, RecordKind
from crisiskit.panic import WORD, confirms
from crisiskit.plugged import Newcomers
from crisiskit.render import body_lines, size_text, trust_word
from crisiskit.screens.arrivals import Arrivals, arrival_words
from crisiskit.screens.estimator import Estimator, WhyWaits, waits_unknown
from crisiskit.screens.filepath import as_path
from crisiskit.screens.guard import ERASED, Guard
from crisiskit.screens.lines import age, card_or_line, life_word, station
from crisiskit.screens.linkbar import (
    EUROS,
    Currencies,
    any_clear,
    link_words,
    no_link_words,
)
from crisiskit.screens.saving import save_all
from crisiskit.screens.view import facts
from crisiskit.store.store import Draft, Store
from crisiskit.store.views import Views
from hardware.devices import Device
from hardware.removable import mounted

SHOWN = 15
YES = ("y", "yes", "o", "oui")
# The words are understood in English everywhere, and in the reader's language.
WORDS = {
    "list": N_("list"),
    "open": N_("open"),
    "new": N_("new"),
    "form": N_("form"),
    "answer": N_("answer"),
    "cancel": N_("cancel"),
    "attach": N_("attach"),
    "save": N_("save"),
    "links": N_("links"),
    "stick": N_("stick"),
    "help": N_("help"),
    "erase": N_("erase"),
    "quit": N_("quit"),
    "order": N_("order"),
    "exercise": N_("exercise"),
    "orders": N_("orders"),
    "sign": N_("sign"),
    "withdraw": N_("withdraw"),
    "code": N_("code"),
    "sent": N_("sent"),
    "kits": N_("kits"),
    "notices": N_("alerts"),
}
Job = Callable[[str], None]


class DropError(Exception):
    """The person gives up what is being written."""


class LeaveError(Exception):
    """The person wants to leave, or the input has ended."""


class Lines:
    """Numbered lines in, sentences out. ``jobs`` are words and what they do."""

    def __init__(
        self,
        store: Path,
        vault: Vault,
        estimator: Estimator,
        read: TextIO = sys.stdin,
        write: TextIO = sys.stdout,
        currencies: Currencies = EUROS,
        guard: Guard | None = None,
        why: WhyWaits = waits_unknown,
        newcomers: Newcomers | None = None,
    ) -> None:
        self._newcomers = newcomers
        self._devices: list[Device] = []
        self.views = Views(store, vault)
        self.store = Store(store, wall_ms, vault)
        self.estimator = estimator
        self.why = why
        self.currencies = currencies
        self.guard = guard
        self.status = 0
        self._arrivals = Arrivals(self.views)
        self._read, self._write = read, write
        self.shown: list[Message] = []

    def jobs(self) -> dict[str, tuple[Job, str]]:
        """Each word with its job and what it is for."""
        return {
            "list": (self.list, _("list the messages")),
            "open": (self.open, _("with a number: read that message of the list")),
            "new": (self.new, _("write a message")),
            "form": (self.form, _("fill in a form")),
            "answer": (self.answer, _("with a number: answer that message")),
            "cancel": (self.cancel, _("with a number: withdraw it while it is only KEPT")),
            "attach": (self.attach, _("with a path: write a message that this file goes with")),
            "save": (self.save, _("with a number, and a folder: save the files of that message")),
            "links": (self.links, _("the links and what they cost today")),
            "stick": (self.stick, _("exchange messages with the stick that is inserted")),
            "help": (self.help, _("these words")),
            "erase": (self.erase, _("panic: erase everything kept here; asks first")),
            "quit": (self.quit, _("leave")),
        }

    def run(self) -> int:
        """Until the person leaves or the input ends; the exit status.

        No byte of either side can break it.
        """
        for stream in (self._read, self._write):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        name, network = in_line(self.views.own_name), in_line(self.views.network)
        self.say(_("crisiskit, {name} ({network}).").format(name=name, network=network))
        if self.views.exercise:
            self.say(_("EXERCISE"))
        self.list("")
        self.say(_("Type help for the words."))
        try:
            while True:
                self._tell_news()
                self._one(self.ask("> "))
        except (LeaveError, KeyboardInterrupt):
            self.say("")
        finally:
            self.store.close()
            self.views.close()
        return self.status

    def _tell_news(self) -> None:
        """What came in meanwhile; Enter alone looks again."""
        try:
            for one in reversed(self._arrivals.look()):
                self.say(arrival_words(one))
        except CrisiskitError as error:
            self.say(explain(error))
        if self._newcomers is not None:
            before, self._devices = self._devices, self._newcomers.look()
            for device in self._devices:
                if device not in before:
                    self.say(newcomer_words([device]))

    def _one(self, line: str) -> None:
        word, _blank, rest = line.strip().partition(" ")
        if not word:
            return
        jobs = self.jobs()
        known = {fold(_(WORDS[name])): name for name in jobs} | {name: name for name in jobs}
        found = pick(word, known)
        if len(found) != 1:
            words = _("{word} can mean: {names}.") if found else _("No such word: {word}. {names}.")
            names = ", ".join(_(WORDS[name]) for name in found or jobs)
            self.say(words.format(word=clean_text(word)[:40], names=names))
            return
        try:
            jobs[found[0]][0](rest.strip())
        except CrisiskitError as error:
            self.say(explain(error))
        except DropError as dropped:
            self.say(str(dropped) or _("Not sent."))

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

    def ask_or_drop(self, question: str) -> str:
        """A line from the person, without blanks around it. A dot alone raises DropError."""
        line = self.ask(question).strip()
        if line == ".":
            raise DropError
        return line

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
            who = way.format(name=station(one.to if one.box == "out" else one.author))
            when = one.received_at if one.received_at is not None else one.written_at
            state = life_word(one)[2:] + (f", {trust_word(one)}" if one.signed else "")
            text = card_or_line(one, 60, wall_ms())
            ago = age(when, wall_ms())
            self.say(f"{number}. {one.precedence.name}, {state}, {who}, {ago}, {one.id}: {text}")
            if why := self.why(one):
                self.say(f"   {why}")

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
        if message.order is not None:
            lines = card_lines(message.order, wall_ms())
        else:
            minute = message.written_at // 60_000
            self.say(facts(message, self.why(message)))
            lines = body_lines(message.kind, message.data, message.text, minute=minute)
        for line in lines:
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
        self.say(_("Write the message; an empty line ends it, a dot alone gives up."))
        lines = []
        while line := self.ask_or_drop(""):
            lines.append(line)
        self._keep(template, compose_text("\n".join(lines)))

    def form(self, name: str) -> None:
        """Fill in a form, question by question."""
        names = catalog.names()
        if name not in names:
            self.say(_("Which form? {names}").format(names=", ".join(names)))
            name = self.ask_or_drop("> ")
        schema = catalog.schema(name)
        template = self.blank()
        self.say(_("An empty line skips a question; a dot alone gives up."))
        answers = {}
        for field in schema.fields:
            label = field.label.say(language())
            words = ""
            if isinstance(field, Choice):
                options = " / ".join(option.say(language()) for option in field.values)
                words = f" ({options})"
            if value := self._value(field, f"{label}{words}: "):
                answers[field.name] = value
        data, text = compose_form(name, answers, minute_of(wall_ms()))
        self._keep(template, text, data)

    def _value(self, field: AnyField, question: str) -> str:
        """What was typed for one field, asked again until it can be understood."""
        while True:
            value = clean_text(self.ask_or_drop(question))
            try:
                if value:
                    parse_answer(field, value, minute_of(wall_ms()))
                elif field.required:
                    raise AnswerError(_("an answer is needed"))
                return value
            except AnswerError as error:
                label = field.label.say(language())
                self.say(explain(UsageError("form_field", label=label, why=error)))

    def urgency(self, usual: Precedence) -> Precedence:
        """Ask for the precedence until it can be understood."""
        question = _("Urgency (ROUTINE, PRIORITY, IMMEDIATE, FLASH), else {usual}: ")
        while True:
            word = self.ask_or_drop(question.format(usual=usual.name))
            try:
                return parse_precedence(word) if word else usual
            except UsageError as error:
                self.say(explain(error))

    def _keep(self, template: Draft, text: str, data: bytes = b"") -> None:
        precedence = self.urgency(template.precedence)
        kind = RecordKind.FORM if data else template.kind
        draft = replace(template, kind=kind, precedence=precedence, text=text, data=data)
        links = self.views.links(wall_ms())
        if any_clear(links) and not draft.files and self._released(draft):
            draft = replace(draft, clear=True)
        found = self.estimator(draft)
        for line in found.links:
            self.say(link_line(line, self.currencies, found.wait))
        self.say(sentence(found, self.currencies))
        while self.confirmed(draft):
            try:
                code = self.store.keep([draft])[0]
            except StoreError as error:
                self.say(explain(error))
                if not self.agreed(_("Your words are still here. Try again? (yes/no) ")):
                    break
            else:
                words = _("{id} is kept. It leaves as soon as a link can take it.")
                self.say(words.format(id=code))
                return
        self.say(_("Not sent."))

    def _released(self, draft: Draft) -> bool:
        """Whether all may read it: the person says so, and no personal data stands in it."""
        if not self.agreed(_("READABLE BY ALL: may it leave without encryption? (yes/no) ")):
            return False
        try:
            check_readable(draft.kind, draft.data, draft.text)
        except TrustError as error:
            self.say(explain(error))
            return False
        return True

    def agreed(self, question: str) -> bool:
        """Whether the person says yes."""
        return self.ask(question).strip().lower() in YES

    def confirmed(self, draft: Draft) -> bool:
        """Whether it may leave."""
        return True

    def attach(self, path: str) -> None:
        """Write a message that a file goes with."""
        if not path:
            path = self.ask_or_drop(_("Which file? "))
        file = read_attached(as_path(path))
        words = _("Attached: {file}")
        self.say(words.format(file=f"{in_line(file.name)}, {size_text(len(file.content))}"))
        self.write(replace(self.blank(), files=(file,)))

    def save(self, rest: str) -> None:
        """Save the files of a message."""
        number, _blank, folder = rest.partition(" ")
        message = self.chosen(number)
        if message is not None:
            path = save_all(self.views, message, as_path(folder.strip() or "."))
            self.say(_("Saved as {path}.").format(path=in_line(str(path))))

    def answer(self, number: str) -> None:
        """Answer a message that came in."""
        message = self.chosen(number)
        if message is None:
            return
        if message.box != "in":
            self.say(_("You wrote this one yourself: there is nobody to answer."))
            return
        kind = RecordKind.TEXT
        self.write(Draft(kind, message.precedence, to=message.author, answers=message.id))

    def cancel(self, number: str) -> None:
        """Withdraw a message."""
        message = self.chosen(number)
        if message is not None:
            self.store.cancel(message.ref)
            self.say(_("Withdrawn: it will not be sent."))

    def links(self, _rest: str) -> None:
        """The links."""
        links = self.views.links(wall_ms())
        for link in links:
            self.say(link_words(link, self.currencies))
        if not links:
            self.say(no_link_words())

    def stick(self, folder: str) -> None:
        """Exchange messages with a stick; says when it can be pulled out."""
        media = [Path(folder)] if folder else mounted()
        if not media:
            raise BusyError("stick_missing")
        if len(media) > 1:
            raise UsageError("stick_which", folders=", ".join(map(str, media)))
        self.say(_("The stick is being read and written: leave it in."))
        number = stick.ask(self.store, media[0], wall_ms())
        self.say(stick.report_words(stick.wait_for(self.store.meta, number)))

    def help(self, _rest: str) -> None:
        """The words."""
        for word, (_job, words) in self.jobs().items():
            self.say(f"{_(WORDS[word])}: {words}")

    def erase(self, _rest: str) -> None:
        """Erase everything, after a word was typed."""
        self.say(_("Everything kept here will be erased for ever: keys, messages, settings."))
        if self.guard is None or not confirms(
            self.ask(_("Type {word} to go on: ").format(word=_(WORD)))
        ):
            raise DropError(_("Nothing was erased."))
        self.guard.erase_keys()
        self.status = ERASED
        raise LeaveError

    def quit(self, _rest: str) -> None:
        """Leave."""
        raise LeaveError
