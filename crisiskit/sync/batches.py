"""A frame that costs a session takes along what else may leave by the same lane (``BATCH``).

Only where sessions cost, only whole envelopes, never at a higher price than one by one, and
with what is urgent nothing slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from crisiskit.codec.batch import (
    BATCH_BYTES_MAX,
    BATCH_FRAMES_MAX,
    LENGTH_BYTES_MAX,
    encode_batch,
)
from crisiskit.codec.header import FRAME_BYTES_MIN, precedence_of
from crisiskit.model import Precedence
from crisiskit.step import Carries, Change, Now, Transmit
from crisiskit.sync.lanes import Lane, choose
from crisiskit.sync.outstanding import Outgoing
from crisiskit.sync.permits import Permits
from crisiskit.sync.sender import SPARE_BYTES
from crisiskit.sync.station import Station

EPOCH_BYTES = 6
NEW_BYTES_MIN = 1024


@dataclass(slots=True)
class _Load:
    """What is in the frame so far."""

    carried: list[tuple[Carries, bytes]]
    precedence: Precedence

    def bytes_with(self, more: int) -> int:
        """The batch with one frame more, at most."""
        sizes = [len(frame) for _, frame in self.carried]
        return 1 + sum(sizes) + more + LENGTH_BYTES_MAX * (len(sizes) + 1)


class Batches:
    """Fills frames of dear sessions. ``ways`` gives the lanes to a station."""

    def __init__(self, permits: Permits, ways: Callable[[Station], list[Lane]]) -> None:
        self._permits = permits
        self._ways = ways

    def fill(
        self, station: Station, first: Transmit, lane: Lane, now: Now
    ) -> tuple[list[Change], Transmit]:
        """``first`` with all the company that the lane has room for; itself where there is none."""
        if not lane.traits.dear_sessions or not lane.traits.may_encrypt:
            return [], first
        if first.carries.part is not None:
            return [], first
        changes: list[Change] = []
        precedence = precedence_of(first.frame)
        load = _Load([(first.carries, first.frame)], precedence)
        urgent = precedence >= Precedence.IMMEDIATE
        wanted = [Precedence.FLASH, Precedence.IMMEDIATE]
        wanted += [] if urgent else [Precedence.PRIORITY, Precedence.ROUTINE]
        for each in wanted:
            for bulk in (False, True):
                self._add_due(station, load, each, bulk, lane, now)
                changes += self._add_new(station, load, each, bulk, lane, now)
        if len(load.carried) == 1:
            return changes, first
        frame = encode_batch([frame for _, frame in load.carried], load.precedence)
        company = tuple((carries, len(frame)) for carries, frame in load.carried[1:])
        return changes, replace(first, frame=frame, company=company)

    def _room(self, load: _Load, precedence: Precedence, lane: Lane, now: Now) -> int:
        """Bytes that a frame more may have."""
        if len(load.carried) >= BATCH_FRAMES_MAX:
            return 0
        paid = self._permits.within_budget(lane, precedence, now).traits.mtu_bytes
        return min(paid, BATCH_BYTES_MAX) - load.bytes_with(0)

    def _add_due(
        self,
        station: Station,
        load: _Load,
        precedence: Precedence,
        bulk: bool,
        lane: Lane,
        now: Now,
    ) -> None:
        """Envelopes that are due again."""
        room = self._room(load, precedence, lane, now)
        if room < FRAME_BYTES_MIN:
            return
        for one in station.sender.outstanding.due(now.mono_s):
            if one.precedence is not precedence or one.bulk is not bulk or one.resumed:
                continue
            room = self._room(load, precedence, lane, now)
            if one.parts_left or len(one.frame) + EPOCH_BYTES > room:
                continue
            frame, carries = station.sender.frame_for(one, lane)
            if self._dearer(load, len(frame), lane) or not self._chosen(station, one, lane, now):
                continue
            one.flying.add((lane.link, lane.peer))
            load.carried.append((carries, frame))
            load.precedence = max(load.precedence, precedence)

    def _add_new(
        self,
        station: Station,
        load: _Load,
        precedence: Precedence,
        bulk: bool,
        lane: Lane,
        now: Now,
    ) -> list[Change]:
        """New envelopes, where there is room for a large one."""
        changes: list[Change] = []
        sender = station.sender
        while (room := self._room(load, precedence, lane, now)) >= NEW_BYTES_MIN:
            oldest = sender.outbox.oldest(precedence, False, bulk)
            oldest = oldest or sender.outbox.oldest(precedence, True, bulk)
            if oldest is None or sender.used_up or not sender.may_seal(precedence):
                break
            size = sender.outbox.frame_bytes(oldest)
            if size + SPARE_BYTES > room:
                break
            lanes = self._permits.lanes(
                station, self._ways(station), precedence, oldest.kept_at, now, size, SPARE_BYTES
            )
            if choose(lanes, precedence, now.mono_s, {}) is not lane:
                break
            narrow = replace(lane, traits=replace(lane.traits, mtu_bytes=room))
            batch = sender.outbox.batch(precedence, narrow.content_bytes_max, False, bulk)
            alike = [item for item in batch if item.record.precedence is precedence]
            if not alike:
                break
            sealed, one = sender.seal(alike, narrow, None, now.mono_s)
            changes += sealed
            frame, carries = sender.frame_for(one, lane)
            if carries.part is not None or len(frame) > room:
                break  # It is due, and leaves with the next frame.
            one.flying.add((lane.link, lane.peer))
            load.carried.append((carries, frame))
            load.precedence = max(load.precedence, precedence)
        return changes

    def _dearer(self, load: _Load, more: int, lane: Lane) -> bool:
        """Whether a frame costs more in the batch than alone."""
        single = len(load.carried) == 1
        before = lane.traits.price(len(load.carried[0][1]) if single else load.bytes_with(0))
        alone, together = lane.traits.price(more), lane.traits.price(load.bytes_with(more))
        return bool(lane.traits.credit_bytes) and (
            together.credits > before.credits + alone.credits
        )

    def _chosen(self, station: Station, one: Outgoing, lane: Lane, now: Now) -> bool:
        """Whether an envelope would take this lane by itself."""
        size = len(one.frame)
        able = [way for way in self._ways(station) if way.carries(size)]
        able = [way for way in able if way.may_carry(one.frame)]
        able = self._permits.lanes(station, able, one.precedence, one.kept_at, now, size)
        return choose(able, one.precedence, now.mono_s, one.unanswered) is lane
