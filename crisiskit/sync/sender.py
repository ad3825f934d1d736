"""The sending side of one pairing: epochs, sealing, what awaits a receipt, what is due again.

An envelope is sealed when it first leaves and never changes (protocol section 5). Each
process life opens a new epoch with fresh randomness (section 4.6), so nothing restored from
a backup can lead to a nonce used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crisiskit.codec.acks import (
    NO_DIGEST,
    AckBlock,
    PartRequest,
    Receipt,
    encode_receipt,
)
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import (
    ASKED_BYTES,
    QUERY_LIVES_MAX,
    Asked,
    Checkpoint,
    encode_checkpoint,
    encode_query,
)
from crisiskit.codec.content import CONTENT_BYTES_MAX, SIGNATURE_BYTES, fill, with_signature
from crisiskit.codec.header import (
    FrameKind,
    Header,
    associated_data,
    decode_header,
    encode_header,
    with_epoch,
)
from crisiskit.codec.parts import cut
from crisiskit.codec.pieces import is_slice
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, Entropy
from crisiskit.crypto.seal import TAG_BYTES, seal
from crisiskit.crypto.statement import Sign, log_statement
from crisiskit.model import ClockQuality, Notice, Precedence, Record, RecordKind
from crisiskit.snapshot import MostHeld, PairingState, SendingEpoch
from crisiskit.step import (
    Acknowledged,
    Answered,
    Carries,
    Change,
    Doubted,
    EpochOpened,
    Life,
    Now,
    Queued,
    Raised,
    Requeued,
    Sealed,
)
from crisiskit.sync.coding import codecs_for
from crisiskit.sync.credits import Size, fitted
from crisiskit.sync.doubt import Doubt, Finding, whole_epoch
from crisiskit.sync.heard import RIDER_BYTES_MAX
from crisiskit.sync.lanes import Lane
from crisiskit.sync.lives import OwnLife, PastEpoch
from crisiskit.sync.outbox import Outbox
from crisiskit.sync.outstanding import Outgoing, Outstanding
from crisiskit.sync.signing import Signing, costs_no_more

WINDOW = 17
SEQ_MAX = 65_000
ENVELOPE_BYTES_MAX = 4096
BULK_BYTES_MAX = 16_384
SALT_BYTES = 4
NAME_EPOCH_AFTER = 2
# What may join a record in its frame: the life's name, an ack block, a signature.
SPARE_BYTES = 2 + SALT_BYTES + RIDER_BYTES_MAX + SIGNATURE_BYTES
QUERY_SPARE_BYTES = 40
LIFE_ENVELOPES = 1000
LIFE_S = 7 * 24 * 3600.0


class Sender:
    """All that goes from here to the far end of one pairing."""

    def __init__(self, state: PairingState, entropy: Entropy, sign: Sign | None) -> None:
        self.pairing = state.pairing
        self._network_id = state.network_id
        self._own_fp = state.own_fp
        self._sign = sign
        self._last_life = state.last_life
        self.doubt = Doubt(state.most_held)
        self.outbox = Outbox()
        self.outstanding = Outstanding(state.outstanding)
        self._direction = state.sends
        self._kit_number = state.kit_number
        self._kit_fp = state.kit_fp
        self._chain = ChainKey(state.sends, state.send_epoch, state.send_chain)
        self._entropy = entropy
        self._life: OwnLife | None = None
        self._epochs = {e.epoch: self._restored(e) for e in state.sending}

    def _restored(self, e: SendingEpoch) -> PastEpoch:
        start = chain_start(self._direction, e.epoch, e.salt, self._kit_fp)
        return PastEpoch(e.salt, e.part_key, list(e.digests), start, e.in_doubt)

    # -- what could leave ------------------------------------------------------------------

    def may_seal(self, precedence: Precedence) -> bool:
        """Whether the window has room for another envelope; FLASH needs none."""
        return precedence is Precedence.FLASH or self.outstanding.unanswered < WINDOW

    def unconfirm(self) -> None:
        """The far end has a new life: it may have been restored and know this one no more."""
        if self._life is not None:
            self._life.confirmed = False

    @property
    def confirmed(self) -> bool:
        """Whether the far end is known to know this life."""
        return self._life is not None and self._life.confirmed

    @property
    def used_up(self) -> bool:
        """Whether no epoch is left to seal under: only a new enrolment helps (section 4.7)."""
        return self._chain.epoch >= EPOCH_MAX and not self._goes_on

    # -- sealing ---------------------------------------------------------------------------

    def seal(
        self,
        batch: Sequence[Queued],
        lane: Lane,
        ack: AckBlock | None,
        now_s: float,
        sure: int | None = None,
    ) -> tuple[list[Change], Outgoing]:
        """Put as much of the batch as fits one frame of the lane into a new envelope.

        What follows the first ``sure`` records only fills a credit that is paid for already.
        It is signed where that costs nothing, and where it must be (``signing``).
        """
        life, changes = self._living()
        header = self._header(life, batch[0].record.precedence, lane)
        spare = len(encode_header(header)) + TAG_BYTES
        spare += 0 if life.confirmed else 2 + SALT_BYTES
        base = life.base_minute if life.based else None
        records = [item.record for item in batch]
        sure = len(batch) if sure is None else sure
        must = life.signing.must(batch, now_s)
        codecs = codecs_for(lane.traits, len(batch))
        around = spare + SIGNATURE_BYTES * must
        content, count = fitted(
            lambda most, room: fill(records[:most], room, base, ack, codecs),
            sure,
            len(batch),
            Size(around, envelope_bytes_max(lane, is_slice(batch[0].record))),
            lane.traits,
        )
        follows = count < sure
        sign = life.signing.wanted(lane.traits, spare + len(content), must, follows)
        link = self._checkpoint(life, records[0].minute) if sign and not life.linked else None
        if link is not None:
            linked, joined = fill([*records[:count], link], CONTENT_BYTES_MAX, base, ack, codecs)
            before, after = (spare + len(c) + SIGNATURE_BYTES for c in (content, linked))
            fits = joined > count and lane.carries(after)
            if fits and (must or costs_no_more(lane.traits, before, after)):
                content, life.linked = linked, True
            else:
                link = None
        taken = batch[:count]
        if life.base_minute is None:
            life.base_minute = records[0].minute
        own = [] if link is None else [record_digest(self._own_fp, link)]
        digests = [item.digest for item in taken] + own
        made, one = self._envelope(life, header, content, digests, sign, now_s)
        one.kept_at = min(item.kept_at for item in taken)
        self.outbox.remove(item.delivery for item in taken)
        sealed = replace(made, deliveries=tuple(item.delivery for item in taken), own=link)
        return [*changes, sealed], one

    def seal_own(
        self, record: Record, lane: Lane, ack: AckBlock | None, sign: bool, now_s: float
    ) -> tuple[list[Change], Outgoing]:
        """An envelope with one record of the station's own: a query or a checkpoint."""
        life, changes = self._living()
        header = self._header(life, record.precedence, lane)
        base = life.base_minute if life.based else None
        content, _ = fill([record], CONTENT_BYTES_MAX, base, ack)
        if life.base_minute is None:
            life.base_minute = record.minute
        life.linked = life.linked or record.kind is RecordKind.CHECKPOINT
        digests = [record_digest(self._own_fp, record)]
        sealed, one = self._envelope(life, header, content, digests, sign, now_s)
        one.asks = record.kind is RecordKind.QUERY and bool(record.data)
        return [*changes, replace(sealed, own=record)], one

    def _header(self, life: OwnLife, precedence: Precedence, lane: Lane) -> Header:
        kind = FrameKind.SEALED if lane.traits.may_encrypt else FrameKind.CLEAR
        return Header(kind, self._kit_number, self._direction, precedence, life.next_seq)

    def _envelope(
        self,
        life: OwnLife,
        header: Header,
        content: bytes,
        digests: Sequence[bytes],
        sign: bool,
        now_s: float,
    ) -> tuple[Sealed, Outgoing]:
        """Chain, sign and seal a content under the next number of this life."""
        leaf = envelope_leaf(associated_data(header), digests)
        epoch = self._epochs[life.keys.epoch]
        digest = chain_next(epoch.digests[-1] if epoch.digests else epoch.start, leaf)
        epoch.digests.append(digest)
        signature = b""
        if sign:
            signature = life.signing.sign(log_statement(self._network_id, self._kit_fp, digest))
            content = with_signature(content, signature)
        life.signing.sealed(bool(signature), now_s)
        frame = seal(life.keys, header, content)
        one = Outgoing(life.keys.epoch, life.next_seq, frame, header.precedence)
        self.outstanding.add(one)
        life.next_seq += 1
        sealed = Sealed(
            self.pairing,
            one.epoch,
            one.seq,
            frame,
            one.precedence,
            leaf,
            digest,
            (),
            signature,
            tuple(digests),
        )
        return sealed, one

    def _checkpoint(self, life: OwnLife, minute: int) -> Record | None:
        """The record that names the life before this one, if there was one."""
        if self._last_life is None:
            return None
        data = encode_checkpoint(self._last_life)
        # No clock of its own: the envelope's is the least of those of the other records.
        clock = ClockQuality.CENTER
        return Record(RecordKind.CHECKPOINT, Precedence.ROUTINE, minute, data=data, clock=clock)

    def checkpoint_due(self, free: bool, now_s: float) -> bool:
        """Whether an envelope with nothing but a signature should leave."""
        return self._life is not None and self._life.signing.overdue(free, now_s)

    def checkpoint_due_s(self) -> float | None:
        """When a signature should leave even where it costs something."""
        return self._life.signing.due_s if self._life is not None else None

    def checkpoint(self, now: Now) -> Record:
        """The record of an envelope that only signs all before it; it names the life before."""
        life = self._life
        assert life is not None, "a checkpoint is due only in a life"
        link = None if life.linked else self._last_life
        data = encode_checkpoint(link) if link else b""
        return Record(RecordKind.CHECKPOINT, Precedence.ROUTINE, now.minute, data=data)

    def seal_receipt(
        self, receipt: Receipt, clear: bool, introduce: bool
    ) -> tuple[list[Change], bytes, Carries]:
        """A receipt as a frame, under a counter of its own; encrypted or ``clear``.

        ``introduce``: name the life, for a far end that seems not to understand our receipts.
        """
        life, changes = self._living()
        short = life.confirmed and not introduce
        header = Header(
            FrameKind.RECEIPT_CLEAR if clear else FrameKind.RECEIPT,
            self._kit_number,
            self._direction,
            Precedence.ROUTINE,
            life.next_receipt,
            None if short else life.keys.epoch,
            None if short else life.keys.salt,
        )
        life.next_receipt += 1
        frame = seal(life.keys, header, encode_receipt(receipt))
        return changes, frame, Carries(self.pairing, life.keys.epoch, None)

    @property
    def _goes_on(self) -> bool:
        """Whether the life there is has numbers left."""
        life = self._life
        return life is not None and max(life.next_seq, life.next_receipt) < SEQ_MAX

    def _living(self) -> tuple[OwnLife, list[Change]]:
        life = self._life
        if life is not None and self._goes_on:
            return life, []
        salt = self._entropy(SALT_BYTES)
        chain = self._chain
        keys = chain.secret().keys(salt)
        self._chain = chain.forward(chain.epoch + 1)
        self._end_life()
        self._life = life = OwnLife(keys, Signing(self._sign))
        start = chain_start(self._direction, chain.epoch, salt, self._kit_fp)
        self._epochs[chain.epoch] = PastEpoch(salt, keys.part, [], start)
        opened = EpochOpened(self.pairing, chain.epoch, salt, keys.part, self._chain.key)
        return life, [opened]

    def renew(self, now_s: float) -> None:
        """Leave a life that is long or old, once all of it is held (protocol section 4.7)."""
        life = self._life
        if life is None or any(one.epoch == life.keys.epoch for one in self.outstanding):
            return
        life.since_s = now_s if life.since_s is None else life.since_s
        if life.next_seq >= LIFE_ENVELOPES or now_s - life.since_s >= LIFE_S:
            self._end_life()
            self._life = None

    def _end_life(self) -> None:
        """A later checkpoint will say how this life ended."""
        life = self._life
        if life is not None and life.next_seq:
            end = self._epochs[life.keys.epoch].digests[-1]
            self._last_life = Checkpoint(life.keys.epoch, life.keys.salt, life.next_seq, end)

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
        if one.cut_at == 0 or one.cut_at > lane.traits.mtu_bytes or (one.cut_short and not short):
            one.cut_at, one.cut_short = lane.traits.mtu_bytes, short
            one.recut(lambda times: cut(frame, _header(frame), one.cut_at, epoch.part_key, times))
        if not one.parts_left:
            one.parts_left = list(range(len(one.parts)))
        part = one.parts_left[0]
        return one.parts[part], Carries(self.pairing, one.epoch, one.seq, part)

    def copy_for(self, one: Outgoing, link: str, rests_s: float) -> tuple[bytes, Carries]:
        """A copy of an envelope for a carried link; it names its life: nobody knows when it comes.

        ``rests_s``: how long links that cost something leave it to the courier.
        """
        one.copies.add(link)
        one.rests_s = rests_s if one.rests_s is None else one.rests_s
        frame = with_epoch(one.frame, one.epoch, self._epochs[one.epoch].salt)
        return frame, Carries(self.pairing, one.epoch, one.seq)

    # -- what the far end says -------------------------------------------------------------

    def take_blocks(
        self, blocks: Sequence[AckBlock | PartRequest], by: Life, now_s: float
    ) -> list[Change]:
        """What authentic ack blocks and requests for parts change (docs/wire.md, section 6).

        ``by`` is the life in which the far end says so, the newest one heard of it. One of
        the blocks speaks of the newest life of ours that it knows.
        """
        changes = self._compare(blocks, by)
        for block in blocks:
            changes += self._take_block(block, by, now_s)
        return changes

    def _compare(self, blocks: Sequence[AckBlock | PartRequest], by: Life) -> list[Change]:
        match self.doubt.compare(blocks, by, self._newest):
            case Finding.LESS:
                return self.peer_restored()
            case Finding.AS_MUCH:
                self.outstanding.forget_arrived()
                most = self.doubt.most_held
                assert most is not None, "it was compared with that"
                return [Acknowledged(self.pairing, most.epoch, 0, (), by)]
            case _:
                return []

    def peer_restored(self) -> list[Change]:
        """The far end holds less than it did: everything kept here is to be asked for."""
        self.doubt.most_held = None
        return [self._doubted(), Raised(self.pairing, Notice("peer_restored"))]

    def wonder(self, speaker: Life | None, now_s: float) -> list[Change]:
        """Doubt a far end that speaks in a new life and never says what it holds."""
        return [self._doubted()] if self.doubt.wonder(speaker, now_s) else []

    @property
    def _newest(self) -> int:
        """The newest epoch of ours."""
        return max(0, self._chain.epoch - 1)

    def _doubted(self) -> Doubted:
        return Doubted(self.pairing, self._chain.epoch, self._chain.key)

    def _take_block(self, block: AckBlock | PartRequest, by: Life, now_s: float) -> list[Change]:
        number = whole_epoch(block, self._newest)
        if number > self._newest:
            # A low byte alone may mean a life long ago.
            wide = isinstance(block, AckBlock) and block.wide
            return self._restored_here(number) if wide else []
        epoch = self._epochs.get(number)
        if epoch is None or epoch.forked:
            return []
        if isinstance(block, AckBlock) and block.wide and block.salt != epoch.salt[:2]:
            return []
        life = self._life
        if life is not None and life.keys.epoch == number:
            life.confirmed = True
        if isinstance(block, PartRequest):
            self.outstanding.parts_wanted(number, block, now_s)
            return []
        proved = block.digest != NO_DIGEST
        if block.next > len(epoch.digests):
            return [] if epoch.in_doubt else self._restored_here(number)
        if block.next and proved and epoch.digests[block.next - 1][:4] != block.digest:
            return self._fork(epoch, number) if block.wide else self._question(epoch)
        if epoch.in_doubt:
            return self._answered(epoch, number, block, proved, by)
        if life is not None and life.keys.epoch == number:
            life.based = life.based or block.next >= 1
            if block.next and not proved:
                self._end_life()
                self._life = None
        return self._settle(number, block, proved, by, now_s)

    def _restored_here(self, number: int) -> list[Change]:
        """The far end has more of us than we know: our store was rolled back."""
        self._end_life()
        self._life = None
        if number >= EPOCH_MAX:
            return []
        self._chain = self._chain.forward(max(number + 1, self._chain.epoch))
        return [self._doubted(), Raised(self.pairing, Notice("restored_here"))]

    def _question(self, epoch: PastEpoch) -> list[Change]:
        """Not what we sent, or of another life with this number: a wide block will tell."""
        return [] if epoch.in_doubt else [self._doubted()]

    def _fork(self, epoch: PastEpoch, number: int) -> list[Change]:
        """Another station seals under this epoch: leave it, what is not held goes anew."""
        epoch.forked = True
        if self._life is not None and self._life.keys.epoch == number:
            self._life = None
        notice = Notice("fork", f"epoch {number}")
        return [Requeued(self.pairing, number), Raised(self.pairing, notice)]

    def _answered(
        self, epoch: PastEpoch, number: int, block: AckBlock, proved: bool, by: Life
    ) -> list[Change]:
        epoch.in_doubt = False
        beyond = range(block.next + 1, len(epoch.digests))
        arrived = tuple(seq for seq in beyond if block.arrived(seq))
        return [Answered(self.pairing, number, block.next, arrived, proved, by)]

    # -- doubt -----------------------------------------------------------------------------

    def query_due_s(self) -> float | None:
        """When to ask (again) what the far end holds; None if nothing is in doubt."""
        return self.doubt.query_due_s if any(e.in_doubt for e in self._epochs.values()) else None

    def query(self, lane: Lane, now: Now) -> Record:
        """Asks what the far end holds of the newest epochs in doubt; again until answered."""
        doubtful = sorted((n for n, e in self._epochs.items() if e.in_doubt), reverse=True)
        room = max(1, (lane.traits.mtu_bytes - QUERY_SPARE_BYTES) // ASKED_BYTES)
        asked = doubtful[: min(QUERY_LIVES_MAX, room)]
        epochs = [(n, self._epochs[n]) for n in asked]
        data = encode_query([Asked(n, e.salt[:2], len(e.digests)) for n, e in epochs])
        self.doubt.asked(lane, now.mono_s)
        return Record(RecordKind.QUERY, Precedence.PRIORITY, now.minute, data=data)

    def _settle(
        self, number: int, block: AckBlock, proved: bool, by: Life, now_s: float
    ) -> list[Change]:
        """HELD is what the digest proves; stored without proof is ARRIVED."""
        held, arrived = self.outstanding.settle(number, block, proved, now_s)
        salt = self._epochs[number].salt
        confirms = self.doubt.note(MostHeld(number, salt, block.next, by), proved)
        if not held and not arrived:
            return []
        below = block.next if proved else 0
        return [Acknowledged(self.pairing, number, below, tuple(arrived), by, confirms)]


def _header(frame: bytes) -> Header:
    found = decode_header(frame)
    assert not isinstance(found, Rejected), "we sealed it"
    return found[0]


def envelope_bytes_max(lane: Lane, bulk: bool) -> int:
    """A file leaves in few large envelopes where the link takes many of those in one frame."""
    wide = bulk and lane.traits.mtu_bytes > BULK_BYTES_MAX
    return min(lane.traits.mtu_bytes, BULK_BYTES_MAX if wide else ENVELOPE_BYTES_MAX)
