"""What a fuzz campaign asks of every decoder: a value or its own refusal, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

from crisiskit.codec.reject import Rejected

SLOWEST_S = 1.0


@dataclass(frozen=True, slots=True)
class Decoder:
    """A door for bytes from outside.

    ``decode`` gives a value, a ``Rejected``, or raises one of ``errors``. ``samples`` are
    valid bytes to begin with. ``seal`` puts an outer check right, so that changes reach what
    is behind it. ``again`` writes a value: the same bytes where ``canonical``, else bytes
    that read as the same value.
    """

    name: str
    samples: tuple[bytes, ...]
    decode: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...] = ()
    again: Callable[[Any], bytes] | None = None
    canonical: bool = False
    seal: Callable[[bytes], bytes] = bytes


def complaint(decoder: Decoder, data: bytes) -> str:
    """What is wrong with how ``data`` was taken; empty if nothing is."""
    start = process_time()
    found = _complaint(decoder, data)
    took = process_time() - start
    return found or (f"took {took:.1f} s" if took > SLOWEST_S else "")


def accepts(decoder: Decoder, data: bytes) -> bool:
    """Whether ``data`` is taken for a value."""
    try:
        return not isinstance(decoder.decode(data), Rejected)
    except decoder.errors:
        return False


def _complaint(decoder: Decoder, data: bytes) -> str:
    try:
        value = decoder.decode(data)
    except decoder.errors:
        return ""
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"
    if isinstance(value, Rejected) or decoder.again is None:
        return ""
    try:
        written = decoder.again(value)
        if decoder.canonical:
            return "" if written == data else f"is written as {written.hex()}"
        return "" if decoder.decode(written) == value else f"reads otherwise: {written.hex()}"
    except Exception as error:
        return f"cannot be written again: {type(error).__name__}: {error}"
