"""The receiving side of one pairing: which epochs were heard, what is stored, what to receipt.

The order of protocol section 8: nothing is believed before its tag is verified, nothing is
receipted before it is committed, and a repeat costs no more than opening it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crisiskit.codec.acks import NO_DIGEST, AckBlock, PartRequest, ack_block, encode_block
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.content import Content, decode_content, wide_minute
from crisiskit.codec.header import Header, associated_data
from crisiskit.codec.parts import PartSet, open_part
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, EpochKeys, EpochSecret
from crisiskit.crypto.seal import open_frame
from crisiskit.model import Notice, Precedence
from crisiskit.step import (
    HEARD_EPOCHS_KEPT,
    Advanced,
    Arrived,
    Change,
    EpochHeard,
    PairingState,
    PartArrived,
    PartsDropped,
    Raised,
)
from transports.link import Traits

EPOCHS_AHEAD = 1024
PART_SETS = 4
ENOUGH_FOR_RECEIPT = 8
REPEAT_FREE_S = 2.0
REPEAT_METERED_S = 3600.0
IMMEDIATE_DELAY_S = 60.0
RIDER_BYTES_MAX = 24
WIDE_AFTER = 100
UNPROVED = b""
Name = tuple[int, bytes]


@dataclass(slots=True)
class Heard:
    """One life of the far end: an epoch under a salt. ``ahead`` maps numbers to leaves.

    ``digest`` is UNPROVED after an envelope that could not be decoded: what it covers is
    stored and receipted without proof, so the far end shows ARRIVED and not HELD.
    """

    keys: EpochKeys
    digest: bytes
    next_seq: int = 0
    base_minute: int | None = None
    ahead: dict[int, bytes] = field(default_factory=dict)
    news: int = 0
    due_s: float | None = None
    rides: bool = False
    receipted_s: float = -REPEAT_METERED_S
    last_receipt: int = -1

    @property
    def name(self) -> Name:
        """Epoch and salt."""
        return self.keys.epoch, self.keys.salt


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic envelope: what to commit, and what it says to our sender.

    ``content`` is None for a repeat and for what could not be decoded. ``news`` tells what
    nobody can have recorded and played again. ``old``: something newer was heard before.
    """

    changes: list[Change]
    news: bool
    content: Content | None = None
    old: bool = False


class Hearer:
    """All that comes from the far end of one pairing."""

    def __init__(self, state: PairingState) -> None:
        self.pairing = state.pairing
        self.direction = state.sends.other
        self._kit_fp = state.kit_fp
        self._author_fp = state.peer_fp
        self._keeps_root = state.keeps_root
        self._chain = ChainKey(self.direction, state.heard_chain_epoch, state.heard_chain)
        self._ahead = self._chain
        self._secrets = {
            epoch: EpochSecret(self.direction, epoch, secret) for epoch, secret in state.secrets
        }
        self._heard: dict[Name, Heard] = {}
        full = len(state.heard) >= HEARD_EPOCHS_KEPT
        self._oldest = state.heard[0].epoch if full else 0
        for h in state.heard:
            if not self._reachable(h.epoch):
                continue
            keys = self._secret(h.epoch).keys(h.salt)
            self._heard[h.epoch, h.salt] = Heard(
                keys,
                h.digest,
                h.next_seq,
                h.base_minute,
                dict(h.ahead),
                due_s=0.0 if h.owed else None,
            )
        self._newest: list[Name] = list(self._heard)[-2:]
        self._parts: dict[tuple[Name, int], PartSet] = {}
        self._parts_due: dict[tuple[Name, int], float] = {}
        for part in state.parts:
            self._resume_part(part)

    # -- keys ------------------------------------------------------------------------------

    def _highest(self) -> int:
        return max((epoch for epoch, _ in self._heard), default=-1)

    def _secret(self, epoch: int) -> EpochSecret:
        """The secret of an epoch; those in between are derived once and remembered."""
        while epoch not in self._secrets:
            self._secrets[self._ahead.epoch] = self._ahead.secret()
            if self._ahead.epoch == EPOCH_MAX:
                break
            self._ahead = self._ahead.forward(self._ahead.epoch + 1)
        return self._secrets[epoch]

    def _reachable(self, epoch: int) -> bool:
        """Whether it is not forgotten, and its secret is kept or can still be derived."""
        if epoch < self._oldest:
            return False
        return epoch in self._secrets or epoch >= self._ahead.epoch

    def _keys(self, header: Header) -> list[EpochKeys]:
        """The keys that may open a frame, likeliest first; none for an epoch out of reach."""
        if header.epoch is None or header.salt is None:
            return [self._heard[name].keys for name in reversed(self._newest)]
        known = self._heard.get((header.epoch, header.salt))
        if known is not None:
            return [known.keys]
        if not self._reachable(header.epoch) or header.epoch > self._highest() + EPOCHS_AHEAD:
            return []
        return [self._secret(header.epoch).keys(header.salt)]

    def open(self, header: Header, frame: bytes) -> tuple[EpochKeys, bytes] | None:
        """The content of an authentic envelope or receipt and the keys it came under."""
        for keys in self._keys(header):
            content = open_frame(keys, header, frame)
            if content is not None:
                return keys, content
        return None

    def _hear(self, keys: EpochKeys) -> tuple[Heard, list[Change]]:
        """The life behind authentic keys, noted when it is new."""
        name = (keys.epoch, keys.salt)
        heard = self._heard.get(name)
        if heard is not None:
            return heard, []
        digest = chain_start(self.direction, keys.epoch, keys.salt, self._kit_fp)
        heard = self._heard[name] = Heard(keys, digest, rides=True)
        if not self._newest or keys.epoch >= self._newest[-1][0]:
            self._newest = [*self._newest[-1:], name]
        return heard, [self._epoch_heard(keys, digest)]

    def _epoch_heard(self, keys: EpochKeys, digest: bytes) -> EpochHeard:
        if self._keeps_root or keys.epoch < self._chain.epoch:
            return EpochHeard(self.pairing, keys.epoch, keys.salt, digest)
        span = range(self._chain.epoch, keys.epoch + 1)
        secrets = tuple((epoch, self._secret(epoch).secret) for epoch in span)
        self._chain = self._chain.forward(min(keys.epoch + 1, EPOCH_MAX))
        return EpochHeard(
            self.pairing,
            keys.epoch,
            keys.salt,
            digest,
            secrets,
            self._chain.epoch,
            self._chain.key,
        )

    def is_old(self, keys: EpochKeys) -> bool:
        """Whether something newer was heard: its acks then say nothing new (section 7.1)."""
        return keys.epoch < self._highest()

    # -- envelopes -------------------------------------------------------------------------

    def envelope(
        self, header: Header, frame: bytes, link: str, traits: Traits, now_s: float
    ) -> Opened | None:
        """Take in a whole envelope; None if it is not authentic."""
        opened = self.open(header, frame)
        if opened is None:
            return None
        keys, data = opened
        heard, changes = self._hear(keys)
        seq = header.counter
        if seq < heard.next_seq or seq in heard.ahead:
            self._repeat_due(heard, traits, now_s)
            return Opened(changes, news=False)
        if seq == 0:
            heard.base_minute = wide_minute(data)
        content = decode_content(data, heard.base_minute)
        self._news_due(heard, header.precedence, traits, now_s)
        associated = associated_data(header)
        if isinstance(content, Rejected):
            unreadable = self._unreadable(heard, seq, frame, data, link, content)
            return Opened([*changes, *unreadable], news=True)
        digests = tuple(record_digest(self._author_fp, record) for record in content.records)
        heard.ahead[seq] = envelope_leaf(associated, digests)
        arrived = Arrived(
            self.pairing,
            self.direction,
            keys.epoch,
            keys.salt,
            seq,
            frame,
            data,
            heard.ahead[seq],
            link,
            content.records,
            digests,
        )
        changes += [arrived, self._advance(heard)]
        return Opened(changes, True, content, self.is_old(keys))

    def _unreadable(
        self, heard: Heard, seq: int, frame: bytes, data: bytes, link: str, why: Rejected
    ) -> list[Change]:
        """Stored, shown as such, still receipted (P6); from here on nothing can be proved."""
        heard.ahead[seq] = b""
        epoch, salt = heard.name
        arrived = Arrived(
            self.pairing,
            self.direction,
            epoch,
            salt,
            seq,
            frame,
            data,
            b"",
            link,
            undecodable=why.code,
        )
        notice = Notice("undecodable", f"epoch {epoch} number {seq}: {why.code}")
        return [arrived, self._advance(heard), Raised(self.pairing, notice)]

    def _advance(self, heard: Heard) -> Advanced:
        while heard.next_seq in heard.ahead:
            leaf = heard.ahead.pop(heard.next_seq)
            heard.digest = chain_next(heard.digest, leaf) if heard.digest and leaf else UNPROVED
            heard.next_seq += 1
        epoch, salt = heard.name
        return Advanced(self.pairing, epoch, salt, heard.next_seq, heard.digest, heard.base_minute)

    # -- parts -----------------------------------------------------------------------------

    def part(
        self, header: Header, frame: bytes, traits: Traits, now_s: float
    ) -> tuple[list[Change], bytes | None, Header] | None:
        """Take in a part: what to commit, the whole frame once it is complete, its header.

        None if the part is not authentic.
        """
        for keys in self._keys(header):
            part = open_part(frame, keys.part)
            if isinstance(part, Rejected):
                continue
            heard, changes = self._hear(keys)
            name = (heard.name, header.counter)
            if header.counter < heard.next_seq or header.counter in heard.ahead:
                self._repeat_due(heard, traits, now_s)
                return changes, None, part.header
            pieces, dropped = self._set_for(name, part.last)
            changes += dropped
            if not pieces.add(part):
                return changes, None, part.header
            whole = pieces.envelope(part.header)
            if whole is not None:
                return [*changes, self._drop(name)], whole, part.header
            self._parts_due[name] = now_s + 2 * traits.receipt_delay_s + traits.repeat_s / 2
            epoch, salt = heard.name
            kept = PartArrived(
                self.pairing, epoch, salt, header.counter, part.index, part.last, frame
            )
            return [*changes, kept], None, part.header
        return None

    def _set_for(self, name: tuple[Name, int], last: int) -> tuple[PartSet, list[Change]]:
        dropped: list[Change] = []
        if name in self._parts and self._parts[name].last != last:
            dropped.append(self._drop(name))
        if name not in self._parts:
            if len(self._parts) >= PART_SETS:
                dropped.append(self._drop(next(iter(self._parts))))
            self._parts[name] = PartSet(last)
        return self._parts[name], dropped

    def _drop(self, name: tuple[Name, int]) -> PartsDropped:
        self._parts.pop(name, None)
        self._parts_due.pop(name, None)
        (epoch, salt), seq = name
        return PartsDropped(self.pairing, epoch, salt, seq)

    def _resume_part(self, kept: PartArrived) -> None:
        heard = self._heard.get((kept.epoch, kept.salt))
        part = open_part(kept.frame, heard.keys.part) if heard else None
        if heard is not None and part is not None and not isinstance(part, Rejected):
            name = (heard.name, kept.seq)
            self._parts.setdefault(name, PartSet(kept.last)).add(part)
            self._parts_due[name] = 0.0

    # -- receipts --------------------------------------------------------------------------

    def _news_due(self, heard: Heard, precedence: Precedence, traits: Traits, now_s: float) -> None:
        heard.news += 1
        delay = traits.receipt_delay_s
        if precedence is Precedence.FLASH or heard.news >= ENOUGH_FOR_RECEIPT:
            delay = 0.0
        elif precedence is Precedence.IMMEDIATE:
            delay = min(delay, IMMEDIATE_DELAY_S)
        due = now_s + delay
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def _repeat_due(self, heard: Heard, traits: Traits, now_s: float) -> None:
        """A repeat brought nothing new: say so again, but not often."""
        pause = REPEAT_METERED_S if traits.metered else REPEAT_FREE_S
        due = max(now_s + traits.receipt_delay_s, heard.receipted_s + pause)
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def next_due_s(self) -> float | None:
        """When a receipt is due next."""
        times = [h.due_s for h in self._heard.values() if h.due_s is not None]
        return min([*times, *self._parts_due.values()], default=None)

    def riding_block(self, now_s: float) -> tuple[AckBlock, Name] | None:
        """The one ack block worth carrying along with data, if any; a long one goes alone."""
        riders = [h for h in self._heard.values() if h.due_s is not None or h.rides]
        if not riders:
            return None
        heard = max(riders, key=lambda h: h.keys.epoch)
        block = self._block(heard)
        if len(encode_block(block)) > RIDER_BYTES_MAX:
            return None
        self._receipted(heard, now_s)
        return block, heard.name

    def due_blocks(
        self, now_s: float, room_bytes: int
    ) -> tuple[tuple[AckBlock | PartRequest, ...], tuple[Name, ...]]:
        """What a receipt that leaves now should say, and the lives it speaks of.

        All that is due or soon due. At least one block; what finds no room in ``room_bytes``
        stays due.
        """
        blocks: list[AckBlock | PartRequest] = []
        lives: list[Name] = []
        for heard in self._heard.values():
            if heard.due_s is not None and self._joins(blocks, self._block(heard), room_bytes):
                self._receipted(heard, now_s)
                lives.append(heard.name)
        for name in [name for name, due in self._parts_due.items() if due <= now_s]:
            (epoch, _), seq = name
            pieces = self._parts[name]
            request = PartRequest(epoch, seq, pieces.last, pieces.missing)
            if self._joins(blocks, request, room_bytes):
                del self._parts_due[name]
        return tuple(blocks), tuple(lives)

    def owe(self, lives: Iterable[Name], now_s: float) -> None:
        """A receipt about these lives did not leave: it is due again."""
        for name in lives:
            self._heard[name].due_s = now_s

    def _joins(
        self, blocks: list[AckBlock | PartRequest], block: AckBlock | PartRequest, room_bytes: int
    ) -> bool:
        size = sum(len(encode_block(one)) for one in (*blocks, block))
        if blocks and size > room_bytes:
            return False
        blocks.append(block)
        return True

    def _receipted(self, heard: Heard, now_s: float) -> None:
        heard.news, heard.due_s, heard.rides, heard.receipted_s = 0, None, False, now_s

    def _block(self, heard: Heard) -> AckBlock:
        digest = heard.digest[:4] if heard.next_seq and heard.digest else NO_DIGEST
        beyond = [seq for seq in heard.ahead if seq > heard.next_seq]
        wide = heard.keys.epoch <= self._highest() - WIDE_AFTER
        return ack_block(heard.keys.epoch, heard.next_seq, digest, beyond, wide)

    def heard_receipt(self, keys: EpochKeys, counter: int) -> list[Change] | None:
        """Note the life a receipt came from; its epoch is confirmed when data next leaves.

        None for a receipt that is not newer than the last one of its life.
        """
        heard, changes = self._hear(keys)
        if counter <= heard.last_receipt:
            return None
        heard.last_receipt = counter
        return changes
