"""The arithmetic coder: bits and their probabilities to bytes and back, 32 bits wide.

The interval [low, high] is cut in proportion to the probability of a one; ones take the lower
part. Leading bytes that both ends share are written and shifted out.
"""

from __future__ import annotations

from typing import Final

PROBABILITY_BITS: Final = 16
_WHOLE: Final = 0xFFFFFFFF
_TOP: Final = 0xFF000000


class Coder:
    """What both directions share. The writer is told the bits, the reader finds them."""

    def __init__(self) -> None:
        self.low = 0
        self.high = _WHOLE

    def code(self, one: int, bit: int) -> int:
        """Code ``bit``, of which ``one`` / 65536 is the probability to be 1; it is returned."""
        raise NotImplementedError


class Writer(Coder):
    """Collects the coded bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.out = bytearray()

    def code(self, one: int, bit: int) -> int:
        """Write ``bit``."""
        middle = self.low + ((self.high - self.low) * one >> PROBABILITY_BITS)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while not (self.low ^ self.high) & _TOP:
            self.out.append(self.low >> 24)
            self.low = self.low << 8 & _WHOLE
            self.high = self.high << 8 & _WHOLE | 0xFF
        return bit

    def coded(self) -> bytes:
        """All bytes if nothing followed; the writer itself may go on."""
        return (bytes(self.out) + shortest_within(self.low, self.high)).rstrip(b"\0")


class Reader(Coder):
    """Finds the bits in coded bytes; behind their end it reads zeros."""

    def __init__(self, coded: bytes) -> None:
        super().__init__()
        self._coded = coded
        self._at = 4
        self._value = int.from_bytes(coded[:4].ljust(4, b"\0"), "big")

    def code(self, one: int, bit: int = 0) -> int:
        """The next bit; ``bit`` plays no role."""
        middle = self.low + ((self.high - self.low) * one >> PROBABILITY_BITS)
        found = 1 if self._value <= middle else 0
        if found:
            self.high = middle
        else:
            self.low = middle + 1
        while not (self.low ^ self.high) & _TOP:
            self.low = self.low << 8 & _WHOLE
            self.high = self.high << 8 & _WHOLE | 0xFF
            following = self._coded[self._at] if self._at < len(self._coded) else 0
            self._value = self._value << 8 & _WHOLE | following
            self._at += 1
        return found

    def is_whole(self) -> bool:
        """Whether a writer of the bits found would have written exactly these bytes."""
        shifted = self._at - 4
        written = self._coded[:shifted].ljust(shifted, b"\0")
        return (written + shortest_within(self.low, self.high)).rstrip(b"\0") == self._coded


def shortest_within(low: int, high: int) -> bytes:
    """The fewest bytes that, followed by zeros, are a number of four bytes in [low, high]."""
    for count in range(5):
        shift = 32 - 8 * count
        value = -(-low >> shift)
        if value << shift <= high:
            return value.to_bytes(count, "big")
    raise ValueError("an empty interval")
