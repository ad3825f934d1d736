"""Orders in the line mode of the desk: the same questions as on the screen, one a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from getpass import getpass
from typing import TypeVar

from crisiskit import orders
from crisiskit.cards import card_lines, order_line
from crisiskit.clock import wall_ms
from crisiskit.codec.objects import AUTHORITY, ObjectKind
from crisiskit.compose import parse_duration
from crisiskit.duty import Signer, in_force, number_of, open_signer
from crisiskit.errors import TrustError, UsageError
from crisiskit.i18n import _, explain
from crisiskit.model import Order, Precedence
from crisiskit.screens.lines import age
from crisiskit.screens.plain import SHOWN, Lines
from crisiskit.store import issue, order_views
from crisiskit.trusted import Trust

LIFE_USUAL = "1d"
T = TypeVar("T")


class OrderLines(Lines):
    """What the desk's line mode does with orders. REAL and EXERCISE are two words."""

    def whom(self) -> str:
        """Ask for a kit, or all. Raises UsageError ``kit_unknown``."""
        raise NotImplementedError

    def order(self, _rest: str) -> None:
        """Give an order; in a network that is an exercise it is one too."""
        self._give(exercise=self.views.exercise)

    def exercise(self, _rest: str) -> None:
        """Give an EXERCISE order."""
        self._give(exercise=True)

    def _give(self, exercise: bool) -> None:
        mode = _("EXERCISE") if exercise else _("REAL")
        self.say(_("{mode} order. Type all for every kit.").format(mode=mode))
        kits = orders.addressed(order_views.kit_numbers(self.views.rows), [self.whom()])
        self.say(_("Write the message; an empty line ends it, a dot alone gives up."))
        lines = []
        while line := self.ask_or_drop(""):
            lines.append(line)
        text = orders.compose_order("\n".join(lines))
        urgency = self.urgency(Precedence.IMMEDIATE)
        life_s = self._until_right(self._life)
        wanted = orders.Wanted(
            ObjectKind.ORDER, kits, text, life_s, exercise, answer=True, precedence=urgency
        )
        trust = issue.trust(self.store)
        first = self._until_right(lambda: self._first(trust))
        second = self._until_right(lambda: self._second(trust, first, wanted))
        question = _("{mode} ORDER: {text}\nGive this {mode} order? (yes/no) ")
        if not self.agreed(question.format(mode=mode, text=text)):
            self.say(_("Not sent."))
            return
        signer = self._until_right(lambda: self._unlock(trust, first))
        signed = orders.give(self.store, wanted, signer, second)
        words = _("Order {number} is kept. It leaves as soon as a link can take it.")
        if second is not None:
            words = _("Order {number} waits for its second signature: sign {number}")
        self.say(words.format(number=signed.number))

    def _until_right(self, ask: Callable[[], T]) -> T:
        """Ask again what was not right: the words written so far are not lost."""
        while True:
            try:
                return ask()
            except (UsageError, TrustError) as error:
                self.say(explain(error))

    def _life(self) -> int:
        question = _("In force for how long? (2h, 1d) else {usual}: ")
        life_s = parse_duration(self.ask_or_drop(question.format(usual=LIFE_USUAL)) or LIFE_USUAL)
        orders.life_units(life_s)
        return life_s

    def _first(self, trust: Trust) -> int:
        """The only one there is, else whom the person names."""
        keys = in_force(trust)
        if len(keys) < 2:
            return number_of(trust, None)
        names = ", ".join(key.name for key in keys)
        return number_of(trust, self.ask_or_drop(_("Who signs? {names}: ").format(names=names)))

    def _second(self, trust: Trust, first: int, wanted: orders.Wanted) -> int | None:
        names = ", ".join(name for _number, name in orders.signers_left(trust, first))
        if first == AUTHORITY and not trust.duty and not orders.needs_second(trust, wanted):
            return None
        question = _("Who signs as the second? (empty: nobody) {names}: ")
        name = self.ask_or_drop(question.format(names=names))
        if not name and orders.needs_second(trust, wanted):
            raise UsageError("order_needs_second")
        second = number_of(trust, name) if name else None
        if second == first:
            raise UsageError("order_same_signer")
        return second

    def _unlock(self, trust: Trust, number: int) -> Signer:
        return open_signer(self.store.path.parent, trust, number, self._passphrase)

    def _passphrase(self, name: str) -> str:
        question = _("Passphrase of {name}").format(name=name) + ": "
        return getpass(question) if sys.stdin.isatty() else self.ask_or_drop(question)

    def orders(self, _rest: str) -> None:
        """The orders that were given, newest first."""
        now = wall_ms()
        for one in order_views.orders(self.views.rows)[::-1][:SHOWN]:
            answers = f" ({one.answers}/{one.asked})" if one.kind == "order" else ""
            self.say(f"{order_line(one, one.text, now)}{answers}, {age(one.issued_at, now)}")

    def sign(self, number: str) -> None:
        """The second signature."""
        order = self._numbered(number)
        self._show(order)
        trust, waiting = issue.trust(self.store), issue.draft(self.store, order.number)
        place = waiting.signers[len(waiting.signatures)]
        signer = self._until_right(lambda: self._unlock(trust, place))
        orders.cosign(self.store, order.number, signer)
        words = _("Order {number} is signed by two and on its way.")
        self.say(words.format(number=order.number))

    def withdraw(self, number: str) -> None:
        """Take an order back."""
        order = self._numbered(number)
        try:
            orders.cancel(self.store, order, None)
        except UsageError as error:
            if error.code != "order_left":
                raise
        else:
            words = _("Order {number} was withdrawn: no kit has it.")
            self.say(words.format(number=order.number))
            return
        trust = issue.trust(self.store)
        first = self._until_right(lambda: self._first(trust))
        signer = self._until_right(lambda: self._unlock(trust, first))
        orders.cancel(self.store, order, signer)
        words = _("Order {number} is cancelled; the cancel is on its way.")
        self.say(words.format(number=order.number))

    def _show(self, order: Order) -> None:
        for line in card_lines(order, wall_ms(), order_views.kit_names(self.views.rows)):
            self.say(line)

    def _numbered(self, number: str) -> Order:
        if not number.isdecimal() or len(number) > 5:
            raise UsageError("order_unknown", number=number)
        return order_views.order(self.views.rows, int(number))
