"""Several frames in one, for links where each session costs (docs/wire.md, section 13).

    [b0: version 0, kind 6, precedence][length varint][frame] ...

It has no seal of its own: each frame in it is judged as if it had come alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.codec.header import FRAME_BYTES_MAX, FRAME_BYTES_MIN
from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader, varint
from crisiskit.model import Precedence

BATCH_BYTES_MAX = 131_072
BATCH_FRAMES_MAX = 255
LENGTH_BYTES_MAX = 3
_KIND = 6 << 3
_NOT_PRECEDENCE = 0xFC


def encode_batch(frames: Sequence[bytes], precedence: Precedence) -> bytes:
    """All frames as one; ``precedence`` is the highest of theirs. ValueError out of bounds."""
    if not 2 <= len(frames) <= BATCH_FRAMES_MAX:
        raise ValueError(f"{len(frames)} frames are no batch")
    out = bytearray([_KIND | precedence])
    for frame in frames:
        if is_batch(frame) or not FRAME_BYTES_MIN <= len(frame) <= FRAME_BYTES_MAX:
            raise ValueError("not a frame for a batch")
        out += varint(len(frame)) + frame
    if len(out) > BATCH_BYTES_MAX:
        raise ValueError(f"{len(out)} B are too many for a batch")
    return bytes(out)


def is_batch(frame: bytes) -> bool:
    """Whether these bytes say that they are several frames."""
    return bool(frame) and frame[0] & _NOT_PRECEDENCE == _KIND


def frames_of(data: bytes) -> list[bytes]:
    """The frames in ``data``: itself where it is no batch.

    From the first place on where a batch is broken its bytes come as one last piece, which is
    no frame: whoever judges frames refuses it.
    """
    if not is_batch(data) or len(data) > BATCH_BYTES_MAX:
        return [data]
    found: list[bytes] = []
    reader = Reader(data, Reject.LENGTH, at=1)
    while reader.at < len(data):
        begin = reader.at
        try:
            if len(found) == BATCH_FRAMES_MAX:
                raise MalformedError(Reject.LENGTH)
            found.append(reader.take(reader.varint(FRAME_BYTES_MAX)))
        except MalformedError:
            return [*found, data[begin:]]
    return found or [data]
