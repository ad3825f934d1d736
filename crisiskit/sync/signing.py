"""When an envelope is signed (``sign = auto``, protocol section 6).

Always with a FLASH, an order or what its form says; wherever the 64 bytes cost nothing; and at
least every 32 envelopes or 24 hours, since a signature vouches for all before it. So of those
that follow one another on a free link only the last is signed: the line has better use for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from crisiskit.codec.content import SIGNATURE_BYTES
from crisiskit.crypto.statement import Sign
from crisiskit.model import Precedence, RecordKind
from crisiskit.step import Queued
from transports.link import Traits

UNSIGNED_MOST = 32
UNSIGNED_S_MAX = 24 * 3600.0


def costs_no_more(traits: Traits, before_bytes: int, after_bytes: int) -> bool:
    """Whether a frame of ``after_bytes`` still fits one frame for the price of the smaller one."""
    if not traits.metered:
        return True
    same = traits.price(before_bytes).micros == traits.price(after_bytes).micros
    same = same and traits.price(before_bytes).credits == traits.price(after_bytes).credits
    return same and after_bytes <= traits.mtu_bytes


class Signing:
    """What is not signed yet of one life. Without a key nothing ever is."""

    def __init__(self, sign: Sign | None) -> None:
        self._sign = sign
        self._unsigned = 0
        self._since_s = 0.0

    def must(self, batch: Iterable[Queued], now_s: float) -> bool:
        """Whether the next envelope has to be signed, whatever it costs."""
        if self._sign is None:
            return False
        return self._late(now_s) or any(_grave(item) for item in batch)

    def wanted(self, traits: Traits, frame_bytes: int, must: bool, follows: bool) -> bool:
        """Whether to sign an envelope that makes a frame of ``frame_bytes`` without.

        ``follows``: more waits for the same lane, whose signature will vouch for this one too.
        """
        if self._sign is None:
            return False
        if follows and not must and not traits.metered:
            return False
        return must or costs_no_more(traits, frame_bytes, frame_bytes + SIGNATURE_BYTES)

    def overdue(self, free: bool, now_s: float) -> bool:
        """Whether a signature should leave although there is nothing else to say."""
        return self.due_s is not None and (free or now_s >= self.due_s)

    @property
    def due_s(self) -> float | None:
        """When what is not signed yet has waited long enough; None if there is nothing."""
        if self._sign is None or not self._unsigned:
            return None
        return self._since_s + UNSIGNED_S_MAX

    def sign(self, statement: bytes) -> bytes:
        """64 bytes over a statement."""
        assert self._sign is not None, "only wanted where there is a key"
        return self._sign(statement)

    def sealed(self, signed: bool, now_s: float) -> None:
        """Another envelope is in the log."""
        if signed:
            self._unsigned = 0
            return
        if not self._unsigned:
            self._since_s = now_s
        self._unsigned += 1

    def _late(self, now_s: float) -> bool:
        if self.due_s is None:
            return False
        return self._unsigned + 1 >= UNSIGNED_MOST or now_s >= self.due_s


def _grave(item: Queued) -> bool:
    record = item.record
    always = record.precedence is Precedence.FLASH or record.kind is RecordKind.ORDER
    return always or item.sign
