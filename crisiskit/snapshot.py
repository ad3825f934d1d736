"""The state of an installation as last committed: where an engine starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crisiskit.carrying import RelayState
from crisiskit.model import Direction, Precedence
from crisiskit.step import Life, PartArrived, Purse, Queued
from crisiskit.trusted import OrderState

if TYPE_CHECKING:
    from crisiskit.codec.checkpoint import Checkpoint

HEARD_EPOCHS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class SealedEnvelope:
    """An envelope whose receipt is still awaited. ``sealed_at`` in ms, 0 for long ago."""

    epoch: int
    seq: int
    frame: bytes
    precedence: Precedence
    digest: bytes
    arrived: bool = False
    sent: bool = False
    asks: bool = False
    sealed_at: int = 0


@dataclass(frozen=True, slots=True)
class SendingEpoch:
    """An epoch of an earlier process life. ``digests`` run from seq 0.

    ``in_doubt``: what the far end holds of it must be asked for.
    """

    epoch: int
    salt: bytes
    part_key: bytes
    digests: tuple[bytes, ...]
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class HeardEpoch:
    """An epoch of the far end.

    ``ahead`` are stored numbers beyond ``next_seq`` with leaf and signature, ``waiting``
    those not decoded yet, with frame and link. ``owed``: a receipt for it is due. ``names``:
    the checkpoint that came in envelope ``names_at``.
    """

    epoch: int
    salt: bytes
    next_seq: int
    digest: bytes
    base_minute: int | None
    ahead: tuple[tuple[int, bytes, bytes], ...] = ()
    waiting: tuple[tuple[int, bytes, str], ...] = ()
    owed: bool = False
    signed_below: int = 0
    names: Checkpoint | None = None
    names_at: int = 0


@dataclass(frozen=True, slots=True)
class MostHeld:
    """The newest epoch of ours of which the far end held anything, and how many envelopes.

    ``salt`` tells the epoch's life, ``by`` is the life of the far end that said so.
    """

    epoch: int
    salt: bytes
    count: int
    by: Life


@dataclass(frozen=True, slots=True)
class PairingState:
    """All that an engine must know of one pairing.

    ``send_chain`` is the chain key of epoch ``send_epoch``, the next to be opened.
    ``heard_chain`` that of ``heard_chain_epoch``; ``secrets`` are kept epoch secrets.
    ``peer_public`` verifies what the far end signs. ``last_life`` is how the newest life of
    ours ended. ``most_held`` is the newest epoch of ours of which the far end held anything,
    how many, and the life in which it said so. ``announce``: this side was restored, the
    far end may not know it yet.
    """

    pairing: int
    network_id: bytes
    kit_number: int
    kit_fp: bytes
    sends: Direction
    own_fp: bytes
    peer_fp: bytes
    peer_public: bytes
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
    last_life: Checkpoint | None = None
    most_held: MostHeld | None = None
    announce: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an installation as last committed. Without ``orders`` none are judged.

    ``purses``: what counts against the budget of each link; ``days``: what each link has cost
    on each day near to today.
    """

    pairings: tuple[PairingState, ...]
    queue: tuple[Queued, ...]
    orders: OrderState | None = None
    purses: tuple[tuple[str, Purse], ...] = ()
    days: tuple[tuple[str, Purse], ...] = ()
    relay: RelayState = field(default_factory=RelayState)

    @property
    def revoked(self) -> frozenset[int]:
        """The numbers of kits that are refused here: by a trust list, or by this center."""
        if self.orders is None:
            return frozenset()
        refused = self.orders.refused
        numbers = (one.kit_number for one in self.pairings if one.pairing in refused)
        return self.orders.trust.revoked.union(numbers)
