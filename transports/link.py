"""What a link is: the contract between the engine above and the carriers below.

A link moves whole frames of at most ``traits.mtu_bytes``. It promises the first hop only
and knows nothing of records, keys or the store. Two calls carry everything:

* ``send`` returns when the first hop took every byte, else raises :class:`LinkError`;
* ``Receiver.frame`` returns when the frame is durable above, so a link that must answer
  its peer (DirectIP, a mailbox) answers after that call and never before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

SESSION_S = 5.0


class Phase(StrEnum):
    """Where a link is in its life; shown in the link bar."""

    DOWN = "down"
    OPENING = "opening"
    READY = "ready"
    BUSY = "busy"


class Trouble(StrEnum):
    """Why a link failed. Few and shared, so that the planner and the texts know them all."""

    NO_SERVICE = "no_service"
    BUSY = "busy"
    REFUSED = "refused"
    UNTRUSTED = "untrusted"
    TOO_LARGE = "too_large"
    DEVICE_GONE = "device_gone"
    DEVICE_BUSY = "device_busy"
    OUT_OF_CREDIT = "out_of_credit"
    HARDWARE = "hardware"
    PART_MISSING = "part_missing"
    UNUSABLE = "unusable"
    SIM = "sim"
    FULL = "full"
    READ_ONLY = "read_only"


class LinkError(Exception):
    """The link did not take the frame, or cannot run.

    ``retry_after_s`` is the earliest useful time to try again. ``detail`` is technical and
    in English; texts for people are made from ``code`` higher up.
    """

    def __init__(self, code: Trouble, detail: str = "", retry_after_s: float = 5.0) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Price:
    """What one frame costs: bytes on the link, credits, money in millionths."""

    frame_bytes: int
    credits: int
    micros: int


@dataclass(frozen=True, slots=True)
class Traits:
    """What the planner knows of a link before it is opened. All sizes in bytes.

    ``credit_bytes``: one credit per started so many bytes, 0 where nothing is counted.
    ``repeat_s``: least time before the same bytes are worth sending again: a receipt's way.
    ``receipt_delay_s``: how long a receipt may wait for company before it travels alone.
    ``listens``: one open link serves many peers, told apart by the ``peer`` word.
    ``lasting_peers``: the peer words mean the same after the link was closed and run again.
    ``returns``: false for a one-way carrier: a receipt must come by another link.
    ``carried``: somebody carries it there, nobody knows when. Each time it comes up it gets one
    copy of all that the far end is not known to hold, whatever other links do.
    ``may_encrypt``: false where encryption is forbidden: all that goes out can be read by all.
    ``flights``: how many ``send`` calls to one peer may run at the same time.
    ``proves``: its peers have proved who they are: the word is ``center`` or a kit's number.
    """

    mtu_bytes: int
    latency_s: float = 0.05
    rate_bytes_s: float = 100_000.0
    credit_bytes: int = 0
    price_credit_micros: int = 0
    price_byte_micros: int = 0
    repeat_s: float = 4.0
    receipt_delay_s: float = 0.05
    listens: bool = False
    lasting_peers: bool = False
    returns: bool = True
    carried: bool = False
    may_encrypt: bool = True
    flights: int = 1
    proves: bool = False

    @property
    def metered(self) -> bool:
        """Whether sending costs money or credits."""
        return bool(self.credit_bytes or self.price_byte_micros)

    @property
    def dear_sessions(self) -> bool:
        """Whether each ``send`` costs a session: a credit at least, or many seconds."""
        return bool(self.credit_bytes) or self.latency_s >= SESSION_S

    def price(self, frame_bytes: int) -> Price:
        """The cost of one session with a frame of so many bytes, 0 for a mailbox check.

        A started credit is a whole one, and no session is without one.
        """
        credits = max(1, -(-frame_bytes // self.credit_bytes)) if self.credit_bytes else 0
        micros = credits * self.price_credit_micros + frame_bytes * self.price_byte_micros
        return Price(frame_bytes, credits, micros)


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link as the status bar shows it. ``signal`` is 0..5 bars, None where unknown.

    ``reason`` is a :class:`Trouble` word, or empty; ``detail`` is technical.
    ``waiting`` counts frames known to wait at the far side (a mailbox queue). ``status`` is
    what the device itself said, as a code with a sentence of its own above: ``sbd-32``.
    """

    phase: Phase
    signal: int | None = None
    reason: str = ""
    detail: str = ""
    waiting: int = 0
    status: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network heard a terminal: degrees, north and east positive, and the radius in km
    within which it probably was."""

    latitude: float
    longitude: float
    radius_km: int


class Receiver(Protocol):
    """The side above a link. All calls come from the event loop that runs the link."""

    async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> bool | None:
        """Hand up one whole frame. Returns when it is durable or was judged junk.

        True where it is known to be stored here, now or before: nobody else needs this copy.
        ``place`` where the network told it. Raises when it could not be stored: the link must
        then not acknowledge it.
        """

    def state(self, state: LinkState) -> None:
        """Tell the newest state; cheap, may be called at every change."""

    def peer_found(self, peer: str, name: str) -> None:
        """A peer that proved who it is can be reached by that word; ``name`` is for people."""

    def peer_lost(self, peer: str) -> None:
        """A peer of a listening link can no longer be reached by that word."""

    def billed(self, frame_bytes: int) -> None:
        """A session was billed of which no ``send`` will tell: a mailbox check (0 bytes), or
        a frame whose ``send`` was cancelled and that went out all the same."""

    def notice(self, code: str, detail: str = "") -> None:
        """A person must know this; ``code`` has its sentence above. Said again and again, it is
        told now and then."""


class Link(Protocol):
    """One link. ``run`` owns the device from open to close; the other calls need it running.

    ``traits`` is read anew each time the link comes up: a route that became a metered one is
    told by going down and up again.
    """

    traits: Traits

    async def run(self, receiver: Receiver) -> None:
        """Open, serve until cancelled, close. Raises LinkError when it cannot go on.

        Whoever runs it waits ``retry_after_s`` or longer and runs it again.
        """

    async def send(self, frame: bytes, peer: str = "") -> None:
        """Give one frame to the first hop. Returns when it took every byte, else LinkError.

        Safe to cancel. At most ``traits.flights`` calls at a time to one peer; with more than
        one they may end in any order, and what one of them meets says nothing of the others.
        """

    async def poll(self) -> None:
        """Ask a mailbox for waiting frames; where there is none, return at once."""


@runtime_checkable
class RankedLink(Link, Protocol):
    """A link whose first hop has a queue that knows ranks."""

    async def send_ranked(self, frame: bytes, peer: str, rank: int) -> None:
        """As ``send``, which is rank 0 (routine); 3 (flash) goes before all others."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a self-test looked at. ``what``: ``modem``, ``signal``, ``loopback``,
    ``service`` or a word of the kind's own; ``value`` is what was found, technical."""

    what: str
    good: bool
    value: str = ""


class SelfTested(Protocol):
    """A kind of link may also have a test of its own that costs nothing and loses nothing."""

    async def self_test(self, settings: Any) -> Sequence[Finding]:
        """Look at the device; nobody else uses it meanwhile. LinkError when it cannot be had."""


class LinkKind(Protocol):
    """The plug-in: an entry point of group ``crisiskit.links`` gives one of these.

    ``Settings`` is a frozen ``msgspec.Struct`` with unknown keys forbidden: the checked
    table of the settings file, without ``name``, ``kind``, ``price`` and ``budget``.

    A kind may also tell, each as a tuple of words: ``asks``, the keys that a person should be
    asked for besides those without a default; ``devices``, what its ``port`` may lead to, in
    the words of :class:`hardware.candidates.Role`.
    """

    kind: str
    Settings: type[Any]

    def traits(self, settings: Any, price: Mapping[str, int]) -> Traits:
        """What this link will be like; touches no device."""

    def open(self, settings: Any, traits: Traits) -> Link:
        """A link that is ready to ``run``; touches no device yet."""
