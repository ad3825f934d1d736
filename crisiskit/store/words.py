"""Plain words to and from people without a kit, on disk: sealed there, though not on the way.

They are no records: nothing about them is authenticated, and they are never mixed with what
is. Each is sent at most once by itself: ``sending`` is durable before the link gets it, and
what was ``sending`` when the program ended is ``maybe`` from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from crisiskit.store.schema import Sealed
from crisiskit.store.store import Store
from crisiskit.store.views import Views

TEXT_CHARACTERS_MAX = 1000
HEARD_MAX = 10_000
COMPARED = 200


class WordsState(StrEnum):
    """What became of words. ``MAYBE``: they may have been sent."""

    KEPT = "kept"
    SENDING = "sending"
    SENT = "sent"
    MAYBE = "maybe"
    REFUSED = "refused"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    HEARD = "heard"


class _Body(msgspec.Struct, frozen=True):
    number: str
    text: str
    sent_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """Words to or from a number. ``at`` and ``state_at`` in milliseconds."""

    id: int
    box: str
    link: str
    at: int
    number: str
    text: str
    state: WordsState
    state_at: int


def keep(store: Store, link: str, number: str, text: str) -> int:
    """Keep words for a number; durable on return."""
    return _insert(store, "out", link, _Body(number, text), WordsState.KEPT)


def next_kept(store: Store, link: str) -> Words | None:
    """The oldest words that wait for this link."""
    with store.changing() as (db, _now):
        row = db.execute(
            "SELECT id, at, body, state_at FROM words WHERE link = ? AND state = 'kept'"
            " ORDER BY id LIMIT 1",
            (link,),
        ).fetchone()
        if row is None:
            return None
        body = _opened(db.vault.open(row[2], Sealed.WORDS, str(row[1]).encode()))
        return Words(row[0], "out", link, row[1], body.number, body.text, WordsState.KEPT, row[3])


def turn(store: Store, id: int, state: WordsState, reference: int | None = None) -> None:
    """A new state; durable on return."""
    with store.changing() as (db, now):
        db.execute(
            "UPDATE words SET state = ?, state_at = ?, reference = ? WHERE id = ?",
            (state, now, reference, id),
        )


def settle(store: Store, link: str) -> None:
    """At the start: nobody knows any more whether words on their way were sent."""
    with store.changing() as (db, now):
        db.execute(
            "UPDATE words SET state = 'maybe', state_at = ? WHERE link = ? AND state = 'sending'",
            (now, link),
        )


def hear(store: Store, link: str, number: str, text: str, sent_at_ms: int) -> None:
    """Keep words that came, once; of too many the oldest go."""
    body = _Body(number, text, sent_at_ms)
    with store.changing() as (db, _now):
        rows = db.execute(
            "SELECT at, body FROM words WHERE box = 'in' AND link = ? ORDER BY id DESC LIMIT ?",
            (link, COMPARED),
        ).fetchall()
        known = (db.vault.open(row[1], Sealed.WORDS, str(row[0]).encode()) for row in rows)
        if sent_at_ms and msgspec.msgpack.encode(body) in known:
            return
        db.execute(
            "DELETE FROM words WHERE box = 'in' AND id <= (SELECT id FROM words WHERE box = 'in'"
            " ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (HEARD_MAX - 1,),
        )
    _insert(store, "in", link, body, WordsState.HEARD)


def end(store: Store, link: str, number: str, reference: int, delivered: bool) -> None:
    """The network says what became of the newest words of this reference for a number."""
    with store.changing() as (db, now):
        rows = db.execute(
            "SELECT id, at, body FROM words WHERE box = 'out' AND link = ? AND reference = ?"
            " AND state = 'sent' ORDER BY id DESC LIMIT ?",
            (link, reference, COMPARED),
        ).fetchall()
        for id, at, sealed in rows:
            body = _opened(db.vault.open(sealed, Sealed.WORDS, str(at).encode()))
            if body.number.lstrip("+0")[-9:] == number.lstrip("+0")[-9:]:
                state = WordsState.DELIVERED if delivered else WordsState.UNDELIVERED
                db.execute(
                    "UPDATE words SET state = ?, state_at = ? WHERE id = ?", (state, now, id)
                )
                return


def listed(views: Views, limit: int) -> list[Words]:
    """The newest words, the newest last."""
    sql = "SELECT id, box, link, at, body, state, state_at FROM words ORDER BY id DESC LIMIT ?"
    found = []
    for id, box, link, at, sealed, state, state_at in views.rows(sql, (limit,)):
        body = _opened(views.opened(sealed, Sealed.WORDS, str(at).encode()))
        words = Words(id, box, link, at, body.number, body.text, WordsState(state), state_at)
        found.append(words)
    return found[::-1]


def _insert(store: Store, box: str, link: str, body: _Body, state: WordsState) -> int:
    with store.changing() as (db, now):
        sealed = db.vault.seal(msgspec.msgpack.encode(body), Sealed.WORDS, str(now).encode())
        row = db.execute(
            "INSERT INTO words (box, link, at, body, state, state_at) VALUES (?, ?, ?, ?, ?, ?)",
            (box, link, now, sealed, state, now),
        )
        return int(row.lastrowid or 0)


def _opened(body: bytes) -> _Body:
    """What was sealed; empty where it was altered."""
    try:
        return msgspec.msgpack.decode(body, type=_Body)
    except msgspec.DecodeError:
        return _Body("", "")
