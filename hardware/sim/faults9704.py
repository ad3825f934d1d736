"""Faults on demand for a played 9704: a script says what goes wrong, and when.

A script is TOML, one table for each fault, each with exactly one of the four moments::

    [[fault]]
    kind = "final"       # outgoing messages 3 and 4 end with these words
    message = 3
    times = 2
    word = "network_error"

    [[fault]]
    kind = "mt"          # the first arriving message has a segment with wrong bytes
    mt = 1
    word = "bad_crc"

    [[fault]]
    kind = "reset"       # in the place of the answer to the second GET hwInfo
    command = "GET hwInfo"
    nth = 2

    [[fault]]
    kind = "unplug"      # one minute after power-on, for ten seconds
    at_s = 60
    for_s = 10
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hardware.sim.faults import FAULTS_MAX, Count, FaultScriptError, Seconds

Kind = Literal[
    "final", "refuse", "segments", "unended", "mt", "hang", "reset", "unplug", "noise", "state"
]
SEGMENTS = ("repeated", "backwards", "small", "outside", "one_missing", "other_message")
MT = ("repeated", "overlapping", "backwards", "bad_crc", "timed_out", "unfinished", "unannounced")


class Fault9704(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. ``kind``:

    ``final``: the message ends with the status ``word``; ``delivered``: it went out all the
    same. ``refuse``: the offer is answered with ``word``. ``segments``: the modem asks in the
    manner ``word``, one of ``SEGMENTS``. ``unended``: no final status is told. ``mt``: a message
    arrives in the manner ``word``, one of ``MT``. ``hang``: deaf and dumb for ``for_s`` seconds.
    ``reset``: it starts again. ``unplug``: port and power gone for ``for_s`` seconds.
    ``noise``: ``count`` random bytes. ``state``: a fault with ``reason`` for ``for_s`` seconds.

    The moment: ``at_s`` seconds after it was first switched on; in the middle of the
    ``message``-th outgoing or ``mt``-th arriving message and the ``times``-1 after it; or at
    the ``nth`` line that starts with ``command``.
    """

    kind: Kind
    at_s: Seconds | None = None
    message: Count | None = None
    mt: Count | None = None
    command: str | None = None
    times: Count = 1
    nth: Count = 1
    word: Annotated[str, msgspec.Meta(max_length=64)] = ""
    delivered: bool = False
    for_s: Seconds = 5.0
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    reason: Annotated[int, msgspec.Meta(ge=0, le=99)] = 6

    def __post_init__(self) -> None:
        moments = (self.at_s, self.message, self.mt, self.command)
        if sum(moment is not None for moment in moments) != 1:
            raise ValueError("a fault has exactly one of at_s, message, mt and command")
        if self.kind in ("final", "refuse", "segments", "unended") and self.message is None:
            raise ValueError(f"a fault of kind {self.kind} needs a message")
        if self.kind == "mt" and self.mt is None:
            raise ValueError("a fault of kind mt needs an mt")
        for kind, words in (("segments", SEGMENTS), ("mt", MT)):
            if self.kind == kind and self.word not in words:
                raise ValueError(f"the word of a fault {kind} is one of {', '.join(words)}")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: Annotated[tuple[Fault9704, ...], msgspec.Meta(max_length=FAULTS_MAX)] = ()


def parse_script9704(text: str) -> tuple[Fault9704, ...]:
    """The faults of a TOML script. Raises FaultScriptError."""
    try:
        return msgspec.toml.decode(text, type=_File).fault
    except (msgspec.MsgspecError, ValueError) as error:
        raise FaultScriptError(str(error)) from error


class Script9704:
    """Faults waiting for their moment."""

    def __init__(self, faults: tuple[Fault9704, ...] = ()) -> None:
        self._faults = faults
        self._seen = [0] * len(faults)

    @property
    def timed(self) -> list[tuple[float, Fault9704]]:
        """The faults with a time in seconds, earliest first."""
        found = [(fault.at_s, fault) for fault in self._faults if fault.at_s is not None]
        return sorted(found, key=lambda pair: pair[0])

    def for_message(self, number: int) -> Fault9704 | None:
        """The fault of the outgoing message of that number, counted from 1."""
        return _due(number, [(fault.message, fault) for fault in self._faults])

    def for_mt(self, number: int) -> Fault9704 | None:
        """The fault of the arriving message of that number, counted from 1."""
        return _due(number, [(fault.mt, fault) for fault in self._faults])

    def for_command(self, line: str) -> Fault9704 | None:
        """The fault at this line; to be asked once for each line."""
        due = None
        for place, fault in enumerate(self._faults):
            if fault.command is not None and line.startswith(fault.command):
                self._seen[place] += 1
                if fault.nth <= self._seen[place] < fault.nth + fault.times:
                    due = due or fault
        return due


def _due(number: int, moments: list[tuple[int | None, Fault9704]]) -> Fault9704 | None:
    for first, fault in moments:
        if first is not None and 0 <= number - first < fault.times:
            return fault
    return None
