"""Lanes: a link, or one peer of a listening link, with what is known of its use now.

Ranking is by price for ROUTINE and PRIORITY, by delay for IMMEDIATE and FLASH, after what
recent trouble says. A busy cheap lane is waited for rather than leaving by a dear one; only
FLASH and IMMEDIATE take whatever is free at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crisiskit.codec.acks import PARTS_MAX
from crisiskit.codec.content import CONTENT_BYTES_MAX, SIGNATURE_BYTES
from crisiskit.codec.header import is_clear
from crisiskit.codec.parts import count_parts
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Precedence
from crisiskit.step import Transmit
from crisiskit.sync.heard import RIDER_BYTES_MAX
from crisiskit.sync.policy import rank
from transports.link import Traits

URGENT_REPEAT_S = 300.0
URGENT_RECEIPT_S = 60.0
HEADER_BYTES_MOST = 12
PART_BYTES = 6


@dataclass(slots=True)
class Lane:
    """``aloft``: the frames that are with the link; ``blocked_until_s`` after trouble.

    ``leads``: whether it goes to the center, at a kit. ``spare`` lanes come after our own: 1
    through a neighbour that pays, 2 through one that waits for a way itself.
    """

    link: str
    peer: str
    traits: Traits
    aloft: list[Transmit] = field(default_factory=list)
    blocked_until_s: float = 0.0
    leads: bool = True
    spare: int = 0

    @property
    def way(self) -> str:
        """What trouble is remembered by: the link, or the neighbour there."""
        return f"{self.link}/{self.peer}" if self.traits.proves else self.link

    @property
    def busy(self) -> bool:
        """Whether it takes no frame more."""
        return len(self.aloft) >= self.traits.flights

    def takes(self, precedence: Precedence) -> bool:
        """Whether it takes a frame now: of several flights ROUTINE never has the last one."""
        kept = self.traits.flights > 1 and precedence is Precedence.ROUTINE
        return len(self.aloft) + kept < self.traits.flights

    def landed(self, transmit: Transmit) -> None:
        """A frame is no longer with the link, whatever became of it."""
        if transmit in self.aloft:
            self.aloft.remove(transmit)

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

    ``unanswered`` counts, by way, how often this envelope left there without an answer.
    """
    usable = [lane for lane in lanes if lane.usable(now_s)]
    if not usable:
        return None
    urgent = precedence >= Precedence.IMMEDIATE

    def order(lane: Lane) -> tuple[float, ...]:
        return (trouble(lane), lane.spare, *rank(lane.traits, urgent))

    def trouble(lane: Lane) -> int:
        return unanswered.get(lane.way, 0) // (1 if urgent else 2)

    usable.sort(key=order)
    best = usable[0]
    if urgent:
        return next((lane for lane in usable if lane.takes(precedence)), None)
    equals = (
        lane
        for lane in usable
        if lane.traits.metered == best.traits.metered
        and (trouble(lane), lane.spare) == (trouble(best), best.spare)
    )
    return next((lane for lane in equals if lane.takes(precedence)), None)
