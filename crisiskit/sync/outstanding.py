"""Envelopes that await a receipt: when each is due again, and what an ack block settles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crisiskit.codec.acks import AckBlock, PartRequest
from crisiskit.model import Precedence
from crisiskit.snapshot import SealedEnvelope
from crisiskit.step import Carries
from crisiskit.sync.lanes import Lane

DOUBLINGS_MAX = 8
REPEAT_MAX_S = 4 * 3600.0
REPEAT_URGENT_MAX_S = 3600.0


@dataclass(slots=True)
class Outgoing:
    """An envelope whose receipt is awaited. ``order`` grows with every frame that leaves.

    ``flying``: the lanes, by link and peer, that are being given a frame of it.

    ``resumed``: it left in an earlier process life, nobody knows how long ago. ``asks``: it
    carries a query. ``copies``: the carried links that have it since they came up.
    ``rests_s``: how long it leaves it to a courier before it costs something; None before the
    first copy is taken.
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
    order: int = 0
    parts: tuple[bytes, ...] = ()
    parts_left: list[int] = field(default_factory=list)
    cut_at: int = 0
    cut_short: bool = False
    asks: bool = False
    copies: set[str] = field(default_factory=set)
    rests_s: float | None = None

    @property
    def only_carried(self) -> bool:
        """Whether nobody but a courier was given it."""
        return self.rests_s is not None and self.tries == 0

    @property
    def key(self) -> tuple[int, int]:
        """Epoch and number: its name inside the pairing."""
        return self.epoch, self.seq


class Outstanding:
    """All envelopes of one pairing that are not known to be held."""

    def __init__(self, sealed: Iterable[SealedEnvelope]) -> None:
        self._ones: dict[tuple[int, int], Outgoing] = {}
        self._order = 0
        for one in sealed:
            self.add(Outgoing(one.epoch, one.seq, one.frame, one.precedence, one.arrived, one.sent))

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
        """Envelopes worth sending now, most urgent first."""
        ready = [one for one in self if not one.flying and not one.arrived and one.due_s <= now_s]
        return sorted(ready, key=lambda one: (-one.precedence, one.epoch, one.seq))

    def next_due_s(self) -> float | None:
        """When the next envelope becomes worth repeating."""
        times = (one.due_s for one in self if not one.flying and not one.arrived)
        return min(times, default=None)

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
        one.order, one.last_link = self._order, lane.link
        if carries.part is not None:
            if carries.part in one.parts_left:
                one.parts_left.remove(carries.part)
            if one.parts_left:
                one.due_s = now_s
                return False
        urgent = one.precedence >= Precedence.IMMEDIATE
        least = lane.repeat_s(urgent)
        most = max(least, REPEAT_URGENT_MAX_S if urgent else REPEAT_MAX_S)
        wait = min(least * 2 ** min(one.tries, DOUBLINGS_MAX), most)
        one.tries += 1
        one.unanswered[lane.link] = one.unanswered.get(lane.link, 0) + 1
        one.due_s = now_s + wait
        return True

    def _copied(self, one: Outgoing, now_s: float) -> bool:
        """What is not urgent and left by no other link waits for the courier."""
        if one.only_carried and one.rests_s and one.precedence < Precedence.IMMEDIATE:
            one.due_s = max(one.due_s, now_s + one.rests_s)
        return True

    def failed(self, link: str, peer: str, now_s: float) -> None:
        """A lane did not take what it was given; any lane may have it now."""
        for one in self:
            if (link, peer) in one.flying:
                one.flying.discard((link, peer))
                one.due_s = now_s

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
        for one in held:
            del self._ones[one.key]
        for one in arrived:
            one.arrived = True
        for one in self._overtaken(mine, block, newest):
            one.due_s = now_s
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
            if one.seq in missing and not one.flying and 0 < one.order < newest[one.last_link]:
                yield one

    def parts_wanted(self, number: int, request: PartRequest, now_s: float) -> None:
        """The far end asks for these parts again."""
        one = self._ones.get((number, request.seq))
        if one is None or len(one.parts) != request.last + 1 or one.parts_left:
            return
        one.parts_left = list(request.missing)
        one.due_s = now_s
