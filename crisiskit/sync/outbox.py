"""Records that wait to be sealed, in sending order: precedence, then age (protocol 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from crisiskit.codec.content import RECORDS_MAX
from crisiskit.model import Precedence
from crisiskit.step import Queued

HEADS_BYTES_MOST = 48


class Outbox:
    """One queue for each precedence; removal anywhere is cheap."""

    def __init__(self) -> None:
        self._queues: dict[Precedence, dict[int, Queued]] = {p: {} for p in reversed(Precedence)}
        self._next_expiry: int | None = None

    def add(self, items: Iterable[Queued]) -> None:
        """Append items; one that waits already stays where it is."""
        for item in items:
            self._queues[item.record.precedence].setdefault(item.delivery, item)
            if item.expires_at is not None:
                self._next_expiry = min(self._next_expiry or item.expires_at, item.expires_at)

    def remove(self, deliveries: Iterable[int]) -> None:
        """Take out what was sealed, withdrawn or expired."""
        for delivery in deliveries:
            for queue in self._queues.values():
                queue.pop(delivery, None)

    def head(self) -> Precedence | None:
        """The highest precedence that waits."""
        return next((p for p, queue in self._queues.items() if queue), None)

    def batch(self, content_bytes_max: int) -> list[Queued]:
        """What may share the next envelope, first first; nothing that alone is too large.

        FLASH and IMMEDIATE travel without slower company, so that they leave and arrive in
        the time of their own bytes.
        """
        head = self.head()
        if head is None:
            return []
        urgent = head >= Precedence.IMMEDIATE
        chosen = (
            queue for precedence, queue in self._queues.items() if not urgent or precedence is head
        )
        fit = (
            item
            for queue in chosen
            for item in queue.values()
            if _content_bytes_most(item) <= content_bytes_max
        )
        return list(islice(fit, RECORDS_MAX))

    @property
    def next_expiry(self) -> int | None:
        """Milliseconds of the earliest end of a lifetime, or a little before it."""
        return self._next_expiry

    def expired(self, wall_ms: int) -> list[int]:
        """Take out what is past its lifetime."""
        if self._next_expiry is None or self._next_expiry > wall_ms:
            return []
        over = [i.delivery for i in self if i.expires_at is not None and i.expires_at <= wall_ms]
        self.remove(over)
        self._next_expiry = min((i.expires_at for i in self if i.expires_at), default=None)
        return over

    def __iter__(self) -> Iterator[Queued]:
        for queue in self._queues.values():
            yield from queue.values()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))


def _content_bytes_most(item: Queued) -> int:
    """Content bytes of a record alone, as if its text could not be made shorter."""
    record = item.record
    return len(record.text.encode()) + len(record.data) + HEADS_BYTES_MOST
