"""The table of files, added by schema version 5: which records are pieces of which file.

``author`` is the pairing that a piece came from, 0 for what was written here. ``number`` 0 is
the head; ``message`` is the record digest of its message, known of the head and of all that was
written here. ``state`` is that of the file, in its head: ``partly``, ``whole``, ``wrong`` or
``given_up``; in a slice ``partly`` while the file is open, then nothing. The bytes are in the
records.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE piece (
    record INTEGER PRIMARY KEY NOT NULL REFERENCES record(id),
    author INTEGER NOT NULL,
    file BLOB NOT NULL,
    number INTEGER NOT NULL,
    message BLOB NOT NULL DEFAULT x'',
    state TEXT NOT NULL DEFAULT '',
    at INTEGER NOT NULL,
    UNIQUE (author, file, number)
) STRICT;
CREATE INDEX piece_message ON piece (message, author, number) WHERE message <> x'';
CREATE INDEX piece_open ON piece (author, file) WHERE state = 'partly';
CREATE INDEX delivery_arrived ON delivery (pairing, record) WHERE box = 'out' AND state = 'arrived';
"""
