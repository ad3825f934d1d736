"""Records that wait to be sealed, in sending order: precedence, then age (protocol 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from crisiskit.codec.content import RECORDS_MAX, Content, encode_content
from crisiskit.model import Precedence
from crisiskit.step import Queued

LARGE_BYTES = 1024


class Outbox:
    """One queue for each precedence; removal anywhere is cheap."""

    def __init__(self) -> None:
        self._queues: dict[Precedence, dict[int, Queued]] = {p: {} for p in reversed(Precedence)}
        self._large: dict[int, int] = {}
        self._next_expiry: int | None = None

    def add(self, items: Iterable[Queued]) -> None:
        """Append items; one that waits already stays where it is."""
        for item in items:
            self._queues[item.record.precedence].setdefault(item.delivery, item)
            if _raw_bytes(item) > LARGE_BYTES:
                self._large[item.delivery] = len(encode_content(Content((item.record,)), None))
            if item.expires_at is not None:
                self._next_expiry = min(self._next_expiry or item.expires_at, item.expires_at)

    def remove(self, deliveries: Iterable[int]) -> None:
        """Take out what was sealed, withdrawn or expired."""
        for delivery in deliveries:
            self._large.pop(delivery, None)
            for queue in self._queues.values():
                queue.pop(delivery, None)

    def head(self, urgent: bool) -> Precedence | None:
        """The highest precedence that waits, of FLASH and IMMEDIATE or of the other two."""
        waiting = (p for p, queue in self._queues.items() if queue and _is_urgent(p) is urgent)
        return next(waiting, None)

    @property
    def highest(self) -> Precedence | None:
        """The highest precedence that waits."""
        return next((p for p, queue in self._queues.items() if queue), None)

    def batch(self, urgent: bool, content_bytes_max: int) -> list[Queued]:
        """What may share the next envelope, first first; nothing that alone is too large.

        FLASH and IMMEDIATE travel without slower company, so that they leave and arrive in
        the time of their own bytes.
        """
        found: list[Queued] = []
        for precedence, queue in self._queues.items():
            if _is_urgent(precedence) is not urgent:
                continue
            fit = (i for i in queue.values() if self._large.get(i.delivery, 0) <= content_bytes_max)
            found += islice(fit, RECORDS_MAX - len(found))
            if found and urgent:
                break
        return found

    def larger_than(self, content_bytes_max: int) -> list[int]:
        """Deliveries that no envelope of that content size can carry."""
        return [item for item, size in self._large.items() if size > content_bytes_max]

    def shift(self, by_ms: int) -> None:
        """The clock was set: lifetimes end so much later (or earlier)."""
        for queue in self._queues.values():
            for delivery, item in queue.items():
                if item.expires_at is not None:
                    queue[delivery] = replace(item, expires_at=item.expires_at + by_ms)
        if self._next_expiry is not None:
            self._next_expiry += by_ms

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


def _raw_bytes(item: Queued) -> int:
    return len(item.record.text.encode()) + len(item.record.data)


def _is_urgent(precedence: Precedence) -> bool:
    return precedence >= Precedence.IMMEDIATE
