"""Who is let in: signed objects are judged, revoked kits and strangers go to quarantine.

Nothing that is turned away here gets an answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from crisiskit.codec.header import Header
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Direction, Notice
from crisiskit.step import Arrived, Change, ClockAgreed, ClockJumped, Now, Unpacked
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.orders import OrderBook
from crisiskit.sync.station import Station
from crisiskit.trusted import OrderState, Quarantined

RING_BURST = 16
RING_FRAME_S = 10.0


class Gate:
    """See the module. ``rejected`` counts what was turned away, by reason."""

    def __init__(self, state: OrderState | None, rejected: Counter[str]) -> None:
        self._book = None if state is None else OrderBook(state)
        self._refused = frozenset() if state is None else state.refused
        self._rejected = rejected
        self._room = float(RING_BURST)
        self._room_at_s: float | None = None

    @property
    def revoked(self) -> frozenset[int]:
        """The kit numbers that a trust list in force names."""
        return frozenset() if self._book is None else self._book.revoked

    def refuses(self, station: Station) -> bool:
        """Whether the center revoked it."""
        return station.pairing in self._refused

    def unknown(self, header: Header, event: FrameReceived, now: Now) -> list[Change]:
        """A center keeps some of what may come from a kit it does not know.

        A kit that begins names its life. Of a flood a trickle is kept.
        """
        begins = header.direction is Direction.UP and header.epoch is not None
        if self._book is None or self._book.takes_orders or not begins:
            return []
        if not self._has_room(now.mono_s):
            return []
        return [Quarantined(None, header.kit_number, event.link, event.frame)]

    def set_aside(self, station: Station, header: Header, event: FrameReceived) -> list[Change]:
        """What a revoked kit sends is kept for people to look at."""
        if not station.hearer.authentic(header, event.frame):
            self._rejected["not_authentic"] += 1
            return []
        self._rejected["revoked"] += 1
        kept = Quarantined(station.pairing, header.kit_number, event.link, event.frame)
        return [kept, *station.warn("revoked", Notice("revoked"))]

    def alone(self, frame: bytes, now: Now) -> list[Change]:
        """A signed object in a frame of its own."""
        found = Rejected(Reject.OBJECT) if self._book is None else self._book.alone(frame, now)
        if isinstance(found, Rejected):
            self._rejected[found.code] += 1
            return []
        return found

    def follow(self, changes: Iterable[Change], now: Now) -> list[Change]:
        """What the orders and answers among the records of these changes change in turn."""
        if self._book is None:
            return []
        more = self._book.catch_up(now)
        for change in changes:
            match change:
                case Arrived() | Unpacked():
                    came = change.arrived if isinstance(change, Unpacked) else change
                    more += self._book.records(came.pairing, came.records, came.digests, now)
                case ClockAgreed():
                    self._book.clock_agreed(now)
                case ClockJumped(by_ms):
                    self._book.clock_jumped(by_ms)
        return more

    def _has_room(self, now_s: float) -> bool:
        gone_s = 0.0 if self._room_at_s is None else max(0.0, now_s - self._room_at_s)
        self._room_at_s = now_s
        self._room = min(float(RING_BURST), self._room + gone_s / RING_FRAME_S)
        if self._room < 1:
            return False
        self._room -= 1
        return True
