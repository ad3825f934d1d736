"""The model: what the next decision will be, learned while coding. Both ends learn the same.

Every decision (a node of the tree) is looked up under each view of the past. What is found there
is a probability and how far to trust it; three mixers weigh them, each with weights of its own
choice, and their mean goes to the coder. Then everything used learns from the outcome.

What is known of one node under one view is one number: probability (16 bits), times it was seen
(5 bits), trust (4 bits). Trust 0 has never been seen, 1 to 8 come from the table, 9 to 13 were
first seen in this stream, so many times.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from crisiskit.codec.textmodel.coder import PROBABILITY_BITS, Coder
from crisiskit.codec.textmodel.contexts import VIEWS, WORD_VIEW, WORDS_VIEW, History, hash_of
from crisiskit.codec.textmodel.numbers import (
    SQUASH,
    STRETCH,
    STRETCH_MAX,
    STRETCH_SHIFT,
    STRETCH_ZERO,
)
from crisiskit.codec.textmodel.table import (
    MIXER_SETS,
    SLOTS,
    STATES,
    TRUSTS,
    WEIGHTS_PER_SET,
    Table,
)
from crisiskit.codec.textmodel.tree import NODES

SEEN_BITS: Final = 5
TRUST_BITS: Final = 4
LOW_BITS: Final = SEEN_BITS + TRUST_BITS
PROBABILITY_SHIFT: Final = LOW_BITS + STRETCH_SHIFT
TRUST_MASK: Final = (1 << TRUST_BITS) - 1
LOW_MASK: Final = (1 << LOW_BITS) - 1
SEEN_MAX: Final = 30
PROBABILITY_MAX: Final = (1 << PROBABILITY_BITS) - 1
NEW: Final = (1 << PROBABILITY_BITS - 1) << LOW_BITS
# How often a state of the table counts as seen, by its upper three bits; trust is one above them.
SEEN_BEFORE: Final = (1, 2, 3, 4, 6, 9, 14, 20)
STATE_SHIFT: Final = 5
FIRST_NEW_TRUST: Final = 9
LAST_NEW_TRUST: Final = 13

WEIGHT_SHIFT: Final = 16
STORED_WEIGHT_SHIFT: Final = 2
LEARN_SHIFT: Final = 18
LEARN_HALF: Final = 1 << LEARN_SHIFT - 1
LEARN_RATE: Final = 16
MIXERS: Final = len(MIXER_SETS)
_NODE_SETS: Final = MIXER_SETS[0]
_LAST_SETS: Final = MIXER_SETS[0] + MIXER_SETS[1]
_UNREAD: Final = -1
_KEY_MULTIPLIER: Final = 0x36D2EB4F
_SLOT_SHIFT: Final = 17
_CHECK_SHIFT: Final = 37
_CHECKS: Final = 255


def _rate(low: int) -> int:
    """How far a probability moves, in 1 / 65536, when seen ``low`` >> TRUST_BITS times before."""
    return 655360 // (10 * (low >> TRUST_BITS) + 16)


def _grown(low: int) -> int:
    """Times seen and trust after one more time."""
    seen, trust = low >> TRUST_BITS, low & TRUST_MASK
    if trust == 0:
        trust = FIRST_NEW_TRUST
    elif FIRST_NEW_TRUST <= trust < LAST_NEW_TRUST:
        trust += 1
    return min(seen + 1, SEEN_MAX) << TRUST_BITS | trust


RATES: Final = [_rate(low) for low in range(1 << LOW_BITS)]
GROWN: Final = [_grown(low) for low in range(1 << LOW_BITS)]
NODE_SALTS: Final = [hash_of(hash_of(0, 5000 + node), node) for node in range(NODES)]


def slot_of(key: int) -> tuple[int, int]:
    """Where a key of 30 bits stands in the table, and the check byte it has there, 1 to 255."""
    product = key * _KEY_MULTIPLIER
    return product >> _SLOT_SHIFT & SLOTS - 1, 1 + (product >> _CHECK_SHIFT) % _CHECKS


class Model:
    """The state of one stream. The table it starts from is never changed.

    ``sets``: weights learned by others, by number; they go on learning.
    """

    def __init__(
        self,
        table: Table,
        sets: dict[int, list[int]] | None = None,
        learn_rate: int = LEARN_RATE,
    ) -> None:
        self._table = table
        self._tree = table.tree
        self._starts = starting_points(table)
        self._history = History(table.fold)
        self._learn_rate = learn_rate
        self._seen: dict[int, int] = {}
        self._sets = {} if sets is None else sets
        self._hashes = [0] * VIEWS
        self._ended = [False] * VIEWS
        self._keys = [0] * VIEWS
        self._known = [0] * VIEWS
        self._inputs = [0] * VIEWS
        self._places = [0] * VIEWS
        self._outputs = [0] * MIXERS

    def code(self, coder: Coder, symbol: int = 0) -> int:
        """Code one symbol and learn it. A reader's ``symbol`` plays no role."""
        tree, rank, node = self._tree, self._tree.ranks[symbol], 0
        self._hashes = self._history.hashes()
        self._ended = [False] * VIEWS
        third = self._weights(_LAST_SETS + self._history.last)
        while node >= 0:
            first = self._weights(self._look_up(node))
            second = self._weights(_NODE_SETS + node)
            one = self._mix(first, second, third)
            bit = coder.code(one, 1 if rank >= tree.cuts[node] else 0)
            self._learn(bit, first, second, third)
            node = tree.right[node] if bit else tree.left[node]
        found = tree.order[-1 - node]
        self._history.add(found)
        return found

    def _look_up(self, node: int) -> int:
        """Find what is known of a node under each view; which set the first mixer uses."""
        salt, longest = NODE_SALTS[node], 0
        for view in range(VIEWS):
            key = self._hashes[view] ^ salt
            known = self._seen.get(key, _UNREAD)
            if known == _UNREAD:
                known = NEW if self._ended[view] else self._read_table(view, key)
            trust = known & TRUST_MASK
            if trust and view < WORD_VIEW:
                longest = view
            self._keys[view] = key
            self._known[view] = known
            self._inputs[view] = STRETCH[known >> PROBABILITY_SHIFT]
            self._places[view] = view * TRUSTS + trust
        words = self._known[WORDS_VIEW] & TRUST_MASK > 0
        word = self._known[WORD_VIEW] & TRUST_MASK > 0
        return longest + 8 * words + 16 * word

    def _read_table(self, view: int, key: int) -> int:
        """What the table knows under a key. Where it knows nothing, it knows no node below."""
        slot, check = slot_of(key)
        checks = self._table.checks
        if checks[slot] != check:
            slot ^= 1
            if checks[slot] != check:
                self._ended[view] = True
                return NEW
        return self._starts[view * STATES + self._table.states[slot]]

    def _weights(self, number: int) -> list[int]:
        """A set of weights of this stream, at first as in the table."""
        weights = self._sets.get(number)
        if weights is None:
            start = number * WEIGHTS_PER_SET
            stored = self._table.weights[start : start + WEIGHTS_PER_SET]
            weights = [weight << STORED_WEIGHT_SHIFT for weight in stored]
            self._sets[number] = weights
        return weights

    def _mix(self, first: list[int], second: list[int], third: list[int]) -> int:
        """The probability of a one, from three mixers with these weights."""
        one = two = three = 0
        for view in range(VIEWS):
            value = self._inputs[view]
            if value:
                place = self._places[view]
                one += value * first[place]
                two += value * second[place]
                three += value * third[place]
        self._outputs = [_stretch_of(one), _stretch_of(two), _stretch_of(three)]
        return SQUASH[sum(self._outputs) // MIXERS + STRETCH_ZERO]

    def _learn(self, bit: int, first: list[int], second: list[int], third: list[int]) -> None:
        """What came, to the mixers and to all that is known of this node."""
        steps = [
            ((bit << PROBABILITY_BITS) - SQUASH[output + STRETCH_ZERO]) * self._learn_rate
            for output in self._outputs
        ]
        one, two, three = steps
        whole = PROBABILITY_MAX if bit else 0
        for view in range(VIEWS):
            value = self._inputs[view]
            if value:
                place = self._places[view]
                first[place] += value * one + LEARN_HALF >> LEARN_SHIFT
                second[place] += value * two + LEARN_HALF >> LEARN_SHIFT
                third[place] += value * three + LEARN_HALF >> LEARN_SHIFT
            known = self._known[view]
            low, likely = known & LOW_MASK, known >> LOW_BITS
            likely += (whole - likely) * RATES[low] >> PROBABILITY_BITS
            self._seen[self._keys[view]] = likely << LOW_BITS | GROWN[low]


def _stretch_of(total: int) -> int:
    """A weighted sum as a stretch within its limits."""
    stretch = total >> WEIGHT_SHIFT
    if stretch > STRETCH_MAX:
        return STRETCH_MAX
    return stretch if stretch > -STRETCH_MAX else -STRETCH_MAX


@cache
def starting_points(table: Table) -> list[int]:
    """For each view and state of the table what is known at first."""
    points: list[int] = []
    for view in range(VIEWS):
        for state in range(STATES):
            trust = state >> STATE_SHIFT
            low = SEEN_BEFORE[trust] << TRUST_BITS | trust + 1
            points.append(table.starts[view * STATES + state] << LOW_BITS | low)
    return points
