"""What an engine may look up of what was committed: a window, never a way to change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Archive(Protocol):
    """Answers from the store as last committed."""

    def tag(self, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
        """The tag of a stored envelope of the far end, None if it is not stored."""

    def leaves(self, pairing: int, epoch: int, salt: bytes, count: int) -> Sequence[bytes]:
        """The leaves of the first ``count`` envelopes of a life of the far end, as far as stored.

        The leaf of an envelope that could not be decoded is empty.
        """


class Forgotten:
    """An archive of nothing."""

    def tag(self, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
        """Nothing is known."""
        return None

    def leaves(self, pairing: int, epoch: int, salt: bytes, count: int) -> Sequence[bytes]:
        """Nothing is known."""
        return ()
