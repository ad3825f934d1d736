"""The log as it is stored, for checking it and for proofs out of it. Never writes.

Rows come page by page and no lock is held between pages, so that an agent can go on writing:
what a life says it has never changes later, except that the sealed bytes of old envelopes go.
Numbers are given as stored; whether they make sense is for the reader to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crisiskit.codec.record import RECORD_DIGEST_BYTES
from crisiskit.crypto.keys import SECRET_BYTES
from crisiskit.crypto.vault import Vault
from crisiskit.errors import TrustError
from crisiskit.store.connect import open_reader, read
from crisiskit.store.frames import opened
from crisiskit.store.schema import Sealed

PAGE_ROWS = 256
# No text that anybody can write: stands for what was changed on the disk.
ALTERED = "\0"


@dataclass(frozen=True, slots=True)
class Paired:
    """A pairing with what opens and checks its log. ``secrets``: epoch to epoch secret."""

    id: int
    kit_number: int
    name: str
    kit_fp: bytes
    kit_public: bytes
    peer_fp: bytes
    peer_public: bytes
    keeps_root: int
    chain_epoch: int
    chain: bytes = field(repr=False)
    secrets: dict[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a sender, as its row says it. ``box``: ``in`` or ``out``.

    ``nth`` counts the lives heard of a pairing from 1, in the order of their first frame.
    """

    pairing: int
    box: str
    epoch: int
    salt: bytes
    count: int
    digest: bytes
    signed_below: int
    held_below: int = 0
    nth: int = 0
    names: bytes = b""
    names_at: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One envelope of a life.

    ``digests`` name its records. Only of our own: ``digest``, the chain value after it,
    ``precedence``, and ``own``, a record of the station's own, see ``own.decode_own``.
    """

    seq: int
    frame: bytes
    leaf: bytes
    signature: bytes
    digests: tuple[bytes, ...]
    digest: bytes = b""
    precedence: int = 0
    own: bytes = b""


@dataclass(frozen=True, slots=True)
class Written:
    """A record as stored. ``fields``: kind, precedence, minute, twin, then answers or four None."""

    code: str
    digest: bytes
    box: str
    author: int | None
    fields: tuple[Any, ...]
    text: str
    data: bytes
    written_at: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a delivery stands in the log; ``epoch`` is None before it is sealed."""

    pairing: int
    box: str
    epoch: int | None
    salt: bytes | None
    seq: int
    place: int
    record: int


_RECORD = (
    "SELECT id, code, digest, box, author, kind, precedence, minute, twin, answers_direction,"
    " answers_epoch, answers_seq, answers_place, text, data, written_at FROM record"
)


class Logbook:
    """A read-only window on the log of one installation."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path = path
        self._vault = vault
        self._db = open_reader(path)
        self.own_fp = self._fact("own_fp")
        self.network_id = self._fact("network_id")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _fact(self, key: str) -> bytes:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return bytes(rows[0][0]) if rows else b""

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return read(self._db, self._path, sql, values)

    def size(self) -> int:
        """How many envelopes and records there are, roughly: for showing progress."""
        sql = "SELECT (SELECT count(*) FROM arrived) + (SELECT count(*) FROM envelope)"
        return int(self._rows(sql + " + (SELECT count(*) FROM record)")[0][0])

    # -- pairings and lives ----------------------------------------------------------------

    def pairings(self) -> Iterator[Paired]:
        """All pairings, by kit number."""
        rows = self._rows(
            "SELECT id, kit_number, name, kit_fp, public_key, peer_fp, peer_public, keeps_root,"
            " heard_chain_epoch, heard_chain FROM pairing ORDER BY kit_number"
        )
        for *row, chain in rows:
            secrets = "SELECT epoch, secret FROM epoch_secret WHERE pairing = ?"
            secrets_of = {
                epoch: self._key(sealed, Sealed.EPOCH_SECRET)
                for epoch, sealed in self._rows(secrets, row[0])
            }
            yield Paired(*[*row, self._key(chain, Sealed.HEARD_CHAIN), secrets_of])

    def _key(self, sealed: bytes, place: Sealed) -> bytes:
        """A key; where somebody changed it, one that opens nothing."""
        try:
            return self._vault.open(sealed, place)
        except TrustError:
            return bytes(SECRET_BYTES)

    def lives(self, pairing: int, box: str) -> list[Life]:
        """The lives of a pairing: those heard (``in``) or our own (``out``), by epoch."""
        if box == "in":
            sql = (
                "SELECT epoch, salt, next_seq, digest, signed_below, 0, nth, names, names_at"
                " FROM heard_epoch WHERE pairing = ? ORDER BY epoch, nth"
            )
        else:
            sql = (
                "SELECT epoch, salt, count, digest, signed_below, held_below FROM sending_epoch"
                " WHERE pairing = ? ORDER BY epoch"
            )
        return [Life(pairing, box, *row) for row in self._rows(sql, pairing)]

    def without_life(self, pairing: int) -> list[tuple[int, int]]:
        """Epochs with envelopes whose life is not there, and how many envelopes."""
        return self._rows(
            "SELECT epoch, count(*) FROM arrived a WHERE pairing = ? AND NOT EXISTS (SELECT 1 FROM"
            " heard_epoch h WHERE h.pairing = a.pairing AND h.epoch = a.epoch AND h.salt = a.salt)"
            " GROUP BY epoch UNION ALL SELECT epoch, count(*) FROM envelope e WHERE pairing = ?"
            " AND NOT EXISTS (SELECT 1 FROM sending_epoch s WHERE s.pairing = e.pairing"
            " AND s.epoch = e.epoch) GROUP BY epoch",
            pairing,
            pairing,
        )

    # -- envelopes -------------------------------------------------------------------------

    def pages(self, life: Life, first: int = 0) -> Iterator[list[Entry]]:
        """The envelopes of a life from number ``first`` on."""
        while page := self._page(life, first):
            yield page
            first = page[-1].seq + 1

    def entries(self, life: Life, first: int = 0) -> Iterator[Entry]:
        """As ``pages``, one by one."""
        for page in self.pages(life, first):
            yield from page

    def entry(self, life: Life, seq: int) -> Entry | None:
        """One envelope."""
        page = self._page(life, seq, rows=1)
        return page[0] if page and page[0].seq == seq else None

    def _page(self, life: Life, first: int, rows: int = PAGE_ROWS) -> list[Entry]:
        if life.box == "in":
            place = Sealed.ARRIVED_FRAME
            sql = (
                "SELECT seq, frame, leaf, signature, digests, x'', 0, x'' FROM arrived"
                " WHERE pairing = ? AND epoch = ? AND salt = ? AND seq >= ? ORDER BY seq LIMIT ?"
            )
            found = self._rows(sql, life.pairing, life.epoch, life.salt, first, rows)
        else:
            place = Sealed.ENVELOPE_FRAME
            sql = (
                "SELECT seq, frame, leaf, signature, digests, digest, precedence, own"
                " FROM envelope WHERE pairing = ? AND epoch = ? AND seq >= ? ORDER BY seq LIMIT ?"
            )
            found = self._rows(sql, life.pairing, life.epoch, first, rows)
        return [
            Entry(
                seq, self._frame(frame, place, life, seq), leaf, signature, _split(digests), *rest
            )
            for seq, frame, leaf, signature, digests, *rest in found
        ]

    def _frame(self, frame: bytes, place: Sealed, life: Life, seq: int) -> bytes:
        """A frame; where somebody changed it, the bytes as they stand, which are none."""
        try:
            return opened(self._vault, frame, place, life.pairing, life.epoch, seq)
        except TrustError:
            return frame

    def records_below(self, life: Life, seq: int) -> int:
        """How many records the envelopes of a life below a number carry."""
        table = "arrived" if life.box == "in" else "envelope"
        sql = f"SELECT total(length(digests)) FROM {table} WHERE pairing = ? AND epoch = ?"
        values: list[object] = [life.pairing, life.epoch]
        if life.box == "in":
            sql, values = sql + " AND salt = ?", [*values, life.salt]
        total = self._rows(f"{sql} AND seq < ?", *values, seq)[0][0]
        return int(total) // RECORD_DIGEST_BYTES

    # -- records ---------------------------------------------------------------------------

    def records(self) -> Iterator[Written]:
        """All records, in the order they were written or came in."""
        after = 0
        while page := self._rows(f"{_RECORD} WHERE id > ? ORDER BY id LIMIT ?", after, PAGE_ROWS):
            after = page[-1][0]
            yield from map(self._written, page)

    def record(self, number: int) -> Written:
        """One record by its row number."""
        return self._written(self._rows(f"{_RECORD} WHERE id = ?", number)[0])

    def named(self, digest: bytes) -> Written | None:
        """One record by its digest."""
        rows = self._rows(f"{_RECORD} WHERE digest = ?", digest)
        return self._written(rows[0]) if rows else None

    def _written(self, row: Sequence[Any]) -> Written:
        _id, code, digest, box, author, *fields, text, data, written_at = row
        try:
            words = self._vault.open(text, Sealed.TEXT, digest).decode()
            head = self._vault.open(data, Sealed.DATA, digest)
        except (TrustError, UnicodeDecodeError):
            words, head = ALTERED, b""
        return Written(code, digest, box, author, tuple(fields), words, head, written_at)

    def placed(self, life: Life, first: int, last: int) -> list[tuple[int, int, bytes, str]]:
        """What is delivered in envelopes ``first`` to ``last``: number, place, digest, code."""
        sql = (
            "SELECT d.seq, d.place, r.digest, r.code FROM delivery d JOIN record r"
            " ON r.id = d.record WHERE d.pairing = ? AND d.box = ? AND d.epoch = ?"
            " AND d.seq BETWEEN ? AND ?"
        )
        values: list[object] = [life.pairing, life.box, life.epoch, first, last]
        if life.box == "in":
            sql, values = sql + " AND d.salt = ?", [*values, life.salt]
        return self._rows(sql, *values)

    def delivered(self, life: Life, digest: bytes) -> bool:
        """Whether a record is stored for this pairing and box, wherever it first came."""
        sql = (
            "SELECT 1 FROM record r JOIN delivery d ON d.record = r.id"
            " WHERE r.digest = ? AND d.pairing = ? AND d.box = ?"
        )
        return bool(self._rows(sql, digest, life.pairing, life.box))

    def without_envelope(self, pairing: int) -> list[tuple[str, int, int]]:
        """Messages that claim an envelope which is not there: code, epoch, number."""
        return self._rows(
            "SELECT r.code, d.epoch, d.seq FROM delivery d JOIN record r ON r.id = d.record"
            " WHERE d.pairing = ? AND (d.epoch IS NOT NULL OR d.box = 'in') AND NOT EXISTS"
            " (SELECT 1 FROM arrived a WHERE d.box = 'in' AND a.pairing = d.pairing"
            " AND a.epoch = d.epoch AND a.salt = d.salt AND a.seq = d.seq UNION ALL"
            " SELECT 1 FROM envelope e WHERE d.box = 'out' AND e.pairing = d.pairing"
            " AND e.epoch = d.epoch AND e.seq = d.seq) ORDER BY d.id LIMIT 1000",
            pairing,
        )

    def place(self, delivery: int) -> Place:
        """Where a delivery stands."""
        sql = "SELECT pairing, box, epoch, salt, seq, place, record FROM delivery WHERE id = ?"
        return Place(*self._rows(sql, delivery)[0])


def _split(digests: bytes) -> tuple[bytes, ...]:
    size = RECORD_DIGEST_BYTES
    return tuple(digests[at : at + size] for at in range(0, len(digests), size))
