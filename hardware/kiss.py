"""KISS, the framing between a computer and a packet radio modem (TNC). Pure: no I/O, no clock.

A frame is ``C0``, a type byte, data, ``C0``; inside, ``C0`` is written ``DB DC`` and ``DB`` is
written ``DB DD``. The low half of the type byte is the command, the high half the TNC's port.
There is no checksum and no answer. Source: Chepponis and Karn, "The KISS TNC", 1987.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

FRAME_END = b"\xc0"
PORT_MAX = 15
TICK_S = 0.01  # the unit of TX_DELAY, SLOT_TIME and TX_TAIL
VALUE_MAX = 255

_ESCAPE = b"\xdb"
_ESCAPED_END = b"\xdb\xdc"
_ESCAPED_ESCAPE = b"\xdb\xdd"
_COMMAND_BITS = 4
_COMMAND_MASK = 0x0F


class Command(IntEnum):
    """What a frame is for. ``DATA_ACKED`` is an extension of some TNCs: two bytes of the
    computer's choice stand before the data and come back when they are on the air."""

    DATA = 0
    TX_DELAY = 1
    PERSISTENCE = 2
    SLOT_TIME = 3
    TX_TAIL = 4
    FULL_DUPLEX = 5
    HARDWARE = 6
    DATA_ACKED = 12


@dataclass(frozen=True, slots=True)
class KissFrame:
    """One frame. ``command`` is 0 to 15, known or not; ``port`` 0 to 15."""

    command: int
    data: bytes
    port: int = 0


def encode(frame: KissFrame) -> bytes:
    """The bytes of one frame, with a FEND at both ends. ValueError for numbers over 15."""
    if not (0 <= frame.port <= PORT_MAX and 0 <= frame.command <= _COMMAND_MASK):
        raise ValueError("port and command are 0 to 15")
    body = bytes([frame.port << _COMMAND_BITS | frame.command]) + frame.data
    escaped = body.replace(_ESCAPE, _ESCAPED_ESCAPE).replace(FRAME_END, _ESCAPED_END)
    return FRAME_END + escaped + FRAME_END


class Decoder:
    """Takes a stream in any pieces and gives the frames in it; junk is counted and dropped.

    Holds at most one frame with ``data_bytes_max`` of data. No bytes make it fail.
    """

    def __init__(self, data_bytes_max: int) -> None:
        self.frames = 0
        self.junk_bytes = 0
        self.junk_bytes_since_frame = 0
        self._data_bytes_max = data_bytes_max
        self._held_bytes_max = 2 * (data_bytes_max + 1)
        self._held = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[KissFrame]:
        """The frames that end in this chunk, in order."""
        first, *rest = chunk.split(FRAME_END)
        self._hold(first)
        frames = []
        for piece in rest:
            if (frame := self._close()) is not None:
                frames.append(frame)
            self._hold(piece)
        return frames

    def _hold(self, piece: bytes) -> None:
        if not self._skipping and len(self._held) + len(piece) <= self._held_bytes_max:
            self._held += piece
            return
        self._junk(len(self._held) + len(piece))
        self._held.clear()
        self._skipping = True

    def _close(self) -> KissFrame | None:
        held, skipped = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        if skipped or not held:  # nothing between two FENDs is a pause, not a frame
            return None
        body = _unescape(held)
        if body is None or len(body) > self._data_bytes_max + 1:
            self._junk(len(held) + len(FRAME_END))
            return None
        self.frames += 1
        self.junk_bytes_since_frame = 0
        return KissFrame(body[0] & _COMMAND_MASK, body[1:], body[0] >> _COMMAND_BITS)

    def _junk(self, count: int) -> None:
        self.junk_bytes += count
        self.junk_bytes_since_frame += count


def _unescape(held: bytes) -> bytes | None:
    """The bytes meant, or None where an escape means nothing."""
    first, *rest = held.split(_ESCAPE)
    body = bytearray(first)
    for piece in rest:
        if piece[:1] == _ESCAPED_END[1:]:
            body += FRAME_END
        elif piece[:1] == _ESCAPED_ESCAPE[1:]:
            body += _ESCAPE
        else:
            return None
        body += piece[1:]
    return bytes(body)
