"""Writing: text or a form, its urgency, and what it will cost while the words grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.screen import Screen
from textual.widgets import Input, Label, Static, TextArea

from crisiskit.attachment import ATTACHED_MAX, read_attached
from crisiskit.clock import minute_of, wall_ms
from crisiskit.codec.forms import AnyField, Choice, Flag, Position
from crisiskit.compose import TEXT_BYTES_MAX, compose_form, compose_text
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.foresight import Foresight, link_line
from crisiskit.forms import catalog
from crisiskit.forms.personal import check_readable
from crisiskit.harmless import in_line
from crisiskit.i18n import _, explain, language
from crisiskit.model import Attached, Precedence, RecordKind
from crisiskit.render import size_text
from crisiskit.screens.ask import Ask
from crisiskit.screens.bar import Bar
from crisiskit.screens.dialogs import Choose
from crisiskit.screens.filepath import PathInput, as_path
from crisiskit.screens.linkbar import EUROS, Currencies
from crisiskit.screens.page import Page
from crisiskit.screens.urgency import KEYS, Send, Urgency
from crisiskit.store.store import Draft

Price = Callable[[Draft], tuple[str, str]]
Keep = Callable[[Draft], Awaitable[bool]]
LINKS_PRICED = 3
BLANK = "_" * 40


def price_lines(found: Foresight, currencies: Currencies = EUROS) -> str:
    """What this message would cost alone on each link and when it leaves by it, best first."""
    shown = found.links[:LINKS_PRICED]
    return "\n".join(link_line(one, currencies, found.wait) for one in shown)


class Composer(Screen[None]):
    """What text and form share: recipient, urgency, price, send and leave.

    It closes only when ``keep`` has said that the message is durable, or when the person
    says that the words may go.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key, f"urgency({int(precedence)})", priority=True)
            for key, precedence in KEYS.items()
        ),
        # Without priority: they wait their turn behind the letters typed before them.
        Binding("ctrl+s", "send"),
        Binding("escape", "leave"),
        Binding("f8", "clear", priority=True),
        Binding("f6", "attach", priority=True),
    ]

    def __init__(
        self, template: Draft, to: str, price: Price, keep: Keep, may_clear: bool = False
    ) -> None:
        """``price``: a sentence on what will happen to a draft, and a line for each link.

        ``may_clear``: the writer may let all read it, so that any link may carry it.
        """
        super().__init__()
        self.may_clear = may_clear
        self.clear = False
        self.files: tuple[Attached, ...] = ()
        self.template = template
        self.precedence = template.precedence
        self._to = to
        self._price = price
        self._keep = keep
        self._sending = False
        self._price_due = False
        self._refused: object = None

    def compose(self) -> ComposeResult:
        """Recipient and urgency above, price and keys below."""
        yield Static(Content(self._to), id="to")
        yield Urgency(id="urgency")
        yield Static(_("READABLE BY ALL: it may leave without encryption. F8 no"), id="clear")
        yield Static(id="files")
        yield from self.compose_body()
        yield Static(id="wrong")
        yield Static(id="told")
        with Horizontal(id="foot"):
            yield Static(id="fate")
            yield Send(id="send")
        yield Static(id="price")
        more = "   " + _("F8 readable") if self.may_clear else ""
        yield Bar(self.keys() + more, id="keys")

    def keys(self) -> str:
        """The key line; 78 columns."""
        return _("Ctrl+S send   F1-F4 urgency   F6 file   Esc leave")

    def compose_body(self) -> ComposeResult:
        """The part that is written in."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show urgency and price of the empty message."""
        self.show()

    def show(self) -> None:
        """Urgency and price as they are now."""
        self.query_one(Urgency).show(self.precedence)
        self.query_one("#clear").set_class(self.clear, "shown")
        self.query_one("#files").set_class(bool(self.files), "shown")
        self.query_one("#files", Static).update(Content(self._file_words()))
        try:
            fate, words = self._price(self.draft())
        except CrisiskitError:
            fate, words = _("The price is shown as you write."), ""
        self.query_one("#fate", Static).update(Content(fate))
        self.query_one("#price", Static).update(Content(words))
        if self.content() != self._refused:
            self.query_one("#wrong").remove_class("shown")

    def draft(self) -> Draft:
        """The message as written so far. Raises UsageError while it cannot be sent."""
        raise NotImplementedError

    def content(self) -> str | dict[str, str]:
        """What was typed so far; empty when leaving would lose nothing."""
        raise NotImplementedError

    def written(self) -> bool:
        """Whether leaving would lose something."""
        return bool(self.content() or self.files)

    def _file_words(self) -> str:
        named = [f"{in_line(one.name)}, {size_text(len(one.content))}" for one in self.files]
        words = _("Attached: {file}").format(file="; ".join(named))
        return f"{words}   " + _("F6 another, or none")

    def action_urgency(self, value: int) -> None:
        """Choose the precedence."""
        self.precedence = Precedence(value)
        self.show()

    def action_shift(self, by: int) -> None:
        """Choose the precedence next to it."""
        self.action_urgency(max(Precedence.ROUTINE, min(self.precedence + by, Precedence.FLASH)))

    def action_clear(self) -> None:
        """Let all read it, or not."""
        self.clear = self.may_clear and not self.clear and not self.files
        self.show()

    def action_attach(self) -> None:
        """Ask for a file; an empty line takes those away that are there."""
        if self.app.screen is self:
            question = _("Which file goes with it? At most 1 MiB; Tab completes the name.")
            line = PathInput(compact=True, id="asked")
            self.app.push_screen(Ask(question, self._with_file, line=line), self._show_files)

    async def _with_file(self, typed: str) -> tuple[Attached, ...]:
        if not typed.strip():
            return ()
        if len(self.files) >= ATTACHED_MAX:
            raise UsageError("attachments_too_many", most=ATTACHED_MAX)
        return (*self.files, await asyncio.to_thread(read_attached, as_path(typed)))

    def _show_files(self, files: tuple[Attached, ...] | None) -> None:
        if files is not None:
            self.files = files
            self.clear = self.clear and not files
            self.show()

    def with_body(self, text: str, data: bytes = b"") -> Draft:
        """The draft with these words. TrustError ``clear_personal`` for what all must not read."""
        kind = RecordKind.FORM if data else self.template.kind
        if self.clear:
            check_readable(kind, data, text)
        return replace(
            self.template,
            kind=kind,
            precedence=self.precedence,
            text=text,
            data=data,
            clear=self.clear,
            files=self.files,
        )

    def action_send(self) -> None:
        """Hand the message over; what is wrong is said here, and nothing is lost."""
        if not self._sending:
            self._sending = True
            self.run_worker(self._send())

    async def _send(self) -> None:
        try:
            kept = await self._keep(self.draft())
        except CrisiskitError as error:
            self._refused = self.content()
            wrong = self.query_one("#wrong", Static)
            wrong.update(Content(explain(error)))
            wrong.add_class("shown")
            self.app.bell()
            self.point_at(error)
        else:
            if kept:
                self.dismiss(None)
        finally:
            self._sending = False
        self._price_due = False

    def point_at(self, error: CrisiskitError) -> None:
        """Lead to the place that is wrong."""

    def action_leave(self) -> None:
        """Leave; what was written is only thrown away when that is said."""
        if not self.written():
            self.dismiss(None)
            return
        answers = (("stay", _("Go on writing")), ("drop", _("Throw it away")))
        self.app.push_screen(Choose(_("This message is not sent."), answers), self._left)

    def _left(self, answer: str | None) -> None:
        if answer == "drop":
            self.dismiss(None)


class TextComposer(Composer):
    """A message in words."""

    def compose_body(self) -> ComposeResult:
        """The page, with the words it began with."""
        yield Page(self.template.text, id="page", soft_wrap=True, show_line_numbers=False)

    def on_mount(self) -> None:
        """Write at once; nothing blinks on a battery."""
        page = self.query_one(TextArea)
        page.cursor_blink = False
        page.focus()

    def draft(self) -> Draft:
        """See Composer."""
        return self.with_body(compose_text(self.query_one(TextArea).text))

    def content(self) -> str:
        """See Composer."""
        return self.query_one(TextArea).text.strip()

    def on_page_full(self, event: Page.Full) -> None:
        """Say why a letter or a paste was not taken."""
        error = UsageError("text_too_long", bytes=event.size, most=TEXT_BYTES_MAX)
        wrong = self.query_one("#wrong", Static)
        wrong.update(Content(explain(error)))
        wrong.add_class("shown")

    def on_text_area_changed(self) -> None:
        """Another letter, another price; a flood of letters has one price in the end."""
        if not self._price_due:
            self._price_due = True
            self.call_after_refresh(self._show_price)

    def _show_price(self) -> None:
        self._price_due = False
        self.show()


class FormComposer(Composer):
    """A typed report: a line for each field, its help below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,enter,down", "app.focus_next", priority=True),
        Binding("shift+tab,up", "app.focus_previous", priority=True),
        Binding("ctrl+g", "place", priority=True),
    ]

    def __init__(
        self,
        form: str,
        template: Draft,
        to: str,
        price: Price,
        keep: Keep,
        may_clear: bool = False,
        place: tuple[str, int] | None = None,
    ) -> None:
        """``place`` is where the satellites say this station is, and how many minutes ago."""
        super().__init__(template, to, price, keep, may_clear)
        self._form = form
        self._place = place
        self._schema = catalog.schema(form)

    def compose_body(self) -> ComposeResult:
        """The fields."""
        with VerticalScroll(id="fields", can_focus=False):
            for field in self._schema.fields:
                with Horizontal(classes="field"):
                    star = " *" if field.required else ""
                    yield Label(Content(field.label.say(language()) + star))
                    yield Input(
                        id=f"field-{field.name}",
                        placeholder=BLANK,
                        compact=True,
                        select_on_focus=False,
                    )
        yield Static(id="about")

    def on_mount(self) -> None:
        """Begin with the first field."""
        for one in self.query(Input):
            one.cursor_blink = False
        self.query(Input).first().focus()

    def keys(self) -> str:
        """See Composer."""
        return _("Ctrl+S send   F1-F4 urgency   Tab next   F6 file   Esc leave")

    def content(self) -> dict[str, str]:
        """The fields that were filled."""
        found = {}
        for field in self._schema.fields:
            value = self.query_one(f"#field-{field.name}", Input).value.strip()
            if value:
                found[field.name] = value
        return found

    def draft(self) -> Draft:
        """See Composer."""
        data, text = compose_form(self._form, self.content(), minute_of(wall_ms()))
        return self.with_body(text, data)

    def point_at(self, error: CrisiskitError) -> None:
        """The field that is wrong gets the cursor."""
        label = str(error.values.get("field", ""))
        for field in self._schema.fields:
            if label in (field.name, field.label.say(language())):
                self.query_one(f"#field-{field.name}", Input).focus()

    def on_input_changed(self) -> None:
        """Another letter, another price."""
        self.show()

    def action_place(self) -> None:
        """Put the place that the satellites say into the position field."""
        for field in self._schema.fields:
            if isinstance(field, Position) and self._place is not None:
                self.query_one(f"#field-{field.name}", Input).value = self._place[0]
                return

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Mark the label of the field, and show what it is for."""
        name = (event.widget.id or "").removeprefix("field-")
        for field, label in zip(self._schema.fields, self.query(".field Label"), strict=True):
            label.set_class(field.name == name, "chosen")
            if field.name == name:
                self.query_one("#about", Static).update(Content(_about(field, self._place)))


def _about(field: AnyField, place: tuple[str, int] | None) -> str:
    """Help of a field, with the words that a choice takes, or the place that is known."""
    lang = language()
    help_words = field.help.say(lang)
    if isinstance(field, Choice):
        return f"{help_words}\n" + " / ".join(option.say(lang) for option in field.values)
    if isinstance(field, Flag):
        return f"{help_words}\n" + _("yes / no")
    if isinstance(field, Position) and place is not None:
        known = _("Ctrl+G takes {place}, from the satellites {n} min ago.")
        return f"{help_words}\n" + known.format(place=place[0], n=place[1])
    return help_words
