"""JSPR, the line protocol of the RockBLOCK 9704: requests to bytes, bytes to replies. Pure.

One request or reply a line, ended by CR: ``GET target {json}`` or ``PUT target {json}``, then
``code target {json}``. What a modem says unasked has the code 299. Stray bytes may stand before
the three digits (a boot banner). Memory is bounded whatever arrives; no bytes make it fail.
Source: rock7/RockBLOCK-9704; that a blank follows each colon and comma: a report of its firmware.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import msgspec

LINE_BYTES_MAX = 3584
OPENINGS_MAX = 200  # brackets of a body: it can be nested no deeper
END = b"\r"

_LINE = re.compile(rb"([2-5]\d\d) ([A-Za-z]\w{0,39}) (\{.*)", re.DOTALL)
_ENDS = re.compile(rb"[\r\n]")

Body = TypeVar("Body")


class Code(IntEnum):
    """Result codes that the driver tells apart; any other from 400 on is a refusal."""

    OK = 200
    UNASKED = 299
    NO_API_VERSION = 400
    ALREADY_SET = 402
    NOT_ALLOWED = 406
    NOT_PROVISIONED = 418


class Malformed(ValueError):  # noqa: N818 - a word of the protocol, as in hardware.directip
    """The body of a reply is not what its target promises."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of the modem. ``body`` is JSON that nobody has looked into yet."""

    code: int
    target: str
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was obeyed."""
        return self.code == Code.OK

    def read(self, kind: type[Body]) -> Body:
        """The body as a ``kind``, bounds checked, unknown keys left out. Raises Malformed."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{self.target}: {type(error).__name__}") from error


def request(method: str, target: str, body: Mapping[str, object]) -> bytes:
    """The bytes of one request."""
    return f"{method} {target} {json.dumps(body)}".encode("ascii") + END


class Decoder:
    """Takes a stream in any pieces and gives the replies in it; junk is counted and dropped."""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self._held = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[Reply]:
        """The replies that end in this chunk, in order."""
        *ended, rest = _ENDS.split(chunk)
        found = []
        for piece in ended:
            self._hold(piece)
            if (reply := self._close()) is not None:
                found.append(reply)
        self._hold(rest)
        return found

    def _hold(self, piece: bytes) -> None:
        if not self._skipping and len(self._held) + len(piece) <= LINE_BYTES_MAX:
            self._held += piece
            return
        self.junk_bytes += len(self._held) + len(piece)
        self._held.clear()
        self._skipping = True

    def _close(self) -> Reply | None:
        line, skipped = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        found = None if skipped else _LINE.search(line)
        if found is None or _openings(line) > OPENINGS_MAX:
            self.junk_bytes += len(line)
            return None
        self.junk_bytes += found.start()
        code, target, body = found.groups()
        return Reply(int(code), target.decode("ascii"), body.strip())


def _openings(line: bytes) -> int:
    return line.count(b"{") + line.count(b"[")
