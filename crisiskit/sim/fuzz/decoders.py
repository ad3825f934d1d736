"""Every decoder that takes bytes from outside, fed with changed valid bytes and with noise."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from crisiskit.sim.fuzz import (
    of_devices,
    of_files,
    of_imt,
    of_neighbours,
    of_phones,
    of_sticks,
    of_wire,
)
from crisiskit.sim.fuzz.decoder import Decoder, complaint
from crisiskit.sim.fuzz.mutate import scramble

NOISE_BYTES_MAX = 300


def all_decoders(folder: Path) -> tuple[Decoder, ...]:
    """All doors. ``folder`` is for those that read files."""
    return (
        *of_wire.decoders(),
        *of_files.decoders(folder),
        *of_sticks.decoders(folder),
        *of_devices.decoders(),
        *of_imt.decoders(),
        *of_phones.decoders(),
        *of_neighbours.decoders(),
    )


def disturbed(decoder: Decoder, rng: random.Random) -> bytes:
    """Valid bytes scrambled, behind an outer check that is right half of the time; or noise."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(NOISE_BYTES_MAX))
    data = rng.choice(decoder.samples)
    if rng.random() < 0.9:
        data = scramble(rng, data, decoder.samples)
    return decoder.seal(data) if rng.random() < 0.6 else data


def run(decoder: Decoder, seed: int, count: int) -> Iterator[str]:
    """Every complaint about ``count`` inputs, with the bytes that made it."""
    rng = random.Random(seed)
    for _ in range(count):
        data = disturbed(decoder, rng)
        if found := complaint(decoder, data):
            yield f"{decoder.name}: {data.hex()} {found}"
