"""What the files of a message add to its price, told before it is paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crisiskit.codec.parts import CHECK_BYTES, count_parts
from crisiskit.model import Precedence, Record, RecordKind
from crisiskit.sync.lanes import Lane
from crisiskit.sync.plan import PART_PLACE_BYTES, Estimate, record_bytes
from crisiskit.sync.sender import envelope_bytes_max
from transports.link import Traits

HEAD_BYTES = 4
BESIDE_BYTES = 6
AROUND_BYTES = 20  # header, epoch, salt and tag


@dataclass(frozen=True, slots=True)
class Load:
    """What files add on one link: frames, their bytes, credits, money, seconds."""

    frames: int
    frame_bytes: int
    credits: int
    micros: int
    seconds: float


def with_files(
    found: Iterable[Estimate],
    sizes: Sequence[int],
    kit_number: int,
    links: Mapping[str, Traits],
) -> list[Estimate]:
    """The prices of a message with those of its files; a link that carries none comes last, barred.

    ``sizes`` are the bytes of data in each record of the files.
    """
    together = []
    for one in found:
        load = file_load(sizes, kit_number, links[one.link]) if one.link in links else None
        if load is None:
            together.append(replace(one, barred=True))
            continue
        together.append(
            replace(
                one,
                frame_bytes=one.frame_bytes + load.frame_bytes,
                credits=one.credits + load.credits,
                micros=one.micros + load.micros,
                seconds=one.seconds + load.seconds,
                frames=one.frames + load.frames,
            )
        )
    return sorted(together, key=lambda one: one.barred)


def file_load(sizes: Sequence[int], kit_number: int, traits: Traits) -> Load | None:
    """What these records cost on a link; None where it may not or cannot carry them."""
    if not traits.may_encrypt:
        return None
    room = envelope_bytes_max(Lane("", "", traits), bulk=True) - AROUND_BYTES
    total = Load(0, 0, 0, 0, 0.0)
    for size, many in Counter(sizes).items():
        alone = _record_bytes(size, kit_number)
        each = max(1, 1 + (room - alone) // (size + BESIDE_BYTES))
        full, rest = divmod(many, each)
        for shared, times in ((each, full), (rest, 1)):
            if not shared or not times:
                continue
            one = _envelope(alone + (shared - 1) * (size + BESIDE_BYTES), traits)
            if one is None:
                return None
            total = _sum(total, one, times)
    return total


def _envelope(size: int, traits: Traits) -> Load | None:
    frames = count_parts(size, HEAD_BYTES, traits.mtu_bytes)
    if not frames:
        return None
    extra = 0 if frames == 1 else frames * (HEAD_BYTES + PART_PLACE_BYTES + CHECK_BYTES)
    price = traits.price(-(-(size + extra) // frames))
    seconds = traits.latency_s * frames + (size + extra) / traits.rate_bytes_s
    return Load(frames, size + extra, price.credits * frames, price.micros * frames, seconds)


def _sum(total: Load, one: Load, times: int) -> Load:
    return Load(
        total.frames + one.frames * times,
        total.frame_bytes + one.frame_bytes * times,
        total.credits + one.credits * times,
        total.micros + one.micros * times,
        total.seconds + one.seconds * times,
    )


def _record_bytes(data_bytes: int, kit_number: int) -> int:
    record = Record(RecordKind.FILE, Precedence.ROUTINE, 0, data=bytes(data_bytes))
    return record_bytes(record, kit_number)
