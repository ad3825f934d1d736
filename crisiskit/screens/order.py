"""The card of an order on the screen, and the orders of a center as a list."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from crisiskit.cards import card_lines, drill_lead, order_line
from crisiskit.clock import wall_ms
from crisiskit.errors import UsageError
from crisiskit.i18n import _
from crisiskit.model import Order, Verdict
from crisiskit.screens.bar import Bar
from crisiskit.screens.lines import Clock, age
from crisiskit.screens.rows import PAGE_ROWS, Cells, fit
from crisiskit.store import order_views
from crisiskit.store.views import Views

_AGE = 7
AGES_S = 20.0


class OrderScreen(Screen[str]):
    """An order in full. Ends with ``code``, ``answer``, ``cancel``, ``sign`` or an empty word."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left,backspace", "end('')"),
        Binding("a,A", "end('code')", priority=True),
        Binding("r,R", "end('answer')", priority=True),
        Binding("c,C", "end('cancel')", priority=True),
        Binding("s,S", "end('sign')", priority=True),
    ]

    def __init__(self, views: Views, order: Order) -> None:
        super().__init__()
        self._views = views
        self.order = order

    def compose(self) -> ComposeResult:
        """The card, and what can be done with it."""
        yield Static(id="facts")
        with VerticalScroll(id="body-scroll"):
            yield Static(id="card")
        yield Static(id="told")
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """The card takes the arrow keys; its age goes on."""
        self.query_one("#body-scroll").focus()
        self.set_interval(AGES_S, self.show)
        self.show()

    def reload(self) -> None:
        """Something was committed, perhaps an answer or a cancel; before its first draw, too."""
        if self.order.kind:
            try:
                self.order = order_views.order(self._views.rows, self.order.number)
            except UsageError:
                return
        if self.query("#card"):
            self.show()

    def show(self) -> None:
        """The card as it is now; one that is not in force is dim."""
        order, now = self.order, wall_ms()
        lines = card_lines(order, now, self._names(), width=self.app.size.width - 6)
        if order.box == "out" and order.kind == "order":
            lines += self._answers()
        dim = order.verdict_at(now) is not Verdict.VALID
        head = Content.assemble((f" {lines[0]} ", "bold reverse"))
        self.query_one("#facts", Static).update(head)
        rest = Content.assemble(("\n".join(lines[1:]), "dim" if dim else ""))
        self.query_one("#card", Static).update(rest)
        keys = [words for word, words in self._keys() if self.may(word)]
        self.query_one("#keys", Bar).show("   ".join([*keys, _("Esc back")]))

    def _keys(self) -> Sequence[tuple[str, str]]:
        return (
            ("code", _("A answer with the code")),
            ("answer", _("R write back")),
            ("sign", _("S sign as the second")),
            ("cancel", _("C take it back")),
        )

    def _names(self) -> Mapping[int, str]:
        found = order_views.kit_names(self._views.rows)
        own = {int(self._views.fact("kit_number") or b"0"): self._views.own_name}
        return found or own

    def _answers(self) -> list[str]:
        lead = drill_lead(self.order)
        lines = []
        for one in order_views.answers(self._views.rows, self.order.number):
            right = _("code right") if one.correct else _("CODE WRONG")
            ago = age(one.at, wall_ms())
            lines.append(f"{lead}{one.kit}: {right}, {ago}  {' '.join(one.text.split())}".rstrip())
        return lines

    def may(self, word: str) -> bool:
        """Whether this makes sense for this order, here and now."""
        order, verdict = self.order, self.order.verdict_at(wall_ms())
        match word:
            case "code":
                mine = order.box == "in" and order.kind == "order" and order.answered_at is None
                return mine and verdict is Verdict.VALID
            case "answer":
                return order.box == "in"
            case "sign":
                return order.draft
            case "cancel":
                mine = order.box == "out" and order.kind == "order"
                return mine and verdict is Verdict.VALID and not order.withdrawn
        return True

    def action_end(self, word: str) -> None:
        """Leave with what is to be done."""
        if self.may(word):
            self.dismiss(word)


class OrderRows:
    """The orders of a center, newest first."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self._orders: Sequence[Order] = ()
        self.empty = _("No order was given yet. Press O to give one.")

    def count(self) -> int:
        """How many rows there are; reads them all, for ``page`` as well."""
        self._orders = order_views.orders(self._views.rows)[::-1]
        return len(self._orders)

    def page(self, first: int) -> Sequence[Order]:
        """The orders from place ``first`` on, as counted last."""
        return self._orders[first : first + PAGE_ROWS]

    def key(self, item: Order) -> Hashable:
        """An order is its number."""
        return item.number

    def head(self, width: int) -> str:
        """The words above the columns."""
        return fit(fit(_("AGE"), _AGE) + fit(_("ANSWERS"), 9) + _("ORDER"), width)

    def cells(self, item: Order, width: int) -> Cells:
        """One order as one line."""
        now = self._clock()
        mark = "" if item.verdict_at(now) is Verdict.VALID and not item.withdrawn else "quiet"
        count = f"{item.answers}/{item.asked}" if item.kind == "order" else ""
        front = [
            (fit(age(item.issued_at, now), _AGE), mark),
            (fit(count, 9), "strong" if item.draft else mark),
        ]
        return [*front, (fit(order_line(item, item.text, now), width - _AGE - 9), mark)]
