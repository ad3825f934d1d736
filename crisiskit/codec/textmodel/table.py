"""The shipped table: what the model knows before the first symbol. Its bytes are wire format.

    CKTM 01             magic and number of the table
    fold                256 bytes: the symbol that stands for all that are alike
    order, cuts         256 and 255 bytes: the tree of decisions
    starts              8 views x 256 states, two bytes each: probability of a one
    weights             three mixers: 32, 255 and 256 sets of 8 x 14 signed 16-bit numbers
    checks, states      2**20 bytes each: the slots

All numbers are big endian. Built by packaging/textmodel/build_table.py.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from crisiskit.codec.textmodel.alphabet import SYMBOLS
from crisiskit.codec.textmodel.contexts import VIEWS
from crisiskit.codec.textmodel.tree import NODES, Tree

FILE = "textmodel-1.bin"
SHA256 = "cb3ddb5295734beb58d11ae9045cde2728997ea54accb764e4dc4f981839cd4b"
MAGIC = b"CKTM\x01"
SLOT_BITS = 20
SLOTS = 1 << SLOT_BITS
STATES = 256
TRUSTS = 14
MIXER_SETS = (32, NODES, SYMBOLS)
WEIGHTS_PER_SET = VIEWS * TRUSTS
_SIZES = (
    SYMBOLS,
    SYMBOLS,
    NODES,
    2 * VIEWS * STATES,
    2 * WEIGHTS_PER_SET * sum(MIXER_SETS),
    SLOTS,
    SLOTS,
)


@dataclass(frozen=True, eq=False)
class Table:
    """The parts of a table as the model reads them."""

    fold: bytes
    tree: Tree
    starts: array[int]
    weights: array[int]
    checks: bytes
    states: bytes


def unpack(data: bytes) -> Table:
    """The table in these bytes. Raises ValueError where they are none."""
    if len(data) != len(MAGIC) + sum(_SIZES) or not data.startswith(MAGIC):
        raise ValueError("no text model table")
    parts: list[bytes] = []
    at = len(MAGIC)
    for size in _SIZES:
        parts.append(data[at : at + size])
        at += size
    fold, order, cuts, starts, weights, checks, states = parts
    return Table(
        fold, Tree(order, cuts), _numbers("H", starts), _numbers("h", weights), checks, states
    )


def pack(table: Table) -> bytes:
    """The bytes of a table."""
    numbers = [_big_endian(array(part.typecode, part)) for part in (table.starts, table.weights)]
    tree = table.tree.order + table.tree.cuts
    return b"".join((MAGIC, table.fold, tree, *numbers, table.checks, table.states))


@cache
def shipped() -> Table | None:
    """The table of this installation; None where it is missing or was altered."""
    try:
        data = files("crisiskit.codec.textmodel").joinpath(FILE).read_bytes()
    except FileNotFoundError:
        return None
    return unpack(data) if hashlib.sha256(data).hexdigest() == SHA256 else None


def _numbers(typecode: str, data: bytes) -> array[int]:
    numbers = array(typecode, data)
    _big_endian(numbers)
    return numbers


def _big_endian(numbers: array[int]) -> bytes:
    """Turn the numbers to or from big endian, in place; their bytes."""
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
