"""Frames as text for networks that refuse binary messages: base 85 in the GSM alphabet. Pure.

The 85 signs are those of ASCII that every phone network carries as one septet (3GPP TS 23.038,
6.2.1, without space). Four bytes are five signs, high digit first; a rest of n bytes is n + 1.
"""

from __future__ import annotations

import string

MARK = ":="
CHARACTERS_MAX = 160
_SIGNS = string.digits + string.ascii_letters + "!\"#$%&'()*+,-./:;<=>?@_"
_VALUES = {sign: value for value, sign in enumerate(_SIGNS)}
_ROOM = CHARACTERS_MAX - len(MARK)
BYTES_MAX = _ROOM // 5 * 4 + max(0, _ROOM % 5 - 1)


def encode(frame: bytes) -> str:
    """A text that starts with the mark, 160 characters for ``BYTES_MAX`` bytes."""
    return MARK + "".join(_group(frame[at : at + 4]) for at in range(0, len(frame), 4))


def decode(text: str) -> bytes | None:
    """The frame; None for a text that somebody wrote."""
    if not text.startswith(MARK) or len(text) > CHARACTERS_MAX:
        return None
    signs = text[len(MARK) :]
    if not signs or any(sign not in _VALUES for sign in signs):
        return None
    groups = [_bytes(signs[at : at + 5]) for at in range(0, len(signs), 5)]
    return None if None in groups else b"".join(group for group in groups if group)


def _group(rest: bytes) -> str:
    number = int.from_bytes(rest, "big")
    signs = []
    for _ in range(len(rest) + 1):
        number, value = divmod(number, 85)
        signs.append(_SIGNS[value])
    return "".join(reversed(signs))


def _bytes(signs: str) -> bytes | None:
    number = 0
    for sign in signs:
        number = 85 * number + _VALUES[sign]
    size = len(signs) - 1
    return number.to_bytes(size, "big") if size and number >> 8 * size == 0 else None
