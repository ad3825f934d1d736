"""What a link needs of those above where its peers must prove who they are.

A link knows no keys: it is given an :class:`Introducer` before it runs, and carries what an
:class:`Introduction` says. How that proves anything is the business of whoever wrote it.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

MESSAGE_BYTES_MAX = 512
SEAL_BYTES = 16
LIFE_BYTES = 8
CENTER_WORD = "center"


class Introduction(Protocol):
    """One side's part in one introduction, and the seal of the line that it leads to. No I/O.

    ``peer``: the word of the far side once it has proved it: ``center``, or the number of a
    kit; empty before. ``name`` is for people, ``life`` the 8 bytes that its run is known by.
    """

    peer: str
    name: str
    life: bytes

    def opening(self) -> bytes:
        """What the caller says first."""

    def take(self, message: bytes) -> bytes | None:
        """What to answer, empty for nothing; None for a stranger, who gets no word."""

    def seal(self, data: bytes) -> bytes:
        """Data for the far side, ``SEAL_BYTES`` longer; in the order in which it is sent."""

    def open(self, sealed: bytes) -> bytes | None:
        """The next data from the far side; None if it is not just that."""


class Introducer(Protocol):
    """Who this station is, for a link."""

    def mark(self, instance: str) -> str:
        """A short word that tells members of this network, and nobody else, whose service it is.

        ``instance`` is the name of the service.
        """

    def introduction(self, calls: bool, life: bytes) -> Introduction:
        """A new introduction; ``calls``: ours is the side that called."""

    def welcome(self, peer: str) -> bool:
        """Whether a proven peer is still to be talked to."""


@runtime_checkable
class Introduced(Protocol):
    """A link that needs an introducer before it runs."""

    introducer: Introducer | None
