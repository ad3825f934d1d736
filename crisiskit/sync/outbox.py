"""Records that wait to be sealed, in sending order: precedence, then age (protocol 9).

Bulk, such as the slices of a file, comes after all else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from crisiskit.codec.content import RECORDS_MAX, Content, encode_content
from crisiskit.codec.pieces import is_slice
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Precedence
from crisiskit.step import Queued

LARGE_BYTES = 1024
HEADER_BYTES = 6


class Outbox:
    """One queue for each precedence; removal anywhere is cheap."""

    def __init__(self) -> None:
        self._queues: dict[Precedence, dict[int, Queued]] = {p: {} for p in reversed(Precedence)}
        self._clear: dict[Precedence, set[int]] = {p: set() for p in Precedence}
        self._large: dict[int, int] = {}
        self._bulk: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._next_expiry: int | None = None

    def add(self, items: Iterable[Queued]) -> None:
        """Append items; one that waits already stays where it is."""
        for item in items:
            self._queues[item.record.precedence].setdefault(item.delivery, item)
            if item.clear:
                self._clear[item.record.precedence].add(item.delivery)
            if _raw_bytes(item) > LARGE_BYTES:
                self._large[item.delivery] = len(encode_content(Content((item.record,)), None))
            large = item.delivery in self._large or is_slice(item.record)
            if large and item.record.precedence is Precedence.ROUTINE:
                self._bulk.add(item.delivery)
            if item.expires_at is not None:
                self._next_expiry = min(self._next_expiry or item.expires_at, item.expires_at)

    def remove(self, deliveries: Iterable[int]) -> None:
        """Take out what was sealed, withdrawn or expired."""
        for delivery in deliveries:
            self._large.pop(delivery, None)
            self._bulk.discard(delivery)
            self._sizes.pop(delivery, None)
            for precedence, queue in self._queues.items():
                queue.pop(delivery, None)
                self._clear[precedence].discard(delivery)

    def oldest(self, precedence: Precedence, clear: bool, bulk: bool) -> Queued | None:
        """What has waited longest of a precedence.

        ``clear``: of what all may read, else of what must be encrypted. ``bulk``: of what is
        large, else of the rest.
        """
        queue, open_ = self._queues[precedence], self._clear[precedence]
        if not queue or (clear and not open_) or (bulk and not self._bulk):
            return None
        if not bulk and precedence is Precedence.ROUTINE and len(queue) == len(self._bulk):
            return None
        return next(
            (
                item
                for delivery, item in queue.items()
                if (delivery in open_) is clear and self.is_bulk(item) is bulk
            ),
            None,
        )

    def is_bulk(self, item: Queued) -> bool:
        """Whether it is large and nobody waits for it: all else goes before it."""
        return item.delivery in self._bulk

    def frame_bytes(self, item: Queued) -> int:
        """The frame of an item alone, as ``plan.record_bytes`` tells it for a long header."""
        if item.delivery not in self._sizes:
            content = encode_content(Content((item.record,)), item.record.minute)
            self._sizes[item.delivery] = HEADER_BYTES + len(content) + TAG_BYTES
        return self._sizes[item.delivery]

    def closed(self) -> bool:
        """Whether something waits that must be encrypted."""
        return any(len(q) > len(self._clear[p]) for p, q in self._queues.items())

    @property
    def highest(self) -> Precedence | None:
        """The highest precedence that waits."""
        return next((p for p, queue in self._queues.items() if queue), None)

    def batch(
        self,
        precedence: Precedence,
        content_bytes_max: int,
        clear: bool = False,
        bulk: bool = False,
    ) -> list[Queued]:
        """What may share the next envelope, first first; nothing that alone is too large.

        ``clear``: only what all may read, since the envelope will not be encrypted. ``bulk``:
        only what is large, else only the rest. FLASH and IMMEDIATE travel without slower
        company, so that they leave and arrive in the time of their own bytes.
        """
        found: list[Queued] = []
        urgent = _is_urgent(precedence)
        for each in (precedence,) if urgent else (Precedence.PRIORITY, Precedence.ROUTINE):
            fit = (
                item
                for item in self._queues[each].values()
                if self._large.get(item.delivery, 0) <= content_bytes_max
                and (item.clear or not clear)
                and self.is_bulk(item) is bulk
            )
            found += islice(fit, RECORDS_MAX - len(found))
        return found

    def larger_than(self, content_bytes_max: int) -> list[int]:
        """Deliveries that no envelope of that content size can carry."""
        return [item for item, size in self._large.items() if size > content_bytes_max]

    def shift(self, by_ms: int) -> None:
        """The clock was set: lifetimes end, and patience began, so much later (or earlier)."""
        for queue in self._queues.values():
            for delivery, item in queue.items():
                over = None if item.expires_at is None else item.expires_at + by_ms
                since = item.kept_at + by_ms if item.kept_at else 0
                queue[delivery] = replace(item, expires_at=over, kept_at=since)
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
