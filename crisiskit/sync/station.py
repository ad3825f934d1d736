"""One pairing at work: what goes out, what comes in, and the ways to the far end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crisiskit.codec.acks import decode_receipt
from crisiskit.codec.checkpoint import decode_query
from crisiskit.codec.header import Header
from crisiskit.codec.pieces import decode_piece
from crisiskit.codec.readings import decode_references
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.statement import Sign
from crisiskit.model import Notice, Record, RecordKind
from crisiskit.snapshot import PairingState
from crisiskit.step import (
    Change,
    ClockAgreed,
    EpochHeard,
    Life,
    Now,
    Raised,
    ReadThere,
    Transmit,
)
from crisiskit.sync.archive import Archive
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.heard import Opened
from crisiskit.sync.hearer import Hearer
from crisiskit.sync.lanes import Lane
from crisiskit.sync.sender import Sender
from crisiskit.trusted import CLOCK_TRUSTED_MS
from transports.link import Traits

CLOCK_DOUBT_S = 600
CLOCK_TOLD_S = 3600.0
HELLO_AGAIN_S = 60.0
HELLOS_MOST = 5
CONTACT_S = 10.0
CLOSED_PATIENCE_S = 60.0
NEVER = float("inf")
NEVER_BEFORE = -NEVER


@dataclass(slots=True)
class Hello:
    """A kit shows itself on a link that came up: its center may have lost the way to it.

    A receipt, with nothing to say if need be. Repeated a few times until something is heard.
    """

    due_s: float
    tries: int = 0


class Station:
    """One pairing at work: what goes out, what comes in, and the ways to the far end."""

    def __init__(
        self, state: PairingState, entropy: Entropy, sign: Sign | None, archive: Archive
    ) -> None:
        self.pairing = state.pairing
        self.keeps_root = state.keeps_root
        self.sender = Sender(state, entropy, sign)
        self.hearer = Hearer(state, archive)
        self.announces = state.announce
        self.paths = dict(state.paths)
        self.former: dict[str, str] = {}
        self.introduces = False
        self.refused = False
        self.last_link = state.paths[-1][0] if state.paths else ""
        self.contact_s = -CONTACT_S
        self.wake_s = NEVER
        self.live: set[str] = set()
        self.telling: dict[tuple[str, str], tuple[Life, ...]] = {}
        self.hellos: dict[str, Hello] = {}
        self.owes: dict[str, float] = {}
        self.warned: set[object] = set()
        self.closed_due_s: float | None = None
        self.clock_agreed_s = NEVER_BEFORE
        self.known_links = {link for link, _ in state.paths}
        self.policy_due_s = NEVER

    def lane_lost(self, link: str, peer: str, now_s: float) -> None:
        """What that lane was given may not have left."""
        self.sender.outstanding.failed(link, peer, now_s)
        self.hearer.receipts.owe(self.telling.pop((link, peer), ()), now_s)

    def not_taken(self, transmit: Transmit, now_s: float) -> None:
        """A link did not take a frame."""
        for carries, _ in transmit.shares:
            self.sender.outstanding.not_taken(carries, transmit.link, transmit.peer, now_s)
            if carries.seq is None:
                told = self.telling.pop((transmit.link, transmit.peer), ())
                self.hearer.receipts.owe(told, now_s)

    def path_found(self, link: str, peer: str, free: bool, now_s: float) -> None:
        """News came by this way: it is the one to answer by; the one before is remembered.

        What was left to a courier, or waits elsewhere, may leave by a new one now.
        """
        before = self.paths.get(link)
        if before is None:
            self.sender.outstanding.link_up(link, free, now_s)
        if before is not None and before != peer:
            self.former[link] = before
        self.paths[link] = peer
        self.last_link = link
        self.known_links.add(link)

    def path_lost(self, link: str, peer: str) -> None:
        """A way is gone: the one before it may still be good."""
        if self.former.get(link) == peer:
            del self.former[link]
        if self.paths.get(link) == peer:
            del self.paths[link]
            if link in self.former:
                self.paths[link] = self.former.pop(link)

    def link_up(self, link: str, traits: Traits, now_s: float) -> None:
        """A link can carry frames again. One that is carried gets a receipt, if there is news."""
        if traits.carried:
            self.sender.outstanding.carrier_up(link)
            receipts = self.hearer.receipts
            speaks = receipts.newest_life is not None and not self.keeps_root
            if speaks or receipts.next_due_s() is not None:
                self.owes[link] = now_s
            return
        if traits.listens and not traits.lasting_peers and link not in self.live:
            self.paths.pop(link, None)
        if not self.keeps_root and not traits.metered:
            self.hellos[link] = Hello(now_s)
        self.sender.outstanding.link_up(link, not traits.metered, now_s)

    def way_found(self, lane: Lane, now_s: float) -> None:
        """A neighbour leads to the center, or leads there otherwise than before."""
        free = not lane.traits.metered and not lane.spare
        if free:
            self.hellos[lane.link] = Hello(now_s)
        self.sender.outstanding.link_up(lane.way, free, now_s)

    def said_hello(self, link: str, now_s: float) -> None:
        """A hello left; the next one is not due soon, and not for ever."""
        hello = self.hellos[link]
        hello.due_s = now_s + HELLO_AGAIN_S * 2**hello.tries
        hello.tries += 1
        if hello.tries == HELLOS_MOST:
            del self.hellos[link]

    def warn(self, key: object, notice: Notice) -> list[Change]:
        """A notice, once in a process life."""
        if key in self.warned:
            return []
        self.warned.add(key)
        return [Raised(self.pairing, notice)]

    def closed_waits(self, lanes: Sequence[Lane], now_s: float) -> bool:
        """Whether something that must be encrypted has waited a while for a lane that may."""
        closed = self.sender.outbox.closed()
        if not closed or not lanes or any(lane.traits.may_encrypt for lane in lanes):
            self.closed_due_s = None
            return False
        if self.closed_due_s is None:
            self.closed_due_s = now_s + CLOSED_PATIENCE_S
        return self.closed_due_s <= now_s

    def refuse_clear(self, header: Header, frame: bytes) -> list[Change]:
        """A frame that all can read, where that is not allowed: told once, if it is authentic."""
        if header.kind.is_part or "clear" in self.warned:
            return []
        authentic = self.hearer.open(header, frame) is not None
        return self.warn("clear", Notice("clear_refused")) if authentic else []

    def take_in(
        self, header: Header, event: FrameReceived, traits: Traits, now: Now
    ) -> Opened | None:
        """A frame with the address of this station; None if it is not authentic."""
        frame = event.frame
        parts: list[Change] = []
        if header.kind.is_receipt:
            return self._receipt(header, frame, now)
        if header.kind.is_part:
            parted = self.hearer.part(header, frame, traits, now.mono_s)
            if parted is None:
                return None
            parts, whole, header = parted
            if whole is None:
                return Opened(parts, news=bool(parts))
            frame = whole
        opened = self.hearer.envelope(header, frame, event.link, traits, now.mono_s)
        if opened is None:
            return Opened(parts, news=False) if parts else None
        self._mind_new_life(opened.changes)
        self.introduces = self.introduces or not opened.news
        changes = [*parts, *opened.changes, *self.heed(opened.records, now)]
        if opened.ack is not None and opened.keys is not None and not opened.old:
            by = opened.keys.life
            changes += self.sender.take_blocks([opened.ack], by, now.mono_s)
        return replace(opened, changes=changes)

    def _mind_new_life(self, changes: Iterable[Change]) -> None:
        if any(isinstance(change, EpochHeard) for change in changes):
            self.sender.unconfirm()

    def heed(self, records: Iterable[Record], now: Now) -> list[Change]:
        """What records that came in say to this station itself."""
        changes: list[Change] = []
        for record in records:
            if record.kind is RecordKind.QUERY and not record.data:
                changes += self.sender.peer_restored()
            elif record.kind is RecordKind.QUERY:
                self.hearer.receipts.asked(decode_query(record.data), now.mono_s)
            elif record.kind is RecordKind.READ:
                changes += self._read_there(record)
            elif record.kind is RecordKind.FILE and isinstance(decode_piece(record.data), Rejected):
                changes += self.warn("file", Notice("file_unreadable"))
        return changes

    def _receipt(self, header: Header, frame: bytes, now: Now) -> Opened | None:
        found = self.hearer.open(header, frame)
        if found is None:
            return None
        keys, data = found
        receipt = decode_receipt(data)
        if isinstance(receipt, Rejected):
            return None
        changes = self.hearer.heard_receipt(keys, header.counter, now.mono_s)
        if changes is None:
            return Opened([], news=False)
        self._mind_new_life(changes)
        if not self.hearer.is_old(keys):
            changes += self.sender.take_blocks(receipt.blocks, keys.life, now.mono_s)
            changes += self._compare_clocks(receipt.time_s, now)
        return Opened(changes, news=True)

    def _compare_clocks(self, time_s: int, now: Now) -> list[Change]:
        """The center's time is a hint to set the clock, never more (protocol section 11).

        A clock that agreed and was not set since is not ahead: the receipt was long on its way.
        """
        if self.keeps_root:
            return []
        off_s = time_s - now.wall_ms // 1000
        since_s = now.mono_s - self.clock_agreed_s
        if abs(off_s) < CLOCK_DOUBT_S:
            if since_s < CLOCK_TOLD_S:
                return []
            self.clock_agreed_s = now.mono_s
            return [ClockAgreed()]
        if off_s < 0 and since_s * 1000 < CLOCK_TRUSTED_MS:
            return []
        return self.warn("clock", Notice("clock_wrong", str(off_s)))

    def _read_there(self, record: Record) -> list[Change]:
        """A reading receipt, as far as it speaks of records of ours."""
        sends = self.hearer.direction.other
        found = [r for r in decode_references(record.data) if r.direction is sends]
        return [ReadThere(self.pairing, tuple(found))] if found else []
