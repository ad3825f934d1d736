"""Bytes of records on the wire, as the sender codes them."""

from __future__ import annotations

from crisiskit.codec.content import SIGNATURE_BYTES, Content, encode_content
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Precedence, Record, RecordKind
from crisiskit.sim.day.plan import Said
from crisiskit.sim.world import EPOCH_MS

AROUND_BYTES = 4 + TAG_BYTES  # the short header, and the tag
HEADS_BYTES = 3  # kind of content, minute


def record_bytes(said: Said) -> int:
    """What a record adds to a content."""
    minute = EPOCH_MS // 60_000 + int(said.at_s // 60)
    record = Record(said.kind, said.precedence, minute, text=said.text)
    return len(encode_content(Content((record,)), minute)) - HEADS_BYTES


def frame_bytes(records: int, signed: bool) -> int:
    """The frame for so many bytes of records."""
    return AROUND_BYTES + HEADS_BYTES + records + SIGNATURE_BYTES * signed


def grave(said: Said) -> bool:
    """Whether it never leaves without a signature."""
    return said.precedence is Precedence.FLASH or said.kind is RecordKind.ORDER
