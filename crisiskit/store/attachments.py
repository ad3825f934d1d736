"""The files of messages as screens and commands read them. Never writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from crisiskit.codec.pieces import decode_piece, join_file
from crisiskit.codec.reject import Rejected
from crisiskit.errors import CrisiskitError
from crisiskit.model import Attachment, Message, Whole
from crisiskit.store.order_views import Read
from crisiskit.store.schema import Sealed

Opened = Callable[[bytes, Sealed, bytes], bytes]
_ASKED_AT_ONCE = 500
_THERE = "('arrived', 'held', 'read')"


def exist(read: Read) -> bool:
    """Whether any message has a file; a store of an older format has none."""
    found = read("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'piece'", ())
    return bool(found and read("SELECT 1 FROM piece LIMIT 1", ()))


def tally(read: Read) -> tuple[int, int, int]:
    """Of the files that came in: how many are whole, on their way, never to be whole."""
    if not exist(read):
        return 0, 0, 0
    sql = (
        "SELECT coalesce(sum(state = 'whole'), 0), coalesce(sum(state = 'partly'), 0),"
        " coalesce(sum(state IN ('wrong', 'given_up')), 0) FROM piece"
        " WHERE author > 0 AND number = 0"
    )
    return _three(read(sql, ()))


def by_delivery(
    read: Read, opened: Opened, messages: Sequence[Message]
) -> dict[int, tuple[Attachment, ...]]:
    """The files of these messages, by the ``ref`` of the message; by name, as at both ends."""
    found: defaultdict[int, list[Attachment]] = defaultdict(list)
    refs = [message.ref for message in messages]
    for start in range(0, len(refs), _ASKED_AT_ONCE):
        some = refs[start : start + _ASKED_AT_ONCE]
        sql = (
            "SELECT d.id, d.box, d.pairing, p.record, p.author, p.file, p.state, h.data, h.digest"
            " FROM delivery d JOIN record m ON m.id = d.record JOIN piece p"
            " ON p.message = m.digest AND p.author = CASE d.box WHEN 'out' THEN 0"
            " ELSE d.pairing END AND p.number = 0 JOIN record h ON h.id = p.record"
            f" WHERE p.message <> x'' AND d.id IN ({','.join('?' * len(some))})"
            " ORDER BY p.record"
        )
        for ref, box, pairing, row, author, file, state, data, digest in read(sql, some):
            there = (
                _there_out(read, pairing, file) if box == "out" else _there_in(read, author, file)
            )
            piece = decode_piece(opened(data, Sealed.DATA, digest))
            if isinstance(piece, Rejected) or piece.head is None:  # altered on the disk
                found[ref].append(Attachment(row, "?", 0, 0, 1, 0, Whole.WRONG))
                continue
            head = piece.head
            how = _sent(there, head.count) if box == "out" else Whole(state)
            count = head.count if how is Whole.WHOLE else there[0]
            found[ref].append(
                Attachment(row, head.name, head.size, head.coded_bytes, head.count, count, how)
            )
    return {ref: tuple(sorted(files, key=lambda one: one.name)) for ref, files in found.items()}


def _there_in(read: Read, author: int, file: bytes) -> tuple[int, int, int]:
    sql = "SELECT count(*), 0, 0 FROM piece WHERE author = ? AND file = ? AND number > 0"
    return _three(read(sql, (author, file)))


def _there_out(read: Read, pairing: int, file: bytes) -> tuple[int, int, int]:
    """Of the slices for one station: how many are there, withdrawn, expired."""
    sql = (
        f"SELECT coalesce(sum(f.state IN {_THERE}), 0), coalesce(sum(f.state = 'cancelled'), 0),"
        " coalesce(sum(f.state = 'expired'), 0) FROM piece p JOIN delivery f"
        " ON f.record = p.record AND f.pairing = ?"
        " WHERE p.author = 0 AND p.file = ? AND p.number > 0"
    )
    return _three(read(sql, (pairing, file)))


def _three(rows: Sequence[tuple[int, ...]]) -> tuple[int, int, int]:
    first, second, third = rows[0]
    return first, second, third


def _sent(there: tuple[int, int, int], count: int) -> Whole:
    done, withdrawn, expired = there
    if done >= count:
        return Whole.WHOLE
    if withdrawn:
        return Whole.WITHDRAWN
    return Whole.EXPIRED if expired else Whole.PARTLY


def content(read: Read, opened: Opened, attachment: Attachment) -> bytes:
    """The bytes of a file, all of them and the right ones.

    Raises CrisiskitError ``file_not_whole`` or ``file_wrong``.
    """
    sql = (
        "SELECT r.data, r.digest FROM piece h JOIN piece p ON p.author = h.author"
        " AND p.file = h.file JOIN record r ON r.id = p.record WHERE h.record = ?"
        " ORDER BY p.number LIMIT ?"
    )
    rows = read(sql, (attachment.head, attachment.count + 1))
    pieces = [decode_piece(opened(data, Sealed.DATA, digest)) for data, digest in rows]
    read_well = [one for one in pieces if not isinstance(one, Rejected)]
    if not read_well or read_well[0].head is None or attachment.state is Whole.WRONG:
        raise CrisiskitError("file_wrong", name=attachment.name)
    head, slices = read_well[0].head, [one.content for one in read_well[1:]]
    if len(pieces) <= attachment.count:
        raise CrisiskitError("file_not_whole", name=attachment.name, percent=attachment.percent)
    whole = join_file(head, slices)
    if isinstance(whole, Rejected):
        raise CrisiskitError("file_wrong", name=attachment.name)
    return whole
