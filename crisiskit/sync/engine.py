"""The engine: (state, event, now) -> Step, for all pairings of one installation.

Rules it keeps:

* a Step's changes are committed before its frames leave, so a receipt only speaks of what
  is durable and an envelope only leaves once its bytes are fixed;
* one frame at a time is under way on a lane, so urgent traffic waits for one frame at most;
* junk gets no answer, costs no disk, and is counted;
* the same state, events, instants and entropy give the same Steps.

If a commit fails the engine is ahead of the disk: throw it away and start one from the store.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from heapq import heappop, heappush

from crisiskit.codec.acks import Receipt
from crisiskit.codec.header import decode_header
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import Entropy
from crisiskit.model import Notice, Precedence
from crisiskit.step import (
    Change,
    ClockJumped,
    Contact,
    Expired,
    Now,
    Receipted,
    Sent,
    Snapshot,
    Spent,
    Step,
    Transmit,
)
from crisiskit.sync.events import (
    Billed,
    Event,
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    PeerLost,
    Tick,
)
from crisiskit.sync.lanes import Lane, choose
from crisiskit.sync.sender import Outgoing
from crisiskit.sync.station import CONTACT_S, NEVER, Station
from transports.link import Traits

CLOCK_JUMP_MS = 60_000
EPOCH_BYTES = 6
RECEIPT_BYTES = 24  # header, time and tag of a receipt, with room to spare


class Engine:
    """See the module. ``handle`` is its only entrance."""

    def __init__(self, snapshot: Snapshot, entropy: Entropy) -> None:
        self._stations = {state.pairing: Station(state, entropy) for state in snapshot.pairings}
        self._by_address = {
            (state.kit_number, state.sends.other): self._stations[state.pairing]
            for state in snapshot.pairings
        }
        self._traits: dict[str, Traits] = {}
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._users: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._alarms: list[tuple[float, int]] = []
        self._clock_ahead_ms: float | None = None
        self.rejected: Counter[str] = Counter()
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

    def adopt(self, paths: Mapping[int, Mapping[str, str]]) -> None:
        """Go on with the ways that an engine before this one heard in the same process."""
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

    def handle(self, event: Event, now: Now) -> Step:
        """Take one event in and say all that follows from it."""
        jumped = self._clock_jumped(now)
        changes, touched = self._note(event, now)
        changes = [*jumped, *changes]
        while self._alarms and self._alarms[0][0] <= now.mono_s:
            station = self._stations[heappop(self._alarms)[1]]
            station.wake_s = NEVER
            touched.add(station.pairing)
        transmits: list[Transmit] = []
        for pairing in sorted(touched):
            station = self._stations[pairing]
            over = station.sender.outbox.expired(now.wall_ms)
            changes += [Expired(tuple(over))] if over else []
            more, frames = self._plan(station, now)
            changes += more
            transmits += frames
            self._set_alarm(station, now)
        wake = self._alarms[0][0] if self._alarms else None
        return Step(tuple(changes), tuple(transmits), wake)

    @property
    def busy(self) -> bool:
        """Whether a frame is with a link, or a receipt is awaited on a link that costs nothing."""
        if any(lane.busy for lane in self._lanes.values()):
            return True
        return any(
            not one.arrived and any(not lane.traits.metered for lane in self._ways(station))
            for station in self._stations.values()
            for one in station.sender.outstanding.values()
        )

    # -- events ----------------------------------------------------------------------------

    def _note(self, event: Event, now: Now) -> tuple[list[Change], set[int]]:
        """Take the event into the state; which stations may now have something to do."""
        match event:
            case LinkUp(link, traits):
                self._link_up(link, traits, now)
                return [], set(self._stations)
            case LinkDown(link):
                self._link_down(link, now)
                return [], set(self._stations)
            case PeerLost(link, peer):
                return [], self._peer_lost(link, peer, now)
            case OutboxChanged(kept, withdrawn):
                for item in kept:
                    self._stations[item.pairing].sender.outbox.add([item])
                if withdrawn:
                    for station in self._stations.values():
                        station.sender.outbox.remove(withdrawn)
                return [], {item.pairing for item in kept}
            case FrameReceived():
                return self._received(event, now)
            case FrameSent(transmit):
                return self._sent(transmit, now), self._sharing(transmit)
            case FrameFailed(transmit, retry_after_s):
                self._failed(transmit, retry_after_s, now)
                return [], self._sharing(transmit)
            case Billed(link, frame_bytes):
                charged = self._traits.get(link)
                return ([_spent(link, charged, frame_bytes)] if charged else []), set()
            case Tick():
                return [], set()

    def _clock_jumped(self, now: Now) -> list[Change]:
        """Lifetimes are counted on the clock that only rises (protocol section 11)."""
        ahead = now.wall_ms - now.mono_s * 1000
        before, self._clock_ahead_ms = self._clock_ahead_ms, ahead
        if before is None or abs(ahead - before) < CLOCK_JUMP_MS:
            return []
        by = round(ahead - before)
        for station in self._stations.values():
            station.sender.outbox.shift(by)
        return [ClockJumped(by)]

    def _link_up(self, link: str, traits: Traits, now: Now) -> None:
        self._traits[link] = traits
        if not traits.listens:
            self._lanes[link, ""] = Lane(link, "", traits)
        for station in self._stations.values():
            station.link_up(link, traits, now.mono_s)

    def _link_down(self, link: str, now: Now) -> None:
        self._traits.pop(link, None)
        for name, peer in [key for key in self._lanes if key[0] == link]:
            del self._lanes[name, peer]
            for station in self._stations.values():
                station.lane_lost(name, peer, now.mono_s)
        for station in self._stations.values():
            station.live.discard(link)
            station.hellos.pop(link, None)

    def _peer_lost(self, link: str, peer: str, now: Now) -> set[int]:
        self._lanes.pop((link, peer), None)
        users = self._users.pop((link, peer), set())
        for pairing in users:
            station = self._stations[pairing]
            station.lane_lost(link, peer, now.mono_s)
            if station.paths.get(link) == peer:
                del station.paths[link]
        return users

    def _sharing(self, transmit: Transmit) -> set[int]:
        """Who may use the lane that is free again."""
        users = self._users[transmit.link, transmit.peer]
        return users | {transmit.carries.pairing} if users else set(self._stations)

    def _sent(self, transmit: Transmit, now: Now) -> list[Change]:
        gone = Lane(transmit.link, transmit.peer, Traits(len(transmit.frame)))
        lane = self._lanes.get((transmit.link, transmit.peer), gone)
        lane.busy = False
        size = len(transmit.frame)
        changes: list[Change] = [_spent(transmit.link, lane.traits, size)]
        carries = transmit.carries
        station = self._stations[carries.pairing]
        told = station.telling.pop((transmit.link, transmit.peer), ())
        if carries.seq is None and told:
            changes.append(Receipted(station.pairing, told))
        whole = station.sender.left(carries, lane, now.mono_s)
        if carries.seq is not None and (whole or carries.part is not None):
            credits = lane.traits.price(size).credits
            changes.append(
                Sent(
                    carries.pairing,
                    carries.epoch,
                    carries.seq,
                    transmit.link,
                    size,
                    credits,
                    whole,
                )
            )
        return changes

    def _failed(self, transmit: Transmit, retry_after_s: float, now: Now) -> None:
        lane = self._lanes.get((transmit.link, transmit.peer))
        if lane is not None:
            lane.busy = False
            lane.blocked_until_s = now.mono_s + retry_after_s
        station = self._stations[transmit.carries.pairing]
        station.lane_lost(transmit.link, transmit.peer, now.mono_s)

    # -- frames that came in ---------------------------------------------------------------

    def _received(self, event: FrameReceived, now: Now) -> tuple[list[Change], set[int]]:
        found = decode_header(event.frame)
        traits = self._traits.get(event.link)
        if isinstance(found, Rejected):
            self.rejected[found.code] += 1
            return [], set()
        header = found[0]
        station = self._by_address.get((header.kit_number, header.direction))
        if station is None or traits is None:
            self.rejected["unknown_station"] += 1
            return [], set()
        opened = station.take_in(header, event, traits, now)
        if opened is None:
            self.rejected["not_authentic"] += 1
            return [], set()
        contact = self._contact(station, event, opened.news, now)
        return [*opened.changes, *contact], {station.pairing}

    def _contact(
        self, station: Station, event: FrameReceived, news: bool, now: Now
    ) -> list[Change]:
        """The way news came is a way back; noted on disk when new, else now and then.

        A repeat may be somebody's recording: it shows a way only where none is known.
        """
        known = station.paths.get(event.link) == event.peer
        station.hellos.pop(event.link, None)
        if not news and event.link in station.paths:
            return []
        station.live.add(event.link)
        station.paths[event.link] = event.peer
        station.last_link = event.link
        self._users[event.link, event.peer].add(station.pairing)
        if known and now.mono_s < station.contact_s + CONTACT_S:
            return []
        station.contact_s = now.mono_s
        return [Contact(station.pairing, event.link, event.peer)]

    # -- what leaves -----------------------------------------------------------------------

    def _plan(self, station: Station, now: Now) -> tuple[list[Change], list[Transmit]]:
        """Fill every lane that is free, most urgent first."""
        changes: list[Change] = []
        transmits: list[Transmit] = []
        if station.sender.used_up:
            changes += station.warn("epochs", Notice("epochs_used_up"))
        while True:
            lanes = self._ways(station)
            if not lanes:
                break
            found = self._next(station, lanes, now)
            if found is None:
                break
            more, transmit = found
            changes += more
            transmits.append(transmit)
            self._lanes[transmit.link, transmit.peer].busy = True
        if lanes:
            most = max(lane.content_bytes_max for lane in lanes)
            for delivery in station.sender.outbox.larger_than(most):
                changes += station.warn(delivery, Notice("too_large_for_links"))
        return changes, transmits

    def _next(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        return (
            self._next_data(station, lanes, now, urgent=True)
            or self._next_receipt(station, lanes, now)
            or self._next_data(station, lanes, now, urgent=False)
            or self._next_hello(station, lanes, now)
        )

    def _next_data(
        self, station: Station, lanes: list[Lane], now: Now, urgent: bool
    ) -> tuple[list[Change], Transmit] | None:
        """An envelope to repeat, else a new one, of the urgent or of the other kind."""
        sender = station.sender
        for one in sender.due(now.mono_s):
            if (one.precedence >= Precedence.IMMEDIATE) is not urgent:
                continue
            size = len(one.frame) + EPOCH_BYTES
            able = [lane for lane in lanes if lane.carries(size)]
            lane = choose(able, one.precedence, now.mono_s, one.unanswered)
            if lane is not None and not _leave_to_rest(one, lane, now):
                return [], self._transmit(station, one, lane)
        head = sender.outbox.head(urgent)
        if head is None or sender.used_up or not sender.may_seal(head):
            return None
        able = list(lanes)
        while (lane := choose(able, head, now.mono_s, {})) is not None:
            batch = sender.outbox.batch(urgent, lane.content_bytes_max)
            if batch:
                riding = station.hearer.riding_block(now.mono_s)
                changes, one = sender.seal(batch, lane, riding[0] if riding else None)
                if riding:
                    changes.append(Receipted(station.pairing, (riding[1],)))
                return changes, self._transmit(station, one, lane)
            able.remove(lane)
        return None

    def _transmit(self, station: Station, one: Outgoing, lane: Lane) -> Transmit:
        station.hellos.pop(lane.link, None)
        frame, carries = station.sender.frame_for(one, lane)
        one.flying.add((lane.link, lane.peer))
        return Transmit(lane.link, lane.peer, frame, carries)

    def _next_receipt(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        due = station.hearer.next_due_s()
        if due is None or due > now.mono_s or station.sender.used_up:
            return None
        back = [lane for lane in lanes if lane.link == station.last_link]
        lane = choose(back or lanes, Precedence.ROUTINE, now.mono_s, {})
        if lane is None:
            return None
        return self._receipt(station, lane, now)

    def _next_hello(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """Show a way that the center may not know, where nothing else does."""
        for lane in lanes:
            hello = station.hellos.get(lane.link)
            if hello is None or hello.due_s > now.mono_s or lane.busy or station.sender.used_up:
                continue
            station.said_hello(lane.link, now.mono_s)
            return self._receipt(station, lane, now)
        return None

    def _receipt(self, station: Station, lane: Lane, now: Now) -> tuple[list[Change], Transmit]:
        room = lane.traits.mtu_bytes - RECEIPT_BYTES
        blocks, lives = station.hearer.due_blocks(now.mono_s, room)
        station.telling[lane.link, lane.peer] = lives
        receipt = Receipt(now.wall_ms // 1000 % 2**32, blocks)
        changes, frame, carries = station.sender.seal_receipt(receipt)
        return changes, Transmit(lane.link, lane.peer, frame, carries)

    def _ways(self, station: Station) -> list[Lane]:
        """The lanes to a station: every link of a kit, the paths it was heard on at a center."""
        if not station.keeps_root:
            return [lane for key, lane in self._lanes.items() if key[1] == ""]
        return [
            self._lane(link, peer) for link, peer in station.paths.items() if link in self._traits
        ]

    def _lane(self, link: str, peer: str) -> Lane:
        lane = self._lanes.get((link, peer))
        if lane is None:
            lane = self._lanes[link, peer] = Lane(link, peer, self._traits[link])
        return lane

    def _set_alarm(self, station: Station, now: Now) -> None:
        """When this station next has something to do without an event from outside."""
        lanes = self._ways(station)
        times = [lane.blocked_until_s for lane in lanes if lane.blocked_until_s > now.mono_s]
        if any(not lane.busy and lane.usable(now.mono_s) for lane in lanes):
            for due in (station.sender.next_due_s(), station.hearer.next_due_s()):
                times += [due] if due is not None and due > now.mono_s else []
        times += [h.due_s for h in station.hellos.values() if h.due_s > now.mono_s]
        expiry = station.sender.outbox.next_expiry
        if expiry is not None:
            times.append(now.mono_s + max(0.0, (expiry - now.wall_ms) / 1000) + 0.001)
        if times and min(times) < station.wake_s:
            station.wake_s = min(times)
            heappush(self._alarms, (station.wake_s, station.pairing))


def _leave_to_rest(one: Outgoing, lane: Lane, now: Now) -> bool:
    """After a restart nobody knows how long ago a frame left: dear links wait a receipt's time.

    What is urgent does not wait: it may have been lost with whatever made us start again.
    """
    if not one.resumed:
        return False
    one.resumed = False
    if not lane.traits.metered or one.precedence >= Precedence.IMMEDIATE:
        return False
    one.due_s = now.mono_s + lane.repeat_s()
    return True


def _spent(link: str, traits: Traits, frame_bytes: int) -> Spent:
    price = traits.price(frame_bytes)
    return Spent(link, frame_bytes, price.credits, price.micros)
