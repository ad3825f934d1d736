"""Making and checking a proof: who wrote a record, and that its author signed the log with it.

The signature of an author over its log is Ed25519 over

    "crisiskit/1 sig" 00 || network_id 16 || kit_fp 16 || d[m] 32

where d[m] is the chain value of docs/wire.md, section 9, at the envelope m that carries the
signature. It covers every envelope up to m.
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
from crisiskit.codec.header import Header, associated_data
from crisiskit.codec.proof import Proof
from crisiskit.codec.record import record_digest
from crisiskit.crypto.identity import kit_fingerprint, network_id, verified
from crisiskit.model import ClockQuality, Direction, Record

_SIGNED = b"crisiskit/1 sig\0"


class Flaw(StrEnum):
    """Why a proof proves nothing.

    AUTHOR: its key is not that of the kit (down: of the network's authority) it names. START:
    the first envelope of a log does not follow its beginning. SIGNATURE: record, path, chain
    and signature do not fit together. KEY_UNKNOWN: all is right, but by a key not trusted.
    """

    AUTHOR = "author"
    START = "start"
    SIGNATURE = "signature"
    KEY_UNKNOWN = "key_unknown"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a proof. Without ``flaw`` it holds.

    ``digest`` names the record, ``author_fp`` the key, ``author`` is the name that goes with
    the trusted key. Envelope ``number`` carried the record, the signature stands at
    ``signed_at``.
    """

    flaw: Flaw | None
    digest: bytes
    author_fp: bytes
    author: str
    number: int
    signed_at: int


def signed_bytes(network: bytes, kit_fp: bytes, digest: bytes) -> bytes:
    """What the author signs: ``digest`` is d[m], 32 bytes; the ids have 16."""
    return _SIGNED + network + kit_fp + digest


def make_proof(
    *,
    network: bytes,
    kit_fp: bytes,
    epoch: int,
    salt: bytes,
    author_public: bytes,
    header: Header,
    records: Sequence[Record],
    place: int,
    previous: bytes,
    following: Sequence[bytes],
    signature: bytes,
) -> Proof:
    """The proof of ``records[place]``, one of all records of an envelope, in their order.

    ``header`` is that of the envelope, ``previous`` is d[n-1], ``following`` are the leaves of
    the envelopes after it up to the one at which ``signature`` stands. ValueError when these
    do not fit together.
    """
    author_fp = kit_fingerprint(author_public)
    digests = [record_digest(author_fp, record) for record in records]
    proof = Proof(
        network_id=network,
        kit_fp=kit_fp,
        epoch=epoch,
        salt=salt,
        author_public=author_public,
        record=replace(records[place], clock=ClockQuality.UNKNOWN),
        header=header,
        place=place,
        count=len(records),
        path=tuple(inclusion_path(digests, place)),
        previous=previous,
        following=tuple(following),
        signature=signature,
    )
    if flaw := check_proof(proof, {author_public: ""}).flaw:
        raise ValueError(f"this proves nothing: {flaw}")
    return proof


def check_proof(proof: Proof, public_keys: Mapping[bytes, str]) -> Checked:
    """Whether a proof holds for one who trusts these public keys: 32 bytes to a name each."""
    author_fp = kit_fingerprint(proof.author_public)
    digest = record_digest(author_fp, proof.record)
    number = proof.header.counter
    return Checked(
        flaw=_flaw(proof, author_fp, digest, trusted=proof.author_public in public_keys),
        digest=digest,
        author_fp=author_fp,
        author=public_keys.get(proof.author_public, ""),
        number=number,
        signed_at=number + len(proof.following),
    )


def _flaw(proof: Proof, author_fp: bytes, digest: bytes, trusted: bool) -> Flaw | None:
    direction = proof.header.direction
    if direction is Direction.UP:
        own = author_fp == proof.kit_fp
    else:
        own = network_id(proof.author_public) == proof.network_id
    if not own:
        return Flaw.AUTHOR
    start = chain_start(direction, proof.epoch, proof.salt, proof.kit_fp)
    if proof.header.counter == 0 and proof.previous != start:
        return Flaw.START
    signed = signed_bytes(proof.network_id, proof.kit_fp, _signed_digest(proof, digest))
    if not verified(proof.author_public, proof.signature, signed):
        return Flaw.SIGNATURE
    return None if trusted else Flaw.KEY_UNKNOWN


def _signed_digest(proof: Proof, digest: bytes) -> bytes:
    """d[m], from the record upwards and along the chain."""
    root = root_from_path(digest, proof.place, proof.count, proof.path)
    state = chain_next(proof.previous, leaf_of(associated_data(proof.header), root))
    for leaf in proof.following:
        state = chain_next(state, leaf)
    return state
