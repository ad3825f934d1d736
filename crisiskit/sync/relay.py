"""Neighbours, and the frames of theirs that this kit carries without being able to read them.

A kit takes frames up from the proven neighbour that wrote them, and down for a neighbour it has
met; it gives them to its own ways to the center, or to that neighbour. It never carries what
another kit carries, so nothing runs in circles. A frame is kept until a link took it; who wrote
it repeats it if no receipt comes. Nothing here says that anything was delivered.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from crisiskit.carrying import Carried, CarriedDropped, CarriedOn, Met, Parted, RelayState
from crisiskit.codec.header import FrameKind, Header, without_epoch
from crisiskit.model import CENTER, Direction, Precedence
from crisiskit.step import NOTHING, Change, Now, Spent, Transmit
from crisiskit.sync.departures import Departures
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.lanes import Lane
from crisiskit.sync.offer import MARK, NONE, Offer, decode_offer, encode_offer, offer_of
from crisiskit.sync.permits import LOOK_AGAIN_S
from transports.link import Traits

QUOTA_BYTES = 1024 * 1024
QUOTA_FRAMES = 4096
DAY_MS = 86_400_000
LIFE_MS = 7 * DAY_MS
NEVER = float("inf")
WAITING_REPEAT_S = 1800
NAME_BYTES = 16

Way = tuple[str, str]
Offers = Mapping[Way, Offer]


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """What its user lets this kit do for others.

    Links that cost carry what is at least as urgent as ``precedence``, up to ``credits_day``,
    or ``bytes_day`` where bytes are billed, on all of them together. ``mtu_bytes`` is the
    smallest of its own ways to the center, 0 where it has none.
    """

    allowed: bool = True
    precedence: Precedence = Precedence.IMMEDIATE
    credits_day: int = 20
    bytes_day: int = 20_000
    mtu_bytes: int = 0


class Relay:
    """See the module. ``revoked`` gives the kit numbers that nothing is done for any more."""

    def __init__(
        self,
        state: RelayState,
        policy: RelayPolicy,
        departures: Departures,
        rejected: Counter[str],
        revoked: Callable[[], frozenset[int]],
    ) -> None:
        self._kit_number = state.kit_number
        self._policy = policy
        self._departures = departures
        self._rejected = rejected
        self._revoked = revoked
        self._met_ms = dict(state.met_ms)
        self._carried = {one.name: one for one in state.carried}
        self._flying: dict[bytes, Way] = {}
        self._day, self._credits, self._bytes = state.day, state.credits, state.frame_bytes
        self._here: set[Way] = set()
        self._told: dict[Way, Offer] = {}
        self.offers: dict[Way, Offer] = {}
        self._turns: set[Way] = set()

    @property
    def _is_kit(self) -> bool:
        return self._kit_number > 0

    @property
    def holds_bytes(self) -> int:
        """How much is carried for others now."""
        return sum(len(one.frame) for one in self._carried.values())

    # -- who is here -----------------------------------------------------------------------

    def found(self, link: str, peer: str, name: str, now: Now) -> list[Change]:
        """A neighbour proved who it is. To the center it is a way at once."""
        self._met_ms[peer] = now.wall_ms
        self._here.add((link, peer))
        self._told.pop((link, peer), None)
        traits = self._departures.traits.get(link)
        if self._is_kit and traits is not None:
            leads = peer == CENTER
            self._departures.lanes[link, peer] = Lane(link, peer, traits, leads=leads)
            self._apply(link, peer, traits)
        return [Met(link, peer, name)]

    def lost(self, link: str, peer: str, now: Now) -> list[Change]:
        """A neighbour is gone; what it was being given may not have arrived."""
        if (link, peer) in self._here:
            self._here.discard((link, peer))
            self._met_ms[peer] = now.wall_ms
        self.offers.pop((link, peer), None)
        self._land((link, peer))
        return [Parted(link, peer)]

    def link_down(self, link: str, now: Now) -> list[Change]:
        """A link is down, with all its neighbours."""
        self._land((link, ""))
        here = sorted(way for way in self._here if way[0] == link)
        return [change for way in here for change in self.lost(*way, now)]

    def offered(self, event: FrameReceived) -> Lane | None:
        """A neighbour says how it carries on; the lane through it, if it became another one."""
        offer, way = decode_offer(event.frame), (event.link, event.peer)
        traits = self._departures.traits.get(event.link)
        if offer is None or traits is None or way not in self._here or event.peer == CENTER:
            self._rejected["offer"] += 1
            return None
        self.offers[way] = offer
        return self._apply(event.link, event.peer, traits) if self._is_kit else None

    def _apply(self, link: str, peer: str, traits: Traits) -> Lane | None:
        offer, lane = self.offers.get((link, peer)), self._departures.lanes.get((link, peer))
        if offer is None or lane is None:
            return lane
        lane.leads, lane.spare = offer.leads, 0 if offer.free else 1 if offer.open_now else 2
        lane.traits = offer.after(traits) if offer.leads else traits
        return lane

    # -- what comes ------------------------------------------------------------------------

    def take(
        self, header: Header, event: FrameReceived, traits: Traits, now: Now
    ) -> list[Change] | None:
        """A frame of somebody else: kept if it is to be carried, None if that is not for us."""
        if not self._is_kit or not self._may_take(header, event, traits, now):
            return None
        name = _name(header, event.frame)
        known = self._carried.get(name)
        if known is not None and (known.frame == event.frame or name in self._flying):
            return []
        one = Carried(
            name,
            header.kit_number,
            header.direction,
            header.precedence,
            header.kind.is_receipt,
            event.frame,
            now.wall_ms,
        )
        dropped = self._make_room(one)
        if dropped is None:
            self._rejected["quota"] += 1
            return []
        self._carried[name] = one
        return [*dropped, one]

    def _may_take(self, header: Header, event: FrameReceived, traits: Traits, now: Now) -> bool:
        """Up: from the neighbour that wrote it. Down: by a way of ours, for one that was met."""
        number = str(header.kit_number)
        if not self._policy.allowed or header.kind is FrameKind.OBJECT:
            return False
        if header.kit_number in (self._kit_number, *self._revoked()):
            return False
        if header.direction is Direction.UP:
            return traits.proves and event.peer == number and (event.link, number) in self._here
        from_kit = traits.proves and event.peer != CENTER
        return not from_kit and self._knows(number, now)

    def _knows(self, number: str, now: Now) -> bool:
        """Whether a kit is here, or was not long ago."""
        met_ms = self._met_ms.get(number)
        lately = met_ms is not None and now.wall_ms - met_ms < LIFE_MS
        return lately or any(peer == number for _link, peer in self._here)

    def _make_room(self, new: Carried) -> list[Change] | None:
        """What less urgent frames of the same kit give way; None if there is no room.

        Each direction has its own room: what comes down may be anybody's junk.
        """
        whose = new.kit_number, new.direction
        same = [one for one in self._carried.values() if (one.kit_number, one.direction) == whose]
        over = sum(len(one.frame) for one in same) + len(new.frame) - QUOTA_BYTES
        many = len(same) + 1 - QUOTA_FRAMES
        if over <= 0 and many <= 0:
            return []
        victims: list[bytes] = []
        for one in sorted(same, key=lambda one: (one.precedence, one.at_ms)):
            if over <= 0 and many <= len(victims):
                break
            if one.precedence < new.precedence and one.name not in self._flying:
                victims.append(one.name)
                over -= len(one.frame)
        return self._drop(victims) if over <= 0 and many <= len(victims) else None

    def _drop(self, names: Iterable[bytes]) -> list[Change]:
        gone = tuple(names)
        for name in gone:
            del self._carried[name]
        return [CarriedDropped(gone)] if gone else []

    # -- what leaves -----------------------------------------------------------------------

    def plan(self, now: Now, urgent: bool) -> tuple[list[Change], list[Transmit]]:
        """Offers, then frames for lanes that are free; only what is urgent, or all.

        What is urgent goes ahead of our own less urgent traffic, but on each lane only every
        other time: nobody else can keep our own from leaving.
        """
        if not self._is_kit:
            return [], []
        transmits = [] if urgent else list(self._offers())
        changes = self._drop(self._over(now))
        for one in self._next(now, urgent):
            lane = self._lane_for(one, now, urgent)
            if lane is not None:
                way = lane.link, lane.peer
                self._flying[one.name] = way
                if urgent:
                    self._turns.add(way)
                transmits.append(self._transmit(lane, one.frame, one.name))
        return changes, transmits

    def _next(self, now: Now, urgent: bool) -> list[Carried]:
        """What might leave now, the most urgent and oldest first."""
        lanes = self._departures.lanes.values()
        free = {lane.peer for lane in lanes if not lane.busy and lane.usable(now.mono_s)}
        up = not free.isdisjoint(("", CENTER))
        least = Precedence.IMMEDIATE if urgent else Precedence.ROUTINE
        found = [
            one
            for one in self._carried.values()
            if (up if one.direction is Direction.UP else str(one.kit_number) in free)
            and one.precedence >= least
            and one.name not in self._flying
        ]
        return sorted(found, key=lambda one: (-one.precedence, one.at_ms))

    def end_turn(self, transmits: Iterable[Transmit]) -> None:
        """Our own traffic had these lanes: the next time others' may go first again."""
        self._turns -= {(transmit.link, transmit.peer) for transmit in transmits}

    @property
    def has_urgent(self) -> bool:
        """Whether something urgent of others waits."""
        return any(
            one.precedence >= Precedence.IMMEDIATE and one.name not in self._flying
            for one in self._carried.values()
        )

    def sent(self, transmit: Transmit, now: Now) -> list[Change]:
        """A link took a frame: that is all a relay does for it."""
        self._set_free(transmit)
        self._flying.pop(transmit.relayed, None)
        one = self._carried.pop(transmit.relayed, None)
        traits = self._departures.traits.get(transmit.link, Traits(len(transmit.frame)))
        price = traits.price(len(transmit.frame))
        spent = self._departures.permits.pay(transmit.link, traits, len(transmit.frame), now)
        if one is None:
            return [spent]
        if traits.metered:
            self._new_day(now)
            self._credits += price.credits
            self._bytes += 0 if traits.credit_bytes else price.frame_bytes
        costs = price.credits, price.frame_bytes if traits.metered else 0
        return [spent, CarriedOn(one.name, transmit.link, price.frame_bytes, *costs)]

    def failed(self, transmit: Transmit, retry_after_s: float, now: Now) -> None:
        """A link did not take a frame: it waits on."""
        lane = self._set_free(transmit)
        if lane is not None:
            lane.blocked_until_s = now.mono_s + retry_after_s
        self._flying.pop(transmit.relayed, None)
        if transmit.relayed == MARK:
            self._told.pop((transmit.link, transmit.peer), None)

    def shift(self, by_ms: int) -> None:
        """Somebody set the clock: ages stay what they are."""
        self._met_ms = {peer: at + by_ms for peer, at in self._met_ms.items()}
        self._carried = {
            name: replace(one, at_ms=one.at_ms + by_ms) for name, one in self._carried.items()
        }

    def next_s(self, now: Now) -> float:
        """When there is next something to do without an event from outside."""
        if not self._carried:
            return NEVER
        lanes = self._departures.lanes.values()
        times = [lane.blocked_until_s for lane in lanes if lane.blocked_until_s > now.mono_s]
        oldest = min(one.at_ms for one in self._carried.values()) + LIFE_MS
        tomorrow = (now.wall_ms // DAY_MS + 1) * DAY_MS
        times += [now.mono_s + (at - now.wall_ms) / 1000 + 1 for at in (oldest, tomorrow)]
        times.append(now.mono_s + LOOK_AGAIN_S)  # hours of links, and clocks that are set
        return max(now.mono_s, min(times))

    # -- lanes -----------------------------------------------------------------------------

    def _lane_for(self, one: Carried, now: Now, urgent: bool) -> Lane | None:
        """The best lane that is free. A stick takes only what no other way waits for."""
        able = [lane for lane in self._towards(one) if lane.usable(now.mono_s)]
        able.sort(key=lambda lane: (*_order(lane.traits), lane.traits.latency_s))
        free = [lane for lane in able if not (lane.traits.metered or lane.traits.carried)]
        if free and one.precedence < Precedence.IMMEDIATE:
            able = free
        waits = False
        for lane in able:
            if waits and lane.traits.carried:
                break
            if not self._may_pay(one, lane, now):
                continue
            mine = urgent and (lane.link, lane.peer) in self._turns
            if lane.takes(one.precedence) and not mine:
                return lane
            waits = True
        return None

    def _towards(self, one: Carried) -> Iterator[Lane]:
        """The lanes that lead where a frame is to go, and never back to where it came from."""
        for lane in self._departures.lanes.values():
            if one.direction is Direction.DOWN:
                size = self._departures.traits[lane.link].mtu_bytes
                right = (lane.link, lane.peer) in self._here and lane.peer == str(one.kit_number)
            else:
                size = lane.traits.mtu_bytes
                right = lane.peer in ("", CENTER)
            if right and len(one.frame) <= size and lane.may_carry(one.frame):
                yield lane

    def _may_pay(self, one: Carried, lane: Lane, now: Now) -> bool:
        """Receipts go along with what is urgent: each saves a repeat that would cost more."""
        traits = lane.traits
        if one.direction is Direction.DOWN:
            return True
        if not self._departures.permits.affords(lane, one.precedence, len(one.frame), now):
            return False
        if not traits.metered:
            return True
        if one.precedence < self._policy.precedence and not one.receipt:
            return False
        self._new_day(now)
        if traits.credit_bytes:
            credits = traits.price(len(one.frame)).credits
            return self._credits + self._flying_credits() + credits <= self._policy.credits_day
        return self._bytes + self._flying_bytes() + len(one.frame) <= self._policy.bytes_day

    def _flying_credits(self) -> int:
        return sum(price.credits for price in self._flying_prices())

    def _flying_bytes(self) -> int:
        return sum(price.frame_bytes for price in self._flying_prices() if not price.credits)

    def _flying_prices(self) -> Iterator[Spent]:
        for name, (link, _peer) in self._flying.items():
            traits, one = self._departures.traits.get(link), self._carried.get(name)
            if traits is not None and traits.metered and one is not None:
                price = traits.price(len(one.frame))
                yield Spent(link, price.frame_bytes, price.credits, price.micros)

    def _offers(self) -> Iterator[Transmit]:
        """Tell each kit here what it can have from us, when that changed."""
        offer = self._own_offer()
        for way in sorted(self._here):
            lane = self._departures.lanes.get(way)
            if lane is None or lane.busy or way[1] == CENTER or self._told.get(way, NONE) == offer:
                continue
            self._told[way] = offer
            yield self._transmit(lane, encode_offer(offer), MARK)

    def _own_offer(self) -> Offer:
        if not self._policy.allowed:
            return NONE
        lanes = self._departures.lanes.values()
        own = [lane.traits for lane in lanes if lane.peer in ("", CENTER) and lane.traits.returns]
        own = [traits for traits in own if traits.may_encrypt]
        if own:
            return offer_of(min(own, key=lambda traits: (traits.metered, -traits.mtu_bytes)))
        waiting = self._policy.mtu_bytes
        return Offer(False, waiting, repeat_s=WAITING_REPEAT_S, rate_bytes_s=1) if waiting else NONE

    def _transmit(self, lane: Lane, frame: bytes, name: bytes) -> Transmit:
        transmit = Transmit(lane.link, lane.peer, frame, NOTHING, relayed=name)
        lane.aloft.append(transmit)
        return transmit

    def _set_free(self, transmit: Transmit) -> Lane | None:
        lane = self._departures.lanes.get((transmit.link, transmit.peer))
        if lane is not None:
            lane.landed(transmit)
        return lane

    def _land(self, way: Way) -> None:
        for name in [name for name, flies in self._flying.items() if flies == way]:
            del self._flying[name]

    # -- time ------------------------------------------------------------------------------

    def _over(self, now: Now) -> list[bytes]:
        """What was carried long enough, or is of a kit that was revoked since."""
        revoked = self._revoked() if self._carried else frozenset()
        return [
            one.name
            for one in self._carried.values()
            if (now.wall_ms - one.at_ms >= LIFE_MS or one.kit_number in revoked)
            and one.name not in self._flying
        ]

    def _new_day(self, now: Now) -> None:
        day = now.wall_ms // DAY_MS
        if day != self._day:
            self._day, self._credits, self._bytes = day, 0, 0


def _order(traits: Traits) -> tuple[bool, bool]:
    """What costs nothing first, a courier last: nobody knows when he comes."""
    return traits.carried, traits.metered


def _name(header: Header, frame: bytes) -> bytes:
    """What tells carried frames apart: a repeat that names its epoch is the same one."""
    same = without_epoch(frame) if header.kind.has_tag else frame
    return hashlib.sha256(same).digest()[:NAME_BYTES]


def is_offer(frame: bytes) -> bool:
    """Whether these are words between neighbours, and no frame."""
    return frame[:1] == MARK
