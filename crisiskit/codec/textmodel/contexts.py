"""What the model looks back at: eight views of the symbols so far, each as a number of 30 bits.

Thirty bits because Python multiplies such numbers fastest; every hash is the middle of a product.
"""

from __future__ import annotations

from typing import Final

from crisiskit.codec.textmodel.alphabet import END

VIEWS: Final = 8
WORD_VIEW: Final = 6
WORDS_VIEW: Final = 7
_ORDER_MAX: Final = 5
_BITS30: Final = (1 << 30) - 1
_MULTIPLIER: Final = 0x2C1B3C6D
_MIDDLE: Final = 15
_LETTERS: Final = range(ord("a"), ord("z") + 1)
_DIGIT: Final = ord("0")
_BEYOND_ASCII: Final = 0x80
_BLANK: Final = ord(" ")


def hash_of(value: int, salt: int) -> int:
    """A number of 30 bits and one below 2**29 as one of 30 bits."""
    return ((value + salt + 1 & _BITS30) * _MULTIPLIER >> _MIDDLE) & _BITS30


SALTS: Final = [hash_of(hash_of(0, 1000 + view), view) >> 1 for view in range(VIEWS)]


class History:
    """The symbols since the last END. ``fold``: which symbols count as alike."""

    def __init__(self, fold: bytes) -> None:
        self._fold = fold
        self._in_word = [
            folded in _LETTERS or folded == _DIGIT or symbol >= _BEYOND_ASCII
            for symbol, folded in enumerate(fold)
        ]
        self.last = self.before = END
        self._folded: list[int] = []
        self._word = self._word_before = 0
        self._clear()

    def add(self, symbol: int) -> None:
        """One symbol has been coded."""
        if symbol == END:
            self._clear()
            return
        folded = self._fold[symbol]
        self.before, self.last = self.last, symbol
        self._folded = [folded, *self._folded[:-1]]
        if self._in_word[symbol]:
            self._word = hash_of(self._word, folded)
        elif self._word:
            self._word_before, self._word = self._word, 0

    def hashes(self) -> list[int]:
        """The views: orders 0 to 5 (from 3 on folded), the word so far, and the one before."""
        found = [SALTS[0], hash_of(self.last, SALTS[1])]
        found.append(hash_of(self.last << 8 | self.before, SALTS[2]))
        hashed = 0
        for order, folded in enumerate(self._folded, 1):
            hashed = hash_of(hashed, folded)
            if order > 2:
                found.append(hash_of(hashed, SALTS[order]))
        found.append(hash_of(self._word, SALTS[WORD_VIEW] + (self.last == _BLANK)))
        found.append(hash_of(self._word ^ self._word_before >> 3, SALTS[WORDS_VIEW]))
        return found

    def _clear(self) -> None:
        self.last = self.before = END
        self._folded = [self._fold[END]] * _ORDER_MAX
        self._word = self._word_before = 0
