"""What one event leads to: changes to commit, then frames to transmit.

``Step`` is the whole answer of the engine to one event. Its changes are facts that the
store writes in one transaction; only after that commit may its transmits leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crisiskit.carrying import Carried, CarriedDropped, CarriedOn, Met, Parted
from crisiskit.model import Direction, Notice, Precedence, Record, Reference
from crisiskit.trusted import TrustChange

if TYPE_CHECKING:
    from crisiskit.codec.content import Coded

Life = tuple[int, bytes]
"""One run of a sender: its epoch and its salt."""


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks: seconds that only rise, and wall-clock milliseconds.

    ``offset_s``: how far local time is ahead of UTC, for the hours of links.
    """

    mono_s: float
    wall_ms: int
    offset_s: int = 0

    @property
    def minute(self) -> int:
        """Whole minutes since 1970 by the wall clock."""
        return self.wall_ms // 60_000


@dataclass(frozen=True, slots=True)
class Queued:
    """One record waiting to be sealed towards one pairing.

    ``sign``: it never leaves without a signature over it. ``clear``: its writer lets all read
    it, so that it may leave without encryption. ``kept_at``: since when it waits, in
    milliseconds; 0 for too long to go on waiting for a better link.
    """

    delivery: int
    pairing: int
    record: Record
    digest: bytes
    expires_at: int | None = None
    sign: bool = False
    clear: bool = False
    kept_at: int = 0


# -- changes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """A sending epoch begins. ``chain_key`` is the one of the epoch after it."""

    pairing: int
    epoch: int
    salt: bytes
    part_key: bytes
    chain_key: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """Records became an envelope; from here on its bytes never change.

    ``frame`` is the envelope headed without epoch and salt. ``deliveries`` are in the
    order of their place in the envelope; a record of the station's ``own`` comes after them.
    ``digests`` name all its records, ``leaf`` is its leaf in the chain, ``digest`` the chain
    value after it. ``signature`` covers the life up to here.
    """

    pairing: int
    epoch: int
    seq: int
    frame: bytes
    precedence: Precedence
    leaf: bytes
    digest: bytes
    deliveries: tuple[int, ...]
    signature: bytes = b""
    digests: tuple[bytes, ...] = ()
    own: Record | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A link took an envelope or a part of it; ``whole`` once every byte is out."""

    pairing: int
    epoch: int
    seq: int
    link: str
    frame_bytes: int
    credits: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Purse:
    """What a link has cost on one day (of UTC, counted since 1970)."""

    day: int
    frame_bytes: int = 0
    credits: int = 0
    micros: int = 0

    def with_session(self, frame_bytes: int, credits: int, micros: int) -> Purse:
        """The same with one session more."""
        return Purse(
            self.day, self.frame_bytes + frame_bytes, self.credits + credits, self.micros + micros
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """What a link was paid, for data, receipts and mailbox checks alike.

    ``purse``: what now counts against the day's budget of a link that has one.
    """

    link: str
    frame_bytes: int
    credits: int
    micros: int
    purse: Purse | None = None


@dataclass(frozen=True, slots=True)
class PurseMoved:
    """The clock was set back: what was spent last counts on an earlier day."""

    link: str
    purse: Purse


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An authenticated ack block was taken in.

    Every envelope below ``held_below`` is HELD, those in ``arrived`` are ARRIVED. ``by`` is
    the life in which the far end said so; ``confirms`` if in it nothing held is in question.
    """

    pairing: int
    epoch: int
    held_below: int
    arrived: tuple[int, ...] = ()
    by: Life = (0, b"")
    confirms: bool = True


@dataclass(frozen=True, slots=True)
class Doubted:
    """The far end or this side was restored: what is held must be asked for again.

    ``chain_key`` belongs to ``send_epoch``, the next epoch to be opened here.
    """

    pairing: int
    send_epoch: int
    chain_key: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What the far end holds of an epoch in doubt; what it lacks is to be repeated.

    ``proved``: its digest is ours; else what it has is stored without proof.
    """

    pairing: int
    epoch: int
    held_below: int
    arrived: tuple[int, ...] = ()
    proved: bool = True
    by: Life = (0, b"")


@dataclass(frozen=True, slots=True)
class Requeued:
    """An epoch was closed by a fork: its records that are not held wait to be sealed again."""

    pairing: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Announced:
    """An envelope tells the far end that this side was restored."""

    pairing: int


@dataclass(frozen=True, slots=True)
class EpochHeard:
    """The far end was heard under a new epoch.

    ``secrets`` are the epoch secrets (epoch, secret) to keep, for it and for the epochs
    skipped; ``chain_key`` belongs to ``chain_epoch``. Both are empty at the center, which
    keeps the root instead.
    """

    pairing: int
    epoch: int
    salt: bytes
    digest: bytes
    secrets: tuple[tuple[int, bytes], ...] = ()
    chain_epoch: int = 0
    chain_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An authentic envelope is to be stored, with its records as far as they are known.

    ``digests`` name the records. ``undecodable`` says why there are none. ``waits``: its
    records are not decoded yet and come with ``Unpacked``.
    """

    pairing: int
    direction: Direction
    epoch: int
    salt: bytes
    seq: int
    frame: bytes
    leaf: bytes
    link: str
    records: tuple[Record, ...] = ()
    digests: tuple[bytes, ...] = ()
    undecodable: str = ""
    signature: bytes = b""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """Where a network heard the sender of an envelope that arrived: degrees, and the radius
    in km within which it probably was."""

    pairing: int
    epoch: int
    salt: bytes
    seq: int
    latitude: float
    longitude: float
    radius_km: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The records of an envelope that was stored before, or why it has none."""

    arrived: Arrived


@dataclass(frozen=True, slots=True)
class Advanced:
    """The unbroken run of stored envelopes grew to ``next_seq``.

    A verified signature covers what is below ``signed_below``.
    """

    pairing: int
    epoch: int
    salt: bytes
    next_seq: int
    digest: bytes
    base_minute: int | None
    signed_below: int = 0


@dataclass(frozen=True, slots=True)
class Vouched:
    """A signed checkpoint of a later life covers what is below ``signed_below`` of this one."""

    pairing: int
    epoch: int
    salt: bytes
    signed_below: int


@dataclass(frozen=True, slots=True)
class Forked:
    """An authentic envelope under a number that another one has: kept beside it."""

    pairing: int
    epoch: int
    salt: bytes
    seq: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Receipted:
    """The far end has been told what is stored of these lives (epoch, salt)."""

    pairing: int
    lives: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class ClockAgreed:
    """The center's time and ours are the same within reason."""


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """Somebody set the clock by so many milliseconds: lifetimes move along."""

    by_ms: int


@dataclass(frozen=True, slots=True)
class PartArrived:
    """One checked part of an envelope."""

    pairing: int
    epoch: int
    salt: bytes
    seq: int
    index: int
    last: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class PartsDropped:
    """A set of parts is complete or given up."""

    pairing: int
    epoch: int
    salt: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class ReadThere:
    """The far end says that a person there read these records of ours."""

    pairing: int
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    """An authentic frame came by this link from this peer word."""

    pairing: int
    link: str
    peer: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Unsealed deliveries whose lifetime ended."""

    deliveries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raised:
    """A notice for people; ``pairing`` None where it is about no station."""

    pairing: int | None
    notice: Notice


Change = (
    EpochOpened
    | Sealed
    | Sent
    | Spent
    | PurseMoved
    | Acknowledged
    | Doubted
    | Answered
    | Requeued
    | Announced
    | EpochHeard
    | Arrived
    | Located
    | Unpacked
    | Advanced
    | Vouched
    | Forked
    | Receipted
    | ClockAgreed
    | ClockJumped
    | PartArrived
    | PartsDropped
    | ReadThere
    | Contact
    | Expired
    | Raised
    | Met
    | Parted
    | Carried
    | CarriedOn
    | CarriedDropped
    | TrustChange
)


# -- what leaves -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carries:
    """What a frame holds, known here only: an envelope (and part), or a receipt (seq None)."""

    pairing: int
    epoch: int
    seq: int | None
    part: int | None = None


NOTHING = Carries(0, 0, None)


@dataclass(frozen=True, slots=True)
class Transmit:
    """One frame for one link; ``peer`` tells apart those whom a listening link serves.

    ``company``: if the frame is a batch, what its other frames hold, and how many bytes each
    of them has.
    ``relayed``: the name of a frame that is carried for another kit, of which nothing else is
    known.
    """

    link: str
    peer: str
    frame: bytes
    carries: Carries
    precedence: Precedence = Precedence.ROUTINE
    company: tuple[tuple[Carries, int], ...] = ()
    relayed: bytes = b""

    @property
    def shares(self) -> list[tuple[Carries, int]]:
        """All that is carried with its share of the frame's bytes; the first bears the rest."""
        others = sum(size for _, size in self.company)
        return [(self.carries, len(self.frame) - others), *self.company]


@dataclass(frozen=True, slots=True)
class Decoding:
    """A stored envelope whose texts are to be decoded, beside the receiving of frames."""

    pairing: int
    epoch: int
    salt: bytes
    seq: int
    coded: Coded


@dataclass(frozen=True, slots=True)
class Step:
    """Commit ``changes`` in one transaction, then hand over ``transmits``.

    ``wake_at_s`` is the monotonic second of the next thing to do, None for never.
    ``decodings`` are to be answered, each with a ``Decoded`` event. ``restart``: go on with
    an engine made from what is then committed. ``taken``: the frame that came in is stored
    here once ``changes`` are, or was before.
    """

    changes: tuple[Change, ...] = ()
    transmits: tuple[Transmit, ...] = ()
    wake_at_s: float | None = None
    decodings: tuple[Decoding, ...] = ()
    restart: bool = False
    taken: bool = False
