"""Plain words to and from people who have no kit: what some links can do besides frames.

Nothing here is authenticated and all of it can be read by the network. A link that can is a
:class:`Speaker`; a receiver that wants it is a :class:`Hearer` as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from transports.link import LinkError, Trouble


@dataclass(frozen=True, slots=True)
class Heard:
    """Words that came. ``sender`` is what the network says; ``sent_at_ms`` its time, 0 unknown."""

    sender: str
    text: str
    sent_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Fate:
    """What the network reports of words sent: ``delivered``, or not and finally so."""

    recipient: str
    reference: int
    delivered: bool


class MaybeSentError(LinkError):
    """The words may have been sent: sending them again may double them."""

    def __init__(self, code: Trouble, detail: str = "", retry_after_s: float = 5.0) -> None:
        super().__init__(code, detail, retry_after_s)


@runtime_checkable
class Speaker(Protocol):
    """A link that carries plain words to a phone number."""

    async def say(self, number: str, text: str) -> int:
        """Send it once; the network's reference. LinkError: surely not; MaybeSentError: maybe."""


@runtime_checkable
class Hearer(Protocol):
    """A receiver of plain words. Calls may come twice for the same words."""

    async def heard(self, words: Heard) -> None:
        """Returns when it is durable; raises when it could not be stored."""

    async def fate(self, fate: Fate) -> None:
        """Returns when it is durable, or nobody waits for it; raises when not stored."""
