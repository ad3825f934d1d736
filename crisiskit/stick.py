"""What a person asks of a stick, and what became of it: two facts in the store.

Screens and commands ask; the agent, which may be another process, serves the folder and tells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from crisiskit.errors import BusyError
from crisiskit.i18n import _, ngettext, trouble_text
from crisiskit.store.store import Store
from transports.link import Trouble

ASKED = "stick_asked"
TOLD = "stick_told"
SILENT_S = 60.0
LOOK_S = 0.1
ASKED_MS = 60_000  # an older request is forgotten: that stick may be in other hands
Fact = Callable[[str], bytes | None]
Stage = Literal["running", "done", "failed"]
_Fact = TypeVar("_Fact")


class Request(msgspec.Struct, frozen=True):
    """Exchange messages with the medium mounted at ``folder``; ``at`` in wall-clock ms."""

    number: int
    folder: str
    at: int


class Report(msgspec.Struct, frozen=True):
    """What became of the request of that number: messages written and read so far.

    ``reason`` is a Trouble word where it failed. Then, too, what was written is good.
    """

    number: int
    folder: str
    at: int
    state: Stage = "running"
    written: int = 0
    read: int = 0
    reason: str = ""


def ask(store: Store, folder: Path, now_ms: int) -> int:
    """Ask the agent to exchange messages with a medium; the number of the request."""
    number = int.from_bytes(os.urandom(6), "big")
    store.set_meta(**{ASKED: _bytes(Request(number, os.fspath(folder), now_ms))})
    return number


def asked(fact: Fact, now_ms: int) -> Request | None:
    """The request that was made last, unless it is a minute old."""
    found = _struct(fact(ASKED), Request)
    fresh = found is not None and abs(now_ms - found.at) < ASKED_MS
    return found if fresh else None


def tell(store: Store, report: Report) -> None:
    """Say how far it is."""
    store.set_meta(**{TOLD: _bytes(report)})


def told(fact: Fact) -> Report | None:
    """What was told last."""
    return _struct(fact(TOLD), Report)


def wait_for(fact: Fact, number: int) -> Report:
    """The last word about a request. BusyError when the agent is silent for a minute."""
    heard_s, heard = time.monotonic(), None
    while time.monotonic() - heard_s < SILENT_S:
        report = told(fact)
        if report is not None and report.number == number and report != heard:
            heard_s, heard = time.monotonic(), report
            if report.state != "running":
                return report
        time.sleep(LOOK_S)
    raise BusyError("stick_silent")


def offer_words(folder: Path) -> str:
    """That there is a stick, and the key for it."""
    name = folder.name or os.fspath(folder)
    return _("Stick inserted ({name}): press U to exchange messages with it.").format(name=name)


def report_words(report: Report) -> str:
    """How far it is, in one sentence, and whether the stick can be pulled out."""
    written = ngettext("{n} message written", "{n} messages written", report.written)
    read = ngettext("{n} read", "{n} read", report.read)
    so_far = f"{written.format(n=report.written)}, {read.format(n=report.read)}"
    match report.state:
        case "running":
            return _("Stick at work, leave it in: {so_far}.").format(so_far=so_far)
        case "done":
            return _("You can pull the stick out now: {so_far}.").format(so_far=so_far)
        case _other:
            gone = report.reason == Trouble.DEVICE_GONE
            again = _("Insert it again: nothing is lost.")
            why = again if gone else trouble_text(report.reason)
            return _("Not finished: {so_far}. {why}").format(so_far=so_far, why=why)


def _bytes(fact: Request | Report) -> bytes:
    return msgspec.json.encode(fact)


def _struct(data: bytes | None, kind: type[_Fact]) -> _Fact | None:
    try:
        return msgspec.json.decode(data, type=kind) if data else None
    except msgspec.DecodeError:
        return None
