"""Which lanes a frame may take now: the policy asked with what the engine knows of its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crisiskit.model import Precedence
from crisiskit.step import Change, Now, Purse, PurseMoved, Spent
from crisiskit.sync.budget import Ledger, paid
from crisiskit.sync.lanes import Lane
from crisiskit.sync.policy import Offer, Policy, Terms, decide, is_hope
from crisiskit.sync.station import Station
from transports.link import Traits

# A clock may be set while something waits: look again after so long.
LOOK_AGAIN_S = 600.0
IMPATIENT = 0


class Permits:
    """The policy, the purses, and the lanes by link and peer that ``Departures`` keeps."""

    def __init__(self, policy: Policy, ledger: Ledger, lanes: dict[tuple[str, str], Lane]) -> None:
        self._policy = policy
        self._ledger = ledger
        self._lanes = lanes
        self._hopes = [n for n, terms in policy.links.items() if is_hope(terms.traits)]
        self._free = not any(t.hours.windows or t.budget.limited for t in policy.links.values())

    def lanes(
        self,
        station: Station,
        lanes: Sequence[Lane],
        precedence: Precedence,
        kept_at: int,
        now: Now,
        frame_bytes: int = 0,
        spare_bytes: int = 0,
    ) -> list[Lane]:
        """Those of ``lanes`` that a frame may take now; when another may is noted."""
        dear = any(lane.traits.metered for lane in lanes)
        if self._free and not (dear and self._hopes and kept_at):
            return list(lanes)
        offers = self._offers(station, lanes, now)
        patience = self._policy.patience
        verdict = decide(precedence, kept_at, frame_bytes, offers, patience, now, spare_bytes)
        at_ms = verdict.next_ms(now.wall_ms)
        if at_ms is not None:
            ahead_s = min((at_ms - now.wall_ms) / 1000, LOOK_AGAIN_S)
            station.policy_due_s = min(station.policy_due_s, now.mono_s + ahead_s)
        return [lane for lane in lanes if lane.link in verdict.links]

    def within_budget(self, lane: Lane, precedence: Precedence, now: Now) -> Lane:
        """The lane with no larger frames than its budget still pays for."""
        terms = self._policy.links.get(lane.link)
        if terms is None or not terms.budget.limited:
            return lane
        spent = self._spent(lane.link, now)
        most = terms.budget.frame_bytes_paid(precedence, spent, lane.traits)
        if most >= lane.traits.mtu_bytes:
            return lane
        return replace(lane, traits=replace(lane.traits, mtu_bytes=most))

    def affords(self, lane: Lane, precedence: Precedence, frame_bytes: int, now: Now) -> bool:
        """Whether the hours and the budget of a lane let a frame of somebody else pass."""
        terms = self._policy.links.get(lane.link)
        if terms is None:
            return True
        known = replace(terms, traits=lane.traits)
        offer = Offer(lane.link, known, True, self._spent(lane.link, now))
        verdict = decide(precedence, IMPATIENT, frame_bytes, [offer], self._policy.patience, now)
        return bool(verdict.links)

    def budgeted(self, link: str) -> bool:
        """Whether a link has a budget."""
        terms = self._policy.links.get(link)
        return terms is not None and terms.budget.limited

    def traits(self, link: str, traits: Traits) -> Traits:
        """A link as its budget lets it be: no frame costs more than the share of a whole day."""
        terms = self._policy.links.get(link)
        if terms is None or not terms.budget.limited:
            return traits
        most = terms.budget.frame_bytes_paid(Precedence.ROUTINE, Purse(0), traits)
        return replace(traits, mtu_bytes=min(most, traits.mtu_bytes))

    def pay(self, link: str, traits: Traits, frame_bytes: int, now: Now) -> Spent:
        """A session was billed."""
        price = traits.price(frame_bytes)
        purse = self._ledger.pay(link, price, now.wall_ms) if self.budgeted(link) else None
        return Spent(link, frame_bytes, price.credits, price.micros, purse)

    def follow(self, now: Now) -> list[Change]:
        """What a clock that was set back changes."""
        return [PurseMoved(link, purse) for link, purse in self._ledger.follow(now.wall_ms)]

    def _offers(self, station: Station, lanes: Sequence[Lane], now: Now) -> list[Offer]:
        """The links that are up for this station, and those that may still come up."""
        offers = []
        for lane in lanes:
            terms = self._policy.links.get(lane.link)
            known = Terms(lane.traits) if terms is None else replace(terms, traits=lane.traits)
            up = lane.usable(now.mono_s)
            offers.append(Offer(lane.link, known, up, self._spent(lane.link, now)))
        there = {lane.link for lane in lanes}
        for name, terms in self._policy.links.items():
            may_come = not station.keeps_root or name in station.known_links
            if name not in there and may_come:
                offers.append(Offer(name, terms, up=False))
        return offers

    def _spent(self, link: str, now: Now) -> Purse:
        """What counts against the budget: all that was billed, and all that is under way."""
        if not self.budgeted(link):
            return Purse(0)
        spent = self._ledger.purse(link, now.wall_ms)
        for (name, _), lane in self._lanes.items():
            for transmit in lane.aloft if name == link else ():
                spent = paid(spent, lane.traits.price(len(transmit.frame)))
        return spent
