"""The receiving side of one pairing: which epochs were heard, what is stored, what to receipt.

The order of protocol section 8: nothing is believed before its tag is verified, nothing is
receipted before it is committed, and a repeat costs no more than opening it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crisiskit.codec.acks import NO_DIGEST, AckBlock, PartRequest, ack_block, encode_block
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import Asked
from crisiskit.codec.content import Content, open_content, wide_minute
from crisiskit.codec.header import Header, associated_data, decode_header
from crisiskit.codec.parts import open_part
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.crypto.identity import verified
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, EpochKeys, EpochSecret
from crisiskit.crypto.seal import frame_tag, open_frame
from crisiskit.crypto.statement import log_statement
from crisiskit.model import Notice, Record
from crisiskit.step import (
    HEARD_EPOCHS_KEPT,
    Advanced,
    Arrived,
    Change,
    Decoding,
    EpochHeard,
    Forked,
    Life,
    PairingState,
    Raised,
    Unpacked,
)
from crisiskit.sync.archive import Archive
from crisiskit.sync.assembly import Assembly
from crisiskit.sync.heard import (
    REPEAT_METERED_S,
    RIDER_BYTES_MAX,
    Heard,
    Opened,
    Waiting,
    receipt_delay_s,
)
from transports.link import Traits

EPOCHS_AHEAD = 1024
ENOUGH_FOR_RECEIPT = 8
REPEAT_FREE_S = 2.0
WIDE_AFTER = 100
TELL_AGAIN_S = 600.0
UNPROVED = b""


class Hearer:
    """All that comes from the far end of one pairing."""

    def __init__(self, state: PairingState, archive: Archive) -> None:
        self.pairing = state.pairing
        self._archive = archive
        self._network_id = state.network_id
        self._peer_public = state.peer_public
        self.direction = state.sends.other
        self._kit_fp = state.kit_fp
        self._author_fp = state.peer_fp
        self._keeps_root = state.keeps_root
        self._chain = ChainKey(self.direction, state.heard_chain_epoch, state.heard_chain)
        self._ahead = self._chain
        self._secrets = {
            epoch: EpochSecret(self.direction, epoch, secret) for epoch, secret in state.secrets
        }
        self._heard: dict[Life, Heard] = {}
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
                {seq: (leaf, signature) for seq, leaf, signature in h.ahead},
                {seq: Waiting(frame, link) for seq, frame, link in h.waiting},
                h.signed_below,
                due_s=0.0 if h.owed else None,
            )
        self._newest: list[Life] = list(self._heard)[-2:]
        stored = [heard for heard in self._heard.values() if heard.next_seq]
        self._anchor = stored[-1] if stored else None
        if self._anchor is not None:
            # The first thing said in a life shows what is held: a restored side tells on itself.
            self._anchor.rides = True
        self._assembly = Assembly(state.pairing)
        self._answers: dict[Life, AckBlock] = {}
        self._answers_due_s: float | None = None
        for part in state.parts:
            life = self._heard.get((part.epoch, part.salt))
            if life is not None:
                self._assembly.resume(part, life.keys.part)

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
        else:
            # A life never heard before that is not the newest: it was restored, and is told so.
            newest = self._heard[self._newest[-1]]
            newest.due_s, newest.wide = 0.0, True
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
        return bool(self._newest) and self._newest[-1] != (keys.epoch, keys.salt)

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
        if heard.has(seq):
            self._repeat_due(heard, traits, now_s)
            return Opened([*changes, *self._forked(heard, seq, frame)], news=False)
        delay = receipt_delay_s(header.precedence, traits)
        taken = self._take(heard, seq, Waiting(frame, link, delay), data, now_s)
        freed = self._resume(heard, now_s) if seq == 0 else Opened([], news=False)
        return replace(
            taken,
            changes=[*changes, *taken.changes, *freed.changes],
            records=taken.records + freed.records,
            decodings=taken.decodings + freed.decodings,
            old=self.is_old(keys),
            keys=keys,
        )

    def _forked(self, heard: Heard, seq: int, frame: bytes) -> list[Change]:
        """The same number with another tag: two stations seal under the keys of one."""
        epoch, salt = heard.name
        tag = self._archive.tag(self.pairing, epoch, salt, seq)
        if heard.forked or tag is None or tag == frame_tag(frame):
            return []
        heard.forked = True
        notice = Notice("fork", f"epoch {epoch} number {seq}")
        return [Forked(self.pairing, epoch, salt, seq, frame), Raised(self.pairing, notice)]

    def _take(
        self, heard: Heard, seq: int, came: Waiting, data: bytes, now_s: float, known: bool = False
    ) -> Opened:
        """An opened envelope; ``known`` if it is stored already."""
        if seq == 0:
            heard.base_minute = wide_minute(data)
        coded = open_content(data, heard.base_minute)
        if isinstance(coded, Rejected):
            waits = coded.code is Reject.NO_BASE and not heard.has(0) and seq > 0
            if not waits:
                return self._unpacked(heard, seq, came, coded, now_s, known)
            return Opened(self._keep(heard, seq, came, known), news=True)
        if coded.slow:
            epoch, salt = heard.name
            job = Decoding(self.pairing, epoch, salt, seq, coded)
            kept = self._keep(heard, seq, replace(came, decoding=True), known)
            return Opened(kept, news=True, ack=coded.ack, decodings=(job,))
        done = self._unpacked(heard, seq, came, coded.decode(), now_s, known)
        return replace(done, ack=coded.ack)

    def _keep(self, heard: Heard, seq: int, came: Waiting, known: bool) -> list[Change]:
        """Store an envelope whose records come later."""
        heard.waiting[seq] = came
        epoch, salt = heard.name
        arrived = Arrived(
            self.pairing,
            self.direction,
            epoch,
            salt,
            seq,
            came.frame,
            b"",
            came.link,
            waits=True,
        )
        return [] if known else [arrived]

    def decoded(self, job: Decoding, content: Content | Rejected, now_s: float) -> Opened | None:
        """The records of an envelope that was stored before; None if nobody waits for them."""
        heard = self._heard.get((job.epoch, job.salt))
        came = heard.waiting.pop(job.seq, None) if heard else None
        if heard is None or came is None:
            return None
        return self._unpacked(heard, job.seq, came, content, now_s, known=True)

    def _resume(self, heard: Heard, now_s: float) -> Opened:
        """Go on with all of a life that is stored and not decoded, nor being decoded."""
        changes: list[Change] = []
        records: tuple[Record, ...] = ()
        decodings: tuple[Decoding, ...] = ()
        idle = [(seq, came) for seq, came in heard.waiting.items() if not came.decoding]
        for seq, came in idle:
            header = decode_header(came.frame)
            assert not isinstance(header, Rejected), "it was stored as authentic"
            data = open_frame(heard.keys, header[0], came.frame)
            assert data is not None, "it was stored as authentic"
            del heard.waiting[seq]
            taken = self._take(heard, seq, came, data, now_s, known=True)
            changes += taken.changes
            records += taken.records
            decodings += taken.decodings
        return Opened(changes, bool(changes), records=records, decodings=decodings)

    def resume(self, now_s: float) -> Opened:
        """What an engine that starts has to go on with."""
        found = [self._resume(heard, now_s) for heard in self._heard.values() if heard.waiting]
        return Opened(
            [change for one in found for change in one.changes],
            news=False,
            records=tuple(record for one in found for record in one.records),
            decodings=tuple(job for one in found for job in one.decodings),
        )

    def _unpacked(
        self,
        heard: Heard,
        seq: int,
        came: Waiting,
        content: Content | Rejected,
        now_s: float,
        known: bool,
    ) -> Opened:
        """The records of an envelope, or that it has none: then nothing after it is proved."""
        epoch, salt = heard.name
        self._news_due(heard, came.delay_s, now_s)
        leaf, signature = b"", b""
        digests: tuple[bytes, ...] = ()
        notices: list[Change] = []
        if isinstance(content, Rejected):
            notice = Notice("undecodable", f"epoch {epoch} number {seq}: {content.code}")
            notices.append(Raised(self.pairing, notice))
        else:
            digests = tuple(record_digest(self._author_fp, r) for r in content.records)
            header = decode_header(came.frame)
            assert not isinstance(header, Rejected), "it was opened"
            leaf = envelope_leaf(associated_data(header[0]), digests)
            signature = content.signature
        heard.ahead[seq] = (leaf, signature)
        records = () if isinstance(content, Rejected) else content.records
        arrived = Arrived(
            self.pairing,
            self.direction,
            epoch,
            salt,
            seq,
            came.frame,
            leaf,
            came.link,
            records,
            digests,
            content.code if isinstance(content, Rejected) else "",
            signature,
        )
        stored: Change = Unpacked(arrived) if known else arrived
        return Opened([stored, *self._advance(heard), *notices], news=True, records=records)

    def _advance(self, heard: Heard) -> list[Change]:
        """The unbroken run grows; signatures it reaches are verified."""
        notices: list[Change] = []
        epoch, salt = heard.name
        while heard.next_seq in heard.ahead:
            leaf, signature = heard.ahead.pop(heard.next_seq)
            heard.digest = chain_next(heard.digest, leaf) if heard.digest and leaf else UNPROVED
            heard.next_seq += 1
            if not signature or not heard.digest:
                continue
            said = log_statement(self._network_id, self._kit_fp, heard.digest)
            if verified(self._peer_public, signature, said):
                heard.signed_below = heard.next_seq
            else:
                heard.digest = UNPROVED
                where = f"epoch {epoch} number {heard.next_seq - 1}"
                notices.append(Raised(self.pairing, Notice("signature_wrong", where)))
        run = Advanced(
            self.pairing,
            epoch,
            salt,
            heard.next_seq,
            heard.digest,
            heard.base_minute,
            heard.signed_below,
        )
        return [run, *notices]

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
            if heard.has(header.counter):
                self._repeat_due(heard, traits, now_s)
                return changes, None, part.header
            due_s = now_s + 2 * traits.receipt_delay_s + traits.repeat_s / 2
            more, whole = self._assembly.add((heard.name, header.counter), part, frame, due_s)
            return [*changes, *more], whole, part.header
        return None

    # -- receipts --------------------------------------------------------------------------

    def _news_due(self, heard: Heard, delay_s: float, now_s: float) -> None:
        heard.news += 1
        due = now_s + (0.0 if heard.news >= ENOUGH_FOR_RECEIPT else delay_s)
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def _repeat_due(self, heard: Heard, traits: Traits, now_s: float) -> None:
        """A repeat brought nothing new: say so again, but not often."""
        pause = REPEAT_METERED_S if traits.metered else REPEAT_FREE_S
        due = max(now_s + traits.receipt_delay_s, heard.receipted_s + pause)
        heard.due_s = due if heard.due_s is None else min(heard.due_s, due)

    def next_due_s(self) -> float | None:
        """When a receipt is due next."""
        times = [h.due_s for h in self._heard.values() if h.due_s is not None]
        times += [] if self._answers_due_s is None else [self._answers_due_s]
        return min([*times, *self._assembly.due_s.values()], default=None)

    def riding_block(self, now_s: float) -> tuple[AckBlock, Life] | None:
        """The ack block worth carrying along with data, if any; a long one goes alone.

        Of the newest life heard; at first of the newest of which something was stored when
        this process began: that a restored side names an older one tells on it.
        """
        first = self._anchor is not None and self._anchor.rides
        heard = self._anchor if first else self._newest_heard()
        if heard is None or (heard.due_s is None and not heard.rides):
            return None
        block = self._block(heard)
        if len(encode_block(block)) > RIDER_BYTES_MAX:
            if not heard.rides:
                return None
            block = self._block(heard, beyond=False)
        heard.rides = False
        self._receipted(heard, now_s)
        return block, heard.name

    @property
    def newest_life(self) -> Life | None:
        """The newest life of the far end."""
        return self._newest[-1] if self._newest else None

    def _newest_heard(self) -> Heard | None:
        return self._heard[self._newest[-1]] if self._newest else None

    def due_blocks(
        self, now_s: float, room_bytes: int
    ) -> tuple[tuple[AckBlock | PartRequest, ...], tuple[Life, ...]]:
        """What a receipt that leaves now should say, and the lives it speaks of.

        The newest life heard, and all that is due or soon due. At least one block; what
        finds no room in ``room_bytes`` stays due.
        """
        blocks: list[AckBlock | PartRequest] = []
        lives: list[Life] = []
        newest = self._newest_heard()
        others = [h for h in self._heard.values() if h.due_s is not None and h is not newest]
        anchor = self._anchor
        if anchor is not None and anchor.rides and anchor is not newest:
            others = [anchor, *(h for h in others if h is not anchor)]
        if newest is not None and others:
            newest.wide = True
        for heard in [*([newest] if newest else []), *others]:
            if self._joins(blocks, self._block(heard), room_bytes):
                self._receipted(heard, now_s)
                lives.append(heard.name)
        for name, answer in list(self._answers.items()):
            if self._joins(blocks, answer, room_bytes):
                del self._answers[name]
        self._answers_due_s = now_s if self._answers else None
        for request in self._assembly.requests(now_s):
            if self._joins(blocks, request, room_bytes):
                self._assembly.asked(request)
        return tuple(blocks), tuple(lives)

    def asked(self, lives: Iterable[Asked], now_s: float) -> None:
        """The far end doubts what we hold of these lives of its own."""
        for one in lives:
            known = (
                heard
                for name, heard in self._heard.items()
                if name[0] == one.epoch and name[1][:2] == one.salt
            )
            heard = next(known, None)
            self._answers[one.epoch, one.salt] = (
                ack_block(one.epoch, 0, NO_DIGEST, (), one.salt)
                if heard is None
                else self._answer(heard, one.count)
            )
        self._answers_due_s = now_s if self._answers else None

    def _answer(self, heard: Heard, count: int) -> AckBlock:
        """What is stored of a life, as far as the asker can compare it with its own."""
        if count >= heard.next_seq:
            return self._block(heard, wide=True)
        epoch, salt = heard.name
        digest = chain_start(self.direction, epoch, salt, self._kit_fp)
        leaves = self._archive.leaves(self.pairing, epoch, salt, count)
        for leaf in leaves:
            digest = chain_next(digest, leaf)
        proved = count > 0 and len(leaves) == count and all(leaves)
        return ack_block(epoch, count, digest[:4] if proved else NO_DIGEST, (), salt)

    def owe(self, lives: Iterable[Life], now_s: float) -> None:
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
        heard.news, heard.due_s, heard.receipted_s = 0, None, now_s

    def _block(self, heard: Heard, beyond: bool = True, wide: bool = False) -> AckBlock:
        digest = heard.digest[:4] if heard.next_seq and heard.digest else NO_DIGEST
        stored: tuple[int, ...] = ()
        if beyond and heard.next_seq not in heard.waiting:
            stored = (*heard.ahead, *heard.waiting)
        above = [seq for seq in stored if seq > heard.next_seq]
        epoch, salt = heard.name
        wide = wide or heard.rides or heard.wide or epoch <= self._highest() - WIDE_AFTER
        twins = sum(name[0] == epoch for name in self._heard)
        named = salt if wide or twins > 1 else b""
        return ack_block(epoch, heard.next_seq, digest, above, named)

    def heard_receipt(self, keys: EpochKeys, counter: int, now_s: float) -> list[Change] | None:
        """Note the life a receipt came from; its epoch is confirmed when data next leaves.

        None for a receipt that is not newer than the last one of its life.
        """
        heard, changes = self._hear(keys)
        if counter <= heard.last_receipt:
            return None
        heard.last_receipt = counter
        if self.is_old(keys):
            # Sealed just now, in a life that should be over: it was restored, and is told so.
            newest = self._heard[self._newest[-1]]
            newest.wide = True
            newest.due_s = max(now_s, newest.receipted_s + TELL_AGAIN_S)
        return changes
