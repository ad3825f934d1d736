"""The engine: (state, event, now) -> Step, for all pairings of one installation.

Rules it keeps:

* a Step's changes are committed before its frames leave, so a receipt only speaks of what
  is durable and an envelope only leaves once its bytes are fixed;
* no more frames are under way on a lane than its link has flights, and ROUTINE never takes the
  last of several, so urgent traffic waits for one frame at most;
* junk gets no answer, costs no disk, and is counted;
* the same state, events, instants and entropy give the same Steps.

If a commit fails the engine is ahead of the disk: throw it away and start one from the store.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import heappop, heappush

from crisiskit.codec.content import Content
from crisiskit.codec.header import FrameKind, decode_header
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.statement import Sign
from crisiskit.model import Precedence
from crisiskit.snapshot import Snapshot
from crisiskit.step import (
    Answered,
    Arrived,
    Carries,
    Change,
    ClockJumped,
    Contact,
    Decoding,
    Doubted,
    Expired,
    Located,
    Now,
    Receipted,
    Requeued,
    Sent,
    Step,
    Transmit,
)
from crisiskit.sync.archive import Archive, Forgotten
from crisiskit.sync.budget import Ledger
from crisiskit.sync.couriers import wants
from crisiskit.sync.departures import Departures
from crisiskit.sync.events import (
    Billed,
    Decoded,
    Event,
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    PeerFound,
    PeerLost,
    Tick,
)
from crisiskit.sync.gate import Gate
from crisiskit.sync.lanes import Lane
from crisiskit.sync.policy import Policy
from crisiskit.sync.relay import Offers, Relay, RelayPolicy, is_offer
from crisiskit.sync.station import CONTACT_S, NEVER, NEVER_BEFORE, Station
from transports.link import Place, Traits

CLOCK_JUMP_MS = 60_000


class Engine:
    """See the module. ``handle`` is its only entrance."""

    def __init__(
        self,
        snapshot: Snapshot,
        entropy: Entropy,
        sign: Sign | None = None,
        archive: Archive | None = None,
        clear: bool = False,
        policy: Policy | None = None,
        relay: RelayPolicy | None = None,
    ) -> None:
        """``sign`` is Ed25519 with this station's key; without it nothing is signed.

        ``clear``: messages may leave and come in readable by all. ``policy``: on what terms
        which links are used; without one, each link that is up and at once. ``relay``: what is
        done for neighbours.
        """
        self._clear = clear
        self._stations = {
            state.pairing: Station(state, entropy, sign, archive or Forgotten())
            for state in snapshot.pairings
        }
        self._failing: set[str] = set()
        self._begun = False
        self._taken = False
        self._by_address = {
            (state.kit_number, state.sends.other): self._stations[state.pairing]
            for state in snapshot.pairings
        }
        ledger = Ledger(dict(snapshot.purses), snapshot.days)
        self._departures = Departures(policy or Policy(), ledger)
        self._users: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._alarms: list[tuple[float, int]] = []
        self._clock_ahead_ms: float | None = None
        self.rejected: Counter[str] = Counter()
        self._gate = gate = Gate(snapshot.orders, self.rejected)
        self._relay = Relay(
            snapshot.relay,
            relay or RelayPolicy(),
            self._departures,
            self.rejected,
            lambda: gate.revoked,
        )
        for station in self._stations.values():
            station.refused = self._gate.refuses(station)
        for item in snapshot.queue:
            self._stations[item.pairing].sender.outbox.add([item])
        for station in self._stations.values():
            for path in station.paths.items():
                self._users[path].add(station.pairing)

    def paths(self) -> dict[int, dict[str, str]]:
        """The ways to each station that this process life has heard itself."""
        return {
            pairing: {link: s.paths[link] for link in s.live if link in s.paths}
            for pairing, s in self._stations.items()
        }

    def offers(self) -> Offers:
        """What neighbours offered to this process life."""
        return dict(self._relay.offers)

    def adopt(self, paths: Mapping[int, Mapping[str, str]], offers: Offers) -> None:
        """Go on with the ways that an engine before this one heard in the same process."""
        self._relay.offers.update(offers)
        for pairing, ways in paths.items():
            station = self._stations[pairing]
            for link, peer in ways.items():
                station.paths[link] = peer
                station.live.add(link)
                self._users[link, peer].add(pairing)

    @property
    def pairings(self) -> frozenset[int]:
        """The stations it knows of."""
        return frozenset(self._stations)

    def waiting_precedence(self, pairing: int) -> Precedence | None:
        """The highest precedence that waits to be sealed for a station."""
        return self._stations[pairing].sender.outbox.highest

    def asking(self, pairing: int) -> int:
        """How many queries to a station are not known to be stored there."""
        return self._stations[pairing].sender.outstanding.asking

    def unanswered(self, pairing: int) -> int:
        """How many envelopes for a station, FLASH apart, are not known to be stored there."""
        waiting = self._stations[pairing].sender.outstanding
        return sum(not one.arrived and one.precedence < Precedence.FLASH for one in waiting)

    def handle(self, event: Event, now: Now) -> Step:
        """Take one event in and say all that follows from it."""
        self._taken = False
        jumped = self._clock_jumped(now)
        decodings: list[Decoding] = []
        resumed = self._resume(now, decodings)
        changes, touched = self._note(event, now, decodings)
        changes = [*jumped, *self._departures.permits.follow(now), *resumed, *changes]
        touched |= set(self._stations) if jumped else set()
        changes += self._gate.follow(tuple(changes), now)
        while self._alarms and self._alarms[0][0] <= now.mono_s:
            station = self._stations[heappop(self._alarms)[1]]
            station.wake_s = NEVER
            touched.add(station.pairing)
        for pairing in sorted(touched):
            station = self._stations[pairing]
            changes += station.sender.wonder(station.hearer.receipts.newest_life, now.mono_s)
        if any(isinstance(change, Doubted | Answered | Requeued) for change in changes):
            return Step(tuple(changes), restart=True, taken=self._taken)
        transmits: list[Transmit] = []
        if self._relay.has_urgent and not self._urgent(now):
            more, transmits = self._relay.plan(now, urgent=True)
            changes += more
        others = len(transmits)
        for pairing in sorted(touched):
            station = self._stations[pairing]
            over = station.sender.outbox.expired(now.wall_ms)
            changes += [Expired(tuple(over))] if over else []
            more, frames = self._departures.plan(station, now)
            changes += more
            transmits += frames
            self._set_alarm(station, now)
        self._relay.end_turn(transmits[others:])
        more, frames = self._relay.plan(now, urgent=False)
        changes += more
        transmits += frames
        soonest = min(self._relay.next_s(now), self._alarms[0][0] if self._alarms else NEVER)
        wake = None if soonest == NEVER else soonest
        return Step(tuple(changes), tuple(transmits), wake, tuple(decodings), taken=self._taken)

    def _urgent(self, now: Now) -> bool:
        """Whether something urgent of our own waits for a lane."""
        return any(
            (station.sender.outbox.highest or Precedence.ROUTINE) >= Precedence.IMMEDIATE
            or any(
                one.precedence >= Precedence.IMMEDIATE
                for one in station.sender.outstanding.due(now.mono_s)
            )
            for station in self._stations.values()
        )

    def _set_alarm(self, station: Station, now: Now) -> None:
        next_s = self._departures.next_s(station, now)
        if next_s < station.wake_s:
            station.wake_s = next_s
            heappush(self._alarms, (next_s, station.pairing))

    @property
    def busy(self) -> bool:
        """Whether a frame is with a link, or a receipt is awaited on a link that costs nothing."""
        lanes = self._departures.lanes.values()
        if any(
            lane.aloft or self._carries(lane) for lane in lanes if lane.link not in self._failing
        ):
            return True
        return any(self._awaits(station) for station in self._stations.values())

    def carrying(self, link: str) -> bool:
        """Whether a carried link that is up has not got all yet."""
        return any(
            self._carries(lane) for lane in self._departures.lanes.values() if lane.link == link
        )

    def _carries(self, lane: Lane) -> bool:
        if not lane.traits.carried:
            return False
        return bool(lane.aloft) or any(wants(station, lane) for station in self._stations.values())

    def _awaits(self, station: Station) -> bool:
        free = [lane for lane in self._departures.ways(station) if not lane.traits.metered]
        waiting = (one.frame for one in station.sender.outstanding if not one.arrived)
        return any(lane.may_carry(frame) for frame in waiting for lane in free)

    # -- events ----------------------------------------------------------------------------

    def _resume(self, now: Now, decodings: list[Decoding]) -> list[Change]:
        """At the first event: go on with what an earlier process stored and did not decode."""
        if self._begun:
            return []
        self._begun = True
        changes: list[Change] = []
        for station in self._stations.values():
            opened = station.hearer.resume(now.mono_s)
            changes += [*opened.changes, *station.heed(opened.records, now)]
            decodings += opened.decodings
        return changes

    def _note(
        self, event: Event, now: Now, decodings: list[Decoding]
    ) -> tuple[list[Change], set[int]]:
        """Take the event into the state; which stations may now have something to do."""
        match event:
            case LinkUp(link, traits):
                self._link_up(link, traits, now)
                return [], set(self._stations)
            case LinkDown(link):
                self._link_down(link, now)
                return self._relay.link_down(link, now), set(self._stations)
            case PeerFound(link, peer, name):
                changes = self._relay.found(link, peer, name, now)
                self._way_found(self._departures.lanes.get((link, peer)), now)
                return changes, set(self._stations)
            case PeerLost(link, peer):
                return self._peer_lost(link, peer, now)
            case OutboxChanged(kept, withdrawn):
                for item in kept:
                    since = min(item.kept_at, now.wall_ms)
                    outbox = self._stations[item.pairing].sender.outbox
                    outbox.add([replace(item, kept_at=since)])
                if withdrawn:
                    for station in self._stations.values():
                        station.sender.outbox.remove(withdrawn)
                return [], {item.pairing for item in kept}
            case FrameReceived():
                return self._received(event, now, decodings)
            case Decoded(job, content):
                return self._decoded(job, content, now), {job.pairing}
            case FrameSent(transmit) if transmit.relayed:
                return self._relay.sent(transmit, now), set(self._stations)
            case FrameFailed(transmit, retry_after_s) if transmit.relayed:
                self._relay.failed(transmit, retry_after_s, now)
                return [], set(self._stations)
            case FrameSent(transmit):
                return self._sent(transmit, now), self._sharing(transmit)
            case FrameFailed(transmit, retry_after_s):
                self._failed(transmit, retry_after_s, now)
                return [], self._sharing(transmit)
            case Billed(link, frame_bytes):
                charged = self._departures.known.get(link)
                if charged is None:
                    return [], set()
                return [self._departures.permits.pay(link, charged, frame_bytes, now)], set()
            case Tick():
                return [], set()

    def _clock_jumped(self, now: Now) -> list[Change]:
        """Lifetimes are counted on the clock that only rises (protocol section 11)."""
        ahead = now.wall_ms - now.mono_s * 1000
        before, self._clock_ahead_ms = self._clock_ahead_ms, ahead
        if before is None or abs(ahead - before) < CLOCK_JUMP_MS:
            return []
        by = round(ahead - before)
        self._relay.shift(by)
        for station in self._stations.values():
            station.sender.outbox.shift(by)
            station.clock_agreed_s = NEVER_BEFORE
            for one in station.sender.outstanding:
                one.kept_at = one.kept_at + by if one.kept_at else 0
        return [ClockJumped(by)]

    def _link_up(self, link: str, traits: Traits, now: Now) -> None:
        if not traits.may_encrypt and not self._clear:
            return
        traits = self._departures.permits.traits(link, traits)
        self._departures.traits[link] = self._departures.known[link] = traits
        if not traits.listens:
            self._departures.lanes[link, ""] = Lane(link, "", traits)
        if traits.carried:
            self._failing.discard(link)
            self._departures.read_first(link, now)
        for station in self._stations.values():
            station.link_up(link, traits, now.mono_s)

    def _link_down(self, link: str, now: Now) -> None:
        self._departures.traits.pop(link, None)
        for name, peer in [key for key in self._departures.lanes if key[0] == link]:
            del self._departures.lanes[name, peer]
            for station in self._stations.values():
                station.lane_lost(name, peer, now.mono_s)
        for station in self._stations.values():
            station.live.discard(link)
            station.hellos.pop(link, None)
            station.owes.pop(link, None)

    def _way_found(self, lane: Lane | None, now: Now) -> None:
        """A neighbour that leads to the center is a link that came up."""
        if lane is None or not lane.leads:
            return
        for station in self._stations.values():
            station.way_found(lane, now.mono_s)

    def _peer_lost(self, link: str, peer: str, now: Now) -> tuple[list[Change], set[int]]:
        lane = self._departures.lanes.pop((link, peer), None)
        users = self._users.pop((link, peer), set())
        if lane is not None and lane.traits.proves:
            users = set(self._stations)
        for pairing in users:
            station = self._stations[pairing]
            station.lane_lost(link, peer, now.mono_s)
            station.path_lost(link, peer)
        traits = self._departures.traits.get(link)
        proven = traits is not None and traits.proves
        return self._relay.lost(link, peer, now) if proven else [], users

    def _sharing(self, transmit: Transmit) -> set[int]:
        """Who may use the lane that is free again; of one that is carried, anybody."""
        traits = self._departures.traits.get(transmit.link)
        if traits is not None and traits.carried:
            return set(self._stations)
        users = self._users[transmit.link, transmit.peer]
        return users | {transmit.carries.pairing} if users else set(self._stations)

    def _sent(self, transmit: Transmit, now: Now) -> list[Change]:
        lost = Lane(transmit.link, transmit.peer, Traits(len(transmit.frame)))
        lane = self._departures.lanes.get((transmit.link, transmit.peer), lost)
        lane.landed(transmit)
        self._failing.discard(transmit.link)
        size = len(transmit.frame)
        # Through a neighbour it is the neighbour who pays.
        charged = self._departures.known.get(transmit.link, lane.traits)
        changes: list[Change] = [self._departures.permits.pay(transmit.link, charged, size, now)]
        station = self._stations[transmit.carries.pairing]
        credits, told, left = charged.price(size).credits, 0, 0
        for carries, share in transmit.shares:
            left += share
            due = credits * left // size
            changes += self._carried(station, carries, lane, now, share, due - told)
            told = due
        return changes

    def _carried(
        self, station: Station, carries: Carries, lane: Lane, now: Now, size: int, credits: int
    ) -> list[Change]:
        """One of the things that left in a frame, with its share of the price."""
        whole = station.sender.outstanding.left(carries, lane, now.mono_s)
        if carries.seq is None:
            told = station.telling.pop((lane.link, lane.peer), ())
            return [Receipted(station.pairing, told)] if told else []
        if not whole and carries.part is None:
            return []
        return [Sent(carries.pairing, carries.epoch, carries.seq, lane.link, size, credits, whole)]

    def _failed(self, transmit: Transmit, retry_after_s: float, now: Now) -> None:
        lane = self._departures.lanes.get((transmit.link, transmit.peer))
        if lane is not None:
            lane.landed(transmit)
            lane.blocked_until_s = now.mono_s + retry_after_s
        station = self._stations[transmit.carries.pairing]
        station.not_taken(transmit, now.mono_s)
        if lane is not None and lane.traits.carried:
            self._failing.add(transmit.link)
            station.sender.outstanding.not_copied(transmit.carries, transmit.link)
            if transmit.carries.seq is None:
                station.owes[transmit.link] = now.mono_s

    # -- frames that came in ---------------------------------------------------------------

    def _decoded(self, job: Decoding, content: Content | Rejected, now: Now) -> list[Change]:
        station = self._stations[job.pairing]
        opened = station.hearer.decoded(job, content, now.mono_s)
        if opened is None:
            return []
        return [*opened.changes, *station.heed(opened.records, now)]

    def _received(
        self, event: FrameReceived, now: Now, decodings: list[Decoding]
    ) -> tuple[list[Change], set[int]]:
        traits = self._departures.traits.get(event.link)
        if traits is not None and traits.carried:
            self._departures.read_first(event.link, now)
        if traits is not None and traits.proves and is_offer(event.frame):
            self._way_found(self._relay.offered(event), now)
            return [], set(self._stations)
        found = decode_header(event.frame)
        if isinstance(found, Rejected):
            self.rejected[found.code] += 1
            return [], set()
        header = found[0]
        if header.kind is FrameKind.OBJECT:
            return self._gate.alone(event.frame, now), set()
        station = self._by_address.get((header.kit_number, header.direction))
        if station is None or traits is None:
            carried = self._relay.take(header, event, traits, now) if traits else None
            if carried is not None:
                return carried, set()
            self.rejected["unknown_station"] += 1
            return self._gate.unknown(header, event, now), set()
        if self._gate.refuses(station):
            return self._gate.set_aside(station, header, event), set()
        if header.kind.clear and not self._clear:
            self.rejected["clear_refused"] += 1
            return station.refuse_clear(header, event.frame), set()
        opened = station.take_in(header, event, traits, now)
        if opened is None:
            self.rejected["not_authentic"] += 1
            return [], set()
        self._taken = True
        if traits.carried and not header.kind.is_receipt:
            station.owes[event.link] = now.mono_s
        decodings += opened.decodings
        contact = self._contact(station, event, opened.news, now)
        located = _located(opened.changes, event.place)
        return [*opened.changes, *located, *contact], {station.pairing}

    def _contact(
        self, station: Station, event: FrameReceived, news: bool, now: Now
    ) -> list[Change]:
        """The way news came is a way back; noted on disk when new, else now and then.

        A repeat may be somebody's recording: it shows a way only where none is known. What was
        carried here shows none.
        """
        traits = self._departures.traits[event.link]
        known = traits.carried or station.paths.get(event.link) == event.peer
        station.hellos.pop(event.link, None)
        if not news and (traits.carried or event.link in station.paths):
            return []
        if not traits.carried:
            station.live.add(event.link)
            station.path_found(event.link, event.peer, not traits.metered, now.mono_s)
            self._users[event.link, event.peer].add(station.pairing)
        if known and now.mono_s < station.contact_s + CONTACT_S:
            return []
        station.contact_s = now.mono_s
        return [Contact(station.pairing, event.link, event.peer)]


def _located(changes: Iterable[Change], place: Place | None) -> list[Change]:
    """The place beside each envelope that its frame brought whole."""
    if place is None:
        return []
    where = (place.latitude, place.longitude, place.radius_km)
    came = (one for one in changes if isinstance(one, Arrived))
    return [Located(one.pairing, one.epoch, one.salt, one.seq, *where) for one in came]
