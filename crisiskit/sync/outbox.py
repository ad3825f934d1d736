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
        self._clear: dict[Precedence, set[int]] = {p: set() for p in Precedence}
        self._large: dict[int, int] = {}
        self._next_expiry: int | None = None

    def add(self, items: Iterable[Queued]) -> None:
        """Append items; one that waits already stays where it is."""
        for item in items:
            self._queues[item.record.precedence].setdefault(item.delivery, item)
            if item.clear:
                self._clear[item.record.precedence].add(item.delivery)
            if _raw_bytes(item) > LARGE_BYTES:
                self._large[item.delivery] = len(encode_content(Content((item.record,)), None))
            if item.expires_at is not None:
                self._next_expiry = min(self._next_expiry or item.expires_at, item.expires_at)

    def remove(self, deliveries: Iterable[int]) -> None:
        """Take out what was sealed, withdrawn or expired."""
        for delivery in deliveries:
            self._large.pop(delivery, None)
            for precedence, queue in self._queues.items():
                queue.pop(delivery, None)
                self._clear[precedence].discard(delivery)

    def head(self, urgent: bool, clear: bool) -> Precedence | None:
        """The highest precedence that waits, of FLASH and IMMEDIATE or of the other two.

        ``clear``: of what all may read, else of what must be encrypted.
        """
        for precedence, queue in self._queues.items():
            count = len(self._clear[precedence])
            if _is_urgent(precedence) is urgent and (count if clear else len(queue) - count):
                return precedence
        return None

    @property
    def highest(self) -> Precedence | None:
        """The highest precedence that waits."""
        return next((p for p, queue in self._queues.items() if queue), None)

    def batch(self, urgent: bool, content_bytes_max: int, clear: bool = False) -> list[Queued]:
        """What may share the next envelope, first first; nothing that alone is too large.

        ``clear``: only what all may read, since the envelope will not be encrypted.
        FLASH and IMMEDIATE travel without slower company, so that they leave and arrive in
        the time of their own bytes.
        """
        found: list[Queued] = []
        for precedence, queue in self._queues.items():
            if _is_urgent(precedence) is not urgent:
                continue
            fit = (
                item
                for item in queue.values()
                if self._large.get(item.delivery, 0) <= content_bytes_max
                and (item.clear or not clear)
            )
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
