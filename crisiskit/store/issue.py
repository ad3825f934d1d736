"""What a center issues: numbers that are used once, objects that wait for a second signature,
and kits that are refused. Each call is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from crisiskit.codec.objects import (
    NUMBER_MAX,
    SIGNATURE_BYTES,
    ObjectKind,
    SignedObject,
    answer_code,
    decode_object,
    object_data,
    object_digest,
)
from crisiskit.codec.record import record_id
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.trust import expiry_s
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.model import Precedence, RecordKind
from crisiskit.store.connect import Database
from crisiskit.store.drafts import Draft, insert_record
from crisiskit.store.issued import issued
from crisiskit.store.orders import (
    SILENT_KINDS,
    TRUST_FACT,
    WRITERS,
    load_trust,
    opened_object,
    sealed_object,
)
from crisiskit.store.schema import Sealed as Column
from crisiskit.store.store import Store
from crisiskit.trusted import DutyKey, DutyKeyLearned, OrderCancelled, Trust, TrustListed

DRAFT = "draft"
WITHDRAWN = "withdrawn"
_UNSIGNED = bytes(SIGNATURE_BYTES)

Make = Callable[[int, int, Trust], SignedObject]


def issue(store: Store, make: Make, precedence: Precedence) -> SignedObject:
    """Take the next number, let ``make(number, unix_s, trust)`` write and sign, and keep it.

    Signed by all, it is on its way; else it waits for ``cosign``. Raises CrisiskitError
    ``orders_used_up``, UsageError ``kit_unknown``.
    """
    with store.changing() as (db, now):
        signed = make(_next_number(db), now // 1000, load_trust(db))
        _insert(db, signed, precedence, now)
        return signed


def trust(store: Store) -> Trust:
    """Whom this installation believes."""
    with store.changing() as (db, _now):
        return load_trust(db)


def draft(store: Store, number: int) -> SignedObject:
    """The object that waits for its second signature. Raises UsageError ``order_unknown``."""
    with store.changing() as (db, _now):
        return _draft(db, number)[1]


def cosign(store: Store, number: int, sign: Callable[[SignedObject], SignedObject]) -> SignedObject:
    """Add the signature that is missing: the object is on its way."""
    with store.changing() as (db, now):
        row, waiting = _draft(db, number)
        signed = sign(waiting)
        precedence = Precedence(
            db.execute("SELECT precedence FROM signed_object WHERE id = ?", (row,)).fetchone()[0]
        )
        db.execute("DELETE FROM signed_object WHERE id = ?", (row,))
        _insert(db, signed, precedence, now)
        return signed


def withdraw(store: Store, number: int) -> bool:
    """Take back an order that no kit can have yet; False when one may have it.

    Raises UsageError ``order_unknown``.
    """
    with store.changing() as (db, now):
        row = db.execute(
            "SELECT id, record, exercise FROM signed_object WHERE box = 'out' AND number = ?"
            " AND kind = ?",
            (number, int(ObjectKind.ORDER)),
        ).fetchone()
        if row is None:
            raise UsageError("order_unknown", number=number)
        left = db.execute(
            "SELECT count(*) FROM delivery WHERE record = ? AND state NOT IN"
            " ('kept', 'cancelled', 'refused', 'expired')",
            (row[1],),
        ).fetchone()[0]
        db.execute(
            "UPDATE delivery SET state = 'cancelled', state_at = ? WHERE record = ?"
            " AND state = 'kept'",
            (now, row[1]),
        )
        if left:
            return False
        db.execute("UPDATE signed_object SET verdict = ? WHERE id = ?", (WITHDRAWN, row[0]))
        return True


def keep_answer(store: Store, number: int, draft: Draft) -> str:
    """At a kit: keep the answer to an order, and note that there is one; its id."""
    with store.changing() as (db, now):
        own = db.execute("SELECT value FROM meta WHERE key = 'own_fp'").fetchone()
        pairings = [row[0] for row in db.execute("SELECT id FROM pairing WHERE keeps_root = 0")]
        if own is None or not pairings:
            raise CrisiskitError("not_activated")
        _record, digest = insert_record(db, own[0], draft, pairings, now)
        db.execute(
            "UPDATE signed_object SET answered_at = ? WHERE box = 'in' AND number = ? AND kind = ?",
            (now, number, int(ObjectKind.ORDER)),
        )
        return record_id(digest)


def refuse(store: Store, kit: str, reason: str) -> int:
    """Refuse a kit from now on, and what waited for it; its kit number.

    Raises UsageError ``kit_unknown``. A kit refused before keeps its first reason.
    """
    with store.changing() as (db, now):
        number = int(kit) if kit.isdecimal() and len(kit) <= 5 else -1
        row = db.execute(
            "SELECT id, kit_number FROM pairing WHERE keeps_root = 1"
            " AND (name = ? OR kit_number = ?)",
            (kit, number),
        ).fetchone()
        if row is None:
            raise UsageError("kit_unknown", name=kit)
        db.execute(
            "INSERT OR IGNORE INTO refused (pairing, reason, at) VALUES (?, ?, ?)",
            (row[0], db.vault.seal(reason.encode(), Column.REASON), now),
        )
        db.execute(
            "UPDATE delivery SET state = 'refused', state_at = ? WHERE pairing = ?"
            " AND state = 'kept'",
            (now, row[0]),
        )
        trust_changed(db)
        return int(row[1])


def list_revoked(
    store: Store, entries_max: int, sign: Callable[[SignedObject, Trust], SignedObject]
) -> SignedObject | None:
    """A trust list of all that is refused and not listed yet; None when all is listed.

    A whole list as long as it has at most ``entries_max`` entries, then what is new.
    """
    with store.changing() as (db, now):
        known = load_trust(db)
        given = issued(db)
        entries = set(given.revoked)
        new = entries - known.revoked
        if not new:
            return None
        whole = len(entries) <= entries_max
        unsigned = SignedObject(
            ObjectKind.TRUST_LIST,
            1 + given.trust_list,
            now // 1000,
            (),
            exercise=known.exercise,
            delta=not whole,
            kits=tuple(sorted(entries if whole else new)),
        )
        signed = sign(unsigned, known)
        _insert(db, signed, Precedence.IMMEDIATE, now)
        return signed


def revoke_duty(store: Store, name: str, reason: str) -> DutyKey:
    """Believe this duty key no more. Raises UsageError ``duty_unknown``."""
    with store.changing() as (db, now):
        key = next((key for key in load_trust(db).duty.values() if key.name == name), None)
        if key is None:
            raise UsageError("duty_unknown", name=name)
        db.execute(
            "UPDATE duty_key SET revoked_at = ?, reason = ? WHERE place = ? AND revoked_at IS NULL",
            (now, db.vault.seal(reason.encode(), Column.REASON), key.index),
        )
        return key


def install_trust(
    store: Store, authorities: Sequence[bytes], duty: Sequence[DutyKey], **facts: bytes
) -> None:
    """Take over what a bundle says; a duty key it names replaces one of the same number."""
    with store.changing() as (db, _now):
        facts["authorities"] = b"".join(authorities)
        db.executemany(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(facts.items())
        )
        db.executemany(
            "INSERT INTO duty_key (place, name, public) VALUES (?, ?, ?) ON CONFLICT (place)"
            " DO UPDATE SET name = excluded.name, public = excluded.public",
            [(key.index, key.name, key.public) for key in duty],
        )
        trust_changed(db)


def bring_up_to_date(store: Store, kit_number: int) -> None:
    """A new kit gets the keys and lists in force, in the order they were issued."""
    with store.changing() as (db, now):
        pairing = db.execute(
            "SELECT id FROM pairing WHERE kit_number = ?", (kit_number,)
        ).fetchone()[0]
        full = load_trust(db).list_full
        db.execute(
            "INSERT OR IGNORE INTO delivery (record, pairing, box, listed, precedence, state,"
            " state_at) SELECT o.record, ?, 'out', 0, o.precedence, 'kept', ?"
            " FROM signed_object o WHERE o.box = 'out' AND o.record IS NOT NULL AND"
            " (o.kind = ? OR (o.kind = ? AND o.number >= ?)) ORDER BY o.id",
            (pairing, now, int(ObjectKind.DUTY_KEY), int(ObjectKind.TRUST_LIST), full),
        )


def trust_changed(db: Database) -> None:
    """A running agent looks at this, and starts its engine again."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (TRUST_FACT,)).fetchone()
    times = str(1 + (int(row[0]) if row else 0)).encode()
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (TRUST_FACT, times))


# -- inside one transaction ------------------------------------------------------------------


def _next_number(db: Database) -> int:
    row = db.execute("SELECT value FROM meta WHERE key = 'order_number'").fetchone()
    number = 1 + (int(row[0]) if row else 0)
    if number > NUMBER_MAX:
        raise CrisiskitError("orders_used_up")
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('order_number', ?)",
        (str(number).encode(),),
    )
    return number


def _draft(db: Database, number: int) -> tuple[int, SignedObject]:
    row = db.execute(
        "SELECT id, data, text FROM signed_object WHERE box = 'out' AND verdict = ? AND number = ?",
        (DRAFT, number),
    ).fetchone()
    found = None
    if row is not None:
        found = decode_object(*opened_object(db, number, row[1], row[2]))
    if found is None or isinstance(found, Rejected):
        raise UsageError("order_not_waiting", number=number)
    there = tuple(one for one in found.signatures if one != _UNSIGNED)
    return row[0], replace(found, signatures=there)


def _insert(db: Database, signed: SignedObject, precedence: Precedence, now: int) -> None:
    missing = len(signed.signers) - len(signed.signatures)
    whole = replace(signed, signatures=signed.signatures + (_UNSIGNED,) * missing)
    data, record = object_data(whole), None
    if not missing:
        own = db.execute("SELECT value FROM meta WHERE key = 'own_fp'").fetchone()
        draft = Draft(RecordKind.ORDER, precedence, signed.text, data)
        record, _digest = insert_record(db, own[0], draft, _pairings(db, signed), now)
        if signed.kind in SILENT_KINDS:
            db.execute("UPDATE delivery SET listed = 0 WHERE record = ?", (record,))
    end = expiry_s(signed)
    db.execute(
        "INSERT INTO signed_object (box, digest, record, kind, number, exercise, answer,"
        " precedence, issued_s, expires_at, verdict, code, data, text, at)"
        " VALUES ('out', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            None if missing else object_digest(signed),
            record,
            int(signed.kind),
            signed.number,
            int(signed.exercise),
            int(signed.answer),
            int(precedence),
            signed.issued_s,
            None if end is None else end * 1000,
            DRAFT if missing else "valid",
            answer_code(signed),
            *sealed_object(db, signed.number, data, signed.text),
            now,
        ),
    )
    if not missing:
        _take_effect(db, signed, now)


def _pairings(db: Database, signed: SignedObject) -> list[int]:
    """Those who get it: whom it names, else all that are not refused."""
    rows = db.execute(
        "SELECT id, kit_number FROM pairing WHERE id NOT IN (SELECT pairing FROM refused)"
        " ORDER BY id"
    ).fetchall()
    if not signed.kits or signed.kind is ObjectKind.TRUST_LIST:
        return [row[0] for row in rows]
    return [row[0] for row in rows if row[1] in signed.kits]


def _take_effect(db: Database, signed: SignedObject, now: int) -> None:
    """A center believes itself."""
    change: OrderCancelled | TrustListed | DutyKeyLearned
    match signed.kind:
        case ObjectKind.CANCEL:
            change = OrderCancelled(signed.cancels, signed.exercise, signed.number)
        case ObjectKind.TRUST_LIST:
            change = TrustListed(signed.number, signed.delta, signed.issued_s, signed.kits)
        case ObjectKind.DUTY_KEY:
            change = DutyKeyLearned(signed.duty_index, signed.text, signed.duty_public)
        case _:
            return
    WRITERS[type(change)](db, change, now)
