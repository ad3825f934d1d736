"""Faults on demand for played modems: a script says what goes wrong, and when.

A script is TOML, one table for each fault, each with exactly one of the three moments::

    [[fault]]
    kind = "status"      # sessions 3 and 4 fail with MO status 32
    session = 3
    times = 2
    status = 32

    [[fault]]
    kind = "reset"       # in the middle of the second +SBDWB
    command = "AT+SBDWB"
    nth = 2

    [[fault]]
    kind = "unplug"      # one minute after power-on, for ten seconds
    at_s = 60
    for_s = 10
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

FAULTS_MAX = 1000

Kind = Literal["status", "hang", "reset", "ring", "unplug", "noise", "garble"]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class FaultScriptError(ValueError):
    """The script cannot be used; the message says why in one sentence."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. ``kind``:

    ``status``: the session ends with ``status``. ``hang``: no answer for ``for_s`` seconds.
    ``reset``: a brown-out; the modem starts again with empty buffers. ``ring``: SBDRING.
    ``unplug``: port and power gone for ``for_s`` seconds. ``noise``: ``count`` random bytes.
    ``garble``: the bytes that ``command`` AT+SBDRB reads come with a wrong checksum.

    The moment: ``at_s`` seconds after the modem was first switched on; in the middle of the
    ``session``-th session and the ``times``-1 after it; or in the middle of the ``nth``
    command that starts with ``command``. ``delivered``: the gateway got the session's frame.
    """

    kind: Kind
    at_s: Seconds | None = None
    session: Count | None = None
    command: str | None = None
    times: Count = 1
    nth: Count = 1
    status: Annotated[int, msgspec.Meta(ge=0, le=999)] = 32
    delivered: bool = False
    for_s: Seconds = 5.0
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64

    def __post_init__(self) -> None:
        moments = (self.at_s, self.session, self.command)
        if sum(moment is not None for moment in moments) != 1:
            raise ValueError("a fault has exactly one of at_s, session and command")
        if self.kind == "status" and self.session is None:
            raise ValueError("a fault of kind status needs a session")
        if self.kind == "garble" and (self.command or "").upper() != "AT+SBDRB":
            raise ValueError("a fault of kind garble needs the command AT+SBDRB")


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: Annotated[tuple[Fault, ...], msgspec.Meta(max_length=FAULTS_MAX)] = ()


def parse_script(text: str) -> tuple[Fault, ...]:
    """The faults of a TOML script. Raises FaultScriptError."""
    try:
        return msgspec.toml.decode(text, type=_Script).fault
    except (msgspec.MsgspecError, ValueError) as error:
        raise FaultScriptError(str(error)) from error


class Script:
    """Faults waiting for their moment."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = faults
        self._seen = [0] * len(faults)

    @property
    def timed(self) -> list[tuple[float, Fault]]:
        """The faults with a time in seconds, earliest first."""
        found = [(fault.at_s, fault) for fault in self._faults if fault.at_s is not None]
        return sorted(found, key=lambda pair: pair[0])

    def for_session(self, number: int) -> Fault | None:
        """The fault of the session of that number, counted from 1."""
        for fault in self._faults:
            if fault.session is not None and 0 <= number - fault.session < fault.times:
                return fault
        return None

    def for_command(self, text: str) -> Fault | None:
        """The fault of this command; to be asked once for each command."""
        due = None
        for place, fault in enumerate(self._faults):
            if fault.command is not None and text.upper().startswith(fault.command.upper()):
                self._seen[place] += 1
                if fault.nth <= self._seen[place] < fault.nth + fault.times:
                    due = due or fault
        return due
