"""What a record is called: its digest, the same at both ends, and the short word read aloud."""

from __future__ import annotations

import hashlib
import re

from crisiskit.codec.wire import Reader, varint
from crisiskit.model import Direction, Record, Reference

RECORD_DIGEST_BYTES = 16
DATA_BYTES_MAX = 4096
_LABEL = b"crisiskit/1 rec\0"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SPOKEN = re.compile(rf"[{_ALPHABET}]{{3,8}}")
_EPOCH_MAX = 0xFFFF
_ID_LETTERS = 8
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def encode_reference(reference: Reference) -> bytes:
    """Direction and epoch as one varint, seq as a varint, index 1: 3 to 7 bytes."""
    named = varint(reference.epoch << 1 | reference.direction) + varint(reference.seq)
    return named + reference.index.to_bytes(1, "big")


def read_reference(reader: Reader) -> Reference:
    """The way back from :func:`encode_reference`. Raises ``MalformedError``."""
    named = reader.varint(_EPOCH_MAX << 1 | 1)
    return Reference(Direction(named & 1), named >> 1, reader.varint(0xFFFF), reader.uint(1))


def record_digest(author_fp: bytes, record: Record) -> bytes:
    """16 bytes that name a record for ever; ``author_fp`` is the author's 16-byte fingerprint.

    Covers everything a record says, but not the clock quality, which belongs to the envelope.
    """
    if len(author_fp) != RECORD_DIGEST_BYTES:
        raise ValueError("a fingerprint has 16 bytes")
    answers = encode_reference(record.answers) if record.answers else b""
    parts = (
        _LABEL,
        author_fp,
        bytes([record.kind]),
        record.minute.to_bytes(4, "big"),
        bytes([record.twin, record.precedence, len(answers)]),
        answers,
        len(record.data).to_bytes(2, "big"),
        record.data,
        record.text.encode(),
    )
    return hashlib.sha256(b"".join(parts)).digest()[:RECORD_DIGEST_BYTES]


def record_id(digest: bytes) -> str:
    """The short name of a record: the first 40 bits in Crockford's base 32, as ``7KQ2-M3XD``."""
    number = int.from_bytes(digest[:5], "big")
    letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{letters[:4]}-{letters[4:]}"


def parse_record_id(typed: str) -> str | None:
    """What a person typed as the start of a :func:`record_id`, or None where it cannot be one.

    Takes lower case, blanks, a missing dash, O for 0, I and L for 1, and three letters or more.
    """
    letters = typed.upper().translate(_MISREAD)
    if not _SPOKEN.fullmatch(letters):
        return None
    return letters if len(letters) <= _ID_LETTERS // 2 else f"{letters[:4]}-{letters[4:]}"
