"""The binary decisions that lead to a symbol: common symbols take three, rare ones up to 20.

The symbols stand in a fixed order, letters beside their accented forms. Each inner node cuts a
run of them in two; nodes are numbered from the root, the left side before the right.
"""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.codec.textmodel.alphabet import SYMBOLS

NODES = SYMBOLS - 1


class Tree:
    """``order``: all 256 symbols. ``cuts``: for each node the rank at which its right side begins.

    Raises ValueError where these are no tree.
    """

    def __init__(self, order: bytes, cuts: bytes) -> None:
        if sorted(order) != list(range(SYMBOLS)) or len(cuts) != NODES:
            raise ValueError("no order of symbols")
        self.order = order
        self.cuts = cuts
        self.ranks = [0] * SYMBOLS
        for rank, symbol in enumerate(order):
            self.ranks[symbol] = rank
        # Where a 0 and a 1 lead: a node, or -1 less the rank of a symbol.
        self.left = [0] * NODES
        self.right = [0] * NODES
        self._branch()

    def _branch(self) -> None:
        runs = [(0, SYMBOLS)]
        for node in range(NODES):
            start, end = runs.pop()
            cut = self.cuts[node]
            if not start < cut < end:
                raise ValueError("no tree")
            self.left[node] = -1 - start if cut - start == 1 else node + 1
            self.right[node] = -1 - cut if end - cut == 1 else node + cut - start
            runs += [run for run in ((cut, end), (start, cut)) if run[1] - run[0] > 1]

    def path(self, symbol: int) -> list[tuple[int, int]]:
        """The nodes from the root to a symbol, and which way to go at each: 0 left, 1 right."""
        rank, node = self.ranks[symbol], 0
        steps: list[tuple[int, int]] = []
        while node >= 0:
            bit = int(rank >= self.cuts[node])
            steps.append((node, bit))
            node = self.right[node] if bit else self.left[node]
        return steps


def balanced(order: bytes, weights: Sequence[int]) -> Tree:
    """The tree that halves the weight of each run as evenly as it can."""
    cuts: list[int] = []
    runs = [(0, SYMBOLS)]
    while runs:
        start, end = runs.pop()
        whole, left, best = sum(weights[s] for s in order[start:end]), 0, (-1, 0)
        for cut in range(start + 1, end):
            left += weights[order[cut - 1]]
            uneven = abs(2 * left - whole)
            if best[0] < 0 or uneven < best[0]:
                best = (uneven, cut)
        cuts.append(best[1])
        runs += [run for run in ((best[1], end), (start, best[1])) if run[1] - run[0] > 1]
    return Tree(order, bytes(cuts))
