"""Making and checking a proof: who wrote a record, and that its author signed the log with it.

What an author signs is ``statement.log_statement`` of d[m], the chain value of docs/wire.md,
section 9, at the envelope m that carries the signature. It covers every envelope up to m.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from crisiskit.codec.chain import (
    chain_next,
    chain_start,
    inclusion_path,
    leaf_of,
    root_from_path,
)
from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.codec.header import Header, associated_data
from crisiskit.codec.proof import Proof
from crisiskit.codec.record import record_digest
from crisiskit.crypto.identity import kit_fingerprint, network_id, verified
from crisiskit.crypto.publics import Holder
from crisiskit.crypto.statement import log_statement
from crisiskit.model import ClockQuality, Direction, Record, RecordKind


class Flaw(StrEnum):
    """Why a proof proves nothing.

    AUTHOR: its key is not that of the kit it names (down: of the network's authority, as the
    reader knows it). START: the first envelope of a log does not follow its beginning. VOUCHER:
    what stands for a signature is no checkpoint that names this log. SIGNATURE: record, path, chain
    and signature do not fit together. KEY_UNKNOWN: all is right, but by a key not trusted.
    """

    AUTHOR = "author"
    START = "start"
    VOUCHER = "voucher"
    SIGNATURE = "signature"
    KEY_UNKNOWN = "key_unknown"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a proof. Without ``flaw`` it holds.

    ``digest`` names the record, ``author_fp`` the key, ``author`` is the name that goes with
    the trusted key. Envelope ``number`` carried the record, the signature (or what a later
    checkpoint names) stands at ``signed_at``. ``epoch_proven``: the signature shows epoch and
    salt too.
    """

    flaw: Flaw | None
    digest: bytes
    author_fp: bytes
    author: str
    number: int
    signed_at: int
    epoch_proven: bool


def make_proof(
    *,
    network: bytes,
    kit_fp: bytes,
    epoch: int,
    salt: bytes,
    author_public: bytes,
    header: Header,
    record: Record,
    digests: Sequence[bytes],
    place: int,
    previous: bytes,
    earlier: Sequence[bytes] = (),
    following: Sequence[bytes],
    signature: bytes = b"",
    voucher: Proof | None = None,
) -> Proof:
    """The proof of ``record``, at its place among ``digests``, those of all of an envelope.

    ``header`` is that of the envelope; see ``Proof`` for the rest. ValueError when these do
    not fit together.
    """
    proof = Proof(
        network_id=network,
        kit_fp=kit_fp,
        epoch=epoch,
        salt=salt,
        author_public=author_public,
        record=replace(record, clock=ClockQuality.UNKNOWN),
        header=header,
        place=place,
        count=len(digests),
        path=tuple(inclusion_path(digests, place)),
        previous=previous,
        earlier=tuple(earlier),
        following=tuple(following),
        signature=signature,
        voucher=voucher,
    )
    if flaw := check_proof(proof, {author_public: Holder("", network)}).flaw:
        raise ValueError(f"this proves nothing: {flaw}")
    return proof


def check_proof(proof: Proof, public_keys: Mapping[bytes, Holder]) -> Checked:
    """Whether a proof holds for one who trusts these public keys, 32 bytes each.

    The authority of a network is whom the reader knows as such; the id of a network without
    roots names it as well.
    """
    holder = public_keys.get(proof.author_public)
    author_fp = kit_fingerprint(proof.author_public)
    digest = record_digest(author_fp, proof.record)
    number = proof.header.counter
    return Checked(
        flaw=_flaw(proof, author_fp, digest, holder),
        digest=digest,
        author_fp=author_fp,
        author="" if holder is None else holder.name,
        number=number,
        signed_at=number + len(proof.following),
        epoch_proven=_from_start(proof) or proof.voucher is not None,
    )


def _flaw(proof: Proof, author_fp: bytes, digest: bytes, holder: Holder | None) -> Flaw | None:
    direction = proof.header.direction
    if direction is Direction.UP:
        own = author_fp == proof.kit_fp
    else:
        own = holder is None or proof.network_id == _network_of(proof.author_public, holder)
    if not own:
        return Flaw.AUTHOR
    start = chain_start(direction, proof.epoch, proof.salt, proof.kit_fp)
    if _from_start(proof) and proof.previous != start:
        return Flaw.START
    end = _signed_digest(proof, digest)
    if proof.voucher is not None:
        if not _names(proof.voucher, proof, end):
            return Flaw.VOUCHER
        inner = record_digest(author_fp, proof.voucher.record)
        return _flaw(proof.voucher, author_fp, inner, holder)
    signed = log_statement(proof.network_id, proof.kit_fp, end)
    if not verified(proof.author_public, proof.signature, signed):
        return Flaw.SIGNATURE
    return Flaw.KEY_UNKNOWN if holder is None else None


def _network_of(public: bytes, holder: Holder) -> bytes:
    """The network whose authority this key is; of a bare key, the one without roots."""
    return holder.network_id or network_id(public)


def _from_start(proof: Proof) -> bool:
    """Whether the chain is shown from its beginning, which names epoch and salt."""
    return len(proof.earlier) == proof.header.counter


def _names(voucher: Proof, proof: Proof, end: bytes) -> bool:
    """Whether this is the same author's checkpoint of the life that ends in ``end``."""
    if voucher.record.kind is not RecordKind.CHECKPOINT:
        return False
    count = proof.header.counter + len(proof.following) + 1
    same_log = (
        voucher.author_public == proof.author_public
        and voucher.network_id == proof.network_id
        and voucher.kit_fp == proof.kit_fp
        and voucher.header.direction is proof.header.direction
    )
    named = decode_checkpoint(voucher.record.data)
    return same_log and named == Checkpoint(proof.epoch, proof.salt, count, end)


def _signed_digest(proof: Proof, digest: bytes) -> bytes:
    """d[m], from the record upwards and along the chain."""
    root = root_from_path(digest, proof.place, proof.count, proof.path)
    own = leaf_of(associated_data(proof.header), root)
    state = proof.previous
    for leaf in (*proof.earlier, own, *proof.following):
        state = chain_next(state, leaf)
    return state
