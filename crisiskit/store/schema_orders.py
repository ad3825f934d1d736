"""The tables of signed objects, trust and quarantine; added by schema version 2.

``signed_object`` holds what came in (at a kit) and what was issued (at a center); one that
waits for its second signature has the verdict ``draft`` and 64 zero bytes in its place.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE signed_object (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    box TEXT NOT NULL CHECK (box IN ('in', 'out')),
    digest BLOB UNIQUE,
    record INTEGER REFERENCES record(id),
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    exercise INTEGER NOT NULL,
    answer INTEGER NOT NULL,
    precedence INTEGER NOT NULL,
    issued_s INTEGER NOT NULL,
    expires_at INTEGER,
    verdict TEXT NOT NULL,
    code TEXT NOT NULL,
    data BLOB NOT NULL,
    text BLOB NOT NULL,
    at INTEGER NOT NULL,
    answered_at INTEGER
) STRICT;
CREATE INDEX signed_object_number ON signed_object (number, kind);
CREATE INDEX signed_object_record ON signed_object (record);
CREATE TABLE cancelled_order (
    number INTEGER NOT NULL,
    exercise INTEGER NOT NULL,
    by INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (number, exercise)
) STRICT, WITHOUT ROWID;
CREATE TABLE order_answer (
    number INTEGER NOT NULL,
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    at INTEGER NOT NULL,
    correct INTEGER NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (number, pairing)
) STRICT, WITHOUT ROWID;
CREATE TABLE duty_key (
    place INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    public BLOB NOT NULL,
    revoked_at INTEGER,
    reason BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE trust_list (
    version INTEGER PRIMARY KEY NOT NULL,
    whole INTEGER NOT NULL,
    issued_s INTEGER NOT NULL,
    entries BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE refused (
    pairing INTEGER PRIMARY KEY NOT NULL REFERENCES pairing(id),
    reason BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pairing INTEGER REFERENCES pairing(id),
    kit_number INTEGER NOT NULL,
    link TEXT NOT NULL,
    at INTEGER NOT NULL,
    tag BLOB NOT NULL,
    frame BLOB NOT NULL,
    UNIQUE (pairing, tag)
) STRICT;
CREATE INDEX quarantine_of ON quarantine (pairing, id);
"""
