"""What is about to be kept: drafts, whom they are for, and the rows that make them durable."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from crisiskit.clock import minute_of
from crisiskit.codec.record import record_id
from crisiskit.errors import UsageError
from crisiskit.model import (
    CENTER,
    EVERY_KIT,
    Attached,
    ClockQuality,
    Direction,
    Precedence,
    Record,
    RecordKind,
    Reference,
    State,
)
from crisiskit.store import orders, pieces
from crisiskit.store.connect import Database
from crisiskit.store.distinct import distinct
from crisiskit.store.schema import Sealed as Column

_KIT_NUMBER_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """A record about to be kept. ``to`` is ``center``, ``all``, or a kit's number or name.

    ``clear``: its writer lets all read it. ``files`` go with it, each in records of its own.
    """

    kind: RecordKind
    precedence: Precedence
    text: str = ""
    data: bytes = b""
    to: str = CENTER
    answers: str = ""
    expires_at: int | None = None
    replace_key: str | None = None
    clock: ClockQuality = ClockQuality.UNKNOWN
    clear: bool = False
    files: tuple[Attached, ...] = ()


def insert_record(
    db: Database, own_fp: bytes, draft: Draft, pairings: Sequence[int], now: int
) -> tuple[int, bytes]:
    """Write a record towards these pairings: KEPT. Its row number and its digest."""
    answers = _answered(db, draft.answers) if draft.answers else (None, "")
    wanted = Record(
        draft.kind,
        draft.precedence,
        minute_of(now),
        draft.text,
        draft.data,
        answers=answers[0],
        clock=draft.clock,
    )
    record, digest = distinct(db, own_fp, wanted)
    ref = answers[0]
    key = draft.replace_key
    sealed_key = None if key is None else db.vault.seal(key.encode(), Column.REPLACE_KEY)
    row = db.execute(
        "INSERT INTO record (digest, code, box, author, kind, precedence, minute, twin,"
        " clock, data, text, written_at, answers, answers_direction, answers_epoch,"
        " answers_seq, answers_place, expires_at, replace_key, clear)"
        " VALUES (?, ?, 'out', NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            digest,
            record_id(digest),
            int(record.kind),
            int(record.precedence),
            record.minute,
            record.twin,
            int(record.clock),
            db.vault.seal(record.data, Column.DATA, digest),
            db.vault.seal(record.text.encode(), Column.TEXT, digest),
            now,
            answers[1],
            None if ref is None else int(ref.direction),
            None if ref is None else ref.epoch,
            None if ref is None else ref.seq,
            None if ref is None else ref.index,
            draft.expires_at,
            sealed_key,
            int(draft.clear),
        ),
    )
    if sealed_key is not None:
        _withdraw_replaced(db, sealed_key, pairings, now)
    db.executemany(
        "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at)"
        " VALUES (?, ?, 'out', ?, ?, 'kept', ?)",
        [(row.lastrowid, p, int(record.kind.for_people), record.precedence, now) for p in pairings],
    )
    for file in draft.files:
        _insert_file(db, own_fp, draft, file, digest, pairings, now)
    return int(row.lastrowid or 0), digest


def _insert_file(
    db: Database,
    own_fp: bytes,
    draft: Draft,
    file: Attached,
    message: bytes,
    pairings: Sequence[int],
    now: int,
) -> None:
    """The records of a file: they wait and expire with their message, and are never clear."""
    for data in pieces.piece_data(message, file):
        one = Draft(
            RecordKind.FILE,
            Precedence.ROUTINE,
            data=data,
            expires_at=draft.expires_at,
            clock=draft.clock,
        )
        row, _digest = insert_record(db, own_fp, one, pairings, now)
        pieces.note_own(db, row, data, message, now)


def recipients(db: sqlite3.Connection, to: str) -> list[int]:
    """The pairings behind a name, a number, ``center`` or ``all``; none that was revoked.

    Raises UsageError ``kit_unknown`` or ``kit_revoked``.
    """
    if to == EVERY_KIT:
        rows = db.execute(
            "SELECT id FROM pairing WHERE id NOT IN (SELECT pairing FROM refused) ORDER BY id"
        ).fetchall()
    elif to == CENTER:
        rows = db.execute("SELECT id FROM pairing WHERE keeps_root = 0").fetchall()
    else:
        rows = db.execute(
            "SELECT id FROM pairing WHERE keeps_root = 1 AND (name = ? OR kit_number = ?)",
            (to, int(to) if to.isdecimal() and len(to) <= _KIT_NUMBER_DIGITS else -1),
        ).fetchall()
    if not rows:
        raise UsageError("kit_unknown", name=to)
    pairings = [row[0] for row in rows]
    if orders.refused(db, pairings):
        raise UsageError("kit_revoked", name=to)
    return pairings


def _answered(db: sqlite3.Connection, code: str) -> tuple[Reference, str]:
    row = db.execute(
        "SELECT d.epoch, d.seq, d.place, p.keeps_root, d.box FROM delivery d"
        " JOIN record r ON r.id = d.record JOIN pairing p ON p.id = d.pairing"
        " WHERE r.code = ? AND d.epoch IS NOT NULL ORDER BY d.id LIMIT 1",
        (code,),
    ).fetchone()
    if row is None:
        raise UsageError("message_unknown", id=code)
    upward = bool(row[3]) == (row[4] == "in")
    return Reference(Direction.UP if upward else Direction.DOWN, row[0], row[1], row[2]), code


def _withdraw_replaced(
    db: sqlite3.Connection, key: bytes, pairings: Sequence[int], now: int
) -> None:
    """Cancel the unsealed predecessors of a latest-only record (protocol section 9)."""
    db.executemany(
        "UPDATE delivery SET state = ?, state_at = ? WHERE state = 'kept' AND pairing = ?"
        " AND record IN (SELECT id FROM record WHERE replace_key = ? UNION ALL SELECT p.record"
        " FROM record r JOIN piece p ON p.message = r.digest AND p.message <> x'' AND p.author = 0"
        " WHERE r.replace_key = ?)",
        [(State.CANCELLED, now, pairing, key, key) for pairing in pairings],
    )
