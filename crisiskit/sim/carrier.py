"""How a simulated link behaves, and when it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crisiskit.sync.budget import UNLIMITED, Budget
from crisiskit.sync.hours import ALWAYS, Hours
from crisiskit.sync.policy import Terms
from transports.link import Traits

NEVER = float("inf")
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Visit:
    """A stick is in a station for a while, in seconds of the world."""

    stick: int
    station: str
    span: Span


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a simulated link behaves. Chances are per frame, times in seconds.

    Where its traits say that peers prove who they are, all ``members`` (None: everybody) meet
    there, and a frame that is lost ends the line between two of them. Elsewhere ``members`` are
    the stations that have such a link. ``windows``: when a station has it, for those where it
    comes and goes; ``visits`` are the windows of what is carried. ``center_budget``: that of the
    center, where it is another one.
    """

    name: str
    up: Traits
    down: Traits
    loss: float = 0.0
    repeat: float = 0.0
    failure: float = 0.0
    unsure: float = 0.0
    delay_s: Span = (0.05, 0.2)
    retry_s: float = 10.0
    outage_s: float = 0.0
    outage_every_s: float = 0.0
    hours: Hours = ALWAYS
    budget: Budget = UNLIMITED
    center_budget: Budget | None = None
    members: frozenset[str] | None = None
    windows: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    visits: tuple[Visit, ...] = ()

    def out(self, now_s: float) -> bool:
        """Whether nothing can be sent now."""
        return self.outage_every_s > 0 and now_s % self.outage_every_s < self.outage_s

    def belongs_to(self, station: str) -> bool:
        """Whether a station has such a link at all."""
        return self.members is None or station in self.members

    def terms(self, of_center: bool) -> Terms:
        """On what terms the center, or a kit, uses it."""
        if of_center:
            return Terms(self.down, self.hours, self.center_budget or self.budget)
        return Terms(self.up, self.hours, self.budget)

    def window(self, station: str, now_s: float) -> Span:
        """The window that is open there now, or else the next one; both ends NEVER if none is."""
        spans = self.windows.get(station, () if self.visits else ((0.0, NEVER),))
        return next((span for span in spans if now_s < span[1]), (NEVER, NEVER))

    def visit(self, station: str, now_s: float) -> Visit | None:
        """The stick that is in a station now."""
        there = (v for v in self.visits if v.station == station)
        return next((v for v in there if v.span[0] <= now_s < v.span[1]), None)


def windows_of(visits: tuple[Visit, ...]) -> dict[str, tuple[Span, ...]]:
    """When each station has a stick."""
    found: dict[str, list[Span]] = {}
    for visit in sorted(visits, key=lambda visit: visit.span):
        found.setdefault(visit.station, []).append(visit.span)
    return {station: tuple(spans) for station, spans in found.items()}
