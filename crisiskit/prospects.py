"""How messages will leave and why they wait, as the engine decides it: for commands and screens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crisiskit.clock import minute_of, offset_s, wall_ms
from crisiskit.installation import agent_runs, open_installation
from crisiskit.links import link_policy
from crisiskit.model import CENTER, Message, Precedence, Record, State
from crisiskit.settings import load
from crisiskit.step import Now, Purse
from crisiskit.store import waiting
from crisiskit.store.views import Views
from crisiskit.sync.budget import Ledger
from crisiskit.sync.plan import Estimate, estimate, record_bytes
from crisiskit.sync.policy import Offer, Verdict, Wait, Why, decide
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
        self._number = open_installation(home).kit_number or 1
        self._views = views
        self.look()

    def look(self) -> None:
        """See how things are now."""
        wall = wall_ms()
        self.now = Now(0.0, wall, offset_s(wall))
        served = self._views.links(wall) if agent_runs(self._home) else []
        self._up = {view.name for view in served if view.phase in _UP}
        self._ledger = Ledger(*waiting.purses(self._views, wall))
        self._oldest = waiting.oldest(self._views)
        self._unanswered = waiting.unanswered(self._views)
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

    def offers(self, to: str = CENTER) -> list[Offer]:
        """The links as they are now, for messages to a station."""
        known = None if to == CENTER else self._known.get(to, set())
        return [
            Offer(name, terms, name in self._up, self.purse(name))
            for name, terms in self.policy.links.items()
            if known is None or name in known
        ]

    def verdict(self, record: Record, kept_at: int, to: str = CENTER) -> Verdict:
        """By which links a record may leave now, or what it waits for."""
        oldest = self._oldest.get((to, record.precedence), kept_at)
        since = min(kept_at, oldest, self.now.wall_ms)
        size = record_bytes(record, self._number)
        return decide(
            record.precedence,
            since,
            size,
            self.offers(to),
            self.policy.patience,
            self.now,
            SPARE_BYTES,
        )

    def estimates(self, record: Record, clear: bool = False, to: str = CENTER) -> list[Estimate]:
        """What a record that is written now would cost on each link, and whether it may leave."""
        stands = {one.link: one for one in self.verdict(record, self.now.wall_ms, to).stands}
        found = estimate(record, self._number, self.traits, clear)
        return [
            replace(one, why=stand.why, at_ms=stand.at_ms)
            if (stand := stands.get(one.link)) is not None
            else replace(one, why=Why.DOWN)
            for one in found
        ]

    def waits(self, message: Message) -> Wait | None:
        """Why a message of ours has not left yet; None if nothing but its turn holds it."""
        if message.box != "out" or message.state is not State.KEPT:
            return None
        full = self._unanswered[message.to] >= WINDOW
        if full and message.precedence is not Precedence.FLASH:
            return Wait(Why.WINDOW)
        minute = minute_of(message.written_at)
        record = Record(message.kind, message.precedence, minute, message.text, message.data)
        return self.verdict(record, message.written_at, message.to).wait
