"""The whole log of an installation against itself and the public keys of its authors.

For every life of every pairing, both ways: no envelope is missing, the sealed bytes open where
a key is left, records, digests, leaves and chain follow from each other, every signature is its
author's, and what a later life says of an earlier one is so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from crisiskit.audit.lives import Side, Walked, walk
from crisiskit.audit.opening import SALT_BYTES, Keyring, Opener
from crisiskit.audit.records import record_of
from crisiskit.audit.report import Finding, Report, Tally, Wrong
from crisiskit.codec.chain import chain_next, chain_start
from crisiskit.codec.checkpoint import Checkpoint, encode_checkpoint
from crisiskit.codec.record import record_digest, record_id
from crisiskit.crypto.identity import kit_fingerprint, network_id
from crisiskit.crypto.keys import EPOCH_MAX
from crisiskit.model import Direction
from crisiskit.store.logbook import Life, Logbook, Paired, Written

MINUTE_MS = 60_000


def check_log(
    book: Logbook, authority: bytes, step: Callable[[int], None] = lambda _done: None
) -> Iterator[Report]:
    """One report for each station, and one without a name for what was written here.

    ``authority``: the public key of the center, 32 bytes. ``step`` is told how many more
    envelopes and records were looked at.
    """
    pairings = list(book.pairings())
    reports = {paired.id: Report(paired.name, paired.kit_number) for paired in pairings}
    here = Report("", 0)
    _check_records(book, pairings, reports, here, step)
    for paired in pairings:
        report = reports[paired.id]
        _check_keys(book, paired, authority, report)
        for epoch, _count in book.without_life(paired.id):
            report.found(Finding(Wrong.LIFE, epoch=epoch))
        for code, epoch, seq in book.without_envelope(paired.id):
            report.found(Finding(Wrong.STRAY, epoch=epoch, number=seq, id=code))
        for box, tally in (("in", report.came), ("out", report.went)):
            upward = bool(paired.keeps_root) == (box == "in")
            author = paired.kit_public if upward else authority
            direction = Direction.UP if upward else Direction.DOWN
            fp = paired.kit_fp if upward else kit_fingerprint(authority)
            side = Side(book, paired, direction, author, fp, report.found, step)
            _check_side(side, box, tally)
        yield report
    yield here


# -- keys and records ------------------------------------------------------------------------


def _check_keys(book: Logbook, paired: Paired, authority: bytes, report: Report) -> None:
    """The public keys are those of the stations they stand for."""
    center_fp = kit_fingerprint(authority)
    peer = paired.kit_public if paired.keeps_root else authority
    right = (
        kit_fingerprint(paired.kit_public) == paired.kit_fp
        and network_id(authority) == book.network_id
        and paired.peer_public == peer
        and paired.peer_fp == (paired.kit_fp if paired.keeps_root else center_fp)
        and book.own_fp == (center_fp if paired.keeps_root else paired.kit_fp)
    )
    if not right:
        report.found(Finding(Wrong.KEY))


def _check_records(
    book: Logbook,
    pairings: list[Paired],
    reports: dict[int, Report],
    here: Report,
    step: Callable[[int], None],
) -> None:
    """What a record says gives its digest, and the digest the id that people read aloud."""
    authors = {paired.id: paired.peer_fp for paired in pairings}
    for written in book.records():
        author = -1 if written.author is None else written.author
        fp = book.own_fp if written.box == "out" else authors.get(author, b"")
        if not _is_itself(written, fp):
            known = written.box == "in" and author in reports
            (reports[author] if known else here).found(Finding(Wrong.RECORD, id=written.code))
        step(1)


def _is_itself(written: Written, author_fp: bytes) -> bool:
    record = record_of(written)
    if record is None:
        return False
    try:
        digest = record_digest(author_fp, record)
    except (ValueError, OverflowError, TypeError):
        return False
    in_time = written.box == "out" or written.written_at == record.minute * MINUTE_MS
    return digest == written.digest and record_id(digest) == written.code and in_time


# -- lives -----------------------------------------------------------------------------------


def _check_side(side: Side, box: str, tally: Tally) -> None:
    """All lives of one author in one pairing, then what they say of each other."""
    lives = side.book.lives(side.paired.id, box)
    _check_row_numbers(side, lives)
    ring = Keyring(side.paired)
    walked: dict[tuple[int, bytes], Walked] = {}
    for life in lives:
        if not 0 <= life.epoch <= EPOCH_MAX or len(life.salt) != SALT_BYTES:
            side.told(Finding(Wrong.LIFE, box, life.epoch))
            continue
        keys = ring.keys(life) if box == "in" else None
        opener = None if keys is None else Opener(keys, side.author_fp)
        done = walk(side, life, opener)
        walked[life.epoch, life.salt] = done
        tally.lives += 1
        tally.envelopes += done.envelopes
        tally.records += done.records
        tally.closed += done.closed
        tally.unread += done.unread
    for done in list(walked.values()):
        for seq, names in done.names:
            _check_checkpoint(side, walked, done, seq, names)
    for done in walked.values():
        _check_claims(side, done)
        tally.signed += side.book.records_below(done.life, min(done.signed, done.life.count))


def _check_row_numbers(side: Side, lives: list[Life]) -> None:
    """Lives that were heard are counted: one that was taken out leaves a hole."""
    counted = sorted(life.nth for life in lives if life.box == "in")
    if counted != list(range(1, len(counted) + 1)):
        side.told(Finding(Wrong.LIFE, "in"))


def _check_checkpoint(
    side: Side,
    walked: dict[tuple[int, bytes], Walked],
    later: Walked,
    seq: int,
    names: Checkpoint,
) -> None:
    """A life says how an earlier one ended: is that what is stored of it?"""
    box = later.life.box
    earlier = walked.get((names.epoch, names.salt))
    if earlier is None:
        side.told(Finding(Wrong.LIFE, box, names.epoch))
    elif names.count > earlier.life.count:
        side.told(Finding(Wrong.MISSING, box, names.epoch, earlier.life.count))
    elif not earlier.broken:
        digest = _digest_at(side, earlier, names.count)
        if digest and digest != names.digest:
            side.told(Finding(Wrong.CHECKPOINT, box, names.epoch, names.count - 1))
        elif digest and seq < later.signed:
            earlier.signed = max(earlier.signed, names.count)


def _digest_at(side: Side, walked: Walked, count: int) -> bytes:
    """The chain value of a life after ``count`` envelopes, empty if it is not proved."""
    life = walked.life
    if count == life.count:
        return walked.digest
    state = chain_start(side.direction, life.epoch, life.salt, side.paired.kit_fp)
    for entry in side.book.entries(life):
        if entry.seq >= count:
            break
        state = chain_next(state, entry.leaf) if state and entry.leaf else b""
    return state


def _check_claims(side: Side, done: Walked) -> None:
    """Nothing is called signed or held that is not, and the checkpoint noted is the one said."""
    life = done.life
    told = partial(Finding, Wrong.CLAIM, life.box, life.epoch)
    if life.signed_below > (life.count if done.broken else done.signed):
        side.told(told(life.signed_below))
    if not 0 <= life.held_below <= life.count:
        side.told(told(life.held_below))
    said = [encode_checkpoint(names) for seq, names in done.names if seq == life.names_at]
    if life.names and not done.closed and not done.broken and life.names not in said:
        beyond = life.names_at >= life.count
        if not beyond:
            side.told(told(life.names_at))
