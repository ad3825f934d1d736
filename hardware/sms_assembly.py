"""Long texts put together from their parts, which stay in the modem until all are there. Pure.

Parts come in any order and more than once. What is never completed is given out as it is, so
that it cannot fill a card for ever. Source: 3GPP TS 23.040, 9.2.3.24.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.sms_pdu import Coding, Deliver, Report
from hardware.sms_phone import Incoming

PARTS_KEPT_MAX = 8  # of a card that may have 20 places
PARTS_AGE_S = 24 * 3600.0
GAP = "[…]"

Message = Deliver | Report | None


@dataclass(slots=True)
class _Long:
    """One long text: its parts by number, and where they and their repeats lie."""

    total: int
    first_s: float
    parts: dict[int, Deliver] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.total

    def whole(self) -> Incoming:
        texts = []
        for number in range(1, max(self.parts) + 1):
            part = self.parts.get(number)
            # A run of lost parts is one gap: the sender says how many there are.
            if part is not None:
                texts.append(part.text)
            elif not texts or texts[-1] != GAP:
                texts.append(GAP)
        if max(self.parts) < self.total:
            texts.append(GAP)
        first = self.parts[min(self.parts)]
        return Incoming(
            tuple(self.places), first.sender, text="".join(texts), sent_at=first.sent_at
        )


class Assembly:
    """Messages by their places in the modem; whole ones come out. Times are of one clock."""

    def __init__(self) -> None:
        self._long: dict[tuple[str, int, int], _Long] = {}
        self._since: dict[tuple[str, int, int], float] = {}

    def forget(self) -> None:
        """All will be read again: only remember since when parts have been waiting."""
        self._since = {key: long.first_s for key, long in self._long.items()}
        self._long.clear()

    def add(self, place: str, message: Message, now_s: float) -> Incoming | None:
        """One message found at ``place``; the whole one it is or completes, None while parts lack.

        A message that nobody could read is given back as junk.
        """
        if message is None:
            return Incoming((place,))
        if isinstance(message, Report):
            return Incoming((place,), message.recipient, report=message)
        part = message.part
        if message.coding is Coding.DATA:
            # Ours are never longer than one message: parts of data are a stranger's.
            data = message.data if part is None else None
            return Incoming((place,), message.sender, data, sent_at=message.sent_at)
        if part is None or part.total == 1:
            return Incoming((place,), message.sender, text=message.text, sent_at=message.sent_at)
        key = (message.sender, part.reference, part.total)
        long = self._long.get(key)
        if long is None:
            long = self._long[key] = _Long(part.total, self._since.get(key, now_s))
        if place not in long.places:
            long.places.append(place)
        long.parts.setdefault(part.number, message)
        return self._long.pop(key).whole() if long.complete else None

    def overdue(self, now_s: float) -> list[Incoming]:
        """What has waited too long, or takes too many places, the oldest first."""
        found = []
        waiting = sorted(self._long.items(), key=lambda item: item[1].first_s)
        kept = sum(len(long.places) for _, long in waiting)
        for key, long in waiting:
            if kept <= PARTS_KEPT_MAX and now_s - long.first_s < PARTS_AGE_S:
                break
            kept -= len(long.places)
            found.append(self._long.pop(key).whole())
        return found
