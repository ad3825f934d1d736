"""Tables and migrations, forward only. A column is never given another meaning.

Boxes are ``in`` and ``out``; ``delivery`` is the life of a record towards one station, and
for what came in, its life here. Instants are milliseconds, sizes bytes, money millionths.
``digests`` are those of an envelope's records in their order, 16 bytes each. ``own`` is the
station's own record at the end of an envelope, ``names`` the checkpoint of a life.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import TYPE_CHECKING

from crisiskit.store import schema_orders, schema_pieces

if TYPE_CHECKING:
    import sqlite_utils

VERSION = 5


class Sealed(StrEnum):
    """What nobody may read on the disk: keys, and whatever people wrote.

    Words are bound to their row: a record's to its ``digest``, a notice's to ``at``, those
    of orders and answers to the order's number, a reason to nothing, plain ones to ``at``.
    Frames, see ``frames``, are bound to their pairing, epoch, number and place, those set
    aside to ``at``, those carried for others to the kit's number and the direction; where a
    network heard a station is bound to pairing, epoch and number.
    """

    CHECK = "meta.vault"
    FIX = "meta.gps_fix"
    SEND_CHAIN = "pairing.send_chain"
    HEARD_CHAIN = "pairing.heard_chain"
    EPOCH_SECRET = "epoch_secret.secret"
    PART_KEY = "sending_epoch.part_key"
    DATA = "record.data"
    TEXT = "record.text"
    REPLACE_KEY = "record.replace_key"
    DETAIL = "notice.detail"
    OBJECT_DATA = "signed_object.data"
    OBJECT_TEXT = "signed_object.text"
    ANSWER = "order_answer.text"
    REASON = "refused.reason"
    ENVELOPE_FRAME = "envelope.frame"
    ARRIVED_FRAME = "arrived.frame"
    WHEREABOUTS = "whereabouts.place"
    FORK_FRAME = "fork.frame"
    PART_FRAME = "part.frame"
    SET_ASIDE_FRAME = "quarantine.frame"
    WORDS = "words.body"
    CARRIED_FRAME = "carried.frame"


_V1 = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE TABLE pairing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kit_number INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kit_fp BLOB NOT NULL UNIQUE,
    public_key BLOB NOT NULL,
    peer_fp BLOB NOT NULL,
    peer_public BLOB NOT NULL,
    send_epoch INTEGER NOT NULL,
    send_chain BLOB NOT NULL,
    heard_chain_epoch INTEGER NOT NULL,
    heard_chain BLOB NOT NULL,
    keeps_root INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL,
    announce INTEGER NOT NULL DEFAULT 0,
    confirmed_epoch INTEGER,
    confirmed_salt BLOB,
    last_contact_at INTEGER,
    last_link TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE epoch_secret (
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    epoch INTEGER NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (pairing, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE sending_epoch (
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    part_key BLOB NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    digest BLOB NOT NULL DEFAULT x'',
    signed_below INTEGER NOT NULL DEFAULT 0,
    held_below INTEGER NOT NULL DEFAULT 0,
    held_by INTEGER NOT NULL DEFAULT 0,
    held_by_salt BLOB NOT NULL DEFAULT x'',
    in_doubt INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pairing, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE envelope (
    pairing INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    frame BLOB NOT NULL,
    precedence INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    digest BLOB NOT NULL,
    signature BLOB NOT NULL DEFAULT x'',
    digests BLOB NOT NULL DEFAULT x'',
    own BLOB NOT NULL DEFAULT x'',
    state TEXT NOT NULL,
    sealed_at INTEGER NOT NULL,
    held_at INTEGER,
    PRIMARY KEY (pairing, epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX envelope_waiting ON envelope (pairing, epoch, seq) WHERE held_at IS NULL;
CREATE TABLE heard_epoch (
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    next_seq INTEGER NOT NULL DEFAULT 0,
    digest BLOB NOT NULL,
    base_minute INTEGER,
    nth INTEGER NOT NULL,
    signed_below INTEGER NOT NULL DEFAULT 0,
    names BLOB NOT NULL DEFAULT x'',
    names_at INTEGER NOT NULL DEFAULT 0,
    owed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pairing, epoch, salt)
) STRICT, WITHOUT ROWID;
CREATE TABLE arrived (
    pairing INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    seq INTEGER NOT NULL,
    frame BLOB NOT NULL,
    leaf BLOB NOT NULL,
    signature BLOB NOT NULL DEFAULT x'',
    digests BLOB NOT NULL DEFAULT x'',
    link TEXT NOT NULL,
    at INTEGER NOT NULL,
    waits INTEGER NOT NULL DEFAULT 0,
    undecodable TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (pairing, epoch, salt, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX arrived_waits ON arrived (pairing, epoch, salt, seq) WHERE waits = 1;
CREATE TABLE fork (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    seq INTEGER NOT NULL,
    frame BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE part (
    pairing INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    seq INTEGER NOT NULL,
    place INTEGER NOT NULL,
    last INTEGER NOT NULL,
    frame BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (pairing, epoch, salt, seq, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    code TEXT NOT NULL,
    box TEXT NOT NULL CHECK (box IN ('in', 'out')),
    author INTEGER,
    kind INTEGER NOT NULL,
    precedence INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    twin INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    data BLOB NOT NULL,
    text BLOB NOT NULL,
    written_at INTEGER NOT NULL,
    received_at INTEGER,
    answers TEXT NOT NULL DEFAULT '',
    answers_direction INTEGER,
    answers_epoch INTEGER,
    answers_seq INTEGER,
    answers_place INTEGER,
    expires_at INTEGER,
    replace_key BLOB,
    clear INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX record_code ON record (code);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record INTEGER NOT NULL REFERENCES record(id),
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    box TEXT NOT NULL,
    listed INTEGER NOT NULL,
    precedence INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    epoch INTEGER,
    salt BLOB,
    seq INTEGER,
    place INTEGER,
    link TEXT NOT NULL DEFAULT '',
    frame_bytes INTEGER NOT NULL DEFAULT 0,
    credits INTEGER NOT NULL DEFAULT 0,
    UNIQUE (record, pairing)
) STRICT;
CREATE INDEX delivery_envelope ON delivery (pairing, box, epoch, seq, place);
CREATE INDEX delivery_kept ON delivery (id) WHERE state = 'kept';
CREATE INDEX delivery_listed ON delivery (listed, box, id);
CREATE INDEX delivery_unread ON delivery (precedence DESC, id)
    WHERE box = 'in' AND state = 'held' AND listed = 1;
CREATE TABLE path (
    pairing INTEGER NOT NULL REFERENCES pairing(id),
    link TEXT NOT NULL,
    peer TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (pairing, link)
) STRICT, WITHOUT ROWID;
CREATE TABLE link_state (
    name TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    signal INTEGER,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    clear INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE spending (
    day INTEGER NOT NULL,
    link TEXT NOT NULL,
    frames INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    PRIMARY KEY (day, link)
) STRICT, WITHOUT ROWID;
CREATE TABLE neighbour (
    link TEXT NOT NULL,
    peer TEXT NOT NULL,
    name TEXT NOT NULL,
    met_at INTEGER NOT NULL,
    here INTEGER NOT NULL,
    PRIMARY KEY (link, peer)
) STRICT, WITHOUT ROWID;
CREATE TABLE carried (
    name BLOB PRIMARY KEY NOT NULL,
    kit_number INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    precedence INTEGER NOT NULL,
    receipt INTEGER NOT NULL,
    frame BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE carried_on (
    day INTEGER NOT NULL,
    link TEXT NOT NULL,
    frames INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    budget_bytes INTEGER NOT NULL,
    PRIMARY KEY (day, link)
) STRICT, WITHOUT ROWID;
CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    pairing INTEGER,
    code TEXT NOT NULL,
    detail BLOB NOT NULL
) STRICT;
"""

_V3 = """
CREATE TABLE whereabouts (
    pairing INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    salt BLOB NOT NULL,
    seq INTEGER NOT NULL,
    place BLOB NOT NULL,
    PRIMARY KEY (pairing, epoch, salt, seq)
) STRICT, WITHOUT ROWID;
"""

_V4 = """
CREATE TABLE words (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    box TEXT NOT NULL,
    link TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    reference INTEGER
) STRICT;
CREATE INDEX words_waiting ON words (link, id) WHERE state = 'kept';
"""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of an open database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older or empty database to ``VERSION``; each migration is one transaction.

    sqlite-utils is imported only here: it is slow to load and rarely needed.
    """
    import sqlite_utils
    from sqlite_utils.migrations import Migrations

    migrations = Migrations("crisiskit")

    @migrations()
    def m001_first(db: sqlite_utils.Database) -> None:
        _execute(db, _V1, 1)

    @migrations()
    def m002_orders(db: sqlite_utils.Database) -> None:
        _execute(db, schema_orders.TABLES, 2)

    @migrations()
    def m003_whereabouts(db: sqlite_utils.Database) -> None:
        _execute(db, _V3, 3)

    @migrations()
    def m004_words(db: sqlite_utils.Database) -> None:
        _execute(db, _V4, 4)

    @migrations()
    def m005_pieces(db: sqlite_utils.Database) -> None:
        _execute(db, schema_pieces.TABLES, 5)

    migrations.apply(sqlite_utils.Database(connection))


def _execute(db: sqlite_utils.Database, statements: str, reached: int) -> None:
    """All statements, then the version that they reach."""
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {reached}")
