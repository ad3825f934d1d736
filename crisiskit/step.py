"""What one event leads to: changes to commit, then frames to transmit.

``Step`` is the whole answer of the engine to one event. Its changes are facts that the
store writes in one transaction; only after that commit may its transmits leave. Also here:
the snapshot from which an engine starts. Imports the nouns only.
"""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.model import Direction, Notice, Precedence, Record, Reference

HEARD_EPOCHS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks: seconds that only rise, and wall-clock milliseconds."""

    mono_s: float
    wall_ms: int

    @property
    def minute(self) -> int:
        """Whole minutes since 1970 by the wall clock."""
        return self.wall_ms // 60_000


@dataclass(frozen=True, slots=True)
class Queued:
    """One record waiting to be sealed towards one pairing."""

    delivery: int
    pairing: int
    record: Record
    digest: bytes
    expires_at: int | None = None


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
    order of their place in the envelope. ``digest`` is the chain value after it.
    """

    pairing: int
    epoch: int
    seq: int
    frame: bytes
    precedence: Precedence
    digest: bytes
    deliveries: tuple[int, ...]


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
class Spent:
    """What a link was paid, for data, receipts and mailbox checks alike."""

    link: str
    frame_bytes: int
    credits: int
    micros: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An authenticated ack block was taken in.

    Every envelope below ``held_below`` is HELD, those in ``arrived`` are ARRIVED.
    """

    pairing: int
    epoch: int
    held_below: int
    arrived: tuple[int, ...] = ()


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
    """An authentic envelope is to be stored with the records it carries.

    ``digests`` name the records. ``undecodable`` says why there are none.
    """

    pairing: int
    direction: Direction
    epoch: int
    salt: bytes
    seq: int
    frame: bytes
    content: bytes
    leaf: bytes
    link: str
    records: tuple[Record, ...] = ()
    digests: tuple[bytes, ...] = ()
    undecodable: str = ""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The unbroken run of stored envelopes grew to ``next_seq``."""

    pairing: int
    epoch: int
    salt: bytes
    next_seq: int
    digest: bytes
    base_minute: int | None


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
    """A notice for people."""

    pairing: int
    notice: Notice


Change = (
    EpochOpened
    | Sealed
    | Sent
    | Spent
    | Acknowledged
    | EpochHeard
    | Arrived
    | Advanced
    | Receipted
    | ClockAgreed
    | ClockJumped
    | PartArrived
    | PartsDropped
    | ReadThere
    | Contact
    | Expired
    | Raised
)


# -- what leaves -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carries:
    """What a frame holds, known here only: an envelope (and part), or a receipt (seq None)."""

    pairing: int
    epoch: int
    seq: int | None
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Transmit:
    """One frame for one link; ``peer`` tells apart those whom a listening link serves."""

    link: str
    peer: str
    frame: bytes
    carries: Carries


@dataclass(frozen=True, slots=True)
class Step:
    """Commit ``changes`` in one transaction, then hand over ``transmits``.

    ``wake_at_s`` is the monotonic second of the next thing to do, None for never.
    """

    changes: tuple[Change, ...] = ()
    transmits: tuple[Transmit, ...] = ()
    wake_at_s: float | None = None


# -- where an engine starts ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealedEnvelope:
    """An envelope whose receipt is still awaited."""

    epoch: int
    seq: int
    frame: bytes
    precedence: Precedence
    digest: bytes
    arrived: bool = False
    sent: bool = False


@dataclass(frozen=True, slots=True)
class SendingEpoch:
    """An epoch of an earlier process life. ``digests`` run from seq 0."""

    epoch: int
    salt: bytes
    part_key: bytes
    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class HeardEpoch:
    """An epoch of the far end. ``ahead`` maps stored numbers beyond ``next_seq`` to leaves.

    ``owed``: a receipt for it is due.
    """

    epoch: int
    salt: bytes
    next_seq: int
    digest: bytes
    base_minute: int | None
    ahead: tuple[tuple[int, bytes], ...] = ()
    owed: bool = False


@dataclass(frozen=True, slots=True)
class PairingState:
    """All that an engine must know of one pairing.

    ``send_chain`` is the chain key of epoch ``send_epoch``, the next to be opened.
    ``heard_chain`` that of ``heard_chain_epoch``; ``secrets`` are kept epoch secrets.
    """

    pairing: int
    kit_number: int
    kit_fp: bytes
    sends: Direction
    peer_fp: bytes
    send_epoch: int
    send_chain: bytes
    heard_chain_epoch: int
    heard_chain: bytes
    keeps_root: bool
    secrets: tuple[tuple[int, bytes], ...] = ()
    sending: tuple[SendingEpoch, ...] = ()
    outstanding: tuple[SealedEnvelope, ...] = ()
    heard: tuple[HeardEpoch, ...] = ()
    parts: tuple[PartArrived, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an installation as last committed."""

    pairings: tuple[PairingState, ...]
    queue: tuple[Queued, ...]
