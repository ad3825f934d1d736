"""The least that a day could cost to somebody who knows all that will come.

It knows every message, window and courier before; packs records into sessions with their real
coded sizes; nothing of it is lost, refused or repeated. It keeps what the kit promises: FLASH
and IMMEDIATE leave at once (within one frame's time, so that two of them may share a session)
and without slower company; PRIORITY and ROUTINE leave when their patience ends at the latest,
which counts only where a free link is set up; FLASH and orders are signed. A message whose
free link (or courier) is there before its patience ends costs nothing. Each session must be
answered by a receipt within the time that the settings name: free where a session goes the
other way or a free link is there in that time, else one credit, for as many sessions as fit.

Packings are the best of those that keep the order of writing within one kit, one direction and
one urgency. It checks no mailbox, signs nothing else, and asks no budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crisiskit.model import Precedence
from crisiskit.sim.carrier import Carrier, Span
from crisiskit.sim.day.plan import Day, Said
from crisiskit.sim.day.sizes import frame_bytes, grave, record_bytes
from crisiskit.sim.world import EPOCH_MS
from crisiskit.sync.heard import receipt_delay_s
from crisiskit.sync.patience import USUAL
from transports.link import Traits

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Load:
    """A record that must be paid for: when it may leave first and last, and its bytes."""

    first_s: float
    last_s: float
    size: int
    signed: bool
    precedence: Precedence


@dataclass(frozen=True, slots=True)
class Session:
    """A frame that was paid for: when it leaves, and until when it is to be answered."""

    first_s: float
    last_s: float
    credits: int
    answer_s: float


@dataclass(frozen=True, slots=True)
class Bound:
    """Credits for messages, and for their receipts."""

    messages: int
    receipts: int

    @property
    def credits(self) -> int:
        """All of them."""
        return self.messages + self.receipts


def bound(day: Day) -> Bound:
    """The credits of a day."""
    messages = receipts = 0
    for kit in range(1, day.kits + 1):
        paid = next((name for name in ("sat", "sms") if name in day.links(kit)), None)
        if paid is None:
            continue
        carrier = day.carrier(paid)
        free = _free(day, kit)
        ways = [_sessions(day, kit, up, carrier, free) for up in (True, False)]
        messages += sum(one.credits for way in ways for one in way)
        for there, back in (ways, ways[::-1]):
            receipts += _receipts(there, [(o.first_s, o.last_s) for o in back], free)
    return Bound(messages, receipts)


def _free(day: Day, kit: int) -> list[Span]:
    """When a free link of a kit, or of the one beside it, is there."""
    name = f"kit-{day.beside.get(kit, kit)}"
    spans: list[Span] = []
    for link in day.links(kit):
        carrier = day.carrier(link)
        if not carrier.up.metered:
            spans += carrier.windows.get(name, ())
    return spans


def _sessions(day: Day, kit: int, up: bool, carrier: Carrier, free: list[Span]) -> list[Session]:
    traits = carrier.up if up else carrier.down
    loads = [
        load
        for said in day.said
        if said.kit == kit and said.up is up
        if (load := _load(day, said, carrier, traits, free)) is not None
    ]
    urgent = [load for load in loads if load.precedence >= Precedence.IMMEDIATE]
    rest = [load for load in loads if load.precedence < Precedence.IMMEDIATE]
    return [*_packed(urgent, traits), *_packed(rest, traits)]


def _load(day: Day, said: Said, carrier: Carrier, traits: Traits, free: list[Span]) -> Load | None:
    """None for what a free link takes."""
    urgent = said.precedence >= Precedence.IMMEDIATE
    if said.kit in day.beside and not urgent:
        return None  # A relay pays for nothing that can wait for its free link.
    hoped = "wifi" in day.links(said.kit)
    least_s = traits.mtu_bytes / traits.rate_bytes_s
    patience_s = max(least_s, USUAL.of(said.precedence) if hoped else 0.0)
    last_s = said.at_s + patience_s
    if said.precedence is not Precedence.FLASH:
        last_s = max(last_s, _opens_s(carrier, said.at_s))
    if any(begin <= last_s and said.at_s < end for begin, end in free):
        return None
    return Load(said.at_s, last_s, record_bytes(said), grave(said), said.precedence)


def _opens_s(carrier: Carrier, at_s: float) -> float:
    return (carrier.hours.opens_ms(EPOCH_MS + int(at_s * 1000), 0) - EPOCH_MS) / 1000


def _packed(loads: Sequence[Load], traits: Traits) -> list[Session]:
    """The cheapest way to cut a row of records into sessions."""
    best: list[tuple[int, list[Session]]] = [(0, [])]
    for end in range(1, len(loads) + 1):
        found: list[tuple[int, list[Session]]] = []
        for begin in range(end - 1, -1, -1):
            session = _session(loads[begin:end], traits)
            if session is None:
                break
            cost, before = best[begin]
            found.append((cost + session.credits, [*before, session]))
        best.append(min(found, key=lambda one: (one[0], len(one[1]))))
    return best[-1][1]


def _session(loads: Sequence[Load], traits: Traits) -> Session | None:
    """These records in one frame; None where they do not fit into one, or not at one time."""
    first_s, last_s = max(one.first_s for one in loads), min(one.last_s for one in loads)
    size = frame_bytes(sum(one.size for one in loads), any(one.signed for one in loads))
    if len(loads) > 1 and (first_s > last_s or size > traits.mtu_bytes):
        return None
    delay_s = min(receipt_delay_s(one.precedence, traits) for one in loads)
    travels_s = traits.latency_s + size / traits.rate_bytes_s
    return Session(first_s, last_s, traits.price(size).credits, last_s + travels_s + delay_s)


def _receipts(sessions: list[Session], back: list[Span], free: list[Span]) -> int:
    """How many receipts must travel alone: the fewest moments that answer all that is left."""
    alone = [
        one
        for one in sessions
        if not any(b <= one.answer_s and one.first_s <= e for b, e in (*back, *free))
    ]
    told_s, count = -NEVER, 0
    for one in sorted(alone, key=lambda one: one.answer_s):
        if one.first_s > told_s:
            told_s, count = one.answer_s, count + 1
    return count
