"""What the links have cost: by day for people, and what counts against each budget."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from crisiskit.step import Purse, PurseMoved, Spent
from crisiskit.store.connect import Database

DAY_MS = 86_400_000
DAYS_BACK = 31
DAYS_MOST = 1000
PURSE = "purse:"
PURSES = "SELECT key, value FROM meta WHERE key LIKE 'purse:%' ORDER BY key"
DAYS = (
    "SELECT link, day, frame_bytes, credits, micros FROM spending WHERE day >= ?"
    " ORDER BY day LIMIT ?"
)
Rows = Callable[[str], Sequence[Sequence[Any]]]


def add(db: sqlite3.Connection, c: Spent, now: int) -> None:
    """A session was billed."""
    db.execute(
        "INSERT INTO spending (day, link, frames, frame_bytes, credits, micros)"
        " VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (day, link) DO UPDATE SET"
        " frames = frames + 1, frame_bytes = frame_bytes + excluded.frame_bytes,"
        " credits = credits + excluded.credits, micros = micros + excluded.micros",
        (now // DAY_MS, c.link, c.frame_bytes, c.credits, c.micros),
    )
    if c.purse is not None:
        _keep(db, c.link, c.purse)


def move(db: sqlite3.Connection, c: PurseMoved, now: int) -> None:
    """The clock was set back."""
    _keep(db, c.link, c.purse)


def _keep(db: sqlite3.Connection, link: str, purse: Purse) -> None:
    words = f"{purse.day} {purse.frame_bytes} {purse.credits} {purse.micros}"
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (PURSE + link, words.encode()),
    )


def purses(db: Database) -> tuple[tuple[str, Purse], ...]:
    """What counts against the budget of each link that has one."""
    return read_purses(lambda sql: db.execute(sql).fetchall())


def read_purses(rows: Rows) -> tuple[tuple[str, Purse], ...]:
    """The same, by any way to ask for rows."""
    return tuple(
        (key.removeprefix(PURSE), Purse(*map(int, value.split()))) for key, value in rows(PURSES)
    )


def days(db: Database, now: int) -> tuple[tuple[str, Purse], ...]:
    """What each link has cost day by day, from a month ago on: a clock may be set to and fro."""
    rows = db.execute(DAYS, (now // DAY_MS - DAYS_BACK, DAYS_MOST))
    return tuple((link, Purse(*amounts)) for link, *amounts in rows)
