"""Probabilities and their logistic form, in whole numbers only: the same on every machine.

A *stretch* is 256 * ln(p / (1 - p)), cut to -2047 .. 2047. A probability has 16 bits.
"""

from __future__ import annotations

from typing import Final

STRETCH_MAX: Final = 2047
STRETCHES: Final = 2 * STRETCH_MAX + 2
STRETCH_ZERO: Final = STRETCH_MAX + 1
STRETCH_SHIFT: Final = 4
_ONE: Final = 1 << 60
# exp(1/256) in units of 2**-60: the Taylor series, each term the one before * 1/256 / n.
_TERMS: Final = 12


def _growth() -> int:
    term = total = _ONE
    for n in range(1, _TERMS):
        term = term // (256 * n)
        total += term
    return total


def _squash_table() -> list[int]:
    """For stretch -2048 .. 2047 the probability in 1 / 65536, rounded down, at least 1."""
    growth, power = _growth(), _ONE
    rising = [32768] * STRETCHES
    for stretch in range(1, STRETCH_ZERO + 1):
        power = power * growth // _ONE
        above = (power << 16) // (power + _ONE)
        rising[STRETCH_ZERO - stretch] = max(65535 - above, 1)
        if stretch <= STRETCH_MAX:
            rising[STRETCH_ZERO + stretch] = above
    return rising


def _stretch_table(squash: list[int]) -> list[int]:
    """For the upper 12 bits of a probability the least stretch whose squash reaches it."""
    table: list[int] = []
    place = 1
    for upper in range(1 << 16 - STRETCH_SHIFT):
        while place < STRETCHES - 1 and squash[place] < upper << STRETCH_SHIFT:
            place += 1
        table.append(place - STRETCH_ZERO)
    return table


SQUASH: Final = _squash_table()
STRETCH: Final = _stretch_table(SQUASH)
