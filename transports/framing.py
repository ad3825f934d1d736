"""Byte stream to frames and back, for links over a line or a socket. Pure: no I/O, no clock.

A frame travels as ``COBS(frame + CRC) 00``. COBS (consistent overhead byte stuffing,
Cheshire and Baker 1999) leaves no zero inside, so a reader that fell out of step is in step
again at the next zero, whatever came before. The CRC is CRC-16/XMODEM, big endian. Four
bytes more a frame, and one more for every 254 bytes without a zero.

On a line that damages bytes both ends may agree on check bytes behind the CRC (``mends``), two
for every 255 bytes, that mend single ones: see :mod:`transports.repair`.
"""

from __future__ import annotations

from binascii import crc_hqx

from transports.repair import check_bytes_of, protected, repaired, split

DELIMITER = b"\0"

_CRC_BYTES = 2
_RUN_BYTES_MAX = 254
_RUN_FULL = 255


def encode(frame: bytes, mends: bool = False) -> bytes:
    """The bytes of one frame on the stream, its delimiter at the end."""
    if not frame:
        raise ValueError("an empty frame cannot be told from silence")
    body = frame + crc_hqx(frame, 0).to_bytes(_CRC_BYTES)
    return _stuff(protected(body) if mends else body) + DELIMITER


def encoded_bytes_max(frame_bytes: int, mends: bool = False) -> int:
    """The most bytes that a frame of so many takes on the stream, delimiter included."""
    body_bytes = frame_bytes + _CRC_BYTES
    body_bytes += check_bytes_of(body_bytes) if mends else 0
    return body_bytes + -(-body_bytes // _RUN_BYTES_MAX) + len(DELIMITER)


class Decoder:
    """Takes a stream in any pieces and gives the frames in it; junk is counted and dropped.

    Holds at most one frame of ``frame_bytes_max``. No bytes make it fail. ``mended`` counts
    the frames that came damaged and were mended.
    """

    def __init__(self, frame_bytes_max: int, mends: bool = False) -> None:
        self.frames = 0
        self.mended = 0
        self.junk_bytes = 0
        self.junk_bytes_since_frame = 0
        self._frame_bytes_max = frame_bytes_max
        self._mends = mends
        self._held_bytes_max = encoded_bytes_max(frame_bytes_max, mends) - len(DELIMITER)
        self._held = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that end in this chunk, in order."""
        first, *rest = chunk.split(DELIMITER)
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

    def _close(self) -> bytes | None:
        """A delimiter came: what is held is a frame, or junk together with its delimiter."""
        if not self._held and not self._skipping:
            self._junk(len(DELIMITER))
            return None
        held, skipped = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        frame = None if skipped else self._unwrap(held)
        if frame is None or len(frame) > self._frame_bytes_max:
            self._junk(len(held) + len(DELIMITER))
            return None
        self.frames += 1
        self.junk_bytes_since_frame = 0
        return frame

    def _unwrap(self, held: bytes) -> bytes | None:
        body = _unstuff(held)
        if body is None or not self._mends:
            return None if body is None else _checked(body)
        body, checks = split(body)
        frame = _checked(body)
        if frame is None and (frame := _checked(repaired(body, checks))) is not None:
            self.mended += 1
        return frame

    def _junk(self, count: int) -> None:
        self.junk_bytes += count
        self.junk_bytes_since_frame += count


def _checked(body: bytes) -> bytes | None:
    """The frame in front of its CRC, if that is right."""
    frame, crc = body[:-_CRC_BYTES], body[-_CRC_BYTES:]
    return frame if frame and crc_hqx(frame, 0) == int.from_bytes(crc) else None


def _stuff(body: bytes) -> bytes:
    """COBS: every run between zeros gets its length + 1 in front, instead of the zero behind."""
    out = bytearray()
    runs = body.split(DELIMITER)
    for run in runs:
        _put_run(out, run)
    if runs[-1] and len(runs[-1]) % _RUN_BYTES_MAX == 0:
        out.pop()  # a full run says by itself that no zero follows: the end needs no more
    return bytes(out)


def _put_run(out: bytearray, run: bytes) -> None:
    start = 0
    while len(run) - start >= _RUN_BYTES_MAX:
        out.append(_RUN_FULL)
        out += run[start : start + _RUN_BYTES_MAX]
        start += _RUN_BYTES_MAX
    out.append(len(run) - start + 1)
    out += run[start:]


def _unstuff(stuffed: bytes) -> bytes | None:
    out = bytearray()
    at, end = 0, len(stuffed)
    while at < end:
        code = stuffed[at]
        upto = at + code
        if code == 0 or upto > end:
            return None
        out += stuffed[at + 1 : upto]
        if code != _RUN_FULL and upto < end:
            out += DELIMITER
        at = upto
    return bytes(out)
