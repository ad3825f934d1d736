"""Envelopes that await a receipt: when each is due again, and what an ack block settles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from crisiskit.codec.acks import AckBlock, PartRequest
from crisiskit.model import Precedence
from crisiskit.snapshot import SealedEnvelope
from crisiskit.step import Carries
from crisiskit.sync.lanes import Lane
from crisiskit.sync.outbox import LARGE_BYTES

DOUBLINGS_MAX = 8
FREE_SHARE = 8
FREE_COUNTS_S = 15.0
REPEAT_MAX_S = 4 * 3600.0
REPEAT_URGENT_MAX_S = 3600.0


@dataclass(slots=True)
class Outgoing:
    """An envelope whose receipt is awaited. ``order`` grows with every frame that leaves.

    ``flying``: the lanes, by link and peer, that are being given a frame of it.

    ``resumed``: it left in an earlier process life, nobody knows how long ago. ``asks``: it
    carries a query. ``copies``: the carried links that have it since they came up.
    ``rests_s``: how long it leaves it to a courier before it costs something; None before the
    first copy is taken. ``left_s``: when it last left, by a link that costs nothing if ``free``;
    ``first_s``: when it first did. ``unanswered``: by link, how often that was in vain.
    ``unsure``: it is out by such a link, and nothing but the lateness of its receipt says that
    it is lost. ``kept_at``: since when its oldest record waits, in ms; 0 for long.
    """

    epoch: int
    seq: int
    frame: bytes
    precedence: Precedence
    arrived: bool = False
    resumed: bool = False
    due_s: float = 0.0
    flying: set[tuple[str, str]] = field(default_factory=set)
    unanswered: dict[str, int] = field(default_factory=dict)
    tries: int = 0
    last_link: str = ""
    first_s: float = 0.0
    left_s: float = 0.0
    counted_s: float = 0.0
    free: bool = False
    unsure: bool = False
    order: int = 0
    parts: tuple[bytes, ...] = ()
    parts_left: list[int] = field(default_factory=list)
    cut_at: int = 0
    cut_short: bool = False
    asks: bool = False
    kept_at: int = 0
    copies: set[str] = field(default_factory=set)
    rests_s: float | None = None

    @property
    def bulk(self) -> bool:
        """Whether it is large and nobody waits for it."""
        return len(self.frame) > LARGE_BYTES and self.precedence is Precedence.ROUTINE

    @property
    def only_carried(self) -> bool:
        """Whether nobody but a courier was given it."""
        return self.rests_s is not None and self.tries == 0

    @property
    def key(self) -> tuple[int, int]:
        """Epoch and number: its name inside the pairing."""
        return self.epoch, self.seq

    def again(self, now_s: float) -> None:
        """It is known to be missing there, or never left: it is worth sending now."""
        self.due_s, self.unsure = now_s, False

    def recut(self, cut: Callable[[int], list[bytes]]) -> None:
        """Cut anew, into a multiple of so many; what left in the old cut stays out if it pays."""
        before, left, fresh = len(self.parts), set(self.parts_left), cut(1)
        self.parts, self.parts_left = tuple(fresh), []
        if not left:
            return
        finer = cut(before)
        rest = [n for n in range(len(finer)) if n * before // len(finer) in left]
        if len(finer) % before == 0 and len(rest) < len(fresh):
            self.parts, self.parts_left = tuple(finer), rest


@dataclass(slots=True)
class RoundTrip:
    """How long receipts take on a link, and how evenly: RFC 6298, with less patience.

    A repeat that comes too early costs little where it leaves only when nothing else does.
    ``least_s``: what the link's settings say of it.
    """

    least_s: float
    mean_s: float = 0.0
    deviation_s: float = 0.0

    @property
    def late_s(self) -> float:
        """When a receipt is late; without an end as long as none came."""
        if not self.mean_s:
            return math.inf
        return max(self.least_s, self.mean_s + 2 * self.deviation_s)

    def note(self, took_s: float) -> None:
        """Another one came after so long."""
        if not self.mean_s:
            self.mean_s, self.deviation_s = took_s, took_s / 4
            return
        self.deviation_s += (abs(took_s - self.mean_s) - self.deviation_s) / 4
        self.mean_s += (took_s - self.mean_s) / 8


class Outstanding:
    """All envelopes of one pairing that are not known to be held."""

    def __init__(self, sealed: Iterable[SealedEnvelope]) -> None:
        self._ones: dict[tuple[int, int], Outgoing] = {}
        self._order = 0
        self._trips: dict[str, RoundTrip] = {}
        for one in sealed:
            again = Outgoing(one.epoch, one.seq, one.frame, one.precedence, one.arrived, one.sent)
            again.kept_at = one.sealed_at
            self.add(again)

    def __iter__(self) -> Iterator[Outgoing]:
        return iter(self._ones.values())

    def add(self, one: Outgoing) -> None:
        """An envelope was sealed."""
        self._ones[one.key] = one

    @property
    def unanswered(self) -> int:
        """How many are not known to be stored at the far end, apart from what a courier has."""
        return sum(not one.arrived and not one.only_carried for one in self)

    @property
    def asking(self) -> int:
        """How many queries are not known to be stored at the far end."""
        return sum(one.asks and not one.arrived for one in self)

    def due(self, now_s: float) -> list[Outgoing]:
        """Envelopes worth sending now, most urgent first, then what left longest ago."""
        ready = [one for one in self._waiting() if one.due_s <= now_s]
        return sorted(ready, key=lambda one: (-one.precedence, one.order, one.epoch, one.seq))

    def next_due_s(self) -> float | None:
        """When the next envelope becomes worth repeating."""
        return min((one.due_s for one in self._waiting()), default=None)

    def _waiting(self) -> Iterator[Outgoing]:
        """What may be sent (again) by and by."""
        perhaps = self._perhaps_there()
        for one in self:
            if not one.flying and not one.arrived and one.key not in perhaps:
                yield one

    def _perhaps_there(self) -> set[tuple[int, int]]:
        """What is not repeated while something else is that is lost for certain.

        A line that dies takes receipts with it: what left with the oldest that has none may be
        there. What left half a round trip later is not, or a receipt would have come; as soon
        as one of those is through, its receipt tells. What is urgent does not wait for that.
        """
        late = [one for one in self if one.unsure and not one.arrived]
        oldest: dict[str, float] = {}
        for one in late:
            oldest[one.last_link] = min(one.first_s, oldest.get(one.last_link, one.first_s))
        early = {
            one.key
            for one in late
            if one.precedence < Precedence.IMMEDIATE
            and self._trips[one.last_link].mean_s
            and one.first_s <= oldest[one.last_link] + self._trips[one.last_link].mean_s / 2
        }
        later = {one.last_link for one in late if one.key not in early}
        return {one.key for one in late if one.key in early and one.last_link in later}

    def link_up(self, link: str, free: bool, now_s: float) -> None:
        """A link came: what waits for an answer elsewhere may leave by it now.

        Where it costs something, that is for FLASH and IMMEDIATE only.
        """
        for one in self:
            new = (one.tries > 0 or one.only_carried) and link not in one.unanswered
            if new and (free or one.precedence >= Precedence.IMMEDIATE):
                one.due_s = min(one.due_s, now_s)

    def carrier_up(self, link: str) -> None:
        """A carried link came: it may be another stick than the last time."""
        for one in self:
            one.copies.discard(link)

    def uncopied(self, link: str) -> list[Outgoing]:
        """What a carried link has not got since it came up, most urgent first."""
        found = [one for one in self if not one.arrived and link not in one.copies]
        return sorted(found, key=lambda one: (-one.precedence, one.epoch, one.seq))

    def not_copied(self, carries: Carries, link: str) -> None:
        """A carried link did not take its copy."""
        one = self._carried(carries)
        if one is not None:
            one.copies.discard(link)

    def left(self, carries: Carries, lane: Lane, now_s: float) -> bool:
        """A link took a frame of ours. True when the envelope is out whole."""
        one = self._carried(carries)
        if one is None:
            return False
        if lane.link in one.copies:
            return self._copied(one, now_s)
        one.flying.discard((lane.link, lane.peer))
        self._order += 1
        one.order, one.last_link, one.left_s = self._order, lane.way, now_s
        one.free, one.unsure = not lane.traits.metered, False
        if not one.tries:
            one.first_s = now_s
        if carries.part is not None:
            if carries.part in one.parts_left:
                one.parts_left.remove(carries.part)
            if one.parts_left:
                one.due_s = now_s
                return False
        one.due_s, one.unsure = now_s + self._patience_s(one, lane), one.free
        one.tries += 1
        # What is often tried because that costs nothing is no reason to pay elsewhere soon.
        if not one.free or lane.way not in one.unanswered or now_s >= one.counted_s:
            one.unanswered[lane.way] = one.unanswered.get(lane.way, 0) + 1
            one.counted_s = now_s + FREE_COUNTS_S
        return True

    def _patience_s(self, one: Outgoing, lane: Lane) -> float:
        """How long to wait for its receipt: twice as long each time.

        Where nothing is paid a dead line may be tried more often, since it may come alive at any
        moment: so that of the time it was dead no more than an eighth is lost.
        """
        urgent = one.precedence >= Precedence.IMMEDIATE
        least = lane.repeat_s(urgent)
        if one.free:
            trip = self._trips.setdefault(lane.way, RoundTrip(lane.traits.repeat_s))
            least = min(least, trip.late_s)
        most = max(least, REPEAT_URGENT_MAX_S if urgent else REPEAT_MAX_S)
        if one.free:
            return min(max(least, (one.left_s - one.first_s) / FREE_SHARE), most)
        doubled: float = least * 2 ** min(one.tries, DOUBLINGS_MAX)
        return min(doubled, most)

    def _copied(self, one: Outgoing, now_s: float) -> bool:
        """What is not urgent and left by no other link waits for the courier, but once."""
        if one.only_carried and one.rests_s and one.precedence < Precedence.IMMEDIATE:
            one.due_s = max(one.due_s, now_s + one.rests_s)
            one.rests_s = 0.0  # a courier who comes every few hours would hold it for ever
        return True

    def failed(self, link: str, peer: str, now_s: float) -> None:
        """A lane did not take what it was given; any lane may have it now."""
        for one in self:
            if (link, peer) in one.flying:
                one.flying.discard((link, peer))
                one.again(now_s)

    def not_taken(self, carries: Carries, link: str, peer: str, now_s: float) -> None:
        """A lane did not take this one; what else it was given may still be under way there."""
        one = self._carried(carries)
        if one is not None and (link, peer) in one.flying:
            one.flying.discard((link, peer))
            one.again(now_s)

    def settle(
        self, number: int, block: AckBlock, proved: bool, now_s: float
    ) -> tuple[list[int], list[int]]:
        """Numbers of an epoch that are now held, and those that newly arrived without proof."""
        mine = [one for one in self if one.epoch == number]
        stored = [one for one in mine if one.seq < block.next or block.arrived(one.seq)]
        held = [one for one in stored if proved and one.seq < block.next]
        arrived = [one for one in stored if one not in held and not one.arrived]
        newest = {one.last_link: 0 for one in mine}
        for one in (*held, *arrived):
            newest[one.last_link] = max(newest[one.last_link], one.order)
        self._measure([*held, *arrived], now_s)
        for one in held:
            del self._ones[one.key]
        for one in arrived:
            one.arrived = True
        for one in self._overtaken(mine, block, newest):
            one.again(now_s)
        return [one.seq for one in held], [one.seq for one in arrived]

    def forget_arrived(self) -> None:
        """What the far end had out of order it may have lost: it will say so, or get it again."""
        for one in self:
            one.arrived = False

    def _carried(self, carries: Carries) -> Outgoing | None:
        if carries.seq is None:
            return None
        return self._ones.get((carries.epoch, carries.seq))

    def _overtaken(
        self, mine: list[Outgoing], block: AckBlock, newest: dict[str, int]
    ) -> Iterator[Outgoing]:
        """Missing although something sent later on the same link is there: lost on the way."""
        missing = set(block.missing)
        for one in mine:
            # A block may say less than its writer knows: what it does not name is left alone
            # where it would be paid for again.
            named = one.seq in missing or (one.free and not one.arrived and one.seq >= block.next)
            if named and not one.flying and 0 < one.order < newest[one.last_link]:
                yield one

    def _measure(self, stored: list[Outgoing], now_s: float) -> None:
        """A receipt came: how long what it speaks of was on its way there and back."""
        once = [
            one
            for one in stored
            # One that is half out a second time, by another link, measures neither of them.
            if one.tries == 1 and one.free and not one.arrived and not one.parts_left
        ]
        if not once:
            return
        last = max(once, key=lambda one: one.order)
        trip = self._trips[last.last_link]
        trip.note(now_s - last.left_s)
        for one in self:
            if one.unsure and one.tries == 1 and one.last_link == last.last_link:
                one.due_s = min(one.due_s, one.left_s + trip.late_s)

    def parts_wanted(self, number: int, request: PartRequest, now_s: float) -> None:
        """The far end asks for these parts again."""
        one = self._ones.get((number, request.seq))
        if one is None or len(one.parts) != request.last + 1 or one.parts_left:
            return
        one.parts_left = list(request.missing)
        one.again(now_s)
