"""The proof of one message out of the log, for somebody who has nothing but a public key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from crisiskit.audit.opening import came_header, own_header
from crisiskit.audit.records import record_of
from crisiskit.codec.chain import chain_next, chain_start
from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.codec.proof import Proof
from crisiskit.crypto.proof import make_proof
from crisiskit.errors import CrisiskitError
from crisiskit.model import Direction, Record, RecordKind
from crisiskit.store.logbook import Entry, Life, Logbook, Paired
from crisiskit.store.own import decode_own

EARLIER_MOST = 1024


class Prover:
    """Makes proofs out of a log. ``authority``: the public key of the center, 32 bytes."""

    def __init__(self, book: Logbook, authority: bytes) -> None:
        self._book = book
        self._authority = authority

    def prove(self, delivery: int, id: str) -> Proof:
        """The proof of a delivered message.

        CrisiskitError ``proof_unsealed`` or ``proof_unsigned`` where there is none yet,
        ``proof_impossible`` where the log is not whole.
        """
        place = self._book.place(delivery)
        if place.epoch is None:
            raise CrisiskitError("proof_unsealed", id=id)
        paired = next(one for one in self._book.pairings() if one.id == place.pairing)
        lives = self._book.lives(place.pairing, place.box)
        life = next((one for one in lives if _same(one, place.epoch, place.salt)), None)
        record = record_of(self._book.record(place.record))
        entry = None if life is None else self._book.entry(life, place.seq)
        if life is None or entry is None or record is None:
            raise CrisiskitError("proof_impossible", id=id)
        signed = self._signed(life, place.seq)
        if signed is None:
            signed = self._vouched(paired, lives, life, place.seq)
        if signed is None:
            raise CrisiskitError("proof_unsigned", id=id)
        try:
            return self._made(paired, life, entry, record, place.place, signed)
        except ValueError as error:
            raise CrisiskitError("proof_impossible", id=id) from error

    def _signed(self, life: Life, seq: int) -> dict[str, Any] | None:
        """The leaves after an envelope up to the next signature, and that signature."""
        following: list[bytes] = []
        for entry in self._unbroken(life, seq):
            if entry.seq > seq:
                following.append(entry.leaf)
            if entry.signature and entry.seq < life.signed_below:
                return {"following": following, "signature": entry.signature}
        return None

    def _vouched(
        self, paired: Paired, lives: list[Life], life: Life, seq: int
    ) -> dict[str, Any] | None:
        """The leaves after an envelope up to what a signed checkpoint names, and its proof."""
        for later in lives:
            for entry in self._checkpoints(later):
                record = self._checkpoint(later, entry)
                names = None if record is None else decode_checkpoint(record.data)
                if record is None or not isinstance(names, Checkpoint) or names.count <= seq:
                    continue
                signed = self._signed(later, entry.seq)
                if (names.epoch, names.salt) != (life.epoch, life.salt) or signed is None:
                    continue
                rest = [one.leaf for one in self._unbroken(life, seq + 1)]
                voucher = self._made(paired, later, entry, record, len(entry.digests) - 1, signed)
                return {"following": rest[: names.count - seq - 1], "voucher": voucher}
        return None

    def _checkpoints(self, life: Life) -> Iterator[Entry]:
        """The envelopes of a life that may carry a checkpoint."""
        if life.box == "out":
            yield from (entry for entry in self._book.entries(life) if entry.own)
        elif life.names and (entry := self._book.entry(life, life.names_at)):
            yield entry

    def _checkpoint(self, life: Life, entry: Entry) -> Record | None:
        """The station's own record, always the last of its envelope."""
        if life.box == "out":
            record = decode_own(entry.own)
        else:
            written = self._book.named(entry.digests[-1]) if entry.digests else None
            record = None if written is None else record_of(written)
        return record if record and record.kind is RecordKind.CHECKPOINT else None

    def _unbroken(self, life: Life, first: int) -> Iterator[Entry]:
        """The envelopes from number ``first`` on, until one is missing or not decoded."""
        for place, entry in enumerate(self._book.entries(life, first), first):
            if entry.seq != place or not entry.leaf:
                return
            yield entry

    def _made(
        self,
        paired: Paired,
        life: Life,
        entry: Entry,
        record: Record,
        place: int,
        signed: dict[str, Any],
    ) -> Proof:
        upward = bool(paired.keeps_root) == (life.box == "in")
        direction = Direction.UP if upward else Direction.DOWN
        header = own_header(entry, paired) if life.box == "out" else came_header(entry)
        before = [one.leaf for one in self._unbroken(life, 0) if one.seq < entry.seq]
        if header is None or len(before) != entry.seq:
            raise ValueError("the log is not whole")
        start = previous = chain_start(direction, life.epoch, life.salt, paired.kit_fp)
        for leaf in before:
            previous = chain_next(previous, leaf)
        shown = len(before) <= EARLIER_MOST
        return make_proof(
            network=self._book.network_id,
            kit_fp=paired.kit_fp,
            epoch=life.epoch,
            salt=life.salt,
            author_public=paired.kit_public if upward else self._authority,
            header=replace(header, epoch=None, salt=None),
            record=record,
            digests=entry.digests,
            place=place,
            previous=start if shown else previous,
            earlier=before if shown else (),
            **signed,
        )


def _same(life: Life, epoch: int, salt: bytes | None) -> bool:
    return life.epoch == epoch and salt in (None, life.salt)
