"""One pairing at work: what goes out, what comes in, and the ways to the far end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crisiskit.codec.acks import decode_receipt
from crisiskit.codec.header import FrameKind, Header
from crisiskit.codec.readings import decode_references
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import Entropy
from crisiskit.model import Notice, Record, RecordKind
from crisiskit.step import Change, ClockAgreed, Now, PairingState, Raised, ReadThere
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.hearer import Hearer, Name, Opened
from crisiskit.sync.sender import Sender
from transports.link import Traits

CLOCK_DOUBT_S = 600
HELLO_AGAIN_S = 60.0
HELLOS_MOST = 5
CONTACT_S = 10.0
NEVER = float("inf")


@dataclass(slots=True)
class Hello:
    """A kit shows itself on a link that came up: its center may have lost the way to it.

    A receipt, with nothing to say if need be. Repeated a few times until something is heard.
    """

    due_s: float
    tries: int = 0


class Station:
    """One pairing at work: what goes out, what comes in, and the ways to the far end."""

    def __init__(self, state: PairingState, entropy: Entropy) -> None:
        self.pairing = state.pairing
        self.keeps_root = state.keeps_root
        self.sender = Sender(state, entropy)
        self.hearer = Hearer(state)
        self.paths = dict(state.paths)
        self.last_link = state.paths[-1][0] if state.paths else ""
        self.contact_s = -CONTACT_S
        self.wake_s = NEVER
        self.live: set[str] = set()
        self.telling: dict[tuple[str, str], tuple[Name, ...]] = {}
        self.hellos: dict[str, Hello] = {}
        self.warned: set[object] = set()
        self._clock_told = False

    def lane_lost(self, link: str, peer: str, now_s: float) -> None:
        """What that lane was given may not have left."""
        self.sender.failed(link, peer, now_s)
        self.hearer.owe(self.telling.pop((link, peer), ()), now_s)

    def link_up(self, link: str, traits: Traits, now_s: float) -> None:
        """A link can carry frames again."""
        if traits.listens and not traits.lasting_peers and link not in self.live:
            self.paths.pop(link, None)
        if not self.keeps_root and not traits.metered:
            self.hellos[link] = Hello(now_s)
        self.sender.link_up(link, not traits.metered, now_s)

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

    def take_in(
        self, header: Header, event: FrameReceived, traits: Traits, now: Now
    ) -> Opened | None:
        """A frame with the address of this station; None if it is not authentic."""
        frame = event.frame
        parts: list[Change] = []
        if header.kind is FrameKind.RECEIPT:
            return self._receipt(header, frame, now)
        if header.kind is FrameKind.PART:
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
        changes = [*parts, *opened.changes]
        if opened.content is not None:
            if opened.content.ack is not None and not opened.old:
                changes += self.sender.take_block(opened.content.ack, now.mono_s)
            changes += self._read_there(opened.content.records)
        return replace(opened, changes=changes)

    def _receipt(self, header: Header, frame: bytes, now: Now) -> Opened | None:
        found = self.hearer.open(header, frame)
        if found is None:
            return None
        keys, data = found
        receipt = decode_receipt(data)
        if isinstance(receipt, Rejected):
            return None
        changes = self.hearer.heard_receipt(keys, header.counter)
        if changes is None:
            return Opened([], news=False)
        if not self.hearer.is_old(keys):
            for block in receipt.blocks:
                changes += self.sender.take_block(block, now.mono_s)
            changes += self._compare_clocks(receipt.time_s, now)
        return Opened(changes, news=True)

    def _compare_clocks(self, time_s: int, now: Now) -> list[Change]:
        """The center's time is a hint to set the clock, never more (protocol section 11)."""
        if self.keeps_root or self._clock_told:
            return []
        self._clock_told = True
        off_s = time_s - now.wall_ms // 1000
        if abs(off_s) < CLOCK_DOUBT_S:
            return [ClockAgreed()]
        return [Raised(self.pairing, Notice("clock_wrong", str(off_s)))]

    def _read_there(self, records: Iterable[Record]) -> list[Change]:
        """Reading receipts among the records, as far as they speak of records of ours."""
        sends = self.hearer.direction.other
        found = [
            reference
            for record in records
            if record.kind is RecordKind.READ
            for reference in decode_references(record.data)
            if reference.direction is sends
        ]
        return [ReadThere(self.pairing, tuple(found))] if found else []
