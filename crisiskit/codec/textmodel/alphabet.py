"""The symbols that the text model codes: single bytes, so that é costs no more than e.

A text is spelled in Windows-1252; a character that has no place there is ESCAPE and its UTF-8.
A text all in capitals is SHOUT and the same in small letters, which the model knows better.
"""

from __future__ import annotations

from typing import Final

END: Final = 0
ESCAPE: Final = 1
SHOUT: Final = 2
SYMBOLS: Final = 256

_CHARSET: Final = "cp1252"
_MARKS: Final = "\1\2"
_SHOUTED_MIN: Final = 4
# How many bytes UTF-8 takes is told by its first byte: below C0 one, below E0 two, ...
_LONGER: Final = (0xC0, 0xE0, 0xF0)

_CAPITALS: Final = bytes(
    [*range(0x41, 0x5B), *range(0xC0, 0xD7), *range(0xD8, 0xDF), 0x8A, 0x8C, 0x8E, 0x9F]
)
_SMALL: Final = bytes(
    [*range(0x61, 0x7B), *range(0xE0, 0xF7), *range(0xF8, 0xFF), 0x9A, 0x9C, 0x9E, 0xFF]
)
_TO_SMALL: Final = bytes.maketrans(_CAPITALS, _SMALL)
_TO_CAPITALS: Final = bytes.maketrans(_SMALL, _CAPITALS)


def spell(text: str) -> bytes:
    """The symbols of a text without its END. Raises ValueError for a NUL in it."""
    if "\0" in text:
        raise ValueError("a text holds no NUL")
    symbols = b"".join(map(_spell_one, text))
    if ESCAPE in symbols or len(symbols.translate(None, _SMALL)) < len(symbols):
        return symbols
    if len(symbols) - len(symbols.translate(None, _CAPITALS)) < _SHOUTED_MIN:
        return symbols
    return bytes([SHOUT]) + symbols.translate(_TO_SMALL)


def read(symbols: bytes) -> str:
    """The way back. Raises ValueError for what :func:`spell` never writes."""
    plain = symbols
    if symbols and symbols[0] == SHOUT:
        plain = symbols[1:].translate(_TO_CAPITALS)
    out: list[str] = []
    start = 0
    while (at := plain.find(ESCAPE, start)) >= 0:
        out.append(plain[start:at].decode(_CHARSET))
        lead = plain[at + 1] if at + 1 < len(plain) else 0
        start = at + 2 + sum(lead >= longer for longer in _LONGER)
        out.append(plain[at + 1 : start].decode())
    text = "".join(out) + plain[start:].decode(_CHARSET)
    if spell(text) != symbols:
        raise ValueError("not spelled as a writer does")
    return text


def _spell_one(letter: str) -> bytes:
    if letter not in _MARKS:
        try:
            return letter.encode(_CHARSET)
        except UnicodeEncodeError:
            pass
    return bytes([ESCAPE]) + letter.encode()
