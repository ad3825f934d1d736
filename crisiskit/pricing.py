"""What a draft with files would cost; the work of packing them is done once for each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from crisiskit.codec.record import RECORD_DIGEST_BYTES
from crisiskit.foresight import Foresight
from crisiskit.model import Attached
from crisiskit.store.pieces import piece_data
from crisiskit.sync.bulk import with_files
from crisiskit.sync.plan import Estimate
from transports.link import Traits

_FILES_KNOWN = 4


def add_files(
    found: Iterable[Estimate],
    files: Iterable[Attached],
    kit_number: int,
    links: Mapping[str, Traits],
) -> list[Estimate]:
    """The prices of a message, ``found``, with those of its files."""
    sizes = [size for file in files for size in piece_sizes(file)]
    return with_files(found, sizes, kit_number, links) if sizes else list(found)


def foresee_files(
    found: Foresight, files: Sequence[Attached], kit_number: int, links: Mapping[str, Traits]
) -> Foresight:
    """What happens to a message, with the prices of its files."""
    priced = tuple(add_files(found.links, files, kit_number, links))
    wait = found.wait
    then = next((one for one in priced if wait is not None and one.link == wait.then), None)
    if wait is not None and then is not None:
        wait = replace(wait, credits=then.credits, micros=then.micros)
    return replace(found, links=priced, wait=wait)


@lru_cache(_FILES_KNOWN)
def piece_sizes(file: Attached) -> tuple[int, ...]:
    """Bytes of data in each record of a file."""
    return tuple(len(data) for data in piece_data(bytes(RECORD_DIGEST_BYTES), file))
