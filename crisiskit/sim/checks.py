"""What must be true of a world at every moment and at its end (protocol sections 2 and 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from crisiskit.carrying import Carried, CarriedOn
from crisiskit.codec.batch import frames_of
from crisiskit.codec.header import FrameKind, decode_header
from crisiskit.codec.reject import Rejected
from crisiskit.model import Attached, Precedence, RecordKind
from crisiskit.sim.attached import files
from crisiskit.sim.world import Station, World
from crisiskit.step import (
    Acknowledged,
    Answered,
    Arrived,
    Change,
    Sealed,
    Spent,
    Transmit,
    Unpacked,
)
from crisiskit.store.frames import BYTES_IN_SQL
from crisiskit.sync.budget import DAY_MS
from crisiskit.sync.relay import QUOTA_BYTES
from crisiskit.sync.sender import WINDOW
from transports.link import Traits

OWN_TALK_MOST = 3
_DATA = (FrameKind.SEALED, FrameKind.PART)


def _precedence(frame: bytes) -> Precedence | None:
    found = decode_header(frame)
    return None if isinstance(found, Rejected) else found[0].precedence


class BrokenPromiseError(AssertionError):
    """A promise was broken; the seed of the world replays it."""


@dataclass(slots=True)
class Tally:
    """What a world has seen, for people to judge how hard it was."""

    said: int = 0
    files: int = 0
    held: int = 0
    frames: int = 0
    crashes: int = 0
    restores: int = 0
    injected: int = 0
    carried: int = 0

    def add(self, other: Tally) -> None:
        """Put the figures of another world to these."""
        names = ("said", "files", "held", "frames", "crashes", "restores", "injected", "carried")
        for name in names:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Checker:
    """Watches a world: nothing lost, doubled, forged or called held that is not.

    ``said``: every text, with its writer and its reader. ``forgotten``: the record digests
    that a station lost by being restored, which others may have seen it hold. ``paid``: credits
    by station, link and day of its clock, and ``flashed`` what of it may go over the budget: the
    sessions with a FLASH in them. ``resets``: clocks and backups are set back here, and
    with them what was spent in a day.
    """

    world: World
    tally: Tally = field(default_factory=Tally)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    forgotten: dict[str, set[bytes]] = field(default_factory=dict)
    paid: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    flashed: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    resets: bool = False

    # -- while the world runs --------------------------------------------------------------

    def committed(self, station: Station, changes: Sequence[Change]) -> None:
        """A station committed: is what it calls held really stored at the far end?"""
        for change in changes:
            if isinstance(change, Acknowledged | Answered):
                self._no_false_held(station, change)
                self._no_file_left_behind(station)
            elif isinstance(change, Arrived | Unpacked):
                self._nothing_forged(change)
            elif isinstance(change, Spent):
                self._budget_kept(station, change)
            elif isinstance(change, Carried | CarriedOn):
                self._relay_rules(station, change)
        sealed = any(isinstance(change, Sealed) for change in changes)
        if sealed and station.engine is not None:
            self._bounds(station)

    def leaves(self, station: Station, transmit: Transmit) -> None:
        """Nothing slower leaves by a link while a FLASH waits for it."""
        self.tally.frames += 1
        if transmit.relayed:
            return
        frames = list(frames_of(transmit.frame))
        flash_bytes = sum(len(one) for one in frames if _precedence(one) is Precedence.FLASH)
        if flash_bytes:
            price = self._traits(station, transmit.link).price(len(transmit.frame))
            self.flashed[self._today(station, transmit.link)] += price.credits
        for frame in frames:
            self._leaves(station, transmit, frame, flash_bytes)

    def _leaves(self, station: Station, transmit: Transmit, frame: bytes, flash_bytes: int) -> None:
        found = decode_header(frame)
        if isinstance(found, Rejected) or found[0].kind not in _DATA:
            return
        self._on_terms(station, transmit, found[0].precedence, flash_bytes)
        assert station.engine is not None
        waiting = station.engine.waiting_precedence(transmit.carries.pairing)
        slow = found[0].precedence < Precedence.IMMEDIATE
        if slow and waiting is Precedence.FLASH:
            raise BrokenPromiseError(f"{station.name}: FLASH waits behind {found[0].precedence}")

    def _on_terms(
        self, station: Station, transmit: Transmit, precedence: Precedence, flash_bytes: int
    ) -> None:
        """Hours and budgets bind all but FLASH; reserves are left to those whom they are for."""
        carrier = self.world.carriers[transmit.link]
        if not self.world.keeps_terms or precedence is Precedence.FLASH:
            return
        minute = self.world.wall_ms(station) // 60_000 % (24 * 60)
        if not carrier.hours.open_at(minute):
            raise BrokenPromiseError(f"{station.name}: {transmit.link} used out of hours")
        terms = carrier.terms(station.is_center)
        most = terms.budget.share(precedence).credits
        credits = terms.traits.price(len(transmit.frame) - flash_bytes).credits
        if most is not None and self.paid[self._today(station, transmit.link)] + credits > most:
            raise BrokenPromiseError(f"{station.name}: {precedence} used a reserve")

    def _traits(self, station: Station, link: str) -> Traits:
        carrier = self.world.carriers[link]
        return carrier.down if station.is_center else carrier.up

    def _budget_kept(self, station: Station, change: Spent) -> None:
        """FLASH alone goes over a budget; a session that began before midnight is paid after it."""
        day = self._today(station, change.link)
        self.paid[day] += change.credits
        most = self.world.carriers[change.link].terms(station.is_center).budget.credits
        flashed = self.flashed[day] + self.flashed[(*day[:2], day[2] - 1)]
        if self.world.keeps_terms and most is not None and self.paid[day] - flashed > most:
            raise BrokenPromiseError(f"{station.name}: over the budget of {change.link}")

    def _today(self, station: Station, link: str) -> tuple[str, str, int]:
        return station.name, link, self.world.wall_ms(station) // DAY_MS

    def _no_false_held(self, station: Station, change: Acknowledged | Answered) -> None:
        rows = station.store._db.execute(
            "SELECT r.digest FROM delivery d JOIN record r ON r.id = d.record"
            " WHERE d.pairing = ? AND d.box = 'out' AND d.epoch = ? AND d.seq < ?"
            " AND d.state IN ('held', 'read') AND d.state_at = ?",
            (change.pairing, change.epoch, change.held_below, station.store._wall()),
        ).fetchall()
        far = self._far(station, change.pairing)
        gone = self.forgotten.get(far.name, set())
        for (digest,) in rows:
            self.tally.held += 1
            stored = far.store._db.execute(
                "SELECT 1 FROM record WHERE digest = ? AND box = 'in'", (digest,)
            ).fetchone()
            if stored is None and digest not in gone:
                raise BrokenPromiseError(f"{station.name}: held, but {far.name} has it not")

    def _no_file_left_behind(self, station: Station) -> None:
        """A message that is held has no piece of a file that still waits."""
        row = station.store._db.execute(
            "SELECT 1 FROM piece p JOIN record m ON m.digest = p.message JOIN delivery d"
            " ON d.record = m.id AND d.state = 'held' AND d.state_at = ? JOIN delivery f"
            " ON f.record = p.record AND f.pairing = d.pairing"
            " WHERE p.author = 0 AND f.state IN ('kept', 'sealed', 'sent', 'arrived')",
            (station.store._wall(),),
        ).fetchone()
        if row is not None:
            raise BrokenPromiseError(f"{station.name}: held, but a piece of its file is not")

    def _nothing_forged(self, change: Arrived | Unpacked) -> None:
        arrived = change.arrived if isinstance(change, Unpacked) else change
        if arrived.undecodable:
            raise BrokenPromiseError(f"undecodable: {arrived.undecodable}")
        for record in arrived.records:
            if record.kind.for_people and record.text not in self.said:
                raise BrokenPromiseError("a text that nobody wrote")

    def _relay_rules(self, station: Station, change: Carried | CarriedOn) -> None:
        """Quota and budget are kept, and nobody carries what is his own."""
        db = station.store._db
        if isinstance(change, Carried):
            rows = db.execute(f"SELECT kit_number, sum({BYTES_IN_SQL}) FROM carried GROUP BY 1")
            if any(size > QUOTA_BYTES for _, size in rows):
                raise BrokenPromiseError(f"{station.name}: carries more than the quota")
            if change.kit_number == self.world.stations.index(station) or station.is_center:
                raise BrokenPromiseError(f"{station.name}: carries its own")
            return
        self.tally.carried += 1
        most = self.world.relay.credits_day
        rows = db.execute("SELECT day, sum(credits) FROM carried_on GROUP BY day")
        if not self.resets and any(credits > most for _, credits in rows):
            raise BrokenPromiseError(f"{station.name}: spends more for others than its budget")

    def _bounds(self, station: Station) -> None:
        """One query at a time; and, where nothing is repeated for a restored side, the window."""
        assert station.engine is not None
        for pairing in station.engine.pairings:
            if station.engine.asking(pairing) > 1:
                raise BrokenPromiseError(f"{station.name}: asks again before it was heard")
            if not self.forgotten and station.engine.unanswered(pairing) > WINDOW + OWN_TALK_MOST:
                raise BrokenPromiseError(f"{station.name}: too much awaits a receipt")

    def _far(self, station: Station, pairing: int) -> Station:
        if not station.is_center:
            return self.world.center
        return self.world.kits[pairing - 1]

    # -- people and misfortune -------------------------------------------------------------

    def say(
        self,
        station: Station,
        text: str,
        precedence: Precedence,
        to: str,
        files: tuple[Attached, ...] = (),
        kind: RecordKind = RecordKind.TEXT,
    ) -> None:
        """Somebody writes; the text is unlike all others."""
        assert text not in self.said, "texts are told apart by their words"
        reader = to if station.is_center else self.world.center.name
        self.said[text] = (station.name, reader)
        self.tally.said += 1
        self.tally.files += len(files)
        self.world.say(station, text, precedence, to, files=files, kind=kind)

    def restore(self, station: Station, backup: bytes, knows: bool) -> None:
        """The station is set back to an old store."""
        before = self._incoming(station)
        self.world.restore(station, backup, self.world.rng.uniform(1, 3600), knows)
        lost = before - self._incoming(station)
        self.forgotten.setdefault(station.name, set()).update(lost)
        for day in [day for day in self.paid if day[0] == station.name]:
            del self.paid[day]  # what it spent since the backup it cannot know
        self.tally.restores += 1

    def _incoming(self, station: Station) -> set[bytes]:
        rows = station.store._db.execute("SELECT digest FROM record WHERE box = 'in'")
        return {digest for (digest,) in rows}

    # -- at the end ------------------------------------------------------------------------

    def conclude(self) -> None:
        """Everything that a writer still has is with its reader, once."""
        texts = {station.name: Counter(self.world.texts(station)) for station in self._stations()}
        for station in self._stations():
            doubled = [text for text, n in texts[station.name].items() if n > 1]
            if doubled:
                raise BrokenPromiseError(f"{station.name} shows {len(doubled)} texts twice")
            for text in texts[station.name]:
                if self.said[text][1] != station.name:
                    raise BrokenPromiseError(f"{station.name} was shown what was not for it")
            for text in self.world.texts(station, "out"):
                reader = self.said[text][1]
                if text not in texts[reader]:
                    raise BrokenPromiseError(f"{station.name} wrote what {reader} never got")

            self._files_there(station)

    def _files_there(self, station: Station) -> None:
        """Every file that a writer still has is whole with its reader, the same bytes."""
        for text, sent in files(station, "out").items():
            reader = next(s for s in self._stations() if s.name == self.said[text][1])
            if files(reader).get(text) != sent:
                raise BrokenPromiseError(f"{station.name} sent a file that {reader.name} lacks")

    def _stations(self) -> list[Station]:
        return self.world.stations
