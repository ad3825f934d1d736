"""The sending side of one pairing: epochs, sealing, what awaits a receipt, what is due again.

An envelope is sealed when it first leaves and never changes (protocol section 5). Each
process life opens a new epoch with fresh randomness (section 4.6), so nothing restored from
a backup can lead to a nonce used twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from crisiskit.codec.acks import (
    NO_DIGEST,
    AckBlock,
    PartRequest,
    Receipt,
    encode_receipt,
    resolve_epoch,
)
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.content import fill
from crisiskit.codec.header import (
    FrameKind,
    Header,
    associated_data,
    decode_header,
    encode_header,
    with_epoch,
)
from crisiskit.codec.parts import cut
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, Entropy, EpochKeys
from crisiskit.crypto.seal import TAG_BYTES, seal
from crisiskit.model import Notice, Precedence
from crisiskit.step import (
    Acknowledged,
    Carries,
    Change,
    EpochOpened,
    PairingState,
    Queued,
    Raised,
    Sealed,
    SendingEpoch,
)
from crisiskit.sync.lanes import Lane
from crisiskit.sync.outbox import Outbox

WINDOW = 17
SEQ_MAX = 65_000
ENVELOPE_BYTES_MAX = 4096
SALT_BYTES = 4
DOUBLINGS_MAX = 8
REPEAT_MAX_S = 4 * 3600.0
REPEAT_URGENT_MAX_S = 3600.0
NAME_EPOCH_AFTER = 2


@dataclass(slots=True)
class Outgoing:
    """An envelope whose receipt is awaited. ``order`` grows with every frame that leaves.

    ``flying``: the lanes, by link and peer, that are being given a frame of it.

    ``resumed``: it left in an earlier process life, nobody knows how long ago.
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

    @property
    def key(self) -> tuple[int, int]:
        """Epoch and number: its name inside the pairing."""
        return self.epoch, self.seq


@dataclass(slots=True)
class _Life:
    """The epoch of this process life.

    ``base_minute`` is that of envelope 0; ``based`` once the far end is known to have it.
    """

    keys: EpochKeys
    next_seq: int = 0
    next_receipt: int = 0
    confirmed: bool = False
    based: bool = False
    base_minute: int | None = None


@dataclass(slots=True)
class _Epoch:
    salt: bytes
    part_key: bytes
    digests: list[bytes]
    start: bytes
    forked: bool = False


class Sender:
    """All that goes from here to the far end of one pairing."""

    def __init__(self, state: PairingState, entropy: Entropy) -> None:
        self.pairing = state.pairing
        self.outbox = Outbox()
        self.outstanding: dict[tuple[int, int], Outgoing] = {}
        self._direction = state.sends
        self._kit_number = state.kit_number
        self._kit_fp = state.kit_fp
        self._chain = ChainKey(state.sends, state.send_epoch, state.send_chain)
        self._entropy = entropy
        self._life: _Life | None = None
        self._epochs = {e.epoch: self._restored(e) for e in state.sending}
        self._order = 0
        for sealed in state.outstanding:
            one = Outgoing(
                sealed.epoch,
                sealed.seq,
                sealed.frame,
                sealed.precedence,
                sealed.arrived,
                sealed.sent,
            )
            self.outstanding[one.key] = one

    def _restored(self, e: SendingEpoch) -> _Epoch:
        start = chain_start(self._direction, e.epoch, e.salt, self._kit_fp)
        return _Epoch(e.salt, e.part_key, list(e.digests), start)

    # -- what could leave ------------------------------------------------------------------

    def due(self, now_s: float) -> list[Outgoing]:
        """Envelopes worth sending now, most urgent first."""
        ready = [
            one
            for one in self.outstanding.values()
            if not one.flying and not one.arrived and one.due_s <= now_s
        ]
        return sorted(ready, key=lambda one: (-one.precedence, one.epoch, one.seq))

    def next_due_s(self) -> float | None:
        """When the next envelope becomes worth repeating."""
        times = (
            one.due_s for one in self.outstanding.values() if not one.flying and not one.arrived
        )
        return min(times, default=None)

    def may_seal(self, precedence: Precedence) -> bool:
        """Whether the window has room for another envelope; FLASH needs none."""
        unanswered = sum(not one.arrived for one in self.outstanding.values())
        return precedence is Precedence.FLASH or unanswered < WINDOW

    @property
    def used_up(self) -> bool:
        """Whether no epoch is left to seal under: only a new enrolment helps (section 4.7)."""
        return self._life is None and self._chain.epoch >= EPOCH_MAX

    def link_up(self, link: str, free: bool, now_s: float) -> None:
        """A link came: what waits for an answer elsewhere may leave by it now.

        Where it costs something, that is for FLASH and IMMEDIATE only.
        """
        for one in self.outstanding.values():
            new = one.tries > 0 and link not in one.unanswered
            if new and (free or one.precedence >= Precedence.IMMEDIATE):
                one.due_s = min(one.due_s, now_s)

    # -- sealing ---------------------------------------------------------------------------

    def seal(
        self, batch: list[Queued], lane: Lane, ack: AckBlock | None
    ) -> tuple[list[Change], Outgoing]:
        """Put as much of the batch as fits one frame of the lane into a new envelope."""
        life, changes = self._living()
        header = Header(
            FrameKind.SEALED,
            self._kit_number,
            self._direction,
            batch[0].record.precedence,
            life.next_seq,
        )
        spare = len(encode_header(header)) + TAG_BYTES + (0 if life.confirmed else 2 + SALT_BYTES)
        room = min(lane.traits.mtu_bytes, ENVELOPE_BYTES_MAX) - spare
        base = life.base_minute if life.based else None
        content, count = fill([item.record for item in batch], room, base, ack)
        taken = batch[:count]
        if life.base_minute is None:
            life.base_minute = taken[0].record.minute
        frame = seal(life.keys, header, content)
        leaf = envelope_leaf(associated_data(header), [item.digest for item in taken])
        epoch = self._epochs[life.keys.epoch]
        epoch.digests.append(chain_next(epoch.digests[-1] if epoch.digests else epoch.start, leaf))
        one = Outgoing(life.keys.epoch, life.next_seq, frame, header.precedence)
        self.outstanding[one.key] = one
        self.outbox.remove(item.delivery for item in taken)
        life.next_seq += 1
        changes.append(
            Sealed(
                self.pairing,
                one.epoch,
                one.seq,
                frame,
                one.precedence,
                epoch.digests[-1],
                tuple(item.delivery for item in taken),
            )
        )
        return changes, one

    def seal_receipt(self, receipt: Receipt) -> tuple[list[Change], bytes, Carries]:
        """A receipt as a frame, under a counter of its own."""
        life, changes = self._living()
        header = Header(
            FrameKind.RECEIPT,
            self._kit_number,
            self._direction,
            Precedence.ROUTINE,
            life.next_receipt,
            None if life.confirmed else life.keys.epoch,
            None if life.confirmed else life.keys.salt,
        )
        life.next_receipt += 1
        frame = seal(life.keys, header, encode_receipt(receipt))
        return changes, frame, Carries(self.pairing, life.keys.epoch, None)

    def _living(self) -> tuple[_Life, list[Change]]:
        life = self._life
        if life is not None and max(life.next_seq, life.next_receipt) < SEQ_MAX:
            return life, []
        salt = self._entropy(SALT_BYTES)
        chain = self._chain
        keys = chain.secret().keys(salt)
        self._chain = chain.forward(chain.epoch + 1)
        self._life = life = _Life(keys)
        start = chain_start(self._direction, chain.epoch, salt, self._kit_fp)
        self._epochs[chain.epoch] = _Epoch(salt, keys.part, [], start)
        opened = EpochOpened(self.pairing, chain.epoch, salt, keys.part, self._chain.key)
        return life, [opened]

    # -- frames ----------------------------------------------------------------------------

    def frame_for(self, one: Outgoing, lane: Lane) -> tuple[bytes, Carries]:
        """The next frame of an envelope on this lane: whole where it fits, else one part."""
        epoch = self._epochs[one.epoch]
        life = self._life
        short = (
            life is not None
            and life.confirmed
            and life.keys.epoch == one.epoch
            and one.tries < NAME_EPOCH_AFTER
        )
        frame = one.frame if short else with_epoch(one.frame, one.epoch, epoch.salt)
        if len(frame) <= lane.traits.mtu_bytes:
            return frame, Carries(self.pairing, one.epoch, one.seq)
        if one.cut_at == 0 or one.cut_at > lane.traits.mtu_bytes:
            one.cut_at = lane.traits.mtu_bytes
            one.parts = tuple(cut(frame, _header(frame), one.cut_at, epoch.part_key))
            one.parts_left = []
        if not one.parts_left:
            one.parts_left = list(range(len(one.parts)))
        part = one.parts_left[0]
        return one.parts[part], Carries(self.pairing, one.epoch, one.seq, part)

    def left(self, carries: Carries, lane: Lane, now_s: float) -> bool:
        """A link took a frame of ours. True when the envelope is out whole."""
        one = self._carried(carries)
        if one is None:
            return False
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

    def failed(self, link: str, peer: str, now_s: float) -> None:
        """A lane did not take what it was given; any lane may have it now."""
        for one in self.outstanding.values():
            if (link, peer) in one.flying:
                one.flying.discard((link, peer))
                one.due_s = now_s

    def _carried(self, carries: Carries) -> Outgoing | None:
        if carries.seq is None:
            return None
        return self.outstanding.get((carries.epoch, carries.seq))

    # -- what the far end says -------------------------------------------------------------

    def take_block(self, block: AckBlock | PartRequest, now_s: float) -> list[Change]:
        """What an authenticated ack block or request for parts changes (section 7)."""
        number = _whole_epoch(block, max(0, self._chain.epoch - 1))
        epoch = self._epochs.get(number)
        if epoch is None:
            return []
        life = self._life
        if life is not None and life.keys.epoch == number:
            life.confirmed = True
        if isinstance(block, PartRequest):
            self._parts_wanted(number, block, now_s)
            return []
        proved = block.digest != NO_DIGEST
        if block.next > len(epoch.digests):
            return self._fork(epoch, number)
        if block.next and proved and epoch.digests[block.next - 1][:4] != block.digest:
            return self._fork(epoch, number)
        if life is not None and life.keys.epoch == number:
            life.based = life.based or block.next >= 1
            if block.next and not proved:
                self._life = None
        return self._settle(number, block, proved, now_s)

    def _fork(self, epoch: _Epoch, number: int) -> list[Change]:
        if epoch.forked:
            return []
        epoch.forked = True
        return [Raised(self.pairing, Notice("fork", f"epoch {number}"))]

    def _settle(self, number: int, block: AckBlock, proved: bool, now_s: float) -> list[Change]:
        """HELD is what the digest proves; stored without proof is ARRIVED."""
        mine = [one for one in self.outstanding.values() if one.epoch == number]
        stored = [one for one in mine if one.seq < block.next or block.arrived(one.seq)]
        held = [one for one in stored if proved and one.seq < block.next]
        arrived = [one for one in stored if one not in held and not one.arrived]
        newest = {one.last_link: 0 for one in mine}
        for one in (*held, *arrived):
            newest[one.last_link] = max(newest[one.last_link], one.order)
        for one in held:
            del self.outstanding[one.key]
        for one in arrived:
            one.arrived = True
        for one in self._overtaken(mine, block, newest):
            one.due_s = now_s
        if not held and not arrived:
            return []
        return [
            Acknowledged(
                self.pairing,
                number,
                block.next if proved else 0,
                tuple(one.seq for one in arrived),
            )
        ]

    def _overtaken(
        self, mine: list[Outgoing], block: AckBlock, newest: dict[str, int]
    ) -> Iterator[Outgoing]:
        """Missing although something sent later on the same link is there: lost on the way."""
        missing = set(block.missing)
        for one in mine:
            if one.seq in missing and not one.flying and 0 < one.order < newest[one.last_link]:
                yield one

    def _parts_wanted(self, number: int, request: PartRequest, now_s: float) -> None:
        one = self.outstanding.get((number, request.seq))
        if one is None or len(one.parts) != request.last + 1 or one.parts_left:
            return
        one.parts_left = list(request.missing)
        one.due_s = now_s


def _whole_epoch(block: AckBlock | PartRequest, newest: int) -> int:
    if isinstance(block, AckBlock) and block.wide:
        return block.epoch
    return resolve_epoch(block.epoch, newest)


def _header(frame: bytes) -> Header:
    found = decode_header(frame)
    assert not isinstance(found, Rejected), "we sealed it"
    return found[0]
