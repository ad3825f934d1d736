"""A record under a name of its own: equal words of one author in one minute stay two records."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from crisiskit.codec.record import record_digest
from crisiskit.errors import CrisiskitError
from crisiskit.model import CENTER, ClockQuality, Record
from crisiskit.trusted import CLOCK_TRUSTED_MS

TWINS_MAX = 256


def distinct(db: sqlite3.Connection, own_fp: bytes, record: Record) -> tuple[Record, bytes]:
    """The record with a twin number whose digest is not used yet, and that digest.

    A clock of unknown quality gets the quality of this station's.
    """
    clock = record.clock or _clock_quality(db, record.minute * 60_000)
    for twin in range(TWINS_MAX):
        found = replace(record, twin=twin, clock=clock)
        digest = record_digest(own_fp, found)
        if db.execute("SELECT 1 FROM record WHERE digest = ?", (digest,)).fetchone() is None:
            return found, digest
    raise CrisiskitError("too_many_twins")


def _clock_quality(db: sqlite3.Connection, now: int) -> ClockQuality:
    """The center's clock is the measure; a kit's is as good as the last agreement with it, else
    with a satellite receiver."""
    wanted = "('role', 'clock_agreed_at', 'gps_agreed_at')"
    facts = dict(db.execute(f"SELECT key, value FROM meta WHERE key IN {wanted}"))
    agreed = int(facts.get("clock_agreed_at", b"0"))
    if facts.get("role") == CENTER.encode() or abs(now - agreed) < CLOCK_TRUSTED_MS:
        return ClockQuality.CENTER
    if abs(now - int(facts.get("gps_agreed_at", b"0"))) < CLOCK_TRUSTED_MS:
        return ClockQuality.SATELLITE
    return ClockQuality.UNKNOWN
