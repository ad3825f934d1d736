"""The receiving side of one pairing: which epochs were heard, what is stored, what to receipt.

The order of protocol section 8: nothing is believed before its tag is verified, nothing is
receipted before it is committed, and a repeat costs no more than opening it.
"""

from __future__ import annotations

from dataclasses import replace

from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.content import Content, open_content, wide_minute
from crisiskit.codec.header import Header, associated_data, decode_header
from crisiskit.codec.parts import Part, open_part
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.crypto.identity import verified
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, EpochKeys, EpochSecret
from crisiskit.crypto.seal import frame_tag, open_frame
from crisiskit.crypto.statement import log_statement
from crisiskit.model import Notice, Record
from crisiskit.snapshot import HEARD_EPOCHS_KEPT, PairingState
from crisiskit.step import (
    Advanced,
    Arrived,
    Change,
    Decoding,
    EpochHeard,
    Forked,
    Life,
    Raised,
    Unpacked,
    Vouched,
)
from crisiskit.sync.archive import Archive
from crisiskit.sync.assembly import Assembly
from crisiskit.sync.heard import (
    Heard,
    Opened,
    Waiting,
    receipt_delay_s,
)
from crisiskit.sync.receipts import Receipts
from crisiskit.sync.vouching import claim, note, vouch
from transports.link import Traits

EPOCHS_AHEAD = 1024
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
            self._heard[h.epoch, h.salt] = Heard.resumed(h, keys)
        for heard in self._heard.values():
            claim(self._heard, heard)
        self._newest: list[Life] = list(self._heard)[-2:]
        self._assembly = Assembly(state.pairing)
        self.receipts = Receipts(self._heard, self._newest, self._assembly, self._digest_at)
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

    def authentic(self, header: Header, frame: bytes) -> bool:
        """Whether the far end made this frame; takes nothing in."""
        if not header.kind.is_part:
            return self.open(header, frame) is not None
        return any(isinstance(open_part(frame, keys.part), Part) for keys in self._keys(header))

    @property
    def decoding(self) -> bool:
        """Whether texts that came in are being decoded: a receipt now would say less."""
        return any(one.decoding for heard in self._heard.values() for one in heard.waiting.values())

    def _hear(self, keys: EpochKeys) -> tuple[Heard, list[Change]]:
        """The life behind authentic keys, noted when it is new."""
        name = (keys.epoch, keys.salt)
        heard = self._heard.get(name)
        if heard is not None:
            return heard, []
        digest = chain_start(self.direction, keys.epoch, keys.salt, self._kit_fp)
        heard = self._heard[name] = Heard(keys, digest, rides=True)
        for later in self._heard.values():
            claim(self._heard, later)
        if not self._newest or keys.epoch >= self._newest[-1][0]:
            self._newest[:] = [*self._newest[-1:], name]
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
            self.receipts.repeat_due(heard, traits, now_s, header.precedence)
            return Opened([*changes, *self._forked(heard, seq, frame)], news=False)
        delay = receipt_delay_s(header.precedence, traits)
        came = Waiting(frame, link, delay, precedence=header.precedence)
        taken = self._take(heard, seq, came, data, now_s)
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
        self.receipts.news_due(heard, came.delay_s, now_s, came.precedence)
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
        note(heard, seq, records)
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
            if heard.named and heard.named.count == heard.next_seq:
                vouch(heard, self._digest_at)
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
        earlier = claim(self._heard, heard)
        if earlier is None or not vouch(earlier, self._digest_at):
            return [run, *notices]
        return [run, Vouched(self.pairing, *earlier.name, earlier.signed_below), *notices]

    def _digest_at(self, heard: Heard, count: int) -> bytes:
        """The chain value after ``count`` of the envelopes stored of a life, or UNPROVED."""
        if count == heard.next_seq:
            return heard.digest
        epoch, salt = heard.name
        digest = chain_start(self.direction, epoch, salt, self._kit_fp)
        leaves = self._archive.leaves(self.pairing, epoch, salt, count)
        for leaf in leaves:
            digest = chain_next(digest, leaf)
        return digest if len(leaves) == count and all(leaves) else UNPROVED

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
                self.receipts.repeat_due(heard, traits, now_s, header.precedence)
                return changes, None, part.header
            due_s = now_s + 2 * traits.receipt_delay_s + traits.repeat_s / 2
            more, whole = self._assembly.add((heard.name, header.counter), part, frame, due_s)
            return [*changes, *more], whole, part.header
        return None

    # -- receipts --------------------------------------------------------------------------

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
