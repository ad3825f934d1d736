"""Integers as bytes and a reader that never reads past the end.

All integers are big endian. A varint is base 128, most significant group first, with the
high bit set on every byte but the last, in its shortest form.
"""

from __future__ import annotations

from crisiskit.codec.reject import MalformedError, Reject

VARINT_BYTES_MAX = 5


def varint(value: int) -> bytes:
    """``value`` (0 .. 2**35 - 1) in one to five bytes."""
    if not 0 <= value < 1 << 7 * VARINT_BYTES_MAX:
        raise ValueError(f"{value} does not fit a varint")
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def zigzag(value: int) -> int:
    """Signed to unsigned, small numbers of either sign first: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value * 2 if value >= 0 else -value * 2 - 1


def unzigzag(value: int) -> int:
    """The way back from :func:`zigzag`."""
    return -(value + 1 >> 1) if value & 1 else value >> 1


class Reader:
    """Reads fields off the front; raises :class:`MalformedError` where bytes are missing."""

    def __init__(self, data: bytes, code: Reject, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.code = code

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise MalformedError(self.code)
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def uint(self, count: int) -> int:
        """An unsigned integer of ``count`` bytes."""
        return int.from_bytes(self.take(count), "big")

    def varint(self, limit: int) -> int:
        """A varint not above ``limit``, in its shortest form."""
        value = 0
        for place in range(VARINT_BYTES_MAX):
            byte = self.uint(1)
            if place == 0 and byte == 0x80:
                break
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                if value > limit:
                    break
                return value
        raise MalformedError(self.code)

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self.data) - self.at)

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.at == len(self.data)
