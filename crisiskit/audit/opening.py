"""Opening again what came in: from the sealed bytes as stored to what they say."""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.codec.chain import envelope_leaf
from crisiskit.codec.content import Content, open_content, wide_minute
from crisiskit.codec.header import FrameKind, Header, associated_data, decode_header
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, EpochKeys, EpochSecret
from crisiskit.crypto.seal import open_frame
from crisiskit.model import Direction, Precedence, Record
from crisiskit.store.logbook import Entry, Life, Paired

SALT_BYTES = 4


class Keyring:
    """The keys of the lives of one far end, as far as they are still here."""

    def __init__(self, paired: Paired) -> None:
        self._direction = Direction.UP if paired.keeps_root else Direction.DOWN
        self._secrets = paired.secrets
        self._chain = ChainKey(self._direction, paired.chain_epoch, paired.chain)

    def keys(self, life: Life) -> EpochKeys | None:
        """The keys of a life, None if they are gone. Lives are asked for in rising order."""
        if not 0 <= life.epoch <= EPOCH_MAX or len(life.salt) != SALT_BYTES:
            return None
        if life.epoch in self._secrets:
            secret = EpochSecret(self._direction, life.epoch, self._secrets[life.epoch])
            return secret.keys(life.salt)
        if life.epoch < self._chain.epoch:
            return None
        self._chain = self._chain.forward(life.epoch)
        return self._chain.secret().keys(life.salt)


@dataclass(frozen=True, slots=True)
class Said:
    """What a sealed envelope says. Without ``records`` it cannot be decoded."""

    records: tuple[Record, ...] = ()
    digests: tuple[bytes, ...] = ()
    signature: bytes = b""
    leaf: bytes = b""


class Opener:
    """Opens the envelopes of one life in their order."""

    def __init__(self, keys: EpochKeys, author_fp: bytes) -> None:
        self._keys = keys
        self._author_fp = author_fp
        self._base_minute: int | None = None

    def open(self, entry: Entry) -> Said | None:
        """What an envelope says; None if these are not the bytes that its author sealed."""
        found = decode_header(entry.frame)
        if isinstance(found, Rejected) or found[0].counter != entry.seq:
            return None
        header = found[0]
        data = open_frame(self._keys, header, entry.frame) if _whole(header) else None
        if data is None:
            return None
        if entry.seq == 0:
            self._base_minute = wide_minute(data)
        coded = open_content(data, self._base_minute)
        content = coded if isinstance(coded, Rejected) else coded.decode()
        return Said() if isinstance(content, Rejected) else self._said(header, content)

    def _said(self, header: Header, content: Content) -> Said:
        digests = tuple(record_digest(self._author_fp, record) for record in content.records)
        leaf = envelope_leaf(associated_data(header), digests)
        return Said(content.records, digests, content.signature, leaf)


def came_header(entry: Entry) -> Header | None:
    """The header of an envelope that came in, without epoch and salt."""
    found = decode_header(entry.frame)
    return None if isinstance(found, Rejected) or not _whole(found[0]) else found[0]


def own_header(entry: Entry, paired: Paired) -> Header | None:
    """The header of an envelope of our own; its sealed bytes may be gone."""
    direction = Direction.DOWN if paired.keeps_root else Direction.UP
    if not 0 <= entry.precedence < len(Precedence):
        return None
    precedence = Precedence(entry.precedence)
    ways = [
        Header(kind, paired.kit_number, direction, precedence, entry.seq)
        for kind in (FrameKind.SEALED, FrameKind.CLEAR)
    ]
    if not entry.frame:
        fits = (h for h in ways if envelope_leaf(associated_data(h), entry.digests) == entry.leaf)
        return next(fits, ways[0]) if entry.digests else ways[0]
    found = decode_header(entry.frame)
    return found[0] if not isinstance(found, Rejected) and found[0] in ways else None


def _whole(header: Header) -> bool:
    return header.kind in (FrameKind.SEALED, FrameKind.CLEAR)
