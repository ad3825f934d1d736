"""Codec 2, the text model: each letter predicted from what came before, then arithmetic coding.

Plain Python and whole numbers only, so that every machine makes the same bytes. How it works,
to the last constant: docs/wire-text-model.md.
"""

from crisiskit.codec.textmodel.stream import SYMBOLS_MAX, Meter, decode, encode, is_installed

__all__ = ["SYMBOLS_MAX", "Meter", "decode", "encode", "is_installed"]
