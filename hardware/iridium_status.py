"""What the end of an Iridium SBD session means, and when to try again. Pure.

Source: ISU AT Command Reference (+SBDIX), 9602/9603 Developer's Guides, Ground Control's
"adaptive retry". Codes 36 to 38, 64 and 65 are those of 9602/9603 firmware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What to do after a session. ``MAYBE``: failed, yet the gateway may have the message."""

    OK = "ok"
    RETRY = "retry"
    MAYBE = "maybe"
    WAIT = "wait"
    STOP = "stop"
    ALARM = "alarm"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class MoStatus:
    """One MO status. ``wait_s`` None: the back-off decides. ``alarm``: tell the operator."""

    code: int
    verdict: Verdict
    meaning: str
    wait_s: float | None = None
    alarm: bool = False

    @property
    def known(self) -> bool:
        """Whether the manuals say what it means."""
        return self.code in _KNOWN


RADIO_OFF = 34
NO_NETWORK = 32
TRAFFIC_MANAGED = 38
MT_TOO_BIG = 1
BAD_SEGMENT = 14

_KNOWN = {
    status.code: status
    for status in (
        MoStatus(0, Verdict.OK, "sent"),
        MoStatus(1, Verdict.OK, "sent; the waiting message is too big for this modem", alarm=True),
        MoStatus(2, Verdict.OK, "sent; location update refused, ring alerts may not arrive"),
        MoStatus(3, Verdict.OK, "sent"),
        MoStatus(4, Verdict.OK, "sent"),
        MoStatus(10, Verdict.MAYBE, "gateway: not finished in time"),
        MoStatus(11, Verdict.WAIT, "message queue at the gateway is full", 300.0, alarm=True),
        MoStatus(12, Verdict.FATAL, "too many segments"),
        MoStatus(13, Verdict.MAYBE, "gateway: session did not complete"),
        MoStatus(14, Verdict.FATAL, "invalid segment size"),
        MoStatus(15, Verdict.STOP, "access denied: check the subscription", 3600.0, alarm=True),
        MoStatus(16, Verdict.STOP, "modem locked by the gateway", 3600.0, alarm=True),
        MoStatus(17, Verdict.MAYBE, "gateway does not answer"),
        MoStatus(18, Verdict.MAYBE, "connection lost"),
        MoStatus(19, Verdict.MAYBE, "link failure"),
        MoStatus(32, Verdict.WAIT, "no network", 30.0),
        MoStatus(33, Verdict.ALARM, "antenna fault: check the cable", 300.0, alarm=True),
        MoStatus(34, Verdict.WAIT, "radio is off", 0.0),
        MoStatus(35, Verdict.WAIT, "modem busy", 5.0),
        MoStatus(36, Verdict.WAIT, "three minutes between registrations", 180.0),
        MoStatus(37, Verdict.WAIT, "service disabled for now", 900.0),
        MoStatus(38, Verdict.WAIT, "traffic management period", 900.0),
        MoStatus(64, Verdict.STOP, "band violation: hardware or region", 3600.0, alarm=True),
        MoStatus(
            65, Verdict.ALARM, "PLL failure: weak power supply, power-cycle", 300.0, alarm=True
        ),
    )
}


def mo_status(code: int) -> MoStatus:
    """The meaning of an MO status. Only 0..4 are success; what nobody knows is tried again."""
    return _KNOWN.get(code) or MoStatus(code, Verdict.RETRY, f"reserved failure {code}")


@dataclass(frozen=True, slots=True)
class Session:
    """The answer to +SBDIX. MTMSN and MT length mean nothing unless a message arrived."""

    status: MoStatus
    momsn: int
    mt_status: int
    mtmsn: int
    mt_length: int
    queued: int

    @property
    def ok(self) -> bool:
        """Whether the gateway has the MO message (or did the mailbox check)."""
        return self.status.verdict is Verdict.OK

    @property
    def received(self) -> bool:
        """Whether an MT message lies in the modem's buffer."""
        return self.mt_status == 1


class Backoff:
    """Times between tries: random 0..5 s twice, 0..30 s twice, then 5 minutes for good."""

    STEPS_S = (5.0, 5.0, 30.0, 30.0)
    LAST_S = 300.0
    QUICK_S = 5.0

    def __init__(self, random: Callable[[], float]) -> None:
        """``random`` gives floats in 0..1."""
        self._random = random
        self._failures = 0

    def succeeded(self) -> None:
        """Start again from the quick tries."""
        self._failures = 0

    def failed(self) -> tuple[float, bool]:
        """Seconds until the next try, and whether it is one of the quick ones."""
        step = self._failures
        self._failures += 1
        if step >= len(self.STEPS_S):
            return self.LAST_S, False
        return self.STEPS_S[step] * self._random(), self.STEPS_S[step] <= self.QUICK_S
