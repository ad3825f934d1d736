"""The field screen as numbered lines."""

from __future__ import annotations

from crisiskit import orders
from crisiskit.errors import UsageError
from crisiskit.i18n import _
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.screens.plain import Job, Lines
from crisiskit.store import order_views
from crisiskit.store.store import Draft


class FieldLines(Lines):
    """A kit writes to its center."""

    def jobs(self) -> dict[str, tuple[Job, str]]:
        """See Lines; a word more for orders."""
        words = _("with the number of an order and its code: tell the center you read it")
        return super().jobs() | {"code": (self.code, words)}

    def code(self, rest: str) -> None:
        """Answer an order with the code of its card."""
        number, _blank, code = rest.partition(" ")
        if not number.isdecimal() or len(number) > 5:
            raise UsageError("order_unknown", number=number)
        order = order_views.order(self.views.rows, int(number))
        orders.answer(self.store, order, code)
        self.say(_("The center is told that order {number} was read.").format(number=order.number))

    def blank(self) -> Draft:
        """See Lines."""
        return Draft(RecordKind.TEXT, Precedence.ROUTINE, to=CENTER)
