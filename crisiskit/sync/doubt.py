"""Does the far end still hold what it once did? It may have been restored from a backup.

In each of its lives it must show that it holds what it held before. If it shows less, or nothing
for long, all that is kept here is in doubt and asked for (docs/wire.md, section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from crisiskit.codec.acks import AckBlock, PartRequest, resolve_epoch
from crisiskit.snapshot import MostHeld
from crisiskit.step import Life
from crisiskit.sync.lanes import Lane
from crisiskit.sync.outstanding import REPEAT_MAX_S

WONDER_S = 7200.0


class Finding(Enum):
    """What blocks of a new life say of what was held before."""

    NOTHING = 0
    AS_MUCH = 1
    LESS = 2


class Doubt:
    """What is remembered of the far end's holdings. ``wonders_s``: when silence is doubted."""

    def __init__(self, most_held: MostHeld | None) -> None:
        self.most_held = most_held
        self.wonders_s: float | None = None
        self.query_due_s = 0.0
        self._queries = 0

    def compare(self, blocks: Sequence[AckBlock | PartRequest], by: Life, newest: int) -> Finding:
        """What the far end says in life ``by``; ``newest`` is the newest epoch of ours."""
        most = self.most_held
        if most is None or by == most.by:
            return Finding.NOTHING
        said = [
            (whole_epoch(block, newest), block.next)
            for block in blocks
            if isinstance(block, AckBlock) and not _of_another_life(block, most, newest)
        ]
        about = [count for epoch, count in said if epoch == most.epoch]
        if max(said, default=(-1, 0)) < (most.epoch, most.count):
            return Finding.LESS
        if not about:
            return Finding.NOTHING
        if max(about) < most.count:
            return Finding.LESS
        self.most_held, self.wonders_s = replace(most, by=by), None
        return Finding.AS_MUCH

    def note(self, held: MostHeld, proved: bool) -> bool:
        """More is held. False if it is said in a life that has still to confirm the rest."""
        most = self.most_held
        if most is not None and most.by != held.by:
            return False
        least = (-1, 0) if most is None else (most.epoch, most.count)
        if proved and (held.epoch, held.count) >= least:
            self.most_held = held
        return True

    def wonder(self, speaker: Life | None, now_s: float) -> bool:
        """Whether the newest life heard has kept silent for too long on what was held."""
        if self.most_held is None or speaker is None or speaker == self.most_held.by:
            self.wonders_s = None
        elif self.wonders_s is None:
            self.wonders_s = now_s + WONDER_S
        elif self.wonders_s <= now_s:
            self.wonders_s = self.most_held = None
            return True
        return False

    def asked(self, lane: Lane, now_s: float) -> None:
        """A query leaves; the next one, should it stay unanswered, is due later and later."""
        wait = min(2 * lane.repeat_s() * 2**self._queries, REPEAT_MAX_S)
        self.query_due_s = now_s + wait
        self._queries += 1


def _of_another_life(block: AckBlock, most: MostHeld, newest: int) -> bool:
    """Whether it speaks of a life that has the number of the one most held, and is not it."""
    same_number = whole_epoch(block, newest) == most.epoch
    return same_number and block.wide and block.salt != most.salt[:2]


def whole_epoch(block: AckBlock | PartRequest, newest: int) -> int:
    """The epoch of ours that a block speaks of; ``newest`` is the newest one."""
    if isinstance(block, AckBlock) and block.wide:
        return block.epoch
    return resolve_epoch(block.epoch, newest)
