"""What leaves next: every free lane of a station filled, most urgent first.

FLASH and IMMEDIATE, then receipts, then the rest; what nobody waits for comes last.
"""

from __future__ import annotations

from crisiskit.codec.acks import Receipt
from crisiskit.model import Notice, Precedence, Record, RecordKind
from crisiskit.step import Announced, Change, Now, Queued, Receipted, Transmit
from crisiskit.sync.batches import Batches
from crisiskit.sync.budget import Ledger
from crisiskit.sync.couriers import SETTLE_S, copy, next_copy, next_receipt
from crisiskit.sync.lanes import Lane, choose
from crisiskit.sync.outstanding import Outgoing
from crisiskit.sync.permits import IMPATIENT, Permits
from crisiskit.sync.policy import Policy
from crisiskit.sync.sender import SPARE_BYTES
from crisiskit.sync.station import NEVER, Station
from transports.link import Traits

EPOCH_BYTES = 6
RECEIPT_BYTES = 24  # header, time and tag of a receipt, with room to spare
OWN_BYTES = 200  # a checkpoint with its signature, with room to spare


class Departures:
    """The lanes of an installation and what they are given. Shared by all its stations."""

    def __init__(self, policy: Policy, ledger: Ledger) -> None:
        self.traits: dict[str, Traits] = {}
        self.known: dict[str, Traits] = {}  # of links that went down, too: their bills come late
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.permits = Permits(policy, ledger, self.lanes)
        self._batches = Batches(self.permits, self.ways)

    def plan(self, station: Station, now: Now) -> tuple[list[Change], list[Transmit]]:
        """Fill every lane that is free, most urgent first."""
        changes: list[Change] = []
        transmits: list[Transmit] = []
        station.sender.renew(now.mono_s)
        station.policy_due_s = NEVER
        if station.sender.used_up:
            changes += station.warn("epochs", Notice("epochs_used_up"))
        while True:
            lanes = self.ways(station)
            if not lanes:
                break
            found = self._next(station, lanes, now)
            if found is None:
                break
            more, transmit = found
            changes += more
            lane = self.lanes[transmit.link, transmit.peer]
            more, transmit = self._batches.fill(station, transmit, lane, now)
            changes += more
            transmits.append(transmit)
            lane.aloft.append(transmit)
        if lanes:
            most = max(lane.content_bytes_max for lane in (*lanes, *self.carriers(station)))
            for delivery in station.sender.outbox.larger_than(most):
                changes += station.warn(delivery, Notice("too_large_for_links"))
        if station.closed_waits(lanes, now.mono_s):
            changes += station.warn("closed", Notice("waits_for_encryption"))
        for lane in self.carriers(station):
            found = self._next_copy(station, lane, lanes, now)
            if found is not None:
                changes += found[0]
                transmits.append(found[1])
                lane.aloft.append(found[1])
        return changes, transmits

    def _next_copy(
        self, station: Station, lane: Lane, others: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """What a courier takes along next; what is asked and announced, too, if only he can."""
        if lane.busy or not lane.usable(now.mono_s):
            return None
        free = any(not other.traits.metered for other in others)
        found = next_copy(station, lane, now, rests_s=0.0 if free else lane.repeat_s())
        if found is None and not others:
            found = self._next_announcement(station, [lane], now)
            found = found or self._next_query(station, [lane], now)
        return found or next_receipt(station, lane, now)

    def _next(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        return (
            self._next_data(station, lanes, now, Precedence.FLASH)
            or self._next_data(station, lanes, now, Precedence.IMMEDIATE)
            or self._next_receipt(station, lanes, now)
            or self._next_announcement(station, lanes, now)
            or self._next_query(station, lanes, now)
            or self._next_data(station, lanes, now, Precedence.PRIORITY)
            or self._next_data(station, lanes, now, Precedence.ROUTINE)
            or self._next_data(station, lanes, now, Precedence.ROUTINE, bulk=True)
            or self._next_checkpoint(station, lanes, now)
            or self._next_hello(station, lanes, now)
        )

    def _next_data(
        self,
        station: Station,
        lanes: list[Lane],
        now: Now,
        precedence: Precedence,
        bulk: bool = False,
    ) -> tuple[list[Change], Transmit] | None:
        """An envelope to repeat or to go on with, else a new one, of one precedence.

        One whose receipt is only late, on a free link, waits for the new ones: these are not
        there for certain.
        """
        due = [
            one
            for one in station.sender.outstanding.due(now.mono_s)
            if one.precedence is precedence and one.bulk is bulk
        ]
        return (
            self._repeat(station, lanes, now, [one for one in due if not one.unsure])
            or self._fresh(station, lanes, now, precedence, bulk)
            or self._repeat(station, lanes, now, [one for one in due if one.unsure])
        )

    def _fresh(
        self, station: Station, lanes: list[Lane], now: Now, precedence: Precedence, bulk: bool
    ) -> tuple[list[Change], Transmit] | None:
        """What was never sealed. What all may read has more lanes to choose from."""
        if not station.sender.may_seal(precedence):
            return None
        for clear in (True, False):
            oldest = station.sender.outbox.oldest(precedence, clear, bulk)
            if oldest is None:
                continue
            found = self._new_data(station, lanes, now, oldest, clear, bulk)
            if found is not None:
                return found
        return None

    def _repeat(
        self, station: Station, lanes: list[Lane], now: Now, due: list[Outgoing]
    ) -> tuple[list[Change], Transmit] | None:
        """The first of these envelopes that a lane takes."""
        for one in due:
            size = len(one.frame) + EPOCH_BYTES
            able = [lane for lane in lanes if lane.carries(size) and lane.may_carry(one.frame)]
            able = self.permits.lanes(station, able, one.precedence, one.kept_at, now, size)
            lane = choose(able, one.precedence, now.mono_s, one.unanswered)
            if lane is not None and not _leave_to_rest(one, lane, now):
                return [], self._transmit(station, one, lane)
        return None

    def _new_data(
        self,
        station: Station,
        lanes: list[Lane],
        now: Now,
        oldest: Queued,
        clear: bool,
        bulk: bool,
    ) -> tuple[list[Change], Transmit] | None:
        """A new envelope, by a lane for what all may read, or for what must be encrypted."""
        sender, precedence = station.sender, oldest.record.precedence
        if sender.used_up:
            return None
        open_to = [lane for lane in lanes if clear or lane.traits.may_encrypt]
        able = self._permitted(station, open_to, now, oldest)
        while (lane := choose(able, precedence, now.mono_s, {})) is not None:
            open_air = not lane.traits.may_encrypt
            most = lane.content_bytes_max
            batch = sender.outbox.batch(precedence, most, open_air, bulk)
            if batch:
                sure = self._sure(station, lane, open_to, now, batch)
                paid = self.permits.within_budget(lane, precedence, now)
                riding = station.hearer.receipts.riding_block(now.mono_s)
                ack = riding[0] if riding else None
                changes, one = sender.seal(batch, paid, ack, now.mono_s, sure)
                if riding:
                    changes.append(Receipted(station.pairing, (riding[1],)))
                return changes, self._transmit(station, one, lane)
            able.remove(lane)
        return None

    def _permitted(
        self, station: Station, lanes: list[Lane], now: Now, oldest: Queued
    ) -> list[Lane]:
        """Those lanes that may take the oldest of a precedence, alone in its frame."""
        size = 0
        if any(self.permits.budgeted(lane.link) for lane in lanes):
            size = station.sender.outbox.frame_bytes(oldest)
        precedence, since = oldest.record.precedence, oldest.kept_at
        return self.permits.lanes(station, lanes, precedence, since, now, size, SPARE_BYTES)

    def _sure(
        self, station: Station, lane: Lane, lanes: list[Lane], now: Now, batch: list[Queued]
    ) -> int:
        """How many of a batch may take a lane; slower ones behind them only fill its credit."""
        head = batch[0].record.precedence
        slower = next((item for item in batch if item.record.precedence is not head), None)
        if slower is None or lane in self._permitted(station, lanes, now, slower):
            return len(batch)
        return sum(item.record.precedence is head for item in batch)

    def _transmit(self, station: Station, one: Outgoing, lane: Lane) -> Transmit:
        station.hellos.pop(lane.link, None)
        if lane.traits.carried:
            return copy(station, one, lane, rests_s=0.0)
        frame, carries = station.sender.frame_for(one, lane)
        one.flying.add((lane.link, lane.peer))
        return Transmit(lane.link, lane.peer, frame, carries, one.precedence)

    def _next_receipt(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        due = station.hearer.receipts.next_due_s()
        if due is None or due > now.mono_s or station.sender.used_up:
            return None
        back = [lane for lane in lanes if lane.link == station.last_link]
        urgency = station.hearer.receipts.urgency
        lane = self._pick(station, back or lanes, urgency, now)
        if lane is None:
            return None
        return self._receipt(station, lane, urgency, now)

    def _next_announcement(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """Tell, and repeat until it is held, that this side was restored: a query for nothing."""
        if not station.announces or station.sender.used_up:
            return None
        lane = self._pick(station, lanes, Precedence.PRIORITY, now)
        if lane is None:
            return None
        station.announces = False
        record = Record(RecordKind.QUERY, Precedence.PRIORITY, now.minute)
        changes, transmit = self._own(station, record, lane, now, sign=False)
        return [*changes, Announced(station.pairing)], transmit

    def _next_query(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """Ask what the far end holds, after one of the two was restored."""
        due = station.sender.query_due_s()
        if due is None or due > now.mono_s or station.sender.used_up:
            return None
        if station.sender.outstanding.asking:
            return None  # That one is repeated; another would say nothing more.
        lane = self._pick(station, lanes, Precedence.PRIORITY, now)
        if lane is None:
            return None
        paid = self.permits.within_budget(lane, Precedence.PRIORITY, now)
        return self._own(station, station.sender.query(paid, now), lane, now, sign=False)

    def _next_checkpoint(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """Sign what is not signed yet, where that costs nothing or has waited long enough."""
        sender = station.sender
        if sender.used_up or not sender.may_seal(Precedence.ROUTINE):
            return None
        lane = self._pick(station, lanes, Precedence.ROUTINE, now)
        if lane is None or not sender.checkpoint_due(not lane.traits.metered, now.mono_s):
            return None
        return self._own(station, sender.checkpoint(now), lane, now, sign=True)

    def _own(
        self, station: Station, record: Record, lane: Lane, now: Now, sign: bool
    ) -> tuple[list[Change], Transmit]:
        """An envelope with a record of the station's own, and an ack block riding in it."""
        riding = station.hearer.receipts.riding_block(now.mono_s)
        ack = riding[0] if riding else None
        changes, one = station.sender.seal_own(record, lane, ack, sign, now.mono_s)
        told = [Receipted(station.pairing, (riding[1],))] if riding else []
        return [*changes, *told], self._transmit(station, one, lane)

    def _next_hello(
        self, station: Station, lanes: list[Lane], now: Now
    ) -> tuple[list[Change], Transmit] | None:
        """Show a way that the center may not know, where nothing else does."""
        for lane in lanes:
            hello = station.hellos.get(lane.link)
            if hello is None or hello.due_s > now.mono_s or lane.busy or station.sender.used_up:
                continue
            if lane.spare or self._pick(station, [lane], Precedence.ROUTINE, now) is None:
                continue
            station.said_hello(lane.link, now.mono_s)
            return self._receipt(station, lane, Precedence.ROUTINE, now)
        return None

    def _pick(
        self, station: Station, lanes: list[Lane], precedence: Precedence, now: Now
    ) -> Lane | None:
        """The lane for something of the station's own: within hours and budget, without patience.

        However urgent, it is small: the price comes first.
        """
        able = self.permits.lanes(station, lanes, precedence, IMPATIENT, now, OWN_BYTES)
        return choose(able, min(precedence, Precedence.PRIORITY), now.mono_s, {})

    def _receipt(
        self, station: Station, lane: Lane, precedence: Precedence, now: Now
    ) -> tuple[list[Change], Transmit]:
        paid = self.permits.within_budget(lane, precedence, now)
        room = paid.traits.mtu_bytes - RECEIPT_BYTES
        blocks, lives = station.hearer.receipts.due_blocks(now.mono_s, room)
        station.telling[lane.link, lane.peer] = lives
        receipt = Receipt(now.wall_ms // 1000 % 2**32, blocks)
        clear, introduce = not lane.traits.may_encrypt, station.introduces
        changes, frame, carries = station.sender.seal_receipt(receipt, clear, introduce)
        station.introduces = False
        return changes, Transmit(lane.link, lane.peer, frame, carries)

    def ways(self, station: Station) -> list[Lane]:
        """The lanes to a station: every link of a kit, the paths it was heard on at a center.

        Those that are carried are no ways: nobody knows when, or where to.
        """
        if station.refused:
            return []
        if not station.keeps_root:
            lanes = [lane for lane in self.lanes.values() if lane.leads]
        else:
            known = [path for path in station.paths.items() if path[0] in self.traits]
            lanes = [self._lane(link, peer) for link, peer in known]
        return [lane for lane in lanes if not lane.traits.carried]

    def read_first(self, link: str, now: Now) -> None:
        """What lies on a stick may say that some of what waits for it is held: write afterwards."""
        self.lanes[link, ""].blocked_until_s = now.mono_s + SETTLE_S

    def carriers(self, station: Station) -> list[Lane]:
        """The carried lanes that are up: they take along what is for anybody."""
        if station.refused:
            return []
        return [lane for lane in self.lanes.values() if lane.traits.carried]

    def _lane(self, link: str, peer: str) -> Lane:
        lane = self.lanes.get((link, peer))
        if lane is None:
            lane = self.lanes[link, peer] = Lane(link, peer, self.traits[link])
        return lane

    def next_s(self, station: Station, now: Now) -> float:
        """When this station next has something to do without an event from outside."""
        lanes = self.ways(station)
        blocked = [lane.blocked_until_s for lane in (*lanes, *self.carriers(station))]
        times = [due for due in (*blocked, *station.owes.values()) if due > now.mono_s]
        if any(not lane.busy and lane.usable(now.mono_s) for lane in lanes):
            sender, hearer = station.sender, station.hearer
            dues = (
                sender.outstanding.next_due_s(),
                hearer.receipts.next_due_s(),
                sender.checkpoint_due_s(),
            )
            times += [due for due in dues if due is not None and due > now.mono_s]
        times += [h.due_s for h in station.hellos.values() if h.due_s > now.mono_s]
        if station.sender.doubt.wonders_s is not None:
            times.append(station.sender.doubt.wonders_s)
        query_s = station.sender.query_due_s()
        if query_s is not None and query_s > now.mono_s:
            times.append(query_s)
        if station.policy_due_s > now.mono_s:
            times.append(station.policy_due_s)
        if station.closed_due_s is not None and station.closed_due_s > now.mono_s:
            times.append(station.closed_due_s)
        expiry = station.sender.outbox.next_expiry
        if expiry is not None:
            times.append(now.mono_s + max(0.0, (expiry - now.wall_ms) / 1000) + 0.001)
        return min(times, default=NEVER)


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
