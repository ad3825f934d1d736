"""Whole numbers as bits, most significant first: the two codes the ack block needs."""

from __future__ import annotations

from crisiskit.codec.reject import MalformedError, Reject


class BitWriter:
    """Collects bits; ``bytes()`` fills the last byte with zeros."""

    def __init__(self) -> None:
        self._value = 0
        self._count = 0

    def put(self, value: int, width: int) -> None:
        """``value`` in ``width`` bits."""
        self._value = self._value << width | value
        self._count += width

    def rice(self, value: int, k: int) -> None:
        """``value >> k`` ones, a zero, then the low ``k`` bits."""
        ones = value >> k
        self.put((1 << ones) - 1, ones)
        self.put(value & (1 << k) - 1, k + 1)

    def exp_golomb(self, value: int, k: int) -> None:
        """Exp-Golomb of order ``k``: value + 2**k, led by as many zeros as it is too long."""
        shifted = value + (1 << k)
        width = shifted.bit_length()
        self.put(shifted, 2 * width - k - 1)

    def __bytes__(self) -> bytes:
        size = -(-self._count // 8)
        return (self._value << 8 * size - self._count).to_bytes(size, "big")


class BitReader:
    """Reads what :class:`BitWriter` wrote; raises :class:`MalformedError` past the end."""

    def __init__(self, data: bytes, code: Reject) -> None:
        self._data = data
        self._at = 0
        self._code = code

    def bit(self) -> int:
        """The next bit."""
        if self._at >= 8 * len(self._data):
            raise MalformedError(self._code)
        value = self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
        self._at += 1
        return value

    def get(self, width: int) -> int:
        """The next ``width`` bits as a number."""
        value = 0
        for _ in range(width):
            value = value << 1 | self.bit()
        return value

    def rice(self, k: int, limit: int) -> int:
        """The way back from ``BitWriter.rice``; at most ``limit``."""
        ones = 0
        while self.bit():
            ones += 1
            if ones << k > limit:
                raise MalformedError(self._code)
        return self._within(ones << k | self.get(k), limit)

    def exp_golomb(self, k: int, limit: int) -> int:
        """The way back from ``BitWriter.exp_golomb``; at most ``limit``."""
        zeros = 0
        while not self.bit():
            zeros += 1
            if 1 << zeros > limit + (1 << k):
                raise MalformedError(self._code)
        width = zeros + k
        return self._within((1 << width | self.get(width)) - (1 << k), limit)

    def close(self) -> int:
        """Bytes used so far; the bits that fill the last one must be zero."""
        while self._at & 7:
            if self.bit():
                raise MalformedError(self._code)
        return self._at >> 3

    def _within(self, value: int, limit: int) -> int:
        if value > limit:
            raise MalformedError(self._code)
        return value
