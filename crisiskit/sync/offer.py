"""What a kit tells a neighbour: by what kind of way it would carry frames on to the center.

    [FE][version 1][flags 1][mtu 2][credit bytes 2][latency s 2][repeat s 2][receipt delay s 2]
    [rate B/s 4]        flags: 1 the way is open now

No frame begins with FE: its first two bits would be a version that does not exist. An mtu of 0
means that nothing is carried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader
from transports.link import Traits

MARK = b"\xfe"
VERSION = 1
OFFER_BYTES = 17
MTU_BYTES_MIN = 64
_OPEN = 1
_TWO_MAX, _FOUR_MAX = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to the center through a neighbour. Sizes in bytes, times in whole seconds.

    ``open_now``: frames go on at once; else they wait there for a link to come.
    """

    open_now: bool
    mtu_bytes: int
    credit_bytes: int = 0
    latency_s: int = 0
    repeat_s: int = 0
    receipt_delay_s: int = 0
    rate_bytes_s: int = 0

    @property
    def free(self) -> bool:
        """Whether frames go on at once and nobody pays for it."""
        return self.open_now and not self.credit_bytes

    @property
    def leads(self) -> bool:
        """Whether there is a way at all."""
        return self.mtu_bytes >= MTU_BYTES_MIN

    def after(self, link: Traits) -> Traits:
        """The whole way: the link to the neighbour, and from there on."""
        return replace(
            link,
            mtu_bytes=min(link.mtu_bytes, self.mtu_bytes),
            latency_s=link.latency_s + self.latency_s,
            rate_bytes_s=min(link.rate_bytes_s, max(1, self.rate_bytes_s)),
            credit_bytes=self.credit_bytes,
            repeat_s=link.repeat_s + self.repeat_s,
            receipt_delay_s=max(link.receipt_delay_s, self.receipt_delay_s),
        )


NONE = Offer(False, 0)


def offer_of(traits: Traits) -> Offer:
    """The offer of a link that is up. One that is billed by the byte counts like credits."""
    metered = traits.credit_bytes or traits.mtu_bytes if traits.metered else 0
    return Offer(
        True,
        min(traits.mtu_bytes, _TWO_MAX),
        min(metered, _TWO_MAX),
        _whole(traits.latency_s),
        _whole(traits.repeat_s),
        _whole(traits.receipt_delay_s),
        int(min(traits.rate_bytes_s, _FOUR_MAX)),
    )


def encode_offer(offer: Offer) -> bytes:
    """17 bytes."""
    flags = _OPEN * offer.open_now
    numbers = (
        offer.mtu_bytes,
        offer.credit_bytes,
        offer.latency_s,
        offer.repeat_s,
        offer.receipt_delay_s,
    )
    two = b"".join(number.to_bytes(2, "big") for number in numbers)
    return MARK + bytes([VERSION, flags]) + two + offer.rate_bytes_s.to_bytes(4, "big")


def decode_offer(data: bytes) -> Offer | None:
    """The offer in these bytes, None for anything else. A later version may be longer."""
    reader = Reader(data, Reject.LENGTH, at=1)
    try:
        if data[:1] != MARK or reader.uint(1) < VERSION:
            return None
        flags = reader.uint(1)
        mtu, credit, latency, repeat, delay = (reader.uint(2) for _ in range(5))
        return Offer(bool(flags & _OPEN), mtu, credit, latency, repeat, delay, reader.uint(4))
    except MalformedError:
        return None


def _whole(seconds: float) -> int:
    return min(round(seconds), _TWO_MAX)
