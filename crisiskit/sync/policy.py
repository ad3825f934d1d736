"""By which links a message may leave now, or why it waits, until when, and what comes then.

One function decides. The engine does what it says; prices before sending, the list of links and
the sentence beside a waiting message show what it says. So what is shown is what happens.

FLASH may use every link at once, also over its budget. IMMEDIATE keeps to hours and to its share
of the budget. PRIORITY and ROUTINE also wait for a free link that is set up and not there, as
long as their patience lasts; then they use what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from crisiskit.model import Precedence
from crisiskit.step import Now, Purse
from crisiskit.sync.budget import DAY_MS, UNLIMITED, Budget
from crisiskit.sync.hours import ALWAYS, Hours
from crisiskit.sync.patience import USUAL, Patience
from transports.link import Price, Traits

NOMINAL_BYTES = 100
NOTHING = Purse(0)


class Why(StrEnum):
    """Why a link is not used now, or why a message waits."""

    FREE = "waits_free"
    HOURS = "waits_hours"
    BUDGET = "waits_budget"
    CLEAR = "waits_encrypted"
    CARRIED = "carried"
    WINDOW = "waits_window"
    DOWN = "no_link"
    NONE = "no_link_set_up"


@dataclass(frozen=True, slots=True)
class Terms:
    """A link that is set up, and on what terms it may be used."""

    traits: Traits
    hours: Hours = ALWAYS
    budget: Budget = UNLIMITED


@dataclass(frozen=True, slots=True)
class Policy:
    """The links of an installation by name, up or not, and its patience."""

    links: Mapping[str, Terms] = field(default_factory=dict)
    patience: Patience = USUAL


@dataclass(frozen=True, slots=True)
class Offer:
    """A link as it is now. ``spent``: what counts against today's budget."""

    link: str
    terms: Terms
    up: bool
    spent: Purse = NOTHING


@dataclass(frozen=True, slots=True)
class Stand:
    """One link and one message. ``why`` is empty where it may leave at once.

    ``at_ms``: when it may leave by this link, None where nobody can say. ``credits`` and
    ``micros`` are the price of its frame there. ``over``: that goes over the day's budget.
    """

    link: str
    at_ms: int | None
    why: Why | None = None
    credits: int = 0
    micros: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a message waits: for ``link`` until ``until_ms``, ``then`` it leaves by that one."""

    why: Why
    link: str = ""
    until_ms: int | None = None
    then: str = ""
    credits: int = 0
    micros: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How every link stands, best first, and if none may be used now, what is waited for."""

    stands: tuple[Stand, ...]
    wait: Wait | None

    @property
    def links(self) -> frozenset[str]:
        """Those that may be used now."""
        return frozenset(stand.link for stand in self.stands if stand.why is None)

    def next_ms(self, wall_ms: int) -> int | None:
        """When another link may be used, as far as time alone decides it."""
        times = [s.at_ms for s in self.stands if s.at_ms is not None and s.at_ms > wall_ms]
        return min(times, default=None)


def is_hope(traits: Traits) -> bool:
    """Whether it is worth waiting for this link to come up: it costs nothing, and may come.

    Nobody knows whether a courier or a neighbour will ever come by.
    """
    return not (traits.metered or traits.carried or traits.proves)


def rank(traits: Traits, urgent: bool) -> tuple[float, ...]:
    """The order of links: by price, or by delay for what is urgent; the least is best."""
    price = traits.price(NOMINAL_BYTES)
    delay = traits.latency_s + NOMINAL_BYTES / traits.rate_bytes_s
    if urgent:
        return (delay, price.micros, price.credits)
    return (price.micros, price.credits, delay)


def decide(
    precedence: Precedence,
    kept_at: int,
    frame_bytes: int,
    offers: Iterable[Offer],
    patience: Patience,
    now: Now,
    spare_bytes: int = 0,
) -> Verdict:
    """Judge every link for a frame of ``frame_bytes`` with records kept since ``kept_at`` (ms).

    A budget must have ``spare_bytes`` more, for what may still join the frame.
    """
    urgent = precedence >= Precedence.IMMEDIATE
    asked = _Asked(precedence, frame_bytes, spare_bytes, now)
    ranked = sorted(offers, key=lambda offer: rank(offer.terms.traits, urgent))
    stands = [asked.stand(offer, now.wall_ms) for offer in ranked]
    end_ms = kept_at + round(patience.of(precedence) * 1000)
    hoped = ""
    if end_ms > now.wall_ms:
        free = [
            stand
            for offer, stand in zip(ranked, stands, strict=True)
            if _is_free(offer) and (offer.up or is_hope(offer.terms.traits))
        ]
        hoped = _hoped(free, end_ms)
    if hoped:
        stands = [
            stand if _is_free(offer) or not offer.up else asked.later(offer, end_ms)
            for offer, stand in zip(ranked, stands, strict=True)
        ]
    return Verdict(tuple(stands), _wait(stands, hoped))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of each link."""

    precedence: Precedence
    frame_bytes: int
    spare_bytes: int
    now: Now

    def stand(self, offer: Offer, from_ms: int) -> Stand:
        """How a link stands, for a message that wants to leave at ``from_ms``."""
        traits, at_ms, why = offer.terms.traits, from_ms, None
        price = traits.price(min(self.frame_bytes, traits.mtu_bytes))
        if not self._pays(offer, offer.spent):
            if not self._pays(offer, NOTHING):
                return Stand(offer.link, None, Why.BUDGET, price.credits, price.micros)
            at_ms, why = max(at_ms, (self.now.wall_ms // DAY_MS + 1) * DAY_MS), Why.BUDGET
        if self.precedence is not Precedence.FLASH:
            opens_ms = offer.terms.hours.opens_ms(at_ms, self.now.offset_s)
            if opens_ms > at_ms:
                at_ms, why = opens_ms, why or Why.HOURS
        over = not offer.terms.budget.covers(self.precedence, offer.spent, self._price(offer))
        if not offer.up and why is None:
            return Stand(offer.link, None, Why.DOWN, price.credits, price.micros, over)
        return Stand(offer.link, at_ms, why, price.credits, price.micros, over)

    def later(self, offer: Offer, from_ms: int) -> Stand:
        """A dear link while a free one may still come."""
        stand = self.stand(offer, from_ms)
        return replace(stand, why=Why.FREE)

    def _pays(self, offer: Offer, spent: Purse) -> bool:
        return offer.terms.budget.pays(self.precedence, spent, self._price(offer))

    def _price(self, offer: Offer) -> Price:
        traits = offer.terms.traits
        return traits.price(min(self.frame_bytes + self.spare_bytes, traits.mtu_bytes))


def _is_free(offer: Offer) -> bool:
    return not offer.terms.traits.metered


def _hoped(free: list[Stand], end_ms: int) -> str:
    """The free link to wait for; none if one may be used now or none can come in time."""
    if any(stand.why is None for stand in free):
        return ""
    able = (s for s in free if s.why is Why.DOWN or (s.at_ms is not None and s.at_ms < end_ms))
    return next((stand.link for stand in able), "")


def _wait(stands: list[Stand], hoped: str) -> Wait | None:
    if any(stand.why is None for stand in stands):
        return None
    timed = [stand for stand in stands if stand.at_ms is not None]
    dear = [stand for stand in timed if stand.why is Why.FREE] or timed
    if dear:
        first = min(dear, key=lambda stand: stand.at_ms or 0)
        why = first.why or Why.DOWN
        link = hoped if why is Why.FREE else first.link
        return Wait(why, link, first.at_ms, first.link, first.credits, first.micros)
    if any(stand.why is Why.BUDGET for stand in stands):
        spent = next(stand for stand in stands if stand.why is Why.BUDGET)
        return Wait(Why.BUDGET, spent.link)
    return Wait(Why.DOWN if stands else Why.NONE)
