"""The operator's desk: what came in by urgency and age, orders, and the kits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from crisiskit.clock import wall_ms
from crisiskit.harmless import in_line
from crisiskit.i18n import _, ngettext, notice_text
from crisiskit.model import EVERY_KIT, Kit, Notice, Precedence, RecordKind
from crisiskit.render import precedence_word
from crisiskit.screens.app import StationApp
from crisiskit.screens.dialogs import Choose, Words, excerpt
from crisiskit.screens.lines import BoardRows, KitRows, MessageRows, NoticeRows
from crisiskit.screens.rows import Rows
from crisiskit.screens.view import when
from crisiskit.store.store import Draft


class DeskApp(StationApp):
    """A center writes to one kit or to all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "show('in')", priority=True),
        Binding("s", "show('sent')", priority=True),
        Binding("k", "show('kits')", priority=True),
        Binding("a", "show('notices')", priority=True),
        Binding("n", "new", priority=True),
        Binding("o", "order", priority=True),
    ]

    def first_rows(self) -> Rows:
        """What came in."""
        return BoardRows(self.views, wall_ms)

    def keys(self) -> str:
        """See StationApp."""
        return _("I in  S sent  K kits  A alerts  Enter open  R answer  N new  O order  ? help")

    def help_keys(self) -> Sequence[tuple[str, str]]:
        """See StationApp."""
        return (
            ("I", _("what came in: unopened by urgency and age, then the opened")),
            ("S", _("what was sent, with its state at each kit")),
            ("K", _("the kits, and when each was last heard")),
            ("A", _("alerts: what a human must look at")),
            (_("Enter"), _("open the chosen message; its author sees READ")),
            ("R", _("answer the chosen message")),
            ("N", _("write a message to a kit")),
            ("O", _("give an order to a kit or to all; you confirm before it leaves")),
            ("Q", _("quit; messages that are kept stay kept")),
        )

    def action_show(self, what: str) -> None:
        """Another list in the same place."""
        made: dict[str, Callable[[], Rows]] = {
            "in": lambda: BoardRows(self.views, wall_ms),
            "sent": lambda: MessageRows(self.views, wall_ms, "out", named=True),
            "kits": lambda: KitRows(self.views, wall_ms),
            "notices": lambda: NoticeRows(self.views, wall_ms),
        }
        self.list.show(made[what]())
        self._renew()

    def open_item(self, item: object) -> None:
        """A message opens, an alert too; a kit is written to."""
        if isinstance(item, Kit):
            self.write_text(Draft(RecordKind.TEXT, Precedence.ROUTINE, to=item.name))
        elif isinstance(item, Notice):
            self.push_screen(Words(f"{when(item.at)}  {in_line(item.station)}", notice_text(item)))
        else:
            super().open_item(item)

    def action_new(self) -> None:
        """Write to one kit."""
        self._choose_kit(
            _("To which kit?"),
            (),
            lambda to: self.write_text(Draft(RecordKind.TEXT, Precedence.ROUTINE, to=to)),
        )

    def action_order(self) -> None:
        """Give an order."""
        everybody = ((EVERY_KIT, _("ALL KITS")),)
        self._choose_kit(
            _("Order to whom?"),
            everybody,
            lambda to: self.write_text(Draft(RecordKind.ORDER, Precedence.IMMEDIATE, to=to)),
        )

    def _choose_kit(
        self, question: str, first: Sequence[tuple[str, str]], then: Callable[[str], None]
    ) -> None:
        kits = [(kit.name, f"{kit.number}  {in_line(kit.name)}") for kit in self.views.kits()]
        if not kits:
            self.tell(_("No kit is enrolled yet: crisiskit center enrol."))
            return
        self.push_screen(
            Choose(question, [*first, *kits]), lambda to: then(to) if to is not None else None
        )

    def words_to(self, draft: Draft) -> str:
        """The line that says to whom."""
        to = _("ALL KITS") if draft.to == EVERY_KIT else draft.to
        if draft.kind is RecordKind.ORDER:
            return _("ORDER to {to}").format(to=to)
        return super().words_to(draft)

    async def keep(self, draft: Draft) -> bool:
        """An order is read once more before it leaves."""
        if draft.kind is RecordKind.ORDER:
            count = len(self.views.kits()) if draft.to == EVERY_KIT else 1
            whom = ngettext("{n} kit", "{n} kits", count).format(n=count)
            to = f"{self.exercise()}{self.words_to(draft)} ({whom})"
            head = f"{to}   {precedence_word(draft.precedence)}"
            answers = (("give", _("Give this order")), ("back", _("Go back and change it")))
            question = f"{head}\n\n{excerpt(draft.text)}"
            if await self.push_screen_wait(Choose(question, answers)) != "give":
                return False
        return await super().keep(draft)
