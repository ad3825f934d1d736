"""A store that was restored from a backup, and what is looked up when restored sides compare."""

from __future__ import annotations

import sqlite3

from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, Entropy
from crisiskit.model import Direction
from crisiskit.store import commit


def go_on(db: sqlite3.Connection, floor: int, entropy: Entropy) -> None:
    """Every pairing goes above ``floor``, by a random step more; all it keeps is in doubt."""
    rows = db.execute("SELECT id, send_epoch, send_chain, keeps_root FROM pairing")
    for pairing, epoch, chain, keeps_root in rows.fetchall():
        sends = Direction.DOWN if keeps_root else Direction.UP
        target = min(max(epoch, floor + 1) + 1 + entropy(1)[0] % 255, EPOCH_MAX)
        key = ChainKey(sends, epoch, chain).forward(target).key
        commit.doubt(db, pairing)
        db.execute(
            "UPDATE pairing SET send_epoch = ?, send_chain = ?, announce = 1 WHERE id = ?",
            (target, key, pairing),
        )
    db.execute("DELETE FROM meta WHERE key = 'restored'")


def tag(db: sqlite3.Connection, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
    """The tag of an envelope that came in, None if it is not stored."""
    row = db.execute(
        "SELECT substr(frame, -8) FROM arrived"
        " WHERE pairing = ? AND epoch = ? AND salt = ? AND seq = ?",
        (pairing, epoch, salt, seq),
    ).fetchone()
    return None if row is None else bytes(row[0])


def leaves(
    db: sqlite3.Connection, pairing: int, epoch: int, salt: bytes, count: int
) -> list[bytes]:
    """The leaves of the first ``count`` envelopes that came in under a life, without gap."""
    rows = db.execute(
        "SELECT seq, leaf FROM arrived"
        " WHERE pairing = ? AND epoch = ? AND salt = ? AND seq < ? ORDER BY seq",
        (pairing, epoch, salt, count),
    )
    return [leaf for place, (seq, leaf) in enumerate(rows) if seq == place]
