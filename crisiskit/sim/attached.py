"""Files in simulated worlds: what people attach, and what is there of it."""

from __future__ import annotations

import random

from crisiskit.model import Attached, Whole
from crisiskit.sim.world import VAULT, Station
from crisiskit.store.views import Views


def some_files(rng: random.Random) -> tuple[Attached, ...]:
    """A small file or two now and then; half of them pack well."""
    many = rng.choices((0, 1, 2), (0.9, 0.08, 0.02))[0]
    sizes = [rng.choice((1, 300, 2500, 9000)) for _ in range(many)]
    return tuple(
        Attached(f"{n}.bin", rng.randbytes(size) if rng.random() < 0.5 else b"map " * size)
        for n, size in enumerate(sizes)
    )


def files(station: Station, box: str = "in") -> dict[str, list[bytes | None]]:
    """The files of what is listed in a box, by the text they came with; None: not whole."""
    views = Views(station.store.path, VAULT)
    try:
        return {
            message.text: [
                views.file_content(one) if one.state is Whole.WHOLE or box == "out" else None
                for one in message.attachments
            ]
            for message in views.search(box)
            if message.attachments
        }
    finally:
        views.close()
