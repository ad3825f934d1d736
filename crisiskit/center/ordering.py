"""Orders at the desk: who signs, for how long, and the way back. REAL and EXERCISE are two keys."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

from crisiskit import orders
from crisiskit.codec.objects import AUTHORITY, ObjectKind
from crisiskit.duty import AUTHORITY_NAME, Signer, in_force, open_signer
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.i18n import _, explain, ngettext
from crisiskit.model import Order, RecordKind
from crisiskit.render import precedence_word
from crisiskit.screens.app import StationApp
from crisiskit.screens.ask import Ask
from crisiskit.screens.dialogs import Choose, excerpt
from crisiskit.screens.order import OrderScreen
from crisiskit.store import issue, order_views
from crisiskit.store.store import Draft
from crisiskit.trusted import Trust

HOUR_S = 3600
ORDER_DATA_BYTES = 77  # head for one kit and one signature
NOBODY = "nobody"


class Ordering(StationApp):
    """What the desk does with orders. ``order_exercise``: the page is for an EXERCISE order."""

    order_exercise = False

    @property
    def _home(self) -> Path:
        return self.writer.path.parent

    def mode_word(self) -> str:
        """REAL or EXERCISE, for every heading of an order that is being given."""
        return _("EXERCISE") if self.order_exercise or self.views.exercise else _("REAL")

    def price(self, draft: Draft) -> tuple[str, str]:
        """An order costs its signature as well."""
        order = draft.kind is RecordKind.ORDER
        return super().price(replace(draft, data=bytes(ORDER_DATA_BYTES)) if order else draft)

    async def give_order(self, draft: Draft) -> bool:
        """Ask how long and who, read it once more, sign, keep. False to go back and change it."""
        numbers = order_views.kit_numbers(self.views.rows)
        wanted = orders.Wanted(
            ObjectKind.ORDER,
            orders.addressed(numbers, [draft.to], order_views.revoked_kits(self.views.rows)),
            orders.compose_order(draft.text),
            exercise=self.order_exercise or self.views.exercise,
            answer=True,
            precedence=draft.precedence,
        )
        life = await self._ask_life()
        trust = await self.writer.change(issue.trust)
        first = await self._ask_signer(_("Who signs?"), self._signers(trust)) if life else None
        if life is None or first is None:
            return False
        second = await self._ask_second(trust, wanted, int(first))
        if second is None or not await self._read_once_more(draft, wanted):
            return False
        wanted = replace(wanted, life_s=int(life))
        signer = await self._unlock(trust, int(first))
        if signer is None:
            return False
        other = None if second == NOBODY else int(second)
        signed = await self.writer.change(lambda store: orders.give(store, wanted, signer, other))
        words = _("Order {number} is kept. It leaves as soon as a link can take it.")
        if other is not None:
            words = _("Order {number} waits for its second signature: G, then Enter, then S.")
        self.tell(words.format(number=signed.number))
        return True

    async def _ask_life(self) -> str | None:
        lives = [
            (str(hours * HOUR_S), ngettext("{n} hour", "{n} hours", hours).format(n=hours))
            for hours in (2, 6, 24)
        ]
        question = _("For how long is this {mode} order in force?").format(mode=self.mode_word())
        return await self.push_screen_wait(
            Choose(question, [*lives, ("0", _("until it is taken back"))])
        )

    def _signers(self, trust: Trust) -> list[tuple[str, str]]:
        keys = [(str(key.index), key.name) for key in in_force(trust)]
        return keys or [(str(AUTHORITY), AUTHORITY_NAME)]

    async def _ask_signer(self, question: str, found: list[tuple[str, str]]) -> str | None:
        if len(found) == 1:
            return found[0][0]
        return await self.push_screen_wait(Choose(question, found))

    async def _ask_second(self, trust: Trust, wanted: orders.Wanted, first: int) -> str | None:
        """Another signer, or nobody where one is enough; None to go back."""
        others = [(str(number), name) for number, name in orders.signers_left(trust, first)]
        one = [] if orders.needs_second(trust, wanted) else [(NOBODY, _("Nobody: one is enough"))]
        if first == AUTHORITY and one:
            return NOBODY
        question = _("Who signs as the second? It leaves only then.")
        return await self.push_screen_wait(Choose(question, [*one, *others]))

    async def _read_once_more(self, draft: Draft, wanted: orders.Wanted) -> bool:
        kits = order_views.kit_numbers(self.views.rows)
        count = len(wanted.kits) or len(kits)
        whom = ngettext("{n} kit", "{n} kits", count).format(n=count)
        to = f"{self.exercise()}{self.words_to(draft)} ({whom})"
        head = f"{to}   {precedence_word(draft.precedence)}"
        give = _("Give this {mode} order").format(mode=self.mode_word())
        answers = (("give", give), ("back", _("Go back and change it")))
        question = f"{head}\n\n{excerpt(wanted.text)}"
        return await self.push_screen_wait(Choose(question, answers)) == "give"

    async def _unlock(self, trust: Trust, number: int) -> Signer | None:
        """The signer, after the right passphrase; None when the person gives up."""

        async def opened(words: str) -> Signer:
            return await self.writer.change(
                lambda _store: open_signer(self._home, trust, number, lambda _name: words)
            )

        if number >= AUTHORITY:
            return await opened("")
        question = _("Passphrase of {name}").format(name=trust.duty[number].name)
        return await self.push_screen_wait(Ask(question, opened, secret=True))

    # -- orders that were given ------------------------------------------------------------

    def open_order(self, order: Order) -> None:
        """The card, and then what the person chose there."""
        self.push_screen(OrderScreen(self.views, order), lambda word: self.order_done(order, word))

    def order_done(self, order: Order, word: str | None) -> None:
        """Co-sign or take back."""
        if word == "sign":
            self.run_worker(self._told(self._cosign(order)))
        elif word == "cancel":
            self.run_worker(self._told(self._take_back(order)))

    async def _told(self, job: Awaitable[None]) -> None:
        try:
            await job
        except CrisiskitError as error:
            self.tell(explain(error))

    async def _cosign(self, order: Order) -> None:
        waiting = await self.writer.change(lambda store: issue.draft(store, order.number))
        trust = await self.writer.change(issue.trust)
        signer = await self._unlock(trust, waiting.signers[len(waiting.signatures)])
        if signer is not None:
            await self.writer.change(lambda store: orders.cosign(store, order.number, signer))
            words = _("Order {number} is signed by two and on its way.")
            self.tell(words.format(number=order.number))

    async def _take_back(self, order: Order) -> None:
        """One key: what no kit has is withdrawn at once, else whoever signs says so again."""
        try:
            await self.writer.change(lambda store: orders.cancel(store, order, None))
        except UsageError as error:
            if error.code != "order_left":
                raise
            await self._cancel_after(order)
        else:
            words = _("Order {number} was withdrawn: no kit has it.")
            self.tell(words.format(number=order.number))

    async def _cancel_after(self, order: Order) -> None:
        trust = await self.writer.change(issue.trust)
        first = await self._ask_signer(_("Who signs the cancel?"), self._signers(trust))
        signer = None if first is None else await self._unlock(trust, int(first))
        if signer is not None:
            await self.writer.change(lambda store: orders.cancel(store, order, signer))
            words = _("Order {number} is cancelled; the cancel is on its way.")
            self.tell(words.format(number=order.number))
