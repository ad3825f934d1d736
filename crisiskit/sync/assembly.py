"""Envelopes that come in parts, until they are whole (protocol section 9)."""

from __future__ import annotations

from crisiskit.codec.acks import PartRequest
from crisiskit.codec.parts import Part, PartSet, open_part
from crisiskit.codec.reject import Rejected
from crisiskit.step import Change, Life, PartArrived, PartsDropped

PART_SETS = 4
Place = tuple[Life, int]


class Assembly:
    """The open sets of parts of one pairing. ``due_s``: when to ask for what is missing."""

    def __init__(self, pairing: int) -> None:
        self.due_s: dict[Place, float] = {}
        self._pairing = pairing
        self._sets: dict[Place, PartSet] = {}

    def add(
        self, place: Place, part: Part, frame: bytes, due_s: float
    ) -> tuple[list[Change], bytes | None]:
        """Take in a checked part: what to commit, and the whole frame once it is complete."""
        changes: list[Change] = []
        if place in self._sets and not self._sets[place].takes(part.last):
            changes.append(self._drop(place))
        if place not in self._sets:
            if len(self._sets) >= PART_SETS:
                changes.append(self._drop(next(iter(self._sets))))
            self._sets[place] = PartSet(part.last)
        pieces = self._sets[place]
        if not pieces.add(part):
            return changes, None
        whole = pieces.envelope(part.header)
        if whole is not None:
            return [*changes, self._drop(place)], whole
        self.due_s[place] = due_s
        (epoch, salt), seq = place
        kept = PartArrived(self._pairing, epoch, salt, seq, part.index, part.last, frame)
        return [*changes, kept], None

    def resume(self, kept: PartArrived, part_key: bytes) -> None:
        """Go on with a part that an earlier process stored."""
        part = open_part(kept.frame, part_key)
        if not isinstance(part, Rejected):
            place = ((kept.epoch, kept.salt), kept.seq)
            self._sets.setdefault(place, PartSet(kept.last)).add(part)
            self.due_s[place] = 0.0

    def requests(self, now_s: float) -> list[PartRequest]:
        """What to ask for now."""
        found: list[PartRequest] = []
        for ((epoch, salt), seq), due_s in self.due_s.items():
            if due_s <= now_s:
                pieces = self._sets[(epoch, salt), seq]
                found.append(PartRequest(epoch, seq, pieces.last, pieces.missing))
        return found

    def asked(self, request: PartRequest) -> None:
        """A receipt that leaves asks for it."""
        for place in list(self.due_s):
            if (place[0][0], place[1]) == (request.epoch, request.seq):
                del self.due_s[place]

    def _drop(self, place: Place) -> PartsDropped:
        self._sets.pop(place, None)
        self.due_s.pop(place, None)
        (epoch, salt), seq = place
        return PartsDropped(self._pairing, epoch, salt, seq)
