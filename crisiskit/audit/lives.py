"""Walking one life of a sender from its beginning: is each envelope what the log says it is?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from crisiskit.audit.opening import Opener, came_header, own_header
from crisiskit.audit.report import Finding, Wrong
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.codec.header import Header, associated_data
from crisiskit.codec.record import record_digest, record_id
from crisiskit.crypto.identity import verified
from crisiskit.crypto.statement import log_statement
from crisiskit.model import Direction, Record, RecordKind
from crisiskit.store.logbook import Entry, Life, Logbook, Paired
from crisiskit.store.own import decode_own


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a pairing and its author. ``told`` takes what is wrong."""

    book: Logbook
    paired: Paired
    direction: Direction
    author: bytes
    author_fp: bytes
    told: Callable[[Finding], None]
    step: Callable[[int], None]


@dataclass(slots=True)
class Walked:
    """What walking a life showed. ``digest``: d[count-1], empty where it is not proved.

    ``signed``: what is below is covered by a signature in the life itself. ``names``: the
    checkpoints in it with the number of their envelope.
    """

    life: Life
    digest: bytes
    envelopes: int = 0
    records: int = 0
    closed: int = 0
    unread: int = 0
    signed: int = 0
    broken: bool = False
    names: list[tuple[int, Checkpoint]] = field(default_factory=list)


def walk(side: Side, life: Life, opener: Opener | None) -> Walked:
    """Check all of a life. ``opener`` opens what came in, None where the keys are gone."""
    start = chain_start(side.direction, life.epoch, life.salt, side.paired.kit_fp)
    walked = Walked(life, start)
    expected = 0
    for page in side.book.pages(life):
        for entry in page:
            if entry.seq >= life.count:
                continue
            if entry.seq > expected:
                _gap(side, walked, expected)
            expected = entry.seq + 1
            if life.box == "out":
                digests = _mine(side, walked, entry)
            else:
                digests = _theirs(side, walked, entry, opener)
            walked.envelopes += 1
            walked.records += len(digests)
        _check_places(side, life, page)
        side.step(len(page))
    if expected < life.count:
        _gap(side, walked, expected)
    elif walked.digest != life.digest and not walked.broken and life.count:
        side.told(Finding(Wrong.CHAIN, life.box, life.epoch, life.count - 1))
    return walked


def _gap(side: Side, walked: Walked, number: int) -> None:
    """An envelope is gone: nothing after it can be followed from the beginning."""
    side.told(Finding(Wrong.MISSING, walked.life.box, walked.life.epoch, number))
    walked.digest, walked.broken = b"", True


def _theirs(side: Side, walked: Walked, entry: Entry, opener: Opener | None) -> tuple[bytes, ...]:
    """An envelope that came in: opened again where the key is still here."""
    life = walked.life
    leaf, digests, signature = entry.leaf, entry.digests, entry.signature
    said = None if opener is None else opener.open(entry)
    if said is not None and said.records and entry.leaf:
        if entry.digests != said.digests:
            side.told(Finding(Wrong.DIGESTS, life.box, life.epoch, entry.seq))
        if entry.signature != said.signature:
            side.told(Finding(Wrong.SIGNATURE, life.box, life.epoch, entry.seq))
        leaf, digests, signature = said.leaf, said.digests, said.signature
        _remember(walked, entry.seq, said.records)
    elif opener is not None and said is None:
        side.told(Finding(Wrong.FRAME, life.box, life.epoch, entry.seq))
    elif opener is None:
        walked.closed += 1
    if not entry.leaf:
        walked.unread += 1
        leaf = b""
    elif entry.leaf != leaf or (said is None and leaf != _leaf(came_header(entry), digests)):
        side.told(Finding(Wrong.LEAF, life.box, life.epoch, entry.seq))
    walked.digest = chain_next(walked.digest, leaf) if walked.digest and leaf else b""
    _check_signature(side, walked, entry.seq, signature)
    return digests


def _mine(side: Side, walked: Walked, entry: Entry) -> tuple[bytes, ...]:
    """An envelope of our own: its key is gone, but all hashes are here."""
    life = walked.life
    header = own_header(entry, side.paired)
    if header is None:
        side.told(Finding(Wrong.FRAME, life.box, life.epoch, entry.seq))
    elif entry.leaf != _leaf(header, entry.digests):
        side.told(Finding(Wrong.LEAF, life.box, life.epoch, entry.seq))
    own = decode_own(entry.own)
    if own is not None:
        _remember(walked, entry.seq, [own])
    if entry.own and (own is None or _digest(side, own) not in entry.digests[-1:]):
        side.told(Finding(Wrong.RECORD, life.box, life.epoch, entry.seq))
    follows = not walked.digest or chain_next(walked.digest, entry.leaf) == entry.digest
    if not follows:
        side.told(Finding(Wrong.CHAIN, life.box, life.epoch, entry.seq))
    walked.digest = entry.digest
    _check_signature(side, walked, entry.seq, entry.signature)
    return entry.digests


def _leaf(header: Header | None, digests: tuple[bytes, ...]) -> bytes:
    if header is None or not digests:
        return b""
    return envelope_leaf(associated_data(header), digests)


def _digest(side: Side, record: Record) -> bytes:
    return record_digest(side.author_fp, record)


def _remember(walked: Walked, seq: int, records: Iterable[Record]) -> None:
    for record in records:
        found = decode_checkpoint(record.data) if record.kind is RecordKind.CHECKPOINT else None
        if isinstance(found, Checkpoint):
            walked.names.append((seq, found))


def _check_signature(side: Side, walked: Walked, seq: int, signature: bytes) -> None:
    """A signature signs all before it, so it says something only where that is unbroken."""
    if not signature or not walked.digest:
        return
    said = log_statement(side.book.network_id, side.paired.kit_fp, walked.digest)
    if verified(side.author, signature, said):
        if not walked.broken:
            walked.signed = seq + 1
    else:
        side.told(Finding(Wrong.SIGNATURE, walked.life.box, walked.life.epoch, seq))


def _check_places(side: Side, life: Life, page: list[Entry]) -> None:
    """Each record of an envelope is stored, and each message stands where the log has it."""
    stored: dict[int, set[bytes]] = {}
    digests = {entry.seq: entry.digests for entry in page}
    for seq, place, digest, code in side.book.placed(life, page[0].seq, page[-1].seq):
        there = digests.get(seq, ())
        stored.setdefault(seq, set()).add(digest)
        if not 0 <= place < len(there) or there[place] != digest:
            side.told(Finding(Wrong.PLACE, life.box, life.epoch, seq, code))
    for entry in page:
        for digest in _people(entry):
            known = digest in stored.get(entry.seq, ()) or side.book.delivered(life, digest)
            if not known:
                id = record_id(digest)
                side.told(Finding(Wrong.MISSING, life.box, life.epoch, entry.seq, id))


def _people(entry: Entry) -> Iterator[bytes]:
    """The digests of what is kept as records: all but a record of the station's own."""
    yield from entry.digests[:-1] if entry.own else entry.digests
