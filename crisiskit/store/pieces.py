"""Files on disk: which records carry them, when they are whole, and what their message shows.

A message is HELD only once all that waits of its files is held. What packs files is slow to
load, and most messages have none: it is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crisiskit.codec.reject import Rejected
from crisiskit.errors import TrustError
from crisiskit.model import Attached, Record, Whole
from crisiskit.store.connect import Database
from crisiskit.store.schema import Sealed as Column

if TYPE_CHECKING:
    from crisiskit.codec.pieces import FileHead, Piece

OPEN_FILES_MAX = 512
PATIENCE_MS = 30 * 86_400_000
_WAITING = "('kept', 'sealed', 'sent', 'arrived')"
# Of a delivery: whether a piece of a file of this message still waits.
PENDING = (
    "EXISTS (SELECT 1 FROM record m JOIN piece p ON p.message = m.digest AND p.author = 0"
    " JOIN delivery f ON f.record = p.record AND f.pairing = delivery.pairing"
    f" WHERE m.id = delivery.record AND p.message <> x'' AND f.state IN {_WAITING})"
)


def piece_data(message: bytes, file: Attached) -> list[bytes]:
    """The data of the records that carry a file of a message, its head first."""
    from crisiskit.codec.pieces import cut_file

    return cut_file(message, file.name, file.content)


def note_own(db: Database, row: int, data: bytes, message: bytes, now: int) -> None:
    """A piece of a file that is written here."""
    piece = _own_piece(data)
    state = Whole.WHOLE if piece.head else ""
    db.execute(
        "INSERT INTO piece (record, author, file, number, message, state, at)"
        " VALUES (?, 0, ?, ?, ?, ?, ?)",
        (row, piece.file, piece.number, message, state, now),
    )


def note_in(db: Database, row: int, author: int, record: Record, now: int) -> None:
    """A piece that came in. The first of its number counts; the last one closes the file."""
    from crisiskit.codec.pieces import decode_piece

    piece = decode_piece(record.data)
    if isinstance(piece, Rejected):
        return
    known = dict(
        db.execute(
            "SELECT number, state FROM piece WHERE author = ? AND file = ? ORDER BY number LIMIT 1",
            (author, piece.file),
        )
    )
    if known.get(0, Whole.PARTLY) != Whole.PARTLY:
        return
    db.execute(
        "INSERT OR IGNORE INTO piece (record, author, file, number, message, state, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row,
            author,
            piece.file,
            piece.number,
            piece.head.message if piece.head else b"",
            Whole.PARTLY,
            now,
        ),
    )
    _close(db, author, piece.file)
    if not known:
        _give_up_beyond(db, author)


def _close(db: Database, author: int, file: bytes) -> None:
    """Look at a file whose pieces may all be there."""
    row = db.execute(
        "SELECT r.digest, r.data, p.record FROM piece p JOIN record r ON r.id = p.record"
        " WHERE p.author = ? AND p.file = ? AND p.number = 0",
        (author, file),
    ).fetchone()
    if row is None:
        return
    try:
        state = _how_whole(db, author, file, row)
    except TrustError:  # altered on the disk
        return
    if state is not Whole.PARTLY:
        db.execute(
            "UPDATE piece SET state = CASE number WHEN 0 THEN ? ELSE '' END"
            " WHERE author = ? AND file = ?",
            (state, author, file),
        )


def _how_whole(db: Database, author: int, file: bytes, first: tuple[bytes, bytes, int]) -> Whole:
    from crisiskit.codec.pieces import join_file

    head = _own_head(db.vault.open(first[1], Column.DATA, first[0]))
    slices = "WHERE p.author = ? AND p.file = ? AND p.number BETWEEN 1 AND ?"
    which = (author, file, head.count)
    there = db.execute(f"SELECT count(*) FROM piece p {slices}", which).fetchone()[0]
    if there < head.count:
        return Whole.PARTLY
    found = db.execute(
        "SELECT r.digest, r.data FROM piece p JOIN record r ON r.id = p.record"
        f" {slices} ORDER BY p.number",
        which,
    )
    parts = [_own_piece(db.vault.open(data, Column.DATA, name)).content for name, data in found]
    return Whole.WRONG if isinstance(join_file(head, parts), Rejected) else Whole.WHOLE


def _own_piece(data: bytes) -> Piece:
    """The piece in data that was looked at before."""
    from crisiskit.codec.pieces import decode_piece

    piece = decode_piece(data)
    assert not isinstance(piece, Rejected), "only what can be read is noted"
    return piece


def _own_head(data: bytes) -> FileHead:
    head = _own_piece(data).head
    assert head is not None, "its number is 0"
    return head


def _give_up_beyond(db: Database, author: int) -> None:
    """Of too many files of one station that are not whole, the oldest are given up."""
    rows = db.execute(
        "SELECT author, file FROM piece WHERE state = 'partly' AND author = ?"
        " GROUP BY file ORDER BY max(record) DESC LIMIT -1 OFFSET ?",
        (author, OPEN_FILES_MAX),
    ).fetchall()
    give_up(db, rows)


def give_up(db: Database, files: Sequence[tuple[int, bytes]]) -> None:
    """Wait for these no longer: their slices are not looked for any more, and people see it."""
    db.executemany(
        "UPDATE piece SET state = 'given_up' WHERE author = ? AND file = ? AND number = 0", files
    )
    db.executemany("DELETE FROM piece WHERE author = ? AND file = ? AND number > 0", files)


def prune(db: Database, now: int) -> None:
    """Give up what got no piece for a month."""
    rows = db.execute(
        "SELECT author, file FROM piece WHERE state = 'partly' GROUP BY author, file"
        " HAVING max(at) < ?",
        (now - PATIENCE_MS,),
    ).fetchall()
    give_up(db, rows)


def promote(db: Database, pairing: int, now: int) -> None:
    """Messages that only waited for their files are HELD once those are."""
    db.execute(
        "UPDATE delivery SET state = 'held', state_at = ? WHERE box = 'out' AND pairing = ?"
        " AND state = 'arrived' AND EXISTS (SELECT 1 FROM envelope e WHERE"
        " e.pairing = delivery.pairing AND e.epoch = delivery.epoch AND e.seq = delivery.seq"
        f" AND e.state = 'held') AND NOT {PENDING}",
        (now, pairing),
    )


def withdraw(db: Database, ref: int, now: int) -> int:
    """Withdraw what is not sealed of the files of a delivery; how many pieces those were."""
    done = db.execute(
        "UPDATE delivery SET state = 'cancelled', state_at = ? WHERE state = 'kept' AND id IN"
        " (SELECT f.id FROM delivery d JOIN record m ON m.id = d.record"
        " JOIN piece p ON p.message = m.digest AND p.author = 0"
        " JOIN delivery f ON f.record = p.record AND f.pairing = d.pairing"
        " WHERE d.id = ? AND d.box = 'out' AND p.message <> x'')",
        (now, ref),
    )
    if done.rowcount:
        pairing = db.execute("SELECT pairing FROM delivery WHERE id = ?", (ref,)).fetchone()[0]
        promote(db, int(pairing), now)
    return done.rowcount
