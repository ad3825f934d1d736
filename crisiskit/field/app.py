"""The field screen: everything the team wrote and received, in one live list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from crisiskit import orders
from crisiskit.clock import wall_ms
from crisiskit.i18n import _
from crisiskit.model import CENTER, Message, Order, Precedence, RecordKind
from crisiskit.screens.app import StationApp
from crisiskit.screens.ask import Ask
from crisiskit.screens.lines import MessageRows
from crisiskit.screens.rows import Rows
from crisiskit.store.store import Draft


class FieldApp(StationApp):
    """A kit writes to its center only."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,N", "new", priority=True),
        Binding("f,F", "form", priority=True),
        Binding("c,C", "cancel", priority=True),
    ]

    def first_rows(self) -> Rows:
        """Both boxes, newest first."""
        return MessageRows(self.views, wall_ms)

    def keys(self) -> str:
        """See StationApp."""
        return _("N new   F form   Enter open   R answer   C cancel   ? help   Q quit")

    def help_keys(self) -> Sequence[tuple[str, str]]:
        """See StationApp."""
        return (
            ("N", _("write a message to the center")),
            ("F", _("fill in a form: situation, medical, needs, position")),
            (_("Enter"), _("open the chosen message; its author sees READ")),
            ("R", _("answer the chosen message")),
            ("C", _("withdraw the chosen message while it is only KEPT")),
            ("U", _("USB stick: take everything in, write everything out")),
            ("Q", _("quit; messages that are kept stay kept")),
        )

    def _blank(self) -> Draft:
        return Draft(RecordKind.TEXT, Precedence.ROUTINE, to=CENTER)

    def action_new(self) -> None:
        """Write to the center."""
        self.write_text(self._blank())

    def action_form(self) -> None:
        """Fill in a form for the center."""
        self.choose_form(self._blank())

    def done(self, message: Message, word: str | None) -> None:
        """An order is answered with the code of its card, and the card stays on the screen."""
        if word == "code" and message.order is not None:
            self.open_message(message)
            self.run_worker(self._answer_code(message.order))
        else:
            super().done(message, word)

    async def _answer_code(self, order: Order) -> None:
        async def answered(code: str) -> str:
            return await self.writer.change(lambda store: orders.answer(store, order, code))

        question = _("The code on the card of order {number}, four digits:")
        if await self.push_screen_wait(Ask(question.format(number=order.number), answered)):
            words = _("The center is told that order {number} was read.")
            self.tell(words.format(number=order.number))

    def action_cancel(self) -> None:
        """Withdraw the chosen message."""
        item = self.list.chosen
        if isinstance(item, Message) and item.box == "out":
            self.run_worker(self._cancel(item.ref))
