"""A life of the far end as the hearer knows it, and what taking a frame in leads to."""

from __future__ import annotations

from dataclasses import dataclass, field

from crisiskit.codec.acks import AckBlock
from crisiskit.codec.checkpoint import Checkpoint
from crisiskit.crypto.keys import EpochKeys
from crisiskit.model import Precedence, Record
from crisiskit.snapshot import HeardEpoch
from crisiskit.step import Change, Decoding, Life
from transports.link import Traits

REPEAT_METERED_S = 3600.0
RIDER_BYTES_MAX = 24
IMMEDIATE_DELAY_S = 60.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored envelope that is not decoded yet; then a receipt is due after ``delay_s``.

    ``decoding``: its texts are being decoded, elsewhere.
    """

    frame: bytes
    link: str
    delay_s: float = 0.0
    decoding: bool = False
    precedence: Precedence = Precedence.ROUTINE


@dataclass(slots=True)
class Heard:
    """One life of the far end: an epoch under a salt.

    ``ahead`` maps numbers to leaf and signature. ``digest`` is UNPROVED after an envelope
    that could not be decoded or was signed wrongly: what it covers is stored and receipted
    without proof, so the far end shows ARRIVED and not HELD. ``rides``: the next envelope
    sealed here says what is held. ``wide``: name it by its whole epoch. ``names``: the
    checkpoint that came in envelope ``names_at``; ``named``: what a signed one says of this
    life. ``urgency``: the highest precedence that a receipt is due for.
    """

    keys: EpochKeys
    digest: bytes
    next_seq: int = 0
    base_minute: int | None = None
    ahead: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    signed_below: int = 0
    news: int = 0
    due_s: float | None = None
    rides: bool = False
    wide: bool = False
    receipted_s: float = -REPEAT_METERED_S
    last_receipt: int = -1
    forked: bool = False
    names: Checkpoint | None = None
    names_at: int = 0
    named: Checkpoint | None = None
    urgency: Precedence = Precedence.ROUTINE

    @classmethod
    def resumed(cls, state: HeardEpoch, keys: EpochKeys) -> Heard:
        """A life as an earlier process knew it."""
        return cls(
            keys,
            state.digest,
            state.next_seq,
            state.base_minute,
            {seq: (leaf, signature) for seq, leaf, signature in state.ahead},
            {seq: Waiting(frame, link) for seq, frame, link in state.waiting},
            state.signed_below,
            due_s=0.0 if state.owed else None,
            names=state.names,
            names_at=state.names_at,
        )

    @property
    def name(self) -> Life:
        """Epoch and salt."""
        return self.keys.epoch, self.keys.salt

    def has(self, seq: int) -> bool:
        """Whether that envelope is stored."""
        return seq < self.next_seq or seq in self.ahead or seq in self.waiting


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic envelope: what to commit, and what it says to our sender.

    A repeat says nothing. ``news`` tells what nobody can have recorded and played again.
    ``old``: something newer was heard before. ``keys``: those it came under.
    """

    changes: list[Change]
    news: bool
    ack: AckBlock | None = None
    records: tuple[Record, ...] = ()
    old: bool = False
    decodings: tuple[Decoding, ...] = ()
    keys: EpochKeys | None = None


def receipt_delay_s(precedence: Precedence, traits: Traits) -> float:
    """How long a receipt for it may wait for company."""
    if precedence is Precedence.FLASH:
        return 0.0
    if precedence is Precedence.IMMEDIATE:
        return min(traits.receipt_delay_s, IMMEDIATE_DELAY_S)
    return traits.receipt_delay_s
