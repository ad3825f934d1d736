"""The operator's desk: what came in by urgency and age, orders, and the kits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from crisiskit.center.ordering import Ordering
from crisiskit.clock import wall_ms
from crisiskit.errors import UsageError
from crisiskit.harmless import in_line
from crisiskit.i18n import _, explain, notice_text
from crisiskit.model import EVERY_KIT, Kit, Message, Notice, Order, Precedence, RecordKind
from crisiskit.screens.dialogs import Choose, Words
from crisiskit.screens.lines import BoardRows, KitRows, MessageRows, NoticeRows
from crisiskit.screens.order import OrderRows
from crisiskit.screens.rows import Rows
from crisiskit.screens.view import when
from crisiskit.store.store import Draft


class DeskApp(Ordering):
    """A center writes to one kit or to all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i,I", "show('in')", priority=True),
        Binding("s,S", "show('sent')", priority=True),
        Binding("k,K", "show('kits')", priority=True),
        Binding("a,A", "show('notices')", priority=True),
        Binding("n,N", "new", priority=True),
        Binding("g,G", "show('orders')", priority=True),
        Binding("o,O", "order", priority=True),
        Binding("e,E", "drill", priority=True),
    ]

    def first_rows(self) -> Rows:
        """What came in."""
        return BoardRows(self.views, wall_ms)

    def keys(self) -> str:
        """See StationApp."""
        return _("I in S sent G orders K kits A alerts R answer N new O order E exercise ? help")

    def help_keys(self) -> Sequence[tuple[str, str]]:
        """See StationApp."""
        return (
            ("I  S", _("what came in, the unopened first; what was sent, with its state")),
            ("G", _("the orders that were given: sign as the second, take back")),
            ("K  A", _("the kits, and when each was last heard; alerts to look at")),
            (_("Enter"), _("open the chosen message; its author sees READ")),
            ("R  N", _("answer the chosen message, or write a new one to a kit")),
            ("O  E", _("give an order, REAL or EXERCISE; you confirm before it leaves")),
            ("U", _("USB stick: take everything in, write everything out")),
            ("Q", _("quit; messages that are kept stay kept")),
        )

    def action_show(self, what: str) -> None:
        """Another list in the same place."""
        made: dict[str, Callable[[], Rows]] = {
            "in": lambda: BoardRows(self.views, wall_ms),
            "sent": lambda: MessageRows(self.views, wall_ms, "out", named=True),
            "orders": lambda: OrderRows(self.views, wall_ms),
            "kits": lambda: KitRows(self.views, wall_ms),
            "notices": lambda: NoticeRows(self.views, wall_ms),
        }
        self.list.show(made[what]())
        self._renew()

    def open_item(self, item: object) -> None:
        """A message opens, an alert too; a kit is written to."""
        if isinstance(item, Kit) and item.revoked:
            self.tell(explain(UsageError("kit_revoked", name=item.name)))
        elif isinstance(item, Kit):
            self.write_text(Draft(RecordKind.TEXT, Precedence.ROUTINE, to=item.name))
        elif isinstance(item, Order):
            self.open_order(item)
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
        """Give an order: REAL, unless the whole network is an exercise."""
        self._order(exercise=False)

    def action_drill(self) -> None:
        """Give an EXERCISE order."""
        self._order(exercise=True)

    def _order(self, exercise: bool) -> None:
        self.order_exercise = exercise
        everybody = ((EVERY_KIT, _("ALL KITS")),)
        self._choose_kit(
            _("{mode} order to whom?").format(mode=self.mode_word()),
            everybody,
            lambda to: self.write_text(Draft(RecordKind.ORDER, Precedence.IMMEDIATE, to=to)),
        )

    def _choose_kit(
        self, question: str, first: Sequence[tuple[str, str]], then: Callable[[str], None]
    ) -> None:
        found = [kit for kit in self.views.kits() if not kit.revoked]
        kits = [(kit.name, f"{kit.number}  {in_line(kit.name)}") for kit in found]
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
            words = _("ORDER to {to}") if self.views.exercise else _("{mode} ORDER to {to}")
            return words.format(mode=self.mode_word(), to=to)
        return super().words_to(draft)

    async def keep(self, draft: Draft) -> bool:
        """An order is signed, after it was read once more."""
        if draft.kind is RecordKind.ORDER:
            return await self.give_order(draft)
        return await super().keep(draft)

    def done(self, message: Message, word: str | None) -> None:
        """What was chosen on a card that was opened among the sent messages."""
        if message.order is not None and message.box == "out":
            self.order_done(message.order, word)
        else:
            super().done(message, word)
