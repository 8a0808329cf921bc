"""Which option (raw bits, max run) a layer takes, and which layers share a table.

Options compete by size, and by speed at a low price: a lane cycle costs as much as 0.02 bits. In one cycle a lane looks
up a token and hands out V weights, so a token of n weights takes it ceil(n / V) cycles. For V = 1 all options are
equally fast. For V > 1 longer runs mean fewer tokens and so fewer cycles, up to M = V: beyond, a token takes as many
cycles as the shorter tokens that would stand in its place, and the least M wins unless a greater one saves bits. The
price is such that with V = 8, at 0.6 bits per weight, M = 8 (5.6 weights per cycle) instead of M = 4 (3.4) may cost
0.4 % of the size.
"""

import heapq
import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .normalize import coding_cost, normalize
from .table import Alphabet, Table
from .tokens import token_columns, token_lengths, token_numbers
from .tune import record_bits

__all__ = ["CYCLE_BITS", "Group", "Rules", "choose", "share"]

CYCLE_BITS = 0.02  #: what a lane cycle is charged in bits: speed counts, but far less than size


@dataclass(frozen=True)
class Rules:
    """What the choices must keep to.

    Parameters
    ----------
    table_log : int
        R.
    most_raw_bits : int
        The most raw bits that a token may have.
    vector : int
        V.
    first_fit : bool
        Whether the first option whose tokens fit the table is taken, not the cheapest.
    """

    table_log: int
    most_raw_bits: int
    vector: int
    first_fit: bool = False


@dataclass(frozen=True, eq=False)
class Group:
    """Layers that share a table.

    Parameters
    ----------
    layers : tuple of int
        Their numbers.
    half : int
        Largest magnitude of their weights.
    weights : int
        Number of their weights.
    frequencies : dict of (int, int) to ndarray
        For each option (raw bits, max run), the histogram of their tokens.
    option : tuple of int or None
        The option chosen; ``None`` before, and where no option's tokens fit the table.
    cost : float
        Estimate of what the group costs with it, in bits: tokens by ideal coding, raw bits, record, `cycles`.
    record : int
        Bits of the table's record therein.
    """

    layers: tuple[int, ...]
    half: int
    weights: int
    frequencies: dict
    option: tuple[int, int] | None = None
    cost: float = float("inf")
    record: int = 0

    @cached_property
    def least(self) -> float:
        """Entropy of the tokens of the option chosen, and their raw bits."""
        return _entropy(self.frequencies[self.option]) + self.option[0] * self.weights

    def alphabet(self, option=None) -> Alphabet:
        """The alphabet of an option, or of the one chosen."""
        return Alphabet(self.half, *(option or self.option))

    def cycles(self, vector: int, option=None) -> float:
        """Cycles of all lanes together: in one, a lane takes a token and hands out V weights."""
        option = option or self.option
        return float(self.frequencies[option] @ -(-token_lengths(self.alphabet(option)) // vector))


def choose(group: Group, rules: Rules, options=None) -> Group:
    """The group with the option that costs least, of all its options or of those given."""
    best = replace(group, option=None, cost=float("inf"))
    for option in group.frequencies if options is None else options:
        frequencies = group.frequencies[option]
        if option[0] > rules.most_raw_bits or np.count_nonzero(frequencies) > 1 << rules.table_log:
            continue
        counts = normalize(frequencies, rules.table_log)
        record = record_bits(Table(group.alphabet(option), rules.table_log, counts))
        cost = (coding_cost(frequencies, counts) + option[0] * group.weights + record
                + CYCLE_BITS * group.cycles(rules.vector, option))
        if cost < best.cost:
            best = replace(group, option=option, cost=cost, record=record)
        if rules.first_fit:
            break
    return best


def share(groups, rules: Rules) -> list[Group]:
    """Merge groups, the most profitable pair first, as long as one table for two costs less than two tables.

    Parameters
    ----------
    groups : list of Group
        Each with its option chosen.
    rules : Rules

    Returns
    -------
    list of Group
        In the order of their first layers.
    """
    alive = dict(enumerate(groups))
    numbers = itertools.count(len(groups))
    heap = []

    def propose(i, j):
        merged = _merged(alive[i], alive[j], rules, whole=False)
        if merged is not None:
            gain = alive[i].cost + alive[j].cost - merged.cost
            if gain > 0:  # The histograms of all pairs would be far more than those of all groups: they are dropped.
                heapq.heappush(heap, (-gain, i, j))

    for i in alive:
        for j in range(i):
            propose(i, j)
    while heap:
        _, i, j = heapq.heappop(heap)
        if i in alive and j in alive:
            merged = _merged(alive[i], alive[j], rules)
            del alive[i], alive[j]
            others = list(alive)
            new = next(numbers)
            alive[new] = merged
            for other in others:
                propose(new, other)
    return sorted(alive.values(), key=lambda group: group.layers)


def _merged(a, b, rules, whole=True):
    """The two groups as one, or None where a look at the entropies says that it does not pay. Unless it is whole, it
    has histograms of those options alone that may pay."""
    half = max(a.half, b.half)
    options = sorted({a.option, b.option} & set(a.frequencies) & set(b.frequencies))
    paying = []
    for option in options:
        parts = [_widened(group, option, half) for group in (a, b)]
        loss = _entropy(parts[0] + parts[1]) - (a.least + b.least) + option[0] * (a.weights + b.weights)
        if loss < min(a.record, b.record):
            paying.append(option)
    if not paying:
        return None
    frequencies = {option: _widened(a, option, half) + _widened(b, option, half)
                   for option in (a.frequencies if whole else paying) if option in b.frequencies}
    return choose(Group(tuple(sorted(a.layers + b.layers)), half, a.weights + b.weights, frequencies), rules, paying)


def _widened(group, option, half):
    """A group's histogram over the alphabet of a half that may be larger than its own."""
    frequencies = group.frequencies[option]
    if half == group.half:
        return frequencies
    wide = Alphabet(half, *option)
    widened = np.zeros(wide.size, dtype=np.int64)
    widened[token_numbers(*token_columns(group.alphabet(option)), wide)] = frequencies
    return widened


def _entropy(frequencies):
    """Shannon entropy of all the tokens together, in bits."""
    return coding_cost(frequencies, frequencies)
