"""The data of a reading receipt: the records that a person opened."""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.codec.record import encode_reference, read_reference
from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader
from crisiskit.model import Reference

REFERENCES_MAX = 64


def encode_references(references: Sequence[Reference]) -> bytes:
    """References one after the other, 3 to 7 bytes each, at most 64."""
    if len(references) > REFERENCES_MAX:
        raise ValueError("too many references for one record")
    return b"".join(encode_reference(reference) for reference in references)


def decode_references(data: bytes) -> tuple[Reference, ...]:
    """The references as far as the bytes make sense; hostile bytes give fewer, never an error."""
    reader = Reader(data, Reject.RECORD)
    found: list[Reference] = []
    try:
        while not reader.done and len(found) < REFERENCES_MAX:
            found.append(read_reference(reader))
    except MalformedError:
        pass
    return tuple(found)
