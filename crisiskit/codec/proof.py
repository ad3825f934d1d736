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
_ONE_BYTES_MAX = TEXT_BYTES_MAX + DATA_BYTES_MAX + HASH_BYTES * SEQ_MAX + 1024
PROOF_BYTES_MAX = 2 * _ONE_BYTES_MAX
_SIGNED_HERE, _VOUCHED_FOR = 0, 1


@dataclass(frozen=True, slots=True)
class Proof:
    """One record and its way to a signature.

    ``kit_fp``: the kit at one end of the log, whoever wrote. ``author_public``: Ed25519, 32
    bytes. ``header``: that of the envelope, without epoch and salt; its counter is the number
    n of the envelope. ``place`` of ``count`` records, with the ``path`` from there to the root.
    ``earlier``: the leaves of all n envelopes before it, or none of them. ``previous``: the
    chain value before these, d[-1] or d[n-1]. ``following``: the leaves of the envelopes after
    n, up to the one at which the author signed. ``signature``: over
    ``crypto.statement.log_statement``; empty where the author signed only later, in a checkpoint
    that names this life: ``voucher`` is the proof of that checkpoint.
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
    earlier: tuple[bytes, ...]
    following: tuple[bytes, ...]
    signature: bytes
    voucher: Proof | None = None


def encode_proof(proof: Proof) -> bytes:
    """The file. ValueError or OverflowError for what :func:`decode_proof` would not read so.

    The quality of the writer's clock is not part of it: ``record.clock`` is UNKNOWN.
    """
    data = _write(proof)
    if decode_proof(data) != proof:
        raise ValueError("this is no proof")
    return data


def _write(proof: Proof) -> bytes:
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
        len(proof.earlier).to_bytes(2, "big"),
        *proof.earlier,
        len(proof.following).to_bytes(2, "big"),
        *proof.following,
        bytes([_SIGNED_HERE if proof.voucher is None else _VOUCHED_FOR]),
        proof.signature if proof.voucher is None else _write(proof.voucher),
    )
    return b"".join(parts)


def decode_proof(data: bytes) -> Proof | Rejected:
    """What a file says, without believing it. Each proof has one file and each file one proof."""
    if data[: len(MAGIC)] != MAGIC:
        return Rejected(Reject.VERSION)
    if len(data) > PROOF_BYTES_MAX:
        return Rejected(Reject.LENGTH)
    reader = Reader(data, Reject.LENGTH, at=len(MAGIC))
    try:
        proof = _read(reader, may_be_vouched=True)
    except MalformedError as bad:
        return Rejected(bad.code)
    return proof if reader.done else Rejected(Reject.LENGTH)


def _read(reader: Reader, may_be_vouched: bool) -> Proof:
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
    before = reader.uint(2)
    if before not in (0, header.counter):
        raise MalformedError(Reject.HEADER)
    earlier = [reader.take(HASH_BYTES) for _leaf in range(before)]
    more = reader.uint(2)
    if header.counter + more > SEQ_MAX:
        raise MalformedError(Reject.HEADER)
    following = [reader.take(HASH_BYTES) for _leaf in range(more)]
    signature, voucher = _read_end(reader, may_be_vouched)
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
        earlier=tuple(earlier),
        following=tuple(following),
        signature=signature,
        voucher=voucher,
    )


def _read_end(reader: Reader, may_be_vouched: bool) -> tuple[bytes, Proof | None]:
    """The signature, or the proof of the checkpoint that stands for it; that one is signed."""
    end = reader.uint(1)
    if end == _SIGNED_HERE:
        return reader.take(_SIGNATURE_BYTES), None
    if end != _VOUCHED_FOR or not may_be_vouched or reader.take(len(MAGIC)) != MAGIC:
        raise MalformedError(Reject.SIGNED)
    return b"", _read(reader, may_be_vouched=False)


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
    envelope = header.kind in (FrameKind.SEALED, FrameKind.CLEAR)
    if not envelope or associated_data(header) != associated:
        raise MalformedError(Reject.HEADER)
    return header
