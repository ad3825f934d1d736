"""Texts as people type them in a hurry: no capitals or nothing else, letters lost or swapped.

The model learns from such texts how far to trust what it knows. With clean sentences alone it
trusts too much, and a field message with a typing error costs several bytes more.
"""

from __future__ import annotations

import hashlib

# Of a hundred texts: left as they are, then of the others all in capitals, all in small letters.
LEFT_ALONE = 50
CAPITALS = 20
SMALL = 20
NO_STOP = 20
ERRORS_MAX = 2
_TYPED = "etaoinsrlu"


class Dice:
    """Numbers that look like chance and are the same everywhere, from a text."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._thrown = 0

    def throw(self, sides: int) -> int:
        """0 to ``sides`` - 1."""
        self._thrown += 1
        digest = hashlib.sha256(f"{self._thrown} {self._seed}".encode()).digest()
        return int.from_bytes(digest[:6], "big") % sides


def typed_in_a_hurry(text: str) -> str:
    """The text, or one of the forms it might take."""
    dice = Dice(text)
    if dice.throw(100) < LEFT_ALONE:
        return text
    form = dice.throw(100)
    if form < CAPITALS:
        text = text.upper()
    elif form < CAPITALS + SMALL:
        text = text.lower()
    if dice.throw(100) < NO_STOP:
        text = text.rstrip(".")
    for _ in range(dice.throw(ERRORS_MAX + 1)):
        text = _with_an_error(text, dice)
    return text


def _with_an_error(text: str, dice: Dice) -> str:
    """A letter lost, two swapped, one doubled or another one."""
    if len(text) < 2:
        return text
    at = dice.throw(len(text) - 1)
    before, one, two, after = text[:at], text[at], text[at + 1], text[at + 2 :]
    kind = dice.throw(20)
    if kind < 8:
        return before + two + after
    if kind < 14:
        return before + two + one + after
    if kind < 17:
        return before + one + one + two + after
    return before + _TYPED[dice.throw(len(_TYPED))] + two + after
