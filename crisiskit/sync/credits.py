"""Frames sized to credits: no started credit is left half empty while something waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transports.link import Traits

Fill = Callable[[int, int], tuple[bytes, int]]
"""The content of as many of the first so many records as fit into so many bytes; how many."""


@dataclass(frozen=True, slots=True)
class Size:
    """What surrounds a content, and the room of the frame, both in bytes."""

    around: int
    room: int

    def content_in(self, frame_bytes: int) -> int:
        """The content that a frame of this size has room for."""
        return min(frame_bytes, self.room) - self.around


def fitted(fill: Fill, sure: int, waiting: int, size: Size, traits: Traits) -> tuple[bytes, int]:
    """The content for the next frame of a link, and how many records it takes.

    The first ``sure`` records may leave by this link; the others of the ``waiting`` would wait
    for a better one, and only fill a credit that is paid for already. Where more is sure than
    a frame takes, the last credit is not started if it would not be well filled.
    """
    content, count = fill(sure, size.content_in(size.room))
    unit = traits.credit_bytes
    if not unit:
        return content, count
    credits = traits.price(size.around + len(content)).credits
    if count < sure:
        if credits > 1 and size.content_in((credits - 1) * unit) > 0:
            edge = (credits - 1) * unit
            less, fewer = fill(sure, size.content_in(edge))
            paid = size.around + len(less) <= edge
            if paid and len(less) * credits > len(content) * (credits - 1):
                return less, fewer
    elif sure < waiting:
        more, joined = fill(waiting, size.content_in(credits * unit))
        if joined > count:
            return more, joined
    return content, count
