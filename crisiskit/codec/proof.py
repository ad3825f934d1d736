"""A proof that a third party checks offline, as a file: CKPF1 (docs/proof.md is normative).

It carries one record, what leads from it to the digest of a log that its author signed, and
that signature. The other records stay hidden behind hashes. ``crypto.proof`` makes and checks
what is only written and read here.
"""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.codec.acks import SEQ_MAX
from crisiskit.codec.chain import path_length
from crisiskit.codec.header import (
    FRAME_BYTES_MIN,
    SALT_BYTES,
    FrameKind,
    Header,
    associated_data,
    decode_header,
)
from crisiskit.codec.record import DATA_BYTES_MAX, encode_reference, read_reference
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.shortest import TEXT_BYTES_MAX
from crisiskit.codec.wire import Reader
from crisiskit.model import Precedence, Record, RecordKind, Reference

MAGIC = b"CKPF1"
HASH_BYTES = 32
_ID_BYTES = 16
_PUBLIC_BYTES = 32
_SIGNATURE_BYTES = 64
# All that is neither text, data nor leaves has room in the last term.
PROOF_BYTES_MAX = TEXT_BYTES_MAX + DATA_BYTES_MAX + HASH_BYTES * SEQ_MAX + 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """One record and its way to a signature.

    ``kit_fp``: the kit at one end of the log, whoever wrote. ``author_public``: Ed25519, 32
    bytes. ``header``: that of the envelope, without epoch and salt; its counter is the number
    n of the envelope. ``place`` of ``count`` records, with the ``path`` from there to the root.
    ``previous``: d[n-1]. ``following``: the leaves of the envelopes after n, up to the one at
    which the author signed. ``signature``: over ``crypto.proof.signed_bytes``.
    """

    network_id: bytes
    kit_fp: bytes
    epoch: int
    salt: bytes
    author_public: bytes
    record: Record
    header: Header
    place: int
    count: int
    path: tuple[bytes, ...]
    previous: bytes
    following: tuple[bytes, ...]
    signature: bytes


def encode_proof(proof: Proof) -> bytes:
    """The file. ValueError or OverflowError for what :func:`decode_proof` would not read so.

    The quality of the writer's clock is not part of it: ``record.clock`` is UNKNOWN.
    """
    record, associated = proof.record, associated_data(proof.header)
    answers = encode_reference(record.answers) if record.answers else b""
    text = record.text.encode()
    parts = (
        MAGIC,
        proof.network_id,
        proof.kit_fp,
        proof.epoch.to_bytes(2, "big"),
        proof.salt,
        proof.author_public,
        bytes([record.kind]),
        record.minute.to_bytes(4, "big"),
        bytes([record.twin, record.precedence, len(answers)]),
        answers,
        len(record.data).to_bytes(2, "big"),
        record.data,
        len(text).to_bytes(3, "big"),
        text,
        bytes([len(associated)]),
        associated,
        bytes([proof.place, proof.count]),
        *proof.path,
        proof.previous,
        len(proof.following).to_bytes(2, "big"),
        *proof.following,
        proof.signature,
    )
    data = b"".join(parts)
    if decode_proof(data) != proof:
        raise ValueError("this is no proof")
    return data


def decode_proof(data: bytes) -> Proof | Rejected:
    """What a file says, without believing it. Each proof has one file and each file one proof."""
    if data[: len(MAGIC)] != MAGIC:
        return Rejected(Reject.VERSION)
    if len(data) > PROOF_BYTES_MAX:
        return Rejected(Reject.LENGTH)
    reader = Reader(data, Reject.LENGTH, at=len(MAGIC))
    try:
        proof = _read(reader)
    except MalformedError as bad:
        return Rejected(bad.code)
    return proof if reader.done else Rejected(Reject.LENGTH)


def _read(reader: Reader) -> Proof:
    network_id, kit_fp = reader.take(_ID_BYTES), reader.take(_ID_BYTES)
    epoch, salt = reader.uint(2), reader.take(SALT_BYTES)
    author_public = reader.take(_PUBLIC_BYTES)
    record = _read_record(reader)
    header = _read_header(reader)
    place, count = reader.uint(1), reader.uint(1)
    if place >= count:
        raise MalformedError(Reject.RECORD)
    path = [reader.take(HASH_BYTES) for _step in range(path_length(place, count))]
    previous = reader.take(HASH_BYTES)
    more = reader.uint(2)
    if header.counter + more > SEQ_MAX:
        raise MalformedError(Reject.HEADER)
    following = [reader.take(HASH_BYTES) for _leaf in range(more)]
    return Proof(
        network_id=network_id,
        kit_fp=kit_fp,
        epoch=epoch,
        salt=salt,
        author_public=author_public,
        record=record,
        header=header,
        place=place,
        count=count,
        path=tuple(path),
        previous=previous,
        following=tuple(following),
        signature=reader.take(_SIGNATURE_BYTES),
    )


def _read_record(reader: Reader) -> Record:
    try:
        kind, minute = RecordKind(reader.uint(1)), reader.uint(4)
        twin, precedence = reader.uint(1), Precedence(reader.uint(1))
    except ValueError:
        raise MalformedError(Reject.RECORD) from None
    answers = _read_answers(reader.take(reader.uint(1)))
    if (size := reader.uint(2)) > DATA_BYTES_MAX:
        raise MalformedError(Reject.RECORD)
    data = reader.take(size)
    if (size := reader.uint(3)) > TEXT_BYTES_MAX:
        raise MalformedError(Reject.TEXT)
    try:
        text = reader.take(size).decode()
    except UnicodeDecodeError:
        raise MalformedError(Reject.TEXT) from None
    if "\0" in text:
        raise MalformedError(Reject.TEXT)
    return Record(kind, precedence, minute, text, data, twin, answers)


def _read_answers(data: bytes) -> Reference | None:
    if not data:
        return None
    reader = Reader(data, Reject.RECORD)
    reference = read_reference(reader)
    if not reader.done:
        raise MalformedError(Reject.RECORD)
    return reference


def _read_header(reader: Reader) -> Header:
    """The associated data of an envelope, and nothing but that."""
    associated = reader.take(reader.uint(1))
    found = decode_header(associated + bytes(FRAME_BYTES_MIN))
    if isinstance(found, Rejected):
        raise MalformedError(Reject.HEADER)
    header = found[0]
    if header.kind is not FrameKind.SEALED or associated_data(header) != associated:
        raise MalformedError(Reject.HEADER)
    return header
