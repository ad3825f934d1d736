"""What a link may cost in a day, and what it has cost: the purse that urgent traffic shares.

The last fifth of a day's budget is for IMMEDIATE and FLASH, the last twentieth for FLASH, which
also goes over it: a budget is a wish, not a bill paid in advance. A day is one of UTC, as carriers
bill. A clock that is set back opens no new purse: what was spent last goes on counting, and a day
that comes again is one that was paid for already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from crisiskit.model import Precedence
from crisiskit.step import Purse
from transports.link import Price, Traits

DAY_MS = 86_400_000
SHARES = {
    Precedence.ROUTINE: 80,
    Precedence.PRIORITY: 80,
    Precedence.IMMEDIATE: 95,
    Precedence.FLASH: 100,
}


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a link may cost in a day: credits, bytes, money; None for no limit."""

    credits: int | None = None
    frame_bytes: int | None = None
    micros: int | None = None

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return (self.credits, self.frame_bytes, self.micros) != (None, None, None)

    def pays(self, precedence: Precedence, spent: Purse, price: Price) -> bool:
        """Whether a session at this price may be had: a FLASH may have any."""
        return precedence is Precedence.FLASH or self.covers(precedence, spent, price)

    def covers(self, precedence: Precedence, spent: Purse, price: Price) -> bool:
        """Whether the share of this precedence still covers a session at this price."""
        share = self.share(precedence)
        return (
            _covers(share.credits, spent.credits + price.credits)
            and _covers(share.frame_bytes, spent.frame_bytes + price.frame_bytes)
            and _covers(share.micros, spent.micros + price.micros)
        )

    def share(self, precedence: Precedence) -> Budget:
        """What traffic up to this precedence may use of a day's budget; reserves round up."""
        part = SHARES[precedence]
        return Budget(*(None if most is None else most * part // 100 for most in self._limits))

    def left(self, spent: Purse) -> Budget:
        """What is left of the day, reserves included, never below 0."""
        had = (spent.credits, spent.frame_bytes, spent.micros)
        pairs = zip(self._limits, had, strict=True)
        return Budget(*(None if most is None else max(0, most - gone) for most, gone in pairs))

    def frame_bytes_paid(self, precedence: Precedence, spent: Purse, traits: Traits) -> int:
        """The largest frame that is still paid for, at most the link's own."""
        if precedence is Precedence.FLASH:
            return traits.mtu_bytes
        left = self.share(precedence).left(spent)
        most = traits.mtu_bytes
        if left.frame_bytes is not None:
            most = min(most, left.frame_bytes)
        if left.credits is not None and traits.credit_bytes:
            most = min(most, left.credits * traits.credit_bytes)
        if left.micros is not None:
            most = min(most, _bytes_for(left.micros, traits))
        return most

    @property
    def _limits(self) -> tuple[int | None, int | None, int | None]:
        return self.credits, self.frame_bytes, self.micros


UNLIMITED = Budget()


class Ledger:
    """The purses of all links. ``days`` are what each day near to today has cost."""

    def __init__(
        self,
        purses: Mapping[str, Purse] | None = None,
        days: Iterable[tuple[str, Purse]] = (),
    ) -> None:
        self._purses = dict(purses or {})
        self._days = {(link, purse.day): purse for link, purse in days}

    def purse(self, link: str, wall_ms: int) -> Purse:
        """What counts against the budget of a link at this moment."""
        today = wall_ms // DAY_MS
        last = self._purses.get(link)
        known = self._days.get((link, today))
        if last is not None and last.day == today:
            return last
        if last is None or (today > last.day and known is None):
            return known or Purse(today)
        return most(known or Purse(today), replace(last, day=today))

    def follow(self, wall_ms: int) -> list[tuple[str, Purse]]:
        """Take purses along to an earlier day if the clock was set back; those that moved."""
        today = wall_ms // DAY_MS
        late = [link for link, purse in self._purses.items() if purse.day > today]
        moved = [(link, self.purse(link, wall_ms)) for link in late]
        self._purses.update(moved)
        return moved

    def pay(self, link: str, price: Price, wall_ms: int) -> Purse:
        """A session was paid: the purse after it."""
        today = wall_ms // DAY_MS
        self._purses[link] = spent = paid(self.purse(link, wall_ms), price)
        known = self._days.get((link, today), Purse(today))
        self._days[link, today] = paid(known, price)
        return spent


def paid(purse: Purse, price: Price) -> Purse:
    """A purse after a session more."""
    return purse.with_session(price.frame_bytes, price.credits, price.micros)


def most(one: Purse, other: Purse) -> Purse:
    """Of each kind the larger amount, on the day of ``one``."""
    return Purse(
        one.day,
        max(one.frame_bytes, other.frame_bytes),
        max(one.credits, other.credits),
        max(one.micros, other.micros),
    )


def _covers(limit: int | None, wanted: int) -> bool:
    return limit is None or wanted <= limit


def _bytes_for(micros: int, traits: Traits) -> int:
    """The largest frame for so much money."""
    if traits.credit_bytes and traits.price_credit_micros:
        return micros // traits.price_credit_micros * traits.credit_bytes
    if traits.price_byte_micros:
        return micros // traits.price_byte_micros
    return traits.mtu_bytes
