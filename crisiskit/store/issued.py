"""What a center gave out that must never be given out again, kept outside its database.

The file stands beside the floor of epochs and no backup takes it back: the highest numbers of
orders, trust lists and kits, and who is revoked. It is written before the transaction that uses
a number ends. A store restored from a backup goes on above it, and refuses whom it names.
"""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crisiskit.codec.objects import REVOKED_DUTY
from crisiskit.errors import CrisiskitError, StoreError
from crisiskit.files import read_small, write_whole
from crisiskit.model import CENTER
from crisiskit.store.connect import Database
from crisiskit.store.orders import load_trust
from crisiskit.store.schema import Sealed as Column

ISSUED = "issued.floor"
_BYTES_MAX = 1_048_576
_NUMBER_MAX = 0xFFFF
_ORDER, _LIST, _KIT, _REVOKED = "order_number", "list_used", "kit_used", "revoked_before"


@dataclass(frozen=True, slots=True)
class Issued:
    """The highest numbers given out, and kit numbers and duty keys (from 0xFE00) revoked."""

    order: int = 0
    trust_list: int = 0
    kit: int = 0
    revoked: tuple[int, ...] = ()

    def joined(self, other: Issued) -> Issued:
        """The higher of each number, and everybody who is revoked in either."""
        return Issued(
            max(self.order, other.order),
            max(self.trust_list, other.trust_list),
            max(self.kit, other.kit),
            tuple(sorted({*self.revoked, *other.revoked})),
        )


def issued(db: Database) -> Issued:
    """What this database knows was given out."""
    trust = load_trust(db)
    kits = db.execute("SELECT kit_number FROM pairing WHERE keeps_root = 1").fetchall()
    refused = db.execute(
        "SELECT p.kit_number FROM refused r JOIN pairing p ON p.id = r.pairing"
    ).fetchall()
    duty = db.execute("SELECT place FROM duty_key WHERE revoked_at IS NOT NULL").fetchall()
    before = _fact(db, _REVOKED)
    gone = {row[0] for row in refused} | {REVOKED_DUTY + row[0] for row in duty} | trust.revoked
    gone |= {int.from_bytes(before[at : at + 2], "big") for at in range(0, len(before), 2)}
    return Issued(
        int(_fact(db, _ORDER) or b"0"),
        max(*trust.lists, int(_fact(db, _LIST) or b"0"), 0),
        max(*(row[0] for row in kits), int(_fact(db, _KIT) or b"0"), 0),
        tuple(sorted(gone)),
    )


def note(db: Database, path: Path) -> None:
    """Write what a transaction of a center gives out, before it ends. Raises StoreError."""
    if _fact(db, "role") != CENTER.encode():
        return
    there = _read(path)
    known = issued(db) if there is None else issued(db).joined(there)
    if known != there:
        try:
            write_whole(path, json.dumps(asdict(known)).encode())
        except OSError as error:
            code = "disk_full" if error.errno == errno.ENOSPC else "store_io"
            raise StoreError(code, path=path, detail=error.strerror or "") from error


def take_over(db: Database, path: Path, now: int) -> None:
    """A center's store is older than this file: go on above it, and refuse whom it names.

    Without the file nobody knows, and a notice tells the operator what to check.
    """
    if _fact(db, "role") != CENTER.encode():
        return
    there = _read(path)
    if there is None:
        nothing = db.vault.seal(b"", Column.DETAIL, str(now).encode())
        db.execute(
            "INSERT INTO notice (at, code, detail) VALUES (?, 'issued_unknown', ?)", (now, nothing)
        )
        return
    known = issued(db).joined(there)
    facts = {
        _ORDER: str(known.order).encode(),
        _LIST: str(known.trust_list).encode(),
        _KIT: str(known.kit).encode(),
        _REVOKED: b"".join(number.to_bytes(2, "big") for number in known.revoked),
    }
    db.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(facts.items()))
    for number in known.revoked:
        _revoke(db, number, now)


def _revoke(db: Database, number: int, now: int) -> None:
    reason = db.vault.seal(b"", Column.REASON)
    db.execute(
        "INSERT OR IGNORE INTO refused (pairing, reason, at) SELECT id, ?, ? FROM pairing"
        " WHERE keeps_root = 1 AND kit_number = ?",
        (reason, now, number),
    )
    db.execute(
        "UPDATE delivery SET state = 'refused', state_at = ? WHERE state = 'kept' AND pairing IN"
        " (SELECT id FROM pairing WHERE keeps_root = 1 AND kit_number = ?)",
        (now, number),
    )
    db.execute(
        "UPDATE duty_key SET revoked_at = ?, reason = ? WHERE place = ? AND revoked_at IS NULL",
        (now, reason, number - REVOKED_DUTY),
    )


def _fact(db: Database, key: str) -> bytes:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return b"" if row is None else bytes(row[0])


def _read(path: Path) -> Issued | None:
    """What the file says; None if it is not there, or damaged and thus worth nothing."""
    try:
        found = json.loads(read_small(path, _BYTES_MAX))
        revoked = tuple(found["revoked"])
        there = Issued(found["order"], found["trust_list"], found["kit"], revoked)
    except (CrisiskitError, ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = (there.order, there.trust_list, there.kit, *revoked)
    return there if all(map(_is_number, numbers)) else None


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _NUMBER_MAX
