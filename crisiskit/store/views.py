"""Every read that a screen or a command needs, in pages. Never writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crisiskit.crypto.vault import Vault
from crisiskit.errors import BusyError, TrustError, UsageError
from crisiskit.i18n import N_, _
from crisiskit.model import (
    CENTER,
    Attachment,
    Carrying,
    ClockQuality,
    Kit,
    LinkView,
    Message,
    Neighbour,
    Notice,
    Precedence,
    RecordKind,
    State,
)
from crisiskit.store import attachments
from crisiskit.store.arrivals import read_place
from crisiskit.store.connect import open_reader, read
from crisiskit.store.frames import BYTES_IN_SQL
from crisiskit.store.order_views import by_record
from crisiskit.store.schema import Sealed

PAGE_ROWS = 128
DAY_MS = 86_400_000
ALTERED = N_("[altered on the disk: run “crisiskit log verify”]")
_WORDS = {Sealed.TEXT, Sealed.DETAIL, Sealed.OBJECT_TEXT, Sealed.ANSWER, Sealed.REASON}

_MESSAGE = (
    "SELECT d.id, r.code, r.id, d.box, p.name, r.kind, r.precedence, r.text, r.data,"
    " r.written_at, r.clock, r.received_at, d.state, d.state_at, d.link, d.frame_bytes,"
    " d.credits, r.answers, r.expires_at, CASE d.box WHEN 'in' THEN EXISTS (SELECT 1 FROM"
    " heard_epoch h WHERE h.pairing = d.pairing AND h.epoch = d.epoch AND h.salt = d.salt"
    " AND d.seq < h.signed_below) ELSE EXISTS (SELECT 1 FROM sending_epoch s WHERE"
    " s.pairing = d.pairing AND s.epoch = d.epoch AND d.seq < s.signed_below) END, r.clear,"
    " r.digest, w.place, d.pairing || '/' || d.epoch || '/' || d.seq"
    " FROM delivery d JOIN record r ON r.id = d.record JOIN pairing p ON p.id = d.pairing"
    " LEFT JOIN whereabouts w ON w.pairing = d.pairing AND w.epoch = d.epoch"
    " AND w.salt = d.salt AND w.seq = d.seq"
)


class Views:
    """A read-only window on one installation's database; one for each thread or screen.

    Without a vault it shows facts, counts, stations and links; asked for a message or a notice
    it raises BusyError ``home_locked``. What was altered on the disk is shown as such; with the
    wrong vault, which opens nothing here, it raises TrustError ``sealed_otherwise``.
    """

    def __init__(self, path: Path, vault: Vault | None) -> None:
        self._path = path
        self._vault = vault
        self._db = open_reader(path)
        self._db.create_function("opened", 3, self._opened_in_sql, deterministic=True)
        self._db.create_function("opens", 3, self._opens_in_sql, deterministic=True)
        self.role = self.fact("role").decode() or "kit"
        self.own_name = self.fact("name").decode()
        self.network = self.fact("network").decode()
        self.exercise = self.fact("exercise") == b"1"
        self._check = self.fact("vault")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def fact(self, key: str) -> bytes:
        """A fact of this installation, empty where there is none."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return bytes(rows[0][0]) if rows else b""

    def data_version(self) -> int:
        """A number that changes with every commit of another connection; cheap to ask."""
        return int(self._rows("PRAGMA data_version")[0][0])

    # -- messages --------------------------------------------------------------------------

    def count(self, box: str = "all") -> int:
        """How many messages are listed in a box: ``in``, ``out`` or ``all``."""
        if box == "all":
            return int(self._rows("SELECT count(*) FROM delivery WHERE listed = 1")[0][0])
        sql = "SELECT count(*) FROM delivery WHERE listed = 1 AND box = ?"
        return int(self._rows(sql, (box,))[0][0])

    def page(self, box: str = "all", first: int = 0, rows: int = PAGE_ROWS) -> list[Message]:
        """Messages of a box, newest first, from place ``first`` on."""
        where, values = _where(box)
        sql = (
            f"{_MESSAGE} WHERE d.id IN (SELECT d.id FROM delivery d WHERE {where}"
            " ORDER BY d.id DESC LIMIT ? OFFSET ?) ORDER BY d.id DESC"
        )
        return self._messages(sql, (*values, rows, first))

    def triage(self, first: int = 0, rows: int = PAGE_ROWS) -> list[Message]:
        """Messages that came in and nobody opened: by precedence, then oldest first."""
        sql = (
            f"{_MESSAGE} WHERE d.box = 'in' AND d.state = 'held' AND d.listed = 1"
            " ORDER BY d.precedence DESC, d.id LIMIT ? OFFSET ?"
        )
        return self._messages(sql, (rows, first))

    def board(self, first: int = 0, rows: int = PAGE_ROWS) -> list[Message]:
        """The operator's order: unread by precedence and age, then the read, newest first."""
        unread = self.unread()
        page = self.triage(first, rows) if first < unread else []
        if len(page) < rows:
            sql = (
                f"{_MESSAGE} WHERE d.box = 'in' AND d.state = 'read' AND d.listed = 1"
                " ORDER BY d.id DESC LIMIT ? OFFSET ?"
            )
            page += self._messages(sql, (rows - len(page), max(0, first - unread)))
        return page

    def search(
        self,
        box: str = "all",
        state: str | None = None,
        since: int | None = None,
        after: int = 0,
        limit: int = 1_000_000,
    ) -> list[Message]:
        """Messages for ``list``: oldest first; ``since`` in ms, ``after`` a ``ref``."""
        where, values = _where(box)
        sql = f"{_MESSAGE} WHERE {where} AND d.id > ?"
        values = (*values, after)
        if state is not None:
            sql, values = sql + " AND d.state = ?", (*values, state)
        if since is not None:
            sql += " AND coalesce(r.received_at, r.written_at) >= ?"
            values = (*values, since)
        return self._messages(f"{sql} ORDER BY d.id LIMIT ?", (*values, limit))

    def find(self, prefix: str) -> list[Message]:
        """All deliveries of the one message whose id begins so (8 letters without dash).

        Raises UsageError ``message_unknown`` or ``message_ambiguous``.
        """
        sql = f"{_MESSAGE} WHERE d.listed = 1 AND replace(r.code, '-', '') LIKE ? ORDER BY d.id"
        found = self._messages(sql, (prefix.replace("-", "") + "%",))
        if not found:
            raise UsageError("message_unknown", id=prefix)
        if len({message.number for message in found}) > 1:
            raise UsageError("message_ambiguous", id=prefix)
        return found

    def delivery(self, ref: int) -> Message | None:
        """One delivery by its row number."""
        found = self._messages(f"{_MESSAGE} WHERE d.id = ?", (ref,))
        return found[0] if found else None

    def file_content(self, attachment: Attachment) -> bytes:
        """The bytes of a file of a message.

        Raises CrisiskitError ``file_not_whole`` or ``file_wrong``.
        """
        return attachments.content(self._rows, self.opened, attachment)

    def files_in(self) -> tuple[int, int, int]:
        """Of the files that came in: how many are whole, on their way, never to be whole."""
        return attachments.tally(self._rows)

    def newest_change(self) -> int:
        """When a message last changed its state, in ms; 0 if there is none."""
        return int(self._rows("SELECT coalesce(max(state_at), 0) FROM delivery")[0][0])

    def unread(self) -> int:
        """How many messages came in that nobody opened."""
        sql = "SELECT count(*) FROM delivery WHERE box = 'in' AND state = 'held' AND listed = 1"
        return int(self._rows(sql)[0][0])

    def waiting(self) -> int:
        """How many messages of ours the far end is not yet known to hold."""
        sql = (
            "SELECT count(*) FROM delivery WHERE box = 'out' AND listed = 1"
            " AND state IN ('kept', 'sealed', 'sent', 'arrived')"
        )
        return int(self._rows(sql)[0][0])

    def tally(self, box: str) -> dict[str, int]:
        """How many listed messages of a box are in each state."""
        sql = "SELECT state, count(*) FROM delivery WHERE box = ? AND listed = 1 GROUP BY state"
        return dict(self._rows(sql, (box,)))

    # -- stations and links ----------------------------------------------------------------

    def kits(self) -> list[Kit]:
        """The kits of a center (on a kit: its own pairing), by number."""
        sql = (
            "SELECT p.kit_number, p.name, p.kit_fp, p.enrolled_at, p.last_contact_at,"
            " p.last_link, coalesce(u.n, 0), coalesce(w.n, 0),"
            " p.id IN (SELECT pairing FROM refused) FROM pairing p"
            " LEFT JOIN (SELECT pairing, count(*) AS n FROM delivery WHERE box = 'in'"
            "  AND state = 'held' AND listed = 1 GROUP BY pairing) u ON u.pairing = p.id"
            " LEFT JOIN (SELECT pairing, count(*) AS n FROM delivery WHERE box = 'out'"
            "  AND state IN ('kept', 'sealed', 'sent', 'arrived') AND listed = 1"
            "  GROUP BY pairing) w ON w.pairing = p.id ORDER BY p.kit_number"
        )
        return [Kit(*[*row[:8], bool(row[8])]) for row in self._rows(sql)]

    def links(self, now: int) -> list[LinkView]:
        """The links as last reported by the agent, with today's spending."""
        sql = (
            "SELECT l.name, l.kind, l.phase, l.signal, l.reason, l.since, l.waiting,"
            " coalesce(s.credits, 0), coalesce(s.micros, 0), coalesce(s.frame_bytes, 0), l.clear,"
            " l.status,"
            " (SELECT count(*) FROM neighbour n WHERE n.link = l.name AND n.here = 1)"
            " FROM link_state l LEFT JOIN spending s ON s.link = l.name AND s.day = ?"
            " ORDER BY l.rowid"
        )
        return [LinkView(*row) for row in self._rows(sql, (now // DAY_MS,))]

    def neighbours(self) -> list[Neighbour]:
        """Who was met on local networks: those who are there first, the last met before others."""
        sql = "SELECT link, peer, name, here, met_at FROM neighbour ORDER BY here DESC, met_at DESC"
        return [
            Neighbour(link, peer, name, bool(here), met_at)
            for link, peer, name, here, met_at in self._rows(sql)
        ]

    def carrying(self, now: int) -> Carrying:
        """What this kit carries for its neighbours."""
        waits = self._rows(
            f"SELECT count(*), coalesce(sum({BYTES_IN_SQL}), 0), count(DISTINCT kit_number)"
            " FROM carried"
        )
        today = self._rows(
            "SELECT coalesce(sum(frames), 0), coalesce(sum(credits), 0),"
            " coalesce(sum(frame_bytes), 0) FROM carried_on WHERE day = ?",
            (now // DAY_MS,),
        )
        return Carrying(*waits[0], *today[0])

    def notices(self, limit: int = 20) -> list[Notice]:
        """The newest notices first."""
        sql = (
            "SELECT n.code, n.detail, n.at, coalesce(p.name, '') FROM notice n"
            " LEFT JOIN pairing p ON p.id = n.pairing ORDER BY n.id DESC LIMIT ?"
        )
        return [
            Notice(code, self.opened(detail, Sealed.DETAIL, str(at).encode()).decode(), at, name)
            for code, detail, at, name in self._rows(sql, (limit,))
        ]

    # -- plumbing --------------------------------------------------------------------------

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query of another reader of this package."""
        return self._rows(sql, values)

    def _opens_in_sql(self, sealed: bytes, place: str, row: object) -> bool:
        """For queries: whether a sealed column can be opened. ``row``: a digest, or as below."""
        name = row if isinstance(row, bytes) else str(row).encode()
        return self._open(sealed, Sealed(place), name) is not None

    def _opened_in_sql(self, sealed: bytes, place: str, row: object) -> bytes:
        """For queries: a sealed column, bound to a number or to nothing."""
        return self.opened(sealed, Sealed(place), str(row).encode())

    def opened(self, sealed: bytes, place: Sealed, row: bytes = b"") -> bytes:
        """What a sealed column holds; where it was altered, a sentence for words, else nothing.

        Raises BusyError ``home_locked`` without the keystore, TrustError ``sealed_otherwise``
        with another one than this store's.
        """
        value = self._open(sealed, place, row)
        if value is None:
            return _(ALTERED).encode() if place in _WORDS else b""
        return value

    def _open(self, sealed: bytes, place: Sealed, row: bytes) -> bytes | None:
        """What a sealed column holds, None where it was altered. Raises as ``opened``."""
        if self._vault is None:
            raise BusyError("home_locked", path=self._path.parent)
        try:
            return self._vault.open(sealed, place, row)
        except TrustError:
            self._vault.open(self._check, Sealed.CHECK)
            return None

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return read(self._db, self._path, sql, values)

    def _messages(self, sql: str, values: Sequence[Any]) -> list[Message]:
        found = [self._message(row) for row in self._rows(sql, values)]
        if attachments.exist(self._rows):
            files = attachments.by_delivery(self._rows, self.opened, found)
            found = [replace(one, attachments=files.get(one.ref, ())) for one in found]
        carriers = [message.number for message in found if message.kind is RecordKind.ORDER]
        if not carriers:
            return found
        known = by_record(self._rows, carriers)
        return [replace(message, order=known.get(message.number)) for message in found]

    def _message(self, row: tuple[Any, ...]) -> Message:
        (ref, code, number, box, name, kind, precedence, text, data, written_at, clock) = row[:11]
        (received_at, state, state_at, link, frame_bytes, credits, answers, *rest) = row[11:]
        expires_at, signed, clear, digest, place, place_row = rest
        incoming = box == "in"
        words = self._open(text, Sealed.TEXT, digest)
        content = self._open(data, Sealed.DATA, digest)
        if words is None or content is None:
            words, content = _(ALTERED).encode(), b""
            kind = RecordKind.TEXT if kind == RecordKind.FORM else kind
        other = CENTER if self.role == "kit" else name
        own = self.own_name if self.role == "kit" else CENTER
        return Message(
            ref=ref,
            id=code,
            number=number,
            box=box,
            author=other if incoming else own,
            to=own if incoming else other,
            kind=RecordKind(kind),
            precedence=Precedence(precedence),
            text=words.decode(),
            data=content,
            form=str(content[0]) if kind == RecordKind.FORM and content else "",
            written_at=written_at,
            clock=ClockQuality(clock),
            received_at=received_at,
            state=State(state),
            state_at=state_at,
            link=link,
            frame_bytes=frame_bytes,
            credits=credits,
            signed=bool(signed),
            exercise=self.exercise,
            answers=answers,
            expires_at=expires_at,
            clear=bool(clear),
            link_position=None if place is None else self._place(place, place_row),
        )

    def _place(self, sealed: bytes, row: str) -> tuple[float, float, int] | None:
        packed = self._open(sealed, Sealed.WHEREABOUTS, row.encode())
        return None if packed is None else read_place(packed)


def _where(box: str) -> tuple[str, tuple[Any, ...]]:
    if box == "all":
        return "+d.listed = 1", ()
    return "d.listed = 1 AND d.box = ?", (box,)
