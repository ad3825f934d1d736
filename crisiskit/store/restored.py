"""A store that was restored from a backup: how its station goes on."""

from __future__ import annotations

from pathlib import Path

from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, Entropy
from crisiskit.model import Direction
from crisiskit.store import commit, issued
from crisiskit.store.connect import Database
from crisiskit.store.schema import Sealed


def go_on(db: Database, floor: int, entropy: Entropy, given: Path, now: int) -> None:
    """Every pairing goes above ``floor``, by a random step more; all it keeps is in doubt.

    ``given`` is the file of what a center issued; ``crisiskit restore`` took it over already.
    """
    if db.execute("SELECT 1 FROM meta WHERE key = 'restored'").fetchone() is None:
        issued.take_over(db, given, now)
    rows = db.execute("SELECT id, send_epoch, send_chain, keeps_root FROM pairing")
    for pairing, epoch, chain, keeps_root in rows.fetchall():
        sends = Direction.DOWN if keeps_root else Direction.UP
        target = min(max(epoch, floor + 1) + 1 + entropy(1)[0] % 255, EPOCH_MAX)
        present = db.vault.open(chain, Sealed.SEND_CHAIN)
        key = ChainKey(sends, epoch, present).forward(target).key
        commit.doubt(db, pairing)
        db.execute(
            "UPDATE pairing SET send_epoch = ?, send_chain = ?, announce = 1 WHERE id = ?",
            (target, db.vault.seal(key, Sealed.SEND_CHAIN), pairing),
        )
    db.execute("DELETE FROM meta WHERE key = 'restored'")
