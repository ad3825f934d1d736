"""What can happen to an engine."""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.codec.content import Content
from crisiskit.codec.reject import Rejected
from crisiskit.step import Decoding, Queued, Transmit
from transports.link import Place, Traits


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A link is ready to carry frames."""

    link: str
    traits: Traits


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A link can carry nothing until it is up again; what it had taken is not undone."""

    link: str


@dataclass(frozen=True, slots=True)
class PeerFound:
    """A neighbour proved on a link who it is: ``center`` or the number of a kit."""

    link: str
    peer: str
    name: str


@dataclass(frozen=True, slots=True)
class PeerLost:
    """A listening link can no longer reach this peer."""

    link: str
    peer: str


@dataclass(frozen=True, slots=True)
class OutboxChanged:
    """The outbox: records were kept, others withdrawn (by delivery number), since the last look."""

    kept: tuple[Queued, ...] = ()
    withdrawn: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A whole frame came in; ``place``: where the network says its sender was."""

    link: str
    peer: str
    frame: bytes
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class FrameSent:
    """A link took every byte of a frame."""

    transmit: Transmit


@dataclass(frozen=True, slots=True)
class FrameFailed:
    """A link did not take a frame, or cannot say whether it did."""

    transmit: Transmit
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Billed:
    """A link charged for a session without a frame of ours."""

    link: str
    frame_bytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a step asked to have decoded."""

    job: Decoding
    content: Content | Rejected


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


Event = (
    LinkUp
    | LinkDown
    | PeerFound
    | PeerLost
    | OutboxChanged
    | FrameReceived
    | FrameSent
    | FrameFailed
    | Billed
    | Decoded
    | Tick
)
