"""A signed checkpoint vouches for the life it names: what the author sent there is signed too.

It holds only if what is stored of that life leads to the very digest that the checkpoint says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.model import Record, RecordKind
from crisiskit.step import Life
from crisiskit.sync.heard import Heard


def note(heard: Heard, seq: int, records: Iterable[Record]) -> None:
    """Remember the checkpoint among the records of an envelope, if there is one."""
    for record in records:
        names = decode_checkpoint(record.data) if record.kind is RecordKind.CHECKPOINT else None
        if isinstance(names, Checkpoint):
            heard.names, heard.names_at = names, seq


def claim(lives: Mapping[Life, Heard], later: Heard) -> Heard | None:
    """The life that a signed checkpoint of ``later`` names, once it was heard; noted there."""
    names = later.names
    if names is None or later.signed_below <= later.names_at:
        return None
    earlier = lives.get((names.epoch, names.salt))
    if earlier is not None:
        earlier.named, later.names = names, None
    return earlier


def vouch(earlier: Heard, digest_at: Callable[[Heard, int], bytes]) -> bool:
    """Whether more of a life is signed now, by what a later one says of it. Looked at once.

    ``digest_at``: the chain value after so many envelopes of a life, empty if not proved.
    """
    named = earlier.named
    if named is None or named.count > earlier.next_seq:
        return False
    earlier.named = None
    if named.count <= earlier.signed_below:
        return False
    if digest_at(earlier, named.count) != named.digest:
        return False
    earlier.signed_below = named.count
    return True
