"""Orders, keys, lists and quarantine as screens and commands read them. Never writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject, decode_object
from crisiskit.errors import UsageError
from crisiskit.model import Order, Precedence, Verdict
from crisiskit.store.frames import BYTES_IN_SQL
from crisiskit.store.issue import DRAFT, WITHDRAWN
from crisiskit.store.schema import Sealed

Read = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_ORDER = (
    "SELECT o.number, o.kind, o.box, o.verdict, o.exercise,"
    " opened(o.text, 'signed_object.text', o.number), o.code, o.answer, o.issued_s, o.expires_at,"
    " opened(o.data, 'signed_object.data', o.number), o.precedence, coalesce(c.by, 0),"
    " o.answered_at,"
    " (SELECT count(*) FROM order_answer a WHERE a.number = o.number AND a.correct = 1),"
    " (SELECT count(*) FROM delivery d WHERE d.record = o.record), coalesce(r.code, ''), o.record"
    " FROM signed_object o LEFT JOIN record r ON r.id = o.record"
    " LEFT JOIN cancelled_order c ON c.number = o.number AND c.exercise = o.exercise"
    f" AND o.kind = {int(ObjectKind.ORDER)}"
)
_SHOWN = ",".join(str(int(kind)) for kind in (ObjectKind.ORDER, ObjectKind.CANCEL, ObjectKind.WIPE))


@dataclass(frozen=True, slots=True)
class Answer:
    """A kit's answer to an order. ``at`` in milliseconds."""

    kit: str
    at: int
    correct: bool
    text: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """What is in quarantine of one kit; ``name`` is empty for stations nobody knows."""

    name: str
    kit_number: int | None
    reason: str
    revoked_at: int | None
    frames: int
    frame_bytes: int
    last_at: int | None


def orders(read: Read, after: int = 0, limit: int = 1000) -> list[Order]:
    """Orders, cancels and wipes, oldest first; nothing that only changes trust."""
    sql = f"{_ORDER} WHERE o.kind IN ({_SHOWN}) AND o.id > ? ORDER BY o.id LIMIT ?"
    return [_order(row, read) for row in read(sql, (after, limit))]


def order(read: Read, number: int) -> Order:
    """The order with this number; an authentic one before others. UsageError ``order_unknown``."""
    sql = f"{_ORDER} WHERE o.number = ? AND o.kind IN ({_SHOWN}) ORDER BY o.id"
    found = [_order(row, read) for row in read(sql, (number,))]
    if not found:
        raise UsageError("order_unknown", number=number)
    return next((one for one in found if one.verdict.authentic), found[0])


def by_record(read: Read, records: Sequence[int]) -> dict[int, Order]:
    """The orders that these records carry, by record."""
    if not records:
        return {}
    marks = ",".join("?" * len(records))
    rows = read(f"{_ORDER} WHERE o.record IN ({marks})", tuple(records))
    return {row[-1]: _order(row, read) for row in rows}


def answers(read: Read, number: int) -> list[Answer]:
    """Who answered an order, first come first."""
    sql = (
        "SELECT p.name, a.at, a.correct, opened(a.text, 'order_answer.text', a.number)"
        " FROM order_answer a"
        " JOIN pairing p ON p.id = a.pairing WHERE a.number = ? ORDER BY a.at, p.kit_number"
    )
    return [
        Answer(name, at, bool(right), text.decode())
        for name, at, right, text in read(sql, (number,))
    ]


def kit_numbers(read: Read) -> dict[str, int]:
    """The kits that are not refused: number by name."""
    sql = (
        "SELECT name, kit_number FROM pairing WHERE keeps_root = 1"
        " AND id NOT IN (SELECT pairing FROM refused) ORDER BY kit_number"
    )
    return dict(read(sql, ()))


def kit_names(read: Read) -> dict[int, str]:
    """What the kits of a center are called, by number; the revoked as well."""
    return dict(read("SELECT kit_number, name FROM pairing WHERE keeps_root = 1", ()))


def revoked_kits(read: Read) -> frozenset[str]:
    """Names and numbers of the kits that were revoked."""
    sql = (
        "SELECT p.name, p.kit_number FROM refused r JOIN pairing p ON p.id = r.pairing"
        " WHERE p.keeps_root = 1"
    )
    return frozenset(str(word) for row in read(sql, ()) for word in row)


def quarantine(read: Read) -> list[SetAside]:
    """Revoked kits, with what they sent since, and what came from nobody known."""
    kits = (
        "SELECT p.name, p.kit_number, opened(r.reason, 'refused.reason', ''), r.at, count(q.id),"
        f" coalesce(sum({BYTES_IN_SQL}), 0), max(q.at) FROM refused r"
        " JOIN pairing p ON p.id = r.pairing LEFT JOIN quarantine q ON q.pairing = p.id"
        " GROUP BY p.id ORDER BY p.kit_number"
    )
    nobody = (
        f"SELECT '', NULL, x'', NULL, count(*), coalesce(sum({BYTES_IN_SQL}), 0), max(at)"
        " FROM quarantine WHERE pairing IS NULL HAVING count(*) > 0"
    )
    rows = (*read(kits, ()), *read(nobody, ()))
    return [SetAside(row[0], row[1], row[2].decode(), *row[3:]) for row in rows]


def frames(read: Read, name: str) -> list[tuple[int, str, int, bytes]]:
    """Frames set aside of a kit by name or number, of nobody known for an empty name.

    (moment in ms, link, kit number as it says, frame), oldest first. UsageError
    ``kit_unknown`` for a kit that was not revoked.
    """
    if not name:
        where, value = "q.pairing IS NULL AND ? = ''", ""
    else:
        found = read(
            "SELECT p.id FROM refused r JOIN pairing p ON p.id = r.pairing"
            " WHERE p.name = ? OR cast(p.kit_number AS TEXT) = ?",
            (name, name),
        )
        if not found:
            raise UsageError("kit_not_revoked", name=name)
        where, value = "q.pairing = ?", found[0][0]
    sql = (
        "SELECT q.at, q.link, q.kit_number, CASE WHEN substr(q.frame, 1, 1) = x'ff'"
        f" THEN opened(substr(q.frame, 2), '{Sealed.SET_ASIDE_FRAME}', q.at) ELSE q.frame END"
        f" FROM quarantine q WHERE {where} ORDER BY q.id"
    )
    return [(at, link, number, bytes(frame)) for at, link, number, frame in read(sql, (value,))]


def signer_names(read: Read) -> dict[int, str]:
    """What the signers are called here, by number."""
    duty = read("SELECT place, name FROM duty_key", ())
    return dict(duty)


def _order(row: tuple[Any, ...], read: Read) -> Order:
    (number, kind, box, verdict, exercise, text, code, answer, issued_s, expires_at) = row[:10]
    (data, precedence, cancelled_by, answered_at, answered, asked, record_code) = row[10:17]
    text = text.decode()
    signed = decode_object(data, text)
    known = isinstance(signed, SignedObject)
    draft, withdrawn = verdict == DRAFT, verdict == WITHDRAWN
    return Order(
        number=number,
        kind=ObjectKind(kind).name.lower() if known else "",
        box=box,
        verdict=Verdict.VALID if draft or withdrawn else Verdict(verdict),
        exercise=bool(exercise),
        text=text,
        code="" if draft or not known else code,
        wants_answer=bool(answer),
        issued_at=issued_s * 1000,
        expires_at=expires_at,
        kits=signed.kits if isinstance(signed, SignedObject) else (),
        signers=_names(signed.signers, read) if isinstance(signed, SignedObject) else (),
        precedence=Precedence(precedence),
        cancels=signed.cancels
        if isinstance(signed, SignedObject) and kind == ObjectKind.CANCEL
        else 0,
        cancelled_by=cancelled_by,
        answered_at=answered_at,
        answers=answered,
        asked=asked,
        draft=draft,
        withdrawn=withdrawn,
        id=record_code,
    )


def _names(signers: Sequence[int], read: Read) -> tuple[str, ...]:
    known = signer_names(read)
    return tuple(
        known.get(one, "") or ("authority" if one >= AUTHORITY else f"key {one}") for one in signers
    )
