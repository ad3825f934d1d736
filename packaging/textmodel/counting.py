"""Counting what follows each view of the past, and choosing what is worth a slot of the table."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from crisiskit.codec.textmodel.contexts import VIEWS, History
from crisiskit.codec.textmodel.model import NODE_SALTS, STATE_SHIFT, slot_of
from crisiskit.codec.textmodel.table import SLOTS, STATES
from crisiskit.codec.textmodel.tree import NODES, Tree

# Where a view knows nothing, this one is asked: the gain of a node is counted against it.
FALLBACK = (-1, 0, 1, 2, 3, 4, 2, 6)
SEEN_MIN = 2
_PRIOR = 0.25
_SYMBOL_BITS = 8
_NO_PARENT = (1 << 32) - 1
# State: how often seen (upper three bits), and how probable a one is (lower five).
_SEEN_STEPS = (2, 3, 4, 6, 10, 21, 65)
_LEVELS = 1 << STATE_SHIFT
_LEVELS_PER_UNIT = 2.2
_STATE_PRIOR = 0.4

Nodes = dict[int, tuple[int, int]]


@dataclass
class Candidates:
    """Nodes that would earn a slot: what each saves in bits, its key, that of the node above."""

    gains: array[float] = field(default_factory=lambda: array("d"))
    keys: array[int] = field(default_factory=lambda: array("L"))
    parents: array[int] = field(default_factory=lambda: array("L"))
    states: bytearray = field(default_factory=bytearray)


def find_candidates(symbols: bytes, fold: bytes, tree: Tree) -> Candidates:
    """All nodes that save bits when known, over the texts in ``symbols``, each with its END."""
    found = Candidates()
    hashes = _all_hashes(symbols, fold)
    known: dict[int, Nodes] = {-1: {}}
    above = _parents(tree)
    paths = [tree.path(symbol) for symbol in range(STATES)]
    for view in range(VIEWS):
        fallback = FALLBACK[view]
        lower = hashes[fallback] if fallback >= 0 else hashes[view]
        known[view] = nodes = {}
        for start, counts, place in _groups(hashes[view], symbols):
            counted = _count_nodes(counts, paths)
            for node, seen in counted.items():
                nodes[start ^ NODE_SALTS[node]] = seen
            gains = _gains(counted, lower[place], known[fallback])
            _add_worthy(found, start, counted, gains, above)
        for done in [one for one in known if one not in FALLBACK[view + 1 :]]:
            del known[done]
    return found


def place_in_slots(found: Candidates) -> tuple[bytes, bytes]:
    """Checks and states of all slots: the best nodes first, never one whose parent is missing."""
    checks, states = bytearray(SLOTS), bytearray(SLOTS)
    order = sorted(range(len(found.keys)), key=lambda at: (-found.gains[at], at))
    placed = {_NO_PARENT}
    for at in order:
        key = found.keys[at]
        slot, check = slot_of(key)
        if found.parents[at] not in placed or key in placed:
            continue
        if checks[slot]:
            slot ^= 1
        if not checks[slot]:
            checks[slot], states[slot] = check, found.states[at]
            placed.add(key)
    return bytes(checks), bytes(states)


def state_of(zeros: int, ones: int) -> int:
    """The state byte of a node that went left and right so often."""
    seen = zeros + ones
    level = math.floor(math.log((ones + _STATE_PRIOR) / (zeros + _STATE_PRIOR)) * _LEVELS_PER_UNIT)
    middle = max(0, min(_LEVELS - 1, level + _LEVELS // 2))
    return sum(seen >= step for step in _SEEN_STEPS) << STATE_SHIFT | middle


def _all_hashes(symbols: bytes, fold: bytes) -> list[array[int]]:
    """For each view its hash before every symbol."""
    hashes: list[array[int]] = [array("L") for _ in range(VIEWS)]
    history = History(fold)
    for symbol in symbols:
        for view, value in enumerate(history.hashes()):
            hashes[view].append(value)
        history.add(symbol)
    return hashes


def _groups(
    hashes: Sequence[int], symbols: bytes
) -> Iterator[tuple[int, list[tuple[int, int]], int]]:
    """Each hash that was seen often enough, its symbols with their counts, and a place of it."""
    pairs = [
        before << _SYMBOL_BITS | symbol for before, symbol in zip(hashes, symbols, strict=True)
    ]
    counts = Counter(pairs)
    places = dict(zip(hashes, range(len(hashes)), strict=True))
    for start, group in groupby(sorted(counts), key=lambda pair: pair >> _SYMBOL_BITS):
        followers = [(pair & STATES - 1, counts[pair]) for pair in group]
        if sum(seen for _, seen in followers) >= SEEN_MIN:
            yield start, followers, places[start]


def _count_nodes(
    followers: Iterable[tuple[int, int]], paths: Sequence[Sequence[tuple[int, int]]]
) -> Nodes:
    """How often each node went left and right."""
    nodes: Nodes = {}
    for symbol, seen in followers:
        for node, bit in paths[symbol]:
            zeros, ones = nodes.get(node, (0, 0))
            nodes[node] = (zeros, ones + seen) if bit else (zeros + seen, ones)
    return nodes


def _parents(tree: Tree) -> list[int]:
    """For each node the one above it; -1 for the root."""
    above = [-1] * NODES
    for node in range(NODES):
        for child in (tree.left[node], tree.right[node]):
            if child >= 0:
                above[child] = node
    return above


def _gains(counted: Nodes, lower: int, below: Nodes) -> dict[int, float]:
    """Bits that each node saves over its fallback, each time judged by all the others."""
    gains: dict[int, float] = {}
    for node, sides in counted.items():
        fallback = below.get(lower ^ NODE_SALTS[node])
        gain = 0.0
        for bit, seen in enumerate(sides):
            if seen:
                other = _likely(fallback, bit) if fallback else 0.5
                gain += seen * math.log2(_likely(sides, bit) / other)
        gains[node] = gain
    return gains


def _likely(sides: tuple[int, int], bit: int) -> float:
    """How probable ``bit`` is, from all the times the node was seen but one of this bit."""
    return (max(sides[bit] - 1, 0) + _PRIOR) / (max(sum(sides) - 1, 0) + 2 * _PRIOR)


def _add_worthy(
    found: Candidates, start: int, counted: Nodes, gains: dict[int, float], above: Sequence[int]
) -> None:
    """Collect the nodes of one hash that save bits or lead to one that does, parents first."""
    for node in sorted(gains, reverse=True):
        parent = above[node]
        if parent >= 0:
            gains[parent] = max(gains[parent], gains[node])
    for node in sorted(gains):
        seen = counted[node]
        if gains[node] > 0 and sum(seen) >= SEEN_MIN:
            found.gains.append(gains[node])
            found.keys.append(start ^ NODE_SALTS[node])
            found.parents.append(
                start ^ NODE_SALTS[above[node]] if above[node] >= 0 else _NO_PARENT
            )
            found.states.append(state_of(*seen))
