"""Lanes: a link, or one peer of a listening link, with what is known of its use now.

Ranking is by price for ROUTINE and PRIORITY, by delay for IMMEDIATE and FLASH, after what
recent trouble says. A busy cheap lane is waited for rather than leaving by a dear one; only
FLASH and IMMEDIATE take whatever is free at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crisiskit.codec.acks import PARTS_MAX
from crisiskit.codec.content import CONTENT_BYTES_MAX, SIGNATURE_BYTES
from crisiskit.codec.header import is_clear
from crisiskit.codec.parts import count_parts
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Precedence
from crisiskit.sync.heard import RIDER_BYTES_MAX
from transports.link import Traits

NOMINAL_BYTES = 100
URGENT_REPEAT_S = 300.0
URGENT_RECEIPT_S = 60.0
HEADER_BYTES_MOST = 12
PART_BYTES = 6


@dataclass(slots=True)
class Lane:
    """``busy`` while a frame is with the link; ``blocked_until_s`` after trouble."""

    link: str
    peer: str
    traits: Traits
    busy: bool = False
    blocked_until_s: float = 0.0

    def usable(self, now_s: float) -> bool:
        """Whether the lane may be used, now or as soon as it is free."""
        return now_s >= self.blocked_until_s and self.traits.mtu_bytes > 0

    def carries(self, frame_bytes: int) -> bool:
        """Whether a frame of this size fits, whole or in parts."""
        return count_parts(frame_bytes, HEADER_BYTES_MOST, self.traits.mtu_bytes) > 0

    def may_carry(self, frame: bytes) -> bool:
        """Whether nothing forbids it: where nothing may be encrypted, what all can read alone."""
        return self.traits.may_encrypt or is_clear(frame)

    @property
    def content_bytes_max(self) -> int:
        """The largest content of one record that an envelope for this lane may have.

        An ack block and a signature find room beside it.
        """
        piece = self.traits.mtu_bytes - HEADER_BYTES_MOST - PART_BYTES
        most = min(CONTENT_BYTES_MAX, PARTS_MAX * max(0, piece) - TAG_BYTES)
        return most - RIDER_BYTES_MAX - SIGNATURE_BYTES

    def repeat_s(self, urgent: bool = False) -> float:
        """The least time in which a receipt can come back; sooner for what is urgent."""
        traits = self.traits
        line = 3 * traits.mtu_bytes / traits.rate_bytes_s
        patience, delay = traits.repeat_s, traits.receipt_delay_s
        if urgent:
            patience, delay = min(patience, URGENT_REPEAT_S), min(delay, URGENT_RECEIPT_S)
        return max(patience, 2 * traits.latency_s + delay + line)


def choose(
    lanes: Iterable[Lane], precedence: Precedence, now_s: float, unanswered: dict[str, int]
) -> Lane | None:
    """The lane for a frame of this precedence, or None to wait for a better one.

    ``unanswered`` counts, by link, how often this envelope left there without an answer.
    """
    usable = [lane for lane in lanes if lane.usable(now_s)]
    if not usable:
        return None
    urgent = precedence >= Precedence.IMMEDIATE

    def rank(lane: Lane) -> tuple[float, ...]:
        traits = lane.traits
        price = traits.price(NOMINAL_BYTES)
        delay = traits.latency_s + NOMINAL_BYTES / traits.rate_bytes_s
        patience = unanswered.get(lane.link, 0) // (1 if urgent else 2)
        if urgent:
            return (patience, delay, price.micros, price.credits)
        return (patience, price.micros, price.credits, delay)

    usable.sort(key=rank)
    best = usable[0]
    if urgent:
        return next((lane for lane in usable if not lane.busy), None)
    trouble = rank(best)[0]
    equals = (
        lane
        for lane in usable
        if lane.traits.metered == best.traits.metered and rank(lane)[0] == trouble
    )
    return next((lane for lane in equals if not lane.busy), None)
