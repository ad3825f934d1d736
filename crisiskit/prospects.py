"""How messages will leave and why they wait, as the engine decides it: for commands and screens."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from crisiskit.clock import minute_of, offset_s, wall_ms
from crisiskit.foresight import Foresight
from crisiskit.installation import agent_runs, open_installation
from crisiskit.links import link_policy
from crisiskit.model import CENTER, LinkView, Message, Precedence, Record, State
from crisiskit.settings import load
from crisiskit.step import Now, Purse
from crisiskit.store import waiting
from crisiskit.store.views import Views
from crisiskit.sync.budget import Ledger
from crisiskit.sync.plan import Estimate, estimate, record_bytes
from crisiskit.sync.policy import NOMINAL_BYTES, Offer, Stand, Verdict, Wait, Why, decide
from crisiskit.sync.sender import SPARE_BYTES, WINDOW
from transports.link import Phase, Traits

_UP = (Phase.READY, Phase.BUSY)


class Prospects:
    """One look at an installation: its links, purses and queue. ``look`` again for a newer one."""

    def __init__(self, home: Path, views: Views) -> None:
        """Raises CrisiskitError for settings that cannot be used."""
        settings = load(home)
        self.policy = link_policy(home, settings)
        self.currencies = {link.name: link.price.currency for link in settings.links}
        self._home = home
        station = open_installation(home)
        self._number = station.kit_number or 1
        self._at_center = station.role == CENTER
        self._views = views
        self.look()

    def look(self) -> None:
        """See how things are now."""
        wall = wall_ms()
        self.now = Now(0.0, wall, offset_s(wall))
        self.agent = agent_runs(self._home)
        served = self._views.links(wall) if self.agent else []
        self._up = {view.name for view in served if view.phase in _UP and self._leads(view)}
        self._ledger = Ledger(*waiting.purses(self._views, wall))
        oldest, unanswered = waiting.oldest(self._views), waiting.unanswered(self._views)
        if not self._at_center:  # a kit writes to nobody else, and its pairing bears its own name
            oldest = {(CENTER, precedence): at for (_name, precedence), at in oldest.items()}
            unanswered = Counter({CENTER: unanswered.total()})
        self._oldest, self._unanswered = oldest, unanswered
        self._known = waiting.known_links(self._views)

    @property
    def traits(self) -> dict[str, Traits]:
        """The links by name."""
        return {name: terms.traits for name, terms in self.policy.links.items()}

    def purse(self, link: str) -> Purse:
        """What counts against today's budget of a link."""
        return self._ledger.purse(link, self.now.wall_ms)

    def open_now(self, link: str) -> bool:
        """Whether the hours of a link let all use it now."""
        hours = self.policy.links[link].hours
        return hours.opens_ms(self.now.wall_ms, self.now.offset_s) == self.now.wall_ms

    def _leads(self, view: LinkView) -> bool:
        """Whether something may leave by a link that is up: neighbours may not be there."""
        terms = self.policy.links.get(view.name)
        return terms is not None and (bool(view.neighbours) or not terms.traits.proves)

    def nominal(self, link: str) -> Estimate:
        """What a small frame costs on a link, and how long it takes."""
        traits = self.policy.links[link].traits
        price = traits.price(NOMINAL_BYTES)
        seconds = traits.latency_s + NOMINAL_BYTES / traits.rate_bytes_s
        return Estimate(link, NOMINAL_BYTES, price.credits, price.micros, seconds)

    def spent_up(self, link: str) -> bool:
        """Whether today's budget of a link has nothing left for what is not urgent."""
        terms, spent = self.policy.links[link], self.purse(link)
        price = terms.traits.price(NOMINAL_BYTES)
        return not terms.budget.covers(Precedence.ROUTINE, spent, price)

    def offers(self, to: str = CENTER, clear: bool = False) -> list[Offer]:
        """The links as they are now, for messages to a station; ``clear``: all may read them."""
        known = None if to == CENTER else self._known.get(to, set())
        return [
            Offer(name, terms, name in self._up and not terms.traits.carried, self.purse(name))
            for name, terms in self.policy.links.items()
            if (known is None or name in known) and (clear or terms.traits.may_encrypt)
        ]

    def verdict(
        self, record: Record, kept_at: int, to: str = CENTER, clear: bool = False
    ) -> Verdict:
        """By which links a record may leave now, or what it waits for."""
        oldest = self._oldest.get((to, record.precedence), kept_at)
        since = min(kept_at, oldest, self.now.wall_ms)
        size = record_bytes(record, self._number)
        offers, patience = self.offers(to, clear), self.policy.patience
        found = decide(record.precedence, since, size, offers, patience, self.now, SPARE_BYTES)
        if not offers and self.policy.links and self._all_clear:
            return replace(found, wait=Wait(Why.CLEAR))
        return found

    @property
    def _all_clear(self) -> bool:
        return not any(terms.traits.may_encrypt for terms in self.policy.links.values())

    def foresee(self, record: Record, clear: bool = False, to: str = CENTER) -> Foresight:
        """What would happen to a record that is written now."""
        verdict = self.verdict(record, self.now.wall_ms, to, clear)
        stands = {one.link: (place, one) for place, one in enumerate(verdict.stands)}
        found = estimate(record, self._number, self.traits, clear)
        ranked = []
        for one in found:
            place, stand = stands.get(one.link, (len(stands), Stand(one.link, None, Why.DOWN)))
            why = Why.CARRIED if self.traits[one.link].carried else stand.why
            told = replace(one, why=why, at_ms=stand.at_ms, over=stand.over)
            ranked.append((_order(told), place, told))
        ranked.sort(key=lambda each: each[:2])
        wait = verdict.wait
        if self._window_full(to) and record.precedence is not Precedence.FLASH:
            wait = Wait(Why.WINDOW)
        return Foresight(tuple(told for _, _, told in ranked), wait, self.agent)

    def _window_full(self, to: str) -> bool:
        return self._unanswered[to] >= WINDOW

    def waits(self, message: Message) -> Wait | None:
        """Why a message of ours has not left yet; None if nothing but its turn holds it."""
        if message.box != "out" or message.state is not State.KEPT:
            return None
        if self._window_full(message.to) and message.precedence is not Precedence.FLASH:
            return Wait(Why.WINDOW)
        minute = minute_of(message.written_at)
        record = Record(message.kind, message.precedence, minute, message.text, message.data)
        return self.verdict(record, message.written_at, message.to, message.clear).wait


def _order(one: Estimate) -> tuple[int, int]:
    """Now, at a known time, whenever it comes, never."""
    if one.barred:
        return 4, 0
    if one.why is None:
        return 0, 0
    if one.at_ms is not None:
        return 1, one.at_ms
    return (3, 0) if one.why is Why.BUDGET else (2, 0)
