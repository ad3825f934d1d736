"""What both screens share: one live list, the link bar, writing, opening, answering."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from crisiskit import stick
from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.errors import BusyError, CrisiskitError
from crisiskit.foresight import sentence
from crisiskit.forms import catalog
from crisiskit.gps import newest_fix
from crisiskit.harmless import in_line
from crisiskit.i18n import _, explain, language, ngettext
from crisiskit.model import CENTER, Message, Precedence, RecordKind, State
from crisiskit.plugged import Newcomers
from crisiskit.screens.arrivals import Arrivals, arrival_words
from crisiskit.screens.bar import Bar
from crisiskit.screens.compose import (
    Composer,
    FormComposer,
    TextComposer,
    price_lines,
)
from crisiskit.screens.device import DeviceLine
from crisiskit.screens.dialogs import Choose, key_help
from crisiskit.screens.estimator import Estimator, WhyWaits, waits_unknown
from crisiskit.screens.guard import Guard
from crisiskit.screens.lines import station
from crisiskit.screens.linkbar import EUROS, Currencies, LinkBar, any_clear
from crisiskit.screens.locked import LockScreen
from crisiskit.screens.order import OrderScreen
from crisiskit.screens.protected import ProtectedApp, protection_keys
from crisiskit.screens.rows import RowList, Rows
from crisiskit.screens.saving import save_dialog
from crisiskit.screens.stick import StickLine
from crisiskit.screens.view import MessageScreen, clock
from crisiskit.screens.writer import Writer
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from hardware.removable import mounted

LOOK_S = 0.25
AGES_S = 20.0
MEDIA_S = 2.0
ASKED_S = 1.0
TOLD_S = 6.0
URGENT_S = 60.0
MAIN_ACTIONS = frozenset(
    ("answer", "help", "end", "new", "form", "cancel", "show", "order", "drill", "stick")
)


class StationApp(ProtectedApp):
    """The base of the field screen and the desk. Reads the database, writes through a thread."""

    CSS_PATH = Path(__file__).with_name("style.tcss")
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,R", "answer", priority=True),
        Binding("question_mark,f1", "help", priority=True),
        Binding("q,Q", "end", priority=True),
        Binding("u,U", "stick", priority=True),
        Binding("ctrl+q,ctrl+c", "leave", priority=True),
    ]

    def __init__(
        self,
        store: Path,
        vault: Vault,
        estimator: Estimator,
        currencies: Currencies = EUROS,
        guard: Guard | None = None,
        why: WhyWaits = waits_unknown,
        newcomers: Newcomers | None = None,
    ) -> None:
        super().__init__(guard)
        self.newcomers = newcomers
        self.views = Views(store, vault)
        self.writer = Writer(store, vault)
        self.estimator = estimator
        self.why = why
        self.currencies = currencies
        self._version = -1
        self._arrivals = Arrivals(self.views)
        self._hush: Timer | None = None

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
        yield Bar(id="head")
        yield Static(id="columns")
        yield RowList(self.first_rows(), id="list")
        yield Static(id="why")
        yield Static(id="told")
        yield StickLine()
        yield LinkBar(id="links")
        yield DeviceLine(self.newcomers)
        yield Bar(self.keys(), id="keys")

    def on_mount(self) -> None:
        """Follow the database; no animation, nothing that costs power when idle."""
        self.animation_level = "none"
        self.theme = "ansi-dark"
        self.list.focus()
        self.set_interval(LOOK_S, self.look)
        self.set_interval(AGES_S, self._renew)
        self.set_interval(MEDIA_S, self._look_for_sticks)
        self._version = self.views.data_version()
        self._renew()

    @property
    def list(self) -> RowList:
        """The one list of the main screen."""
        return self.screen_stack[0].query_one("#list", RowList)

    def look(self) -> None:
        """Draw anew only if somebody committed something; lock what nobody uses."""
        self.look_at_guard()
        try:
            version = self.views.data_version()
        except CrisiskitError:
            return
        if version != self._version:
            self._version = version
            self._renew()
            self._call()

    def _call(self) -> None:
        """One bell and one sentence when something urgent came in."""
        try:
            come = self._arrivals.look()
        except CrisiskitError as error:
            self.tell(explain(error))
            return
        top = max(come, key=lambda one: one.precedence, default=None)
        if top is not None and top.precedence >= Precedence.IMMEDIATE:
            self.bell()
            self.tell(arrival_words(top), URGENT_S)

    def _renew(self) -> None:
        """Draw again what may have changed; a screen that is still being built draws itself."""
        if not self.screen_stack:  # it is being closed
            return
        main = self.screen_stack[0]
        if not main.is_mounted or not main.query("#list"):
            return
        try:
            self.list.reload()
            main.query_one("#head", Bar).show(self.who() + self.where(), self.counts())
            width = max(20, self.size.width - 2)
            main.query_one("#columns", Static).update(Content(self.list.rows.head(width)))
            main.query_one(LinkBar).show(self.views.links(wall_ms()), self.currencies)
            self._show_why()
            main.query_one(StickLine).show(stick.told(self.views.fact), wall_ms())
            if isinstance(self.screen, MessageScreen | OrderScreen):
                self.screen.reload()
            elif isinstance(self.screen, LockScreen):
                self.show_locked(self.screen)
        except CrisiskitError as error:
            self.tell(explain(error))

    def on_row_list_moved(self) -> None:
        """Another message is chosen: why does it wait?"""
        try:
            self._show_why()
        except CrisiskitError as error:
            self.tell(explain(error))

    def _show_why(self) -> None:
        """The reason why the chosen message waits, below the list; nothing for what does not."""
        item = self.list.chosen
        line, words = self.screen_stack[0].query_one("#why", Static), ""
        if isinstance(item, Message) and (words := self.why(item)):
            line.update(Content(f"{item.id} {words}"))
        line.set_class(bool(words), "shown")

    def _look_for_sticks(self) -> None:
        """One came or went: say so."""
        found = self.screen_stack[0].query(StickLine)
        if found and found.first().look(mounted(), wall_ms()):
            self._renew()

    def action_stick(self) -> None:
        """Exchange messages with the stick that is inserted; with which, if there are several."""
        media = mounted()
        if not media:
            self.tell(explain(BusyError("stick_missing")))
        elif len(media) == 1:
            self.run_worker(self._exchange(media[0]))
        else:
            places = [(str(place), in_line(str(place))) for place in media]

            def chosen(place: str | None) -> None:
                if place is not None:
                    self.run_worker(self._exchange(Path(place)))

            self.push_screen(Choose(_("Which stick?"), places), chosen)

    async def _exchange(self, folder: Path) -> None:
        try:
            await self.writer.change(lambda store: stick.ask(store, folder, wall_ms()))
            self.tell(_("The stick is being read and written: leave it in."), ASKED_S)
        except CrisiskitError as error:
            self.tell(explain(error))

    def show_locked(self, page: LockScreen) -> None:
        """See ProtectedApp."""
        waiting = self.views.waiting()
        words = ngettext("{n} waiting", "{n} waiting", waiting).format(n=waiting)
        page.query_one("#head", Bar).show(_("LOCKED"), f"{words}   {clock(wall_ms())}")
        page.query_one(LinkBar).show(self.views.links(wall_ms()), self.currencies)

    def on_resize(self) -> None:
        """The columns follow the width."""
        if self._version >= 0:
            self._renew()

    def who(self) -> str:
        """Who we are."""
        name = station(CENTER) if self.views.role == CENTER else in_line(self.views.own_name)
        return f"{self.exercise()}{name} ({in_line(self.views.network)})"

    def where(self) -> str:
        """The newest place of a satellite receiver and its age, where one is set up."""
        place = self.place()
        if place is None:
            return ""
        return "   " + _("{place}, {n} min ago").format(place=place[0], n=place[1])

    def exercise(self) -> str:
        """In front of every heading: whether this is in earnest."""
        return _("EXERCISE") + "  " if self.views.exercise else ""

    def counts(self) -> str:
        """What waits, what nobody opened, and what time it is."""
        waiting, unread = self.views.waiting(), self.views.unread()
        out = ngettext("{n} waiting", "{n} waiting", waiting).format(n=waiting)
        new = ngettext("{n} new", "{n} new", unread).format(n=unread)
        return f"{out}   {new}   {clock(wall_ms())}"

    def tell(self, words: str, seconds: float = TOLD_S) -> None:
        """A sentence at the foot of every open page, for a while."""
        if self._hush is not None:
            self._hush.stop()
        for page in self.screen_stack:
            for told in page.query("#told").results(Static):
                told.update(Content(words))
                told.add_class("shown")
        self._hush = self.set_timer(seconds, self._hushed)

    def _hushed(self) -> None:
        for page in self.screen_stack:
            page.query("#told").remove_class("shown")

    # -- reading ---------------------------------------------------------------------------

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Enter on a row. Not to be overridden: every class's handler would be called."""
        self.open_item(event.item)

    def open_item(self, item: object) -> None:
        """Open what stands in a row."""
        if isinstance(item, Message):
            self.open_message(item)

    def open_message(self, message: Message) -> None:
        """Show a message in full; the first time, its author will be told that it was read."""
        card = OrderScreen(self.views, message.order) if message.order else None
        self.push_screen(
            card or MessageScreen(self.views, message, self.why),
            lambda word: self.done(message, word),
        )
        if message.box == "in" and message.state is State.HELD:
            self.run_worker(self._mark_read(message.ref))

    async def _mark_read(self, ref: int) -> None:
        try:
            await self.writer.mark_read(ref)
        except CrisiskitError as error:
            self.tell(explain(error))

    def done(self, message: Message, word: str | None) -> None:
        """What the person chose on the page of a message."""
        if word == "answer":
            self.answer(message)
        elif word == "cancel":
            self.run_worker(self._cancel(message.ref))
        elif word == "save":
            self.push_screen(save_dialog(self.views, message), self._saved)

    def _saved(self, path: Path | None) -> None:
        if path is not None:
            self.tell(_("Saved as {path}.").format(path=in_line(str(path))), URGENT_S)

    async def _cancel(self, ref: int) -> None:
        try:
            await self.writer.cancel(ref)
            self.tell(_("Withdrawn: it will not be sent."))
        except CrisiskitError as error:
            self.tell(explain(error))

    # -- writing ---------------------------------------------------------------------------

    async def keep(self, draft: Draft) -> bool:
        """Make it durable; False when the person wants to change it. Raises CrisiskitError."""
        ids = await self.writer.keep([draft])
        self.tell(_("{id} is kept. It leaves as soon as a link can take it.").format(id=ids[0]))
        return True

    def price(self, draft: Draft) -> tuple[str, str]:
        """What will happen to it, and what it costs on each link."""
        found = self.estimator(draft)
        return sentence(found, self.currencies), price_lines(found, self.currencies)

    def may_clear(self) -> bool:
        """Whether the writer may let all read a message."""
        return any_clear(self.views.links(wall_ms()))

    def words_to(self, draft: Draft) -> str:
        """The line that says to whom."""
        to = station(draft.to)
        if draft.answers:
            return _("Answer to {to} about {id}").format(to=to, id=draft.answers)
        return _("Message to {to}").format(to=to)

    def write_text(self, draft: Draft) -> None:
        """A page for a text."""
        words = self.exercise() + self.words_to(draft)
        self.push_screen(TextComposer(draft, words, self.price, self.keep, self.may_clear()))

    def place(self) -> tuple[str, int] | None:
        """Where a satellite receiver says this station is, and how many minutes ago."""
        found = newest_fix(self.views)
        if found is None:
            return None
        fix, at_ms = found
        words = f"{fix.latitude:.4f} {fix.longitude:.4f}"
        return words, max(0, wall_ms() - at_ms) // 60_000

    def choose_form(self, draft: Draft) -> None:
        """Which form? Then its page."""
        forms = [(name, catalog.schema(name).title.say(language())) for name in catalog.names()]

        def chosen(name: str | None) -> None:
            if name is not None:
                words = f"{self.exercise()}{dict(forms)[name]}   {self.words_to(draft)}"
                page = FormComposer(
                    name, draft, words, self.price, self.keep, self.may_clear(), self.place()
                )
                self.push_screen(page)

        self.push_screen(Choose(_("Which form?"), forms), chosen)

    def answer(self, message: Message) -> None:
        """Write back to the author of a message."""
        kind, to = RecordKind.TEXT, message.author
        self.write_text(Draft(kind, message.precedence, to=to, answers=message.id))

    def action_answer(self) -> None:
        """Answer the chosen message."""
        item = self.list.chosen
        if isinstance(item, Message) and item.box == "in":
            self.answer(item)

    # -- the rest --------------------------------------------------------------------------

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(key_help(_("Keys"), (*self.help_keys(), *protection_keys())))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are commands on the main screen only; above it they are typed.

        They are bound with priority so that what is typed fast, or comes in one burst over a
        slow line, meets the page that the key before it has opened.
        """
        return action not in MAIN_ACTIONS or len(self.screen_stack) == 1

    def action_end(self) -> None:
        """The same as leaving, from the main screen."""
        self.action_leave()

    def action_leave(self) -> None:
        """End the screen; what was kept stays kept, and no words are lost unasked."""
        if self.locked:
            return
        pages = [one for one in self.screen_stack if isinstance(one, Composer) and one.written()]
        if not pages:
            self.exit()
        elif self.screen is pages[-1]:
            pages[-1].action_leave()

    def on_unmount(self) -> None:
        """Close the database."""
        self.writer.close()
        self.views.close()
