"""Neighbours, and what is carried for them: changes that a Step commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crisiskit.model import Direction, Precedence


@dataclass(frozen=True, slots=True)
class Met:
    """A neighbour proved who it is: ``center`` or the number of a kit; ``name`` is for people."""

    link: str
    peer: str
    name: str


@dataclass(frozen=True, slots=True)
class Parted:
    """A neighbour is not here any more."""

    link: str
    peer: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A frame of or for another kit is kept until a link takes it.

    ``name``: 16 bytes that are the same for a repeat; a later frame of that name replaces it.
    """

    name: bytes
    kit_number: int
    direction: Direction
    precedence: Precedence
    receipt: bool
    frame: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class CarriedOn:
    """A link took a carried frame. Credits and bytes count against the relay's budget."""

    name: bytes
    link: str
    frame_bytes: int
    credits: int
    budget_bytes: int


@dataclass(frozen=True, slots=True)
class CarriedDropped:
    """Carried frames that are given up: too old, of a revoked kit, or for more urgent ones."""

    names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RelayState:
    """What is known of neighbours and carried for them. ``kit_number`` is 0 at a center.

    ``met_ms``: when each was last met. ``credits`` and ``frame_bytes`` were spent on ``day``,
    counted from 1970.
    """

    kit_number: int = 0
    met_ms: Mapping[str, int] = field(default_factory=dict)
    carried: tuple[Carried, ...] = ()
    day: int = 0
    credits: int = 0
    frame_bytes: int = 0
