"""Texts as one coded stream and back: each text closed by END, the model learning all the way."""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.textmodel.alphabet import END, read, spell
from crisiskit.codec.textmodel.coder import Reader, Writer
from crisiskit.codec.textmodel.model import Model
from crisiskit.codec.textmodel.table import Table, shipped

# Coding takes time for every symbol: what is longer goes by another codec.
SYMBOLS_MAX = 8192


def is_installed() -> bool:
    """Whether the table is here; without it nothing can be coded or decoded."""
    return shipped() is not None


def encode(texts: Sequence[str]) -> bytes | None:
    """The coded stream of these texts; None if they are too long for the model.

    Raises ValueError for a NUL in a text, MalformedError where the table is missing.
    """
    meter = Meter()
    coded: bytes | None = b""
    for text in texts:
        if coded is not None:
            coded = meter.try_more(text)
    return coded


def decode(coded: bytes, count: int) -> list[str]:
    """The ``count`` texts of a stream. At most SYMBOLS_MAX symbols are read, each END included.

    Raises MalformedError: CODEC where the table is missing, TEXT for what no encoder writes.
    """
    model, reader = Model(_table()), Reader(coded)
    texts: list[str] = []
    left = SYMBOLS_MAX
    while len(texts) < count:
        symbols = bytearray()
        while left and (symbol := model.code(reader)) != END:
            symbols.append(symbol)
            left -= 1
        if not left:
            raise MalformedError(Reject.TEXT)
        left -= 1
        texts.append(_read(bytes(symbols)))
    if not reader.is_whole():
        raise MalformedError(Reject.TEXT)
    return texts


class Meter:
    """A stream that grows text by text and is finished after each."""

    def __init__(self) -> None:
        self._model = Model(_table())
        self._writer = Writer()
        self._left = SYMBOLS_MAX

    def try_more(self, text: str, room_bytes: int | None = None) -> bytes | None:
        """The whole stream with ``text`` added; None if it gets longer than ``room_bytes``.

        None also for more symbols than a stream may have. After None the meter is spent.
        """
        symbols = spell(text) + bytes([END])
        self._left -= len(symbols)
        if self._left < 0:
            return None
        for symbol in symbols:
            self._model.code(self._writer, symbol)
            if room_bytes is not None and len(self._writer.out) > room_bytes:
                self._left = 0
                return None
        return self._writer.coded()


def _table() -> Table:
    table = shipped()
    if table is None:
        raise MalformedError(Reject.CODEC)
    return table


def _read(symbols: bytes) -> str:
    try:
        return read(symbols)
    except ValueError:
        raise MalformedError(Reject.TEXT) from None
