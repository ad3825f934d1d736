"""How an IMT modem is opened, what outlives that, and who is told what happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from hardware.imt_status import Key

BAUD = 230_400
TOPIC_RAW = 244


@dataclass(frozen=True, slots=True)
class Timing:
    """Deadlines and pauses in seconds.

    ``cancel_s``: how long the final status of a cancelled message is awaited. ``state_s``: until
    the modem is active. ``provision_s``: between two looks whether it was provisioned.
    """

    answer_s: float = 5.0
    probe_s: float = 1.0
    probe_tries: int = 15
    settle_s: float = 0.1
    state_s: float = 30.0
    cancel_s: float = 60.0
    heartbeat_s: float = 30.0
    provision_s: float = 10.0
    close_s: float = 0.5


@dataclass(slots=True)
class Memory:
    """What must outlive one opening of the port.

    ``doubtful``: messages whose final status was not heard, by topic and id, and their bytes.
    """

    reference: int = 0
    doubtful: dict[Key, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How to open the modem. ``flights``: so many messages may be under way at once."""

    topic: int = TOPIC_RAW
    interface: str = "internal"
    baud: int = BAUD
    flights: int = 4
    timing: Timing = field(default_factory=Timing)


class Listener(Protocol):
    """The side above the driver. Called in the driver's loop; must return at once."""

    def message(self, payload: bytes) -> None:
        """A message arrived. The modem has it no more."""

    def changed(self) -> None:
        """Signal, provisioning or what is wrong has changed."""

    def sent_late(self, payload_bytes: int) -> None:
        """A message went out of which no ``send`` told: 0 where its size is not known."""
