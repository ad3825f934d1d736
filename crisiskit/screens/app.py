"""What both screens share: one live list, the link bar, writing, opening, answering."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from crisiskit.clock import wall_ms
from crisiskit.errors import CrisiskitError
from crisiskit.forms import catalog
from crisiskit.i18n import _, explain, language, ngettext
from crisiskit.model import Message, Precedence, RecordKind, State
from crisiskit.screens.compose import Composer, Estimator, FormComposer, TextComposer
from crisiskit.screens.dialogs import Choose, Help
from crisiskit.screens.linkbar import LinkBar
from crisiskit.screens.rows import RowList, Rows
from crisiskit.screens.view import MessageScreen
from crisiskit.screens.writer import Writer
from crisiskit.store.store import Draft
from crisiskit.store.views import Views

LOOK_S = 0.25
AGES_S = 20.0
TOLD_S = 6.0


class StationApp(App[None]):
    """The base of the field screen and the desk. Reads the database, writes through a thread."""

    CSS_PATH = Path(__file__).with_name("style.tcss")
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "answer", _("Answer")),
        Binding("question_mark,f1", "help", _("Help")),
        Binding("q", "leave", _("Quit")),
        Binding("ctrl+q,ctrl+c", "leave", _("Quit"), priority=True, show=False),
    ]

    def __init__(self, store: Path, estimator: Estimator) -> None:
        super().__init__(ansi_color=True)
        self.views = Views(store)
        self.writer = Writer(store)
        self.estimator = estimator
        self._version = -1

    # -- parts that differ -----------------------------------------------------------------

    def first_rows(self) -> Rows:
        """What the list shows at the start."""
        raise NotImplementedError

    def keys(self) -> str:
        """The key line of the main screen; 78 columns."""
        raise NotImplementedError

    def help_keys(self) -> Sequence[tuple[str, str]]:
        """All keys of the main screen."""
        raise NotImplementedError

    # -- drawing ---------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Head, list, links, keys."""
        yield Static(id="head")
        yield Static(id="columns")
        yield RowList(self.first_rows(), id="list")
        yield Static(id="told")
        yield LinkBar(id="links")
        yield Static(Content(self.keys()), id="keys")

    def on_mount(self) -> None:
        """Follow the database; no animation, nothing that costs power when idle."""
        self.animation_level = "none"
        self.theme = "ansi-dark"
        self.list.focus()
        self.set_interval(LOOK_S, self.look)
        self.set_interval(AGES_S, self._renew)
        self._version = self.views.data_version()
        self._renew()

    @property
    def list(self) -> RowList:
        """The one list of the main screen."""
        return self.screen_stack[0].query_one("#list", RowList)

    def look(self) -> None:
        """Draw anew only if somebody committed something."""
        try:
            version = self.views.data_version()
        except CrisiskitError:
            return
        if version != self._version:
            self._version = version
            self._renew()

    def _renew(self) -> None:
        try:
            self.list.reload()
            main = self.screen_stack[0]
            main.query_one("#head", Static).update(Content(self.head()))
            width = max(20, self.size.width - 2)
            main.query_one("#columns", Static).update(Content(self.list.rows.head(width)))
            main.query_one(LinkBar).show(self.views.links(wall_ms()))
            if isinstance(self.screen, MessageScreen):
                self.screen.reload()
        except CrisiskitError as error:
            self.tell(explain(error))

    def on_resize(self) -> None:
        """The columns follow the width."""
        if self._version >= 0:
            self._renew()

    def head(self) -> str:
        """Who we are, and what waits."""
        exercise = _("EXERCISE  ") if self.views.exercise else ""
        waiting, unread = self.views.waiting(), self.views.unread()
        counts = [
            ngettext("{n} waiting", "{n} waiting", waiting).format(n=waiting),
            ngettext("{n} new", "{n} new", unread).format(n=unread),
        ]
        return f"{exercise}{self.views.own_name} ({self.views.network})   " + "   ".join(counts)

    def tell(self, words: str) -> None:
        """A sentence above the link bar, for a while."""
        told = self.screen_stack[0].query_one("#told", Static)
        told.update(Content(words))
        told.add_class("shown")
        self.set_timer(TOLD_S, lambda: told.remove_class("shown"))

    # -- reading ---------------------------------------------------------------------------

    async def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Enter on a row."""
        if isinstance(event.item, Message):
            self.open_message(event.item)

    def open_message(self, message: Message) -> None:
        """Show a message in full; the first time, its author will be told that it was read."""
        self.push_screen(MessageScreen(self.views, message), lambda word: self._done(message, word))
        if message.box == "in" and message.state is State.HELD:
            self.run_worker(self._mark_read(message.ref))

    async def _mark_read(self, ref: int) -> None:
        try:
            await self.writer.mark_read(ref)
        except CrisiskitError as error:
            self.tell(explain(error))

    def _done(self, message: Message, word: str | None) -> None:
        if word == "answer":
            self.answer(message)
        elif word == "cancel":
            self.run_worker(self._cancel(message.ref))

    async def _cancel(self, ref: int) -> None:
        try:
            await self.writer.cancel(ref)
            self.tell(_("Withdrawn: it will not be sent."))
        except CrisiskitError as error:
            self.tell(explain(error))

    # -- writing ---------------------------------------------------------------------------

    def write(self, composer: Composer) -> None:
        """Open a page; what is written there is kept."""
        self.push_screen(composer, self._written)

    def _written(self, draft: Draft | None) -> None:
        if draft is not None:
            self.run_worker(self._keep(draft))

    async def _keep(self, draft: Draft) -> None:
        try:
            ids = await self.writer.keep([draft])
        except CrisiskitError as error:
            self.bell()
            self.tell(explain(error))
            self._write_again(draft)
            return
        self.tell(_("{id} is kept. It leaves as soon as a link can take it.").format(id=ids[0]))

    def _write_again(self, draft: Draft) -> None:
        """It could not be kept: put the words back before the eyes that wrote them."""
        if draft.kind is RecordKind.FORM:
            return
        self.write_text(draft)

    def words_to(self, draft: Draft) -> str:
        """The line that says to whom."""
        if draft.answers:
            return _("Answer to {to} about {id}").format(to=draft.to, id=draft.answers)
        return _("Message to {to}").format(to=draft.to)

    def write_text(self, draft: Draft) -> None:
        """A page for a text."""
        self.write(TextComposer(draft, self.words_to(draft), self.estimator))

    def choose_form(self, draft: Draft) -> None:
        """Which form? Then its page."""
        forms = [(name, catalog.schema(name).title.say(language())) for name in catalog.names()]

        def chosen(name: str | None) -> None:
            if name is not None:
                title = dict(forms)[name]
                self.write(
                    FormComposer(name, draft, f"{title}: {self.words_to(draft)}", self.estimator)
                )

        self.push_screen(Choose(_("Which form?"), forms), chosen)

    def answer(self, message: Message) -> None:
        """Write back to the author of a message."""
        kind, to = RecordKind.TEXT, message.author
        self.write_text(Draft(kind, Precedence.ROUTINE, to=to, answers=message.id))

    def action_answer(self) -> None:
        """Answer the chosen message."""
        item = self.list.chosen
        if isinstance(item, Message) and item.box == "in":
            self.answer(item)

    # -- the rest --------------------------------------------------------------------------

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(Help(_("Keys"), self.help_keys()))

    def action_leave(self) -> None:
        """End the screen; what was kept stays kept."""
        self.exit()

    def on_unmount(self) -> None:
        """Close the database."""
        self.writer.close()
        self.views.close()
