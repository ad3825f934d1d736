"""The desk as numbered lines."""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.center.order_lines import OrderLines
from crisiskit.clock import wall_ms
from crisiskit.errors import UsageError
from crisiskit.harmless import in_line
from crisiskit.i18n import _, notice_text
from crisiskit.model import EVERY_KIT, Message, Precedence, RecordKind
from crisiskit.screens.lines import age
from crisiskit.screens.plain import SHOWN, Job
from crisiskit.store.order_views import revoked_kits
from crisiskit.store.store import Draft


class DeskLines(OrderLines):
    """A center writes to one kit or to all."""

    def jobs(self) -> dict[str, tuple[Job, str]]:
        """See Lines; more words for the operator."""
        more: dict[str, tuple[Job, str]] = {
            "order": (self.order, _("give an order to a kit or to all")),
            "exercise": (self.exercise, _("give an EXERCISE order")),
            "orders": (self.orders, _("the orders that were given")),
            "sign": (self.sign, _("with the number of an order: sign it as the second")),
            "withdraw": (self.withdraw, _("with the number of an order: take it back")),
            "sent": (self.sent, _("what was sent, with its state at each kit")),
            "kits": (self.kits, _("the kits, and when each was last heard")),
            "notices": (self.notices, _("alerts: what a human must look at")),
        }
        return super().jobs() | more

    def messages(self) -> Sequence[Message]:
        """What came in, by urgency and age."""
        return self.views.board(0, SHOWN)

    def blank(self) -> Draft:
        """See Lines."""
        return Draft(RecordKind.TEXT, Precedence.ROUTINE, to=self.whom())

    def whom(self) -> str:
        """See OrderLines."""
        names = [kit.name for kit in self.views.kits() if not kit.revoked]
        to = self.ask_or_drop(
            _("To which kit? {names}: ").format(names=", ".join(map(in_line, names)))
        )
        if to != EVERY_KIT and to not in names and to not in self._numbers():
            gone = to in revoked_kits(self.views.rows)
            raise UsageError("kit_revoked" if gone else "kit_unknown", name=to)
        return to

    def _numbers(self) -> set[str]:
        return {str(kit.number) for kit in self.views.kits() if not kit.revoked}

    def sent(self, _rest: str) -> None:
        """What was sent."""
        self.shown = list(self.views.page("out", 0, SHOWN))
        self.tell_shown()

    def kits(self, _rest: str) -> None:
        """The kits."""
        for kit in self.views.kits():
            heard = kit.last_contact_at
            ago = _("never heard") if heard is None else age(heard, wall_ms())
            if kit.revoked:
                ago = _("REVOKED")
            words = _("{number} {name}: {ago}, {unread} new, {waiting} waiting")
            self.say(
                words.format(
                    number=kit.number,
                    name=in_line(kit.name),
                    ago=ago,
                    unread=kit.unread,
                    waiting=kit.waiting,
                )
            )

    def notices(self, _rest: str) -> None:
        """The alerts."""
        for notice in self.views.notices():
            self.say(
                f"{age(notice.at, wall_ms())} {in_line(notice.station)}: {notice_text(notice)}"
            )
