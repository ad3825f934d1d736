"""The nouns, as frozen dataclasses. Imports nothing of ours.

Times: ``*_at`` are whole milliseconds since 1970 UTC, ``*_s`` float seconds. Money is in
millionths of the currency unit, sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

CENTER = "center"
EVERY_KIT = "all"


class Precedence(IntEnum):
    """The field's own words, in rising order; the number is the wire value."""

    ROUTINE = 0
    PRIORITY = 1
    IMMEDIATE = 2
    FLASH = 3


class Direction(IntEnum):
    """UP runs from kit to center, DOWN from center to kit."""

    UP = 0
    DOWN = 1

    @property
    def other(self) -> Direction:
        """The way back."""
        return Direction(1 - self)


class RecordKind(IntEnum):
    """What a record is; three bits on the wire."""

    TEXT = 0
    FORM = 1
    ORDER = 2
    READ = 3
    CHECKPOINT = 4
    QUERY = 5
    ANSWER = 6
    FILE = 7

    @property
    def for_people(self) -> bool:
        """Whether people see it by itself; the others are the stations' own talk, and files."""
        return self in (RecordKind.TEXT, RecordKind.FORM, RecordKind.ORDER, RecordKind.ANSWER)


class ClockQuality(IntEnum):
    """How far the writer's clock can be believed; two bits on the wire."""

    UNKNOWN = 0
    BY_HAND = 1
    SATELLITE = 2
    CENTER = 3


class Verdict(StrEnum):
    """What a signed object is worth here; ``EXPIRED`` also comes with time."""

    VALID = "valid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    OLD = "old"
    NOT_ADDRESSED = "not_addressed"
    REPEATED = "repeated"
    WRONG_MODE = "wrong_mode"
    NEEDS_SECOND = "needs_second"
    NO_RIGHT = "no_right"
    REVOKED_SIGNER = "revoked_signer"
    UNKNOWN_SIGNER = "unknown_signer"
    FORGED = "forged"
    UNREADABLE = "unreadable"

    @property
    def authentic(self) -> bool:
        """Whether who signed it may give such orders, here or elsewhere, now or before."""
        return self in (
            Verdict.VALID,
            Verdict.EXPIRED,
            Verdict.CANCELLED,
            Verdict.OLD,
            Verdict.NOT_ADDRESSED,
        )


class State(StrEnum):
    """The life of one delivery. It only moves forward (``rank``)."""

    DRAFT = "draft"
    KEPT = "kept"
    SEALED = "sealed"
    SENT = "sent"
    ARRIVED = "arrived"
    HELD = "held"
    READ = "read"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def rank(self) -> int:
        """Position on the way forward; the three ends without delivery stand last."""
        return _RANK[self]

    @property
    def waiting(self) -> bool:
        """Whether the far end is not yet known to hold it."""
        return self in (State.KEPT, State.SEALED, State.SENT, State.ARRIVED)


_RANK = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A record named by the envelope that first carried it: direction, epoch, seq, place."""

    direction: Direction
    epoch: int
    seq: int
    index: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a person or sensor wrote; never changes.

    ``minute`` counts minutes since 1970 UTC by the writer's clock. ``twin`` tells apart
    records of one author that are otherwise equal within one minute. ``data`` is the
    binary head of everything but texts, ``text`` the words, together the body.
    """

    kind: RecordKind
    precedence: Precedence
    minute: int
    text: str = ""
    data: bytes = b""
    twin: int = 0
    answers: Reference | None = None
    clock: ClockQuality = ClockQuality.UNKNOWN


class Whole(StrEnum):
    """How far a file is: on its way, there, or never to be whole."""

    PARTLY = "partly"
    WHOLE = "whole"
    WRONG = "wrong"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as a person adds it to a message: its name and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message: at its reader, ``there`` of its ``count`` slices came in.

    Where it was written, ``there`` are those that the far end has. ``head`` is the row number
    of the record that names it. ``name`` is as its author wrote it: see ``attachment.file_name``.
    """

    head: int
    name: str
    size: int
    coded_bytes: int
    count: int
    there: int
    state: Whole

    @property
    def percent(self) -> int:
        """How much of it is there; 100 only where it is whole."""
        if self.state is Whole.WHOLE:
            return 100
        return min(99, self.there * 100 // self.count)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as screens, scripts and JSON see it: one record towards one station.

    ``ref`` is the store's row number, ``id`` the short word read aloud, the same at both
    ends. ``author`` and ``to`` are station names. ``state_at`` and ``received_at`` are
    milliseconds; ``received_at`` is None for what was written here. ``clear``: it came in
    readable by all; written here: it may leave so. ``link_position``: where its network heard
    the station, latitude and longitude in degrees and the radius in km.
    """

    ref: int
    id: str
    number: int
    box: str
    author: str
    to: str
    kind: RecordKind
    precedence: Precedence
    text: str
    data: bytes
    form: str
    written_at: int
    clock: ClockQuality
    received_at: int | None
    state: State
    state_at: int
    link: str = ""
    frame_bytes: int = 0
    credits: int = 0
    signed: bool = False
    exercise: bool = False
    answers: str = ""
    expires_at: int | None = None
    clear: bool = False
    order: Order | None = None
    attachments: tuple[Attachment, ...] = ()
    link_position: tuple[float, float, int] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order or another signed object as its card shows it.

    ``box`` is ``out`` where it was issued. ``kind`` is order, cancel, wipe ..., empty for
    what could not be read. ``verdict`` is that of now; ``draft`` one waits for its second
    signature, a ``withdrawn`` one never left. ``kits`` are numbers, none for all, ``signers``
    names. ``answers`` counts kits whose code was right, ``asked`` all that got it. Instants
    are milliseconds.
    """

    number: int
    kind: str
    box: str
    verdict: Verdict
    exercise: bool
    text: str
    code: str
    wants_answer: bool
    issued_at: int
    expires_at: int | None
    kits: tuple[int, ...]
    signers: tuple[str, ...]
    precedence: Precedence
    cancels: int = 0
    cancelled_by: int = 0
    answered_at: int | None = None
    answers: int = 0
    asked: int = 0
    draft: bool = False
    withdrawn: bool = False
    id: str = ""

    def verdict_at(self, now_ms: int) -> Verdict:
        """What it is worth at this moment: time and a cancel have the last word."""
        if self.verdict not in (Verdict.VALID, Verdict.EXPIRED, Verdict.OLD):
            return self.verdict
        if self.cancelled_by:
            return Verdict.CANCELLED
        late = self.expires_at is not None and self.expires_at <= now_ms
        return Verdict.EXPIRED if late and self.verdict is Verdict.VALID else self.verdict


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit as the center lists it."""

    number: int
    name: str
    fingerprint: bytes
    enrolled_at: int
    last_contact_at: int | None = None
    last_link: str = ""
    unread: int = 0
    waiting: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as the link bar shows it, with what it has cost so far today.

    ``clear``: all that goes out by it can be read by all. ``status``: what the device itself said
    of its last try, see :class:`transports.link.LinkState`. ``neighbours`` are there by it now.
    """

    name: str
    kind: str
    phase: str
    signal: int | None
    reason: str
    since: int
    waiting: int
    credits_today: int
    micros_today: int
    bytes_today: int
    clear: bool = False
    status: str = ""
    neighbours: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A station of this network that was met on a local network.

    ``peer``: ``center`` or a kit number in digits; ``name`` as its certificate says; ``here``
    whether it is there now; ``met_at`` in ms.
    """

    link: str
    peer: str
    name: str
    here: bool
    met_at: int


@dataclass(frozen=True, slots=True)
class Carrying:
    """What is carried for neighbours: frames and bytes that wait here, and what went on today."""

    frames: int
    frame_bytes: int
    kits: int
    frames_today: int
    credits_today: int
    bytes_today: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a human must see: a fork, an undecodable envelope, a full disk."""

    code: str
    detail: str = ""
    at: int = 0
    station: str = ""
    extra: dict[str, str] = field(default_factory=dict)
