"""The epochs of a sender: that of this process life, and those whose envelopes are known."""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.crypto.keys import EpochKeys
from crisiskit.sync.signing import Signing


@dataclass(slots=True)
class OwnLife:
    """The epoch of this process life.

    ``base_minute`` is that of envelope 0; ``based`` once the far end is known to have it.
    ``linked`` once a checkpoint named the life before it.
    """

    keys: EpochKeys
    signing: Signing
    linked: bool = False
    next_seq: int = 0
    next_receipt: int = 0
    confirmed: bool = False
    based: bool = False
    base_minute: int | None = None
    since_s: float | None = None


@dataclass(slots=True)
class PastEpoch:
    """What is kept of an epoch to seal its frames anew and to tell a fork."""

    salt: bytes
    part_key: bytes
    digests: list[bytes]
    start: bytes
    in_doubt: bool = False
    forked: bool = False
