"""What people and programs write, one transaction each.

The agent's own writes, one transaction for each ``Step``, are in ``commit``; what an
engine starts from is in ``load``; what screens read is in ``views``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from crisiskit.codec.readings import encode_references
from crisiskit.codec.record import record_id
from crisiskit.crypto.vault import Vault
from crisiskit.errors import CrisiskitError, StoreError
from crisiskit.model import (
    CENTER,
    Direction,
    Precedence,
    RecordKind,
    Reference,
    State,
)
from crisiskit.snapshot import Snapshot
from crisiskit.step import Change, Queued
from crisiskit.store import commit, issued, load, orders, pieces, relay
from crisiskit.store.connect import Database, explained, open_writer
from crisiskit.store.drafts import Draft as Draft
from crisiskit.store.drafts import insert_record, recipients
from crisiskit.store.schema import Sealed as Column
from crisiskit.store.writer import Writer

BALLAST_BYTES = 8 * 1024 * 1024
DAY_MS = 86_400_000
PARTS_MS = 7 * DAY_MS
HELD_ENVELOPES_MS = 30 * DAY_MS
_REQUEST_FACT = "request_"


@dataclass(frozen=True, slots=True)
class NewPairing:
    """A pairing as enrolment makes it. Chain keys are those of ``send_epoch`` and epoch 0."""

    kit_number: int
    name: str
    kit_fp: bytes
    public_key: bytes
    peer_fp: bytes
    peer_public: bytes
    send_chain: bytes
    heard_chain: bytes
    keeps_root: bool


@dataclass(frozen=True, slots=True)
class Admitted:
    """A kit that a center knows. ``request``: SHA-256 of what it was admitted for."""

    number: int
    name: str
    kit_fp: bytes
    request: bytes | None


class Store:
    """The writing side of one installation's database. ``wall`` gives milliseconds.

    ``vault`` seals what nobody may read on the disk. Raises TrustError ``sealed_otherwise``
    for a database that was begun with another one.
    """

    def __init__(self, path: Path, wall: Callable[[], int], vault: Vault) -> None:
        self.path = path
        self._wall = wall
        self._issued = path.with_name(issued.ISSUED)
        self._writer = Writer(path, lambda: open_writer(path, vault), wall)

    @property
    def _db(self) -> Database:
        return self._writer.db

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._writer.close()

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        with explained(self.path):
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    # -- the installation ------------------------------------------------------------------

    def meta(self, key: str) -> bytes | None:
        """A fact of this installation, such as its role."""
        with explained(self.path):
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return None if row is None else bytes(row[0])

    def set_meta(self, **facts: bytes) -> None:
        """Write facts of this installation together."""
        with self._writer.transaction() as db:
            db.executemany(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                list(facts.items()),
            )

    def add_pairing(self, new: NewPairing, **facts: bytes) -> int:
        """Write a pairing, with facts of this installation, in one transaction."""
        with self._writer.transaction(lambda db: _is_known(db, new.kit_fp)) as db:
            return _insert_pairing(db, new, facts, self._wall())

    def admit_kit(
        self,
        new: NewPairing,
        request: bytes,
        number_for: Callable[[Sequence[Admitted], int], int],
    ) -> int:
        """Write the pairing of a kit under the number it is given, and return that number.

        ``number_for`` sees all kits admitted so far and the highest number ever given, in the
        transaction that writes: nobody else admits one meanwhile. The number of a
        known kit changes nothing.
        """
        with self._writer.transaction(lambda db: _is_known(db, new.kit_fp)) as db:
            rows = db.execute(
                "SELECT p.kit_number, p.name, p.kit_fp, m.value FROM pairing p"
                " LEFT JOIN meta m ON m.key = ? || p.kit_number ORDER BY p.kit_number",
                (_REQUEST_FACT,),
            )
            known = [Admitted(*row) for row in rows]
            number = number_for(known, issued.issued(db).kit)
            if all(kit.number != number for kit in known):
                admitted = replace(new, kit_number=number)
                _insert_pairing(db, admitted, {f"{_REQUEST_FACT}{number}": request}, self._wall())
                issued.note(db, self._issued)
            return number

    # -- records ---------------------------------------------------------------------------

    def keep(self, drafts: Sequence[Draft]) -> list[str]:
        """Make records durable, all or none, and return their ids. From here on: KEPT.

        Raises UsageError ``kit_unknown`` or ``message_unknown`` for an unknown recipient or
        answered message, StoreError ``disk_full`` when there is no room. A FLASH record
        then still finds the ballast's room. StoreError ``store_unsure``: the disk failed in
        such a way that nobody knows.
        """
        try:
            return self._keep(drafts)
        except StoreError as error:
            urgent = any(draft.precedence is Precedence.FLASH for draft in drafts)
            if error.code != "disk_full" or not urgent or not self.release_ballast():
                raise
            return self._keep(drafts)

    def _keep(self, drafts: Sequence[Draft]) -> list[str]:
        codes: list[str] = []
        with self._writer.transaction(lambda db: _are_kept(db, codes)) as db:
            own = db.execute("SELECT value FROM meta WHERE key = 'own_fp'").fetchone()
            if own is None:
                raise CrisiskitError("not_activated")
            codes += [self._insert(db, bytes(own[0]), draft) for draft in drafts]
        return codes

    def _insert(self, db: Database, own_fp: bytes, draft: Draft) -> str:
        pairings = recipients(db, draft.to)
        return record_id(insert_record(db, own_fp, draft, pairings, self._wall())[1])

    def cancel(self, ref: int) -> None:
        """Withdraw what was not sealed yet of a delivery and its files.

        UsageError ``cancel_too_late`` where all was.
        """
        with self._writer.transaction(lambda db: _state(db, ref) == State.CANCELLED) as db:
            now = self._wall()
            done = db.execute(
                "UPDATE delivery SET state = 'cancelled', state_at = ?"
                " WHERE id = ? AND state = 'kept'",
                (now, ref),
            )
            if not done.rowcount + pieces.withdraw(db, ref, now):
                raise CrisiskitError("cancel_too_late")

    def mark_read(self, ref: int) -> bool:
        """Note that a person here opened a message that came in, and keep the reading receipt.

        True the first time; later calls change nothing. ``ref`` is the delivery's number. All
        may read the receipt, too, if they could read the message.
        """
        now = self._wall()
        with self._writer.transaction(lambda db: _state(db, ref) == State.READ) as db:
            row = db.execute(
                "SELECT d.pairing, d.epoch, d.seq, d.place, p.keeps_root, r.clear FROM delivery d"
                " JOIN pairing p ON p.id = d.pairing JOIN record r ON r.id = d.record"
                " WHERE d.id = ? AND d.box = 'in' AND d.state = 'held'",
                (ref,),
            ).fetchone()
            if row is None:
                return False
            db.execute("UPDATE delivery SET state = 'read', state_at = ? WHERE id = ?", (now, ref))
            if row[1] is None:  # it came alone, in no envelope that a receipt could name
                return True
            direction = Direction.UP if row[4] else Direction.DOWN
            reference = Reference(direction, row[1], row[2], row[3])
            number = db.execute(
                "SELECT kit_number FROM pairing WHERE id = ?", (row[0],)
            ).fetchone()[0]
            own = db.execute("SELECT value FROM meta WHERE key = 'own_fp'").fetchone()
            draft = Draft(
                RecordKind.READ,
                Precedence.ROUTINE,
                data=encode_references([reference]),
                to=CENTER if direction is Direction.DOWN else str(number),
                clear=bool(row[5]),
            )
            self._insert(db, bytes(own[0]), draft)
            return True

    @contextmanager
    def changing(self) -> Iterator[tuple[Database, int]]:
        """One transaction for another module of this package, and the time it happens at."""
        with self._writer.transaction() as db:
            yield db, self._wall()
            issued.note(db, self._issued)

    # -- the agent's side ------------------------------------------------------------------

    def apply(self, changes: Sequence[Change]) -> None:
        """Commit the changes of one step in one transaction."""
        with self._writer.transaction() as db:
            commit.apply(db, changes, self._wall())

    def snapshot(self) -> Snapshot:
        """What an engine must know to start."""
        with explained(self.path):
            now = self._wall()
            found = load.snapshot(self._db, now)
            return replace(
                found, orders=orders.load(self._db, now), relay=relay.load(self._db, now)
            )

    def newest_epoch(self) -> int:
        """The highest epoch that was ever opened here, -1 before the first."""
        with explained(self.path):
            row = self._db.execute("SELECT max(send_epoch) - 1 FROM pairing").fetchone()
            return -1 if row[0] is None else int(row[0])

    def resume_restored(self, floor: int, entropy: Callable[[int], bytes]) -> None:
        """This store is older than what its station did: go on where nothing can be used twice.

        Every pairing goes to an epoch above ``floor``, the highest ever opened, and by a
        random step more. What the far ends hold is to be asked for, and they are to be told.
        """
        from crisiskit.store import restored

        with self._writer.transaction() as db:
            restored.go_on(db, floor, entropy, self._issued, self._wall())

    def take_over_issued(self, home: Path) -> None:
        """This store comes from a backup: what the center of ``home`` issued since stays so."""
        with self._writer.transaction() as db:
            issued.take_over(db, home / issued.ISSUED, self._wall())

    def tag(self, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
        """The tag of an envelope that came in, None if it is not stored."""
        with explained(self.path):
            return load.tag(self._db, pairing, epoch, salt, seq)

    def leaves(self, pairing: int, epoch: int, salt: bytes, count: int) -> list[bytes]:
        """The leaves of the first ``count`` envelopes that came in under a life, without gap."""
        with explained(self.path):
            return load.leaves(self._db, pairing, epoch, salt, count)

    def kept(self) -> list[int]:
        """The deliveries that wait to be sealed."""
        with explained(self.path):
            rows = self._db.execute("SELECT id FROM delivery WHERE state = 'kept' ORDER BY id")
            return [row[0] for row in rows]

    def came_by(self, link: str) -> int:
        """How many messages for people came in by a link."""
        sql = "SELECT count(*) FROM delivery WHERE box = 'in' AND listed = 1 AND link = ?"
        with explained(self.path):
            return int(self._db.execute(sql, (link,)).fetchone()[0])

    def messages_in(self, envelopes: Iterable[tuple[int, int, int]]) -> int:
        """How many messages of people these envelopes hold: pairing, epoch, number."""
        sql = (
            "SELECT count(*) FROM delivery WHERE box = 'out' AND listed = 1 AND pairing = ?"
            " AND epoch = ? AND seq = ?"
        )
        with explained(self.path):
            return sum(int(self._db.execute(sql, one).fetchone()[0]) for one in envelopes)

    def pairings(self) -> frozenset[int]:
        """The pairings there are."""
        with explained(self.path):
            return frozenset(row[0] for row in self._db.execute("SELECT id FROM pairing"))

    def queued(self, deliveries: Sequence[int]) -> tuple[Queued, ...]:
        """These deliveries with their records, as far as they still wait."""
        with explained(self.path):
            return load.queued(self._db, deliveries, self._wall())

    def set_link_state(
        self,
        name: str,
        kind: str,
        phase: str,
        signal: int | None,
        reason: str,
        waiting: int,
        clear: bool = False,
        status: str = "",
    ) -> None:
        """What the link bar shows of a link."""
        now = self._wall()
        with self._writer.transaction() as db:
            db.execute(
                "INSERT INTO link_state"
                " (name, kind, phase, signal, reason, since, waiting, clear, status)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                " kind = excluded.kind, signal = excluded.signal, reason = excluded.reason,"
                " since = CASE WHEN phase = excluded.phase THEN since ELSE excluded.since END,"
                " phase = excluded.phase, waiting = excluded.waiting, clear = excluded.clear,"
                " status = excluded.status",
                (name, kind, phase, signal, reason, now, waiting, int(clear), status),
            )

    def forget_links(self, names: Sequence[str]) -> None:
        """Keep the states of these links only, each shown as down until it reports."""
        with self._writer.transaction() as db:
            marks = ",".join("?" * len(names))
            db.execute(f"DELETE FROM link_state WHERE name NOT IN ({marks})", tuple(names))
            db.execute(
                "UPDATE link_state SET phase = 'down', signal = NULL, waiting = 0, status = ''"
            )
            relay.forget_presence(db, self._wall())

    def flash_waits(self) -> bool:
        """Whether a FLASH record waits to be sealed."""
        with explained(self.path):
            row = self._db.execute(
                "SELECT 1 FROM delivery WHERE state = 'kept' AND precedence = ? LIMIT 1",
                (int(Precedence.FLASH),),
            ).fetchone()
            return row is not None

    def prune(self) -> None:
        """Drop what no promise needs any more: parts of a week ago, envelopes held for a month.

        Of an envelope the sealed bytes go, a whole epoch at a time; its place in the log stays,
        so that the log can be checked for ever. Records stay too.
        """
        now = self._wall()
        with self._writer.transaction() as db:
            db.execute("DELETE FROM part WHERE at < ?", (now - PARTS_MS,))
            pieces.prune(db, now)
            db.execute(
                "UPDATE envelope SET frame = x'' WHERE (pairing, epoch) IN (SELECT pairing, epoch"
                " FROM envelope WHERE frame <> x'' GROUP BY pairing, epoch"
                " HAVING count(*) = count(held_at) AND max(held_at) < ?) AND NOT EXISTS"
                " (SELECT 1 FROM sending_epoch s WHERE s.pairing = envelope.pairing"
                " AND s.epoch = envelope.epoch AND s.in_doubt = 1)",
                (now - HELD_ENVELOPES_MS,),
            )

    # -- room ------------------------------------------------------------------------------

    @property
    def _ballast(self) -> Path:
        return self.path.with_name("ballast")

    def lay_ballast(self) -> None:
        """Set room aside that only FLASH traffic on a full disk may use."""
        if not self._ballast.exists() or self._ballast.stat().st_size < BALLAST_BYTES:
            with self._ballast.open("wb") as file:
                for _ in range(BALLAST_BYTES // 65_536):
                    file.write(bytes(65_536))

    def release_ballast(self) -> bool:
        """Give the reserve back to a full disk; False when it is gone, or cannot be."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True


def _insert_pairing(db: Database, new: NewPairing, facts: Mapping[str, bytes], now: int) -> int:
    cursor = db.execute(
        "INSERT INTO pairing (kit_number, name, kit_fp, public_key, peer_fp, peer_public,"
        " send_epoch, send_chain, heard_chain_epoch, heard_chain, keeps_root,"
        " enrolled_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0, ?, ?, ?)",
        (
            new.kit_number,
            new.name,
            new.kit_fp,
            new.public_key,
            new.peer_fp,
            new.peer_public,
            db.vault.seal(new.send_chain, Column.SEND_CHAIN),
            db.vault.seal(new.heard_chain, Column.HEARD_CHAIN),
            int(new.keeps_root),
            now,
        ),
    )
    db.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", facts.items())
    return int(cursor.lastrowid or 0)


def _is_known(db: sqlite3.Connection, kit_fp: bytes) -> bool:
    found = db.execute("SELECT 1 FROM pairing WHERE kit_fp = ?", (kit_fp,)).fetchone()
    return found is not None


def _are_kept(db: sqlite3.Connection, codes: Sequence[str]) -> bool:
    ours = "SELECT 1 FROM record WHERE code = ? AND box = 'out'"
    return all(db.execute(ours, (code,)).fetchone() is not None for code in codes)


def _state(db: sqlite3.Connection, delivery: int) -> str:
    row = db.execute("SELECT state FROM delivery WHERE id = ?", (delivery,)).fetchone()
    return "" if row is None else str(row[0])
