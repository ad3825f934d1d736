"""A store that was restored from a backup: how its station goes on."""

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
