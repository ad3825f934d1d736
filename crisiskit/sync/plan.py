"""What sending will cost, told before it is paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crisiskit.codec.content import Content, encode_content
from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.codec.parts import CHECK_BYTES, count_parts
from crisiskit.crypto.seal import TAG_BYTES
from crisiskit.model import Direction, Record
from crisiskit.sync.policy import Why
from transports.link import Traits

PART_PLACE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """One record alone on one link: frame bytes, credits, money, seconds to the far end.

    ``clear``: all could read it on this link; ``barred``: so it will not be taken there. ``why``
    it may not leave there now, and from ``at_ms`` on it may, ``over`` the day's budget: as
    ``policy.Stand`` has it.
    """

    link: str
    frame_bytes: int
    credits: int
    micros: int
    seconds: float
    clear: bool = False
    barred: bool = False
    why: Why | None = None
    at_ms: int | None = None
    over: bool = False
    frames: int = 1


def record_bytes(record: Record, kit_number: int) -> int:
    """Frame bytes of a record alone in an envelope, once its epoch is known to the far end."""
    header = Header(FrameKind.SEALED, kit_number, Direction.UP, record.precedence, 0)
    content = encode_content(Content((record,)), record.minute)
    return len(encode_header(header)) + len(content) + TAG_BYTES


def estimate(
    record: Record, kit_number: int, links: Mapping[str, Traits], clear: bool = False
) -> list[Estimate]:
    """What a record would cost alone on each link, cheapest first; ``clear``: all may read it.

    Links that are not for it come last.
    """
    size = record_bytes(record, kit_number)
    header = Header(FrameKind.SEALED, kit_number, Direction.UP, record.precedence, 0)
    head = len(encode_header(header))
    found = []
    for name, traits in links.items():
        frames = count_parts(size, head, traits.mtu_bytes)
        if frames == 0:
            continue
        extra = 0 if frames == 1 else frames * (head + PART_PLACE_BYTES + CHECK_BYTES) - head
        each = traits.price(-(-(size + extra) // frames))
        seconds = traits.latency_s * frames + (size + extra) / traits.rate_bytes_s
        found.append(
            Estimate(
                name,
                size + extra,
                each.credits * frames,
                each.micros * frames,
                seconds,
                not traits.may_encrypt,
                not traits.may_encrypt and not clear,
                frames=frames,
            )
        )
    return sorted(found, key=lambda one: (one.barred, one.micros, one.credits, one.seconds))
