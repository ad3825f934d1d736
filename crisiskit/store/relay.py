"""Neighbours and what is carried for them, on disk: the writers of changes, and their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crisiskit.carrying import Carried, CarriedDropped, CarriedOn, Met, Parted, RelayState
from crisiskit.model import Direction, Precedence
from crisiskit.store.connect import Database
from crisiskit.store.frames import opened, stored
from crisiskit.store.schema import Sealed as Column

DAY_MS = 86_400_000


def load(db: Database, now: int) -> RelayState:
    """What an engine must know to carry on for others."""
    number = db.execute(
        "SELECT p.kit_number FROM pairing p WHERE p.keeps_root = 0 LIMIT 1"
    ).fetchone()
    met = db.execute("SELECT peer, max(met_at) FROM neighbour GROUP BY peer")
    rows = db.execute(
        "SELECT name, kit_number, direction, precedence, receipt, frame, at FROM carried"
        " ORDER BY at, name"
    )
    day = now // DAY_MS
    spent = db.execute(
        "SELECT coalesce(sum(credits), 0), coalesce(sum(CASE credits WHEN 0 THEN budget_bytes"
        " ELSE 0 END), 0) FROM carried_on WHERE day = ?",
        (day,),
    ).fetchone()
    return RelayState(
        0 if number is None else number[0],
        dict(met.fetchall()),
        tuple(
            Carried(
                name,
                kit,
                Direction(way),
                Precedence(precedence),
                bool(receipt),
                opened(db.vault, frame, Column.CARRIED_FRAME, kit, way),
                at,
            )
            for name, kit, way, precedence, receipt, frame, at in rows
        ),
        day,
        *spent,
    )


def forget_presence(db: Database, now: int) -> None:
    """Nobody is here until a link says so; who was when the process ended was met then."""
    db.execute("UPDATE neighbour SET here = 0, met_at = max(met_at, ?) WHERE here = 1", (now,))


def _met(db: Database, c: Met, now: int) -> None:
    db.execute(
        "INSERT INTO neighbour (link, peer, name, met_at, here) VALUES (?, ?, ?, ?, 1)"
        " ON CONFLICT (link, peer) DO UPDATE SET name = excluded.name, met_at = excluded.met_at,"
        " here = 1",
        (c.link, c.peer, c.name, now),
    )


def _parted(db: Database, c: Parted, now: int) -> None:
    db.execute(
        "UPDATE neighbour SET here = 0, met_at = ? WHERE link = ? AND peer = ? AND here = 1",
        (now, c.link, c.peer),
    )


def _carried(db: Database, c: Carried, now: int) -> None:
    row = (c.kit_number, int(c.direction))
    db.execute(
        "INSERT OR REPLACE INTO carried (name, kit_number, direction, precedence, receipt, frame,"
        " at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            c.name,
            *row,
            int(c.precedence),
            int(c.receipt),
            stored(db.vault, c.frame, Column.CARRIED_FRAME, *row),
            c.at_ms,
        ),
    )


def _carried_on(db: Database, c: CarriedOn, now: int) -> None:
    db.execute("DELETE FROM carried WHERE name = ?", (c.name,))
    db.execute(
        "INSERT INTO carried_on (day, link, frames, frame_bytes, credits, budget_bytes)"
        " VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (day, link) DO UPDATE SET frames = frames + 1,"
        " frame_bytes = frame_bytes + excluded.frame_bytes,"
        " credits = credits + excluded.credits,"
        " budget_bytes = budget_bytes + excluded.budget_bytes",
        (now // DAY_MS, c.link, c.frame_bytes, c.credits, c.budget_bytes),
    )


def _carried_dropped(db: Database, c: CarriedDropped, now: int) -> None:
    db.executemany("DELETE FROM carried WHERE name = ?", [(name,) for name in c.names])


WRITERS: dict[type, Callable[[Database, Any, int], None]] = {
    Met: _met,
    Parted: _parted,
    Carried: _carried,
    CarriedOn: _carried_on,
    CarriedDropped: _carried_dropped,
}
