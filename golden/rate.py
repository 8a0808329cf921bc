"""The exact rate of a table: what its tANS coder takes per token, by the stationary distribution of the state.

The encoder's state is a Markov chain with L states when tokens are independent. The decoder's entry of slot x leads to
the states ``base .. base + 2 ** nbits - 1``; so the encoder comes to x, with x's token, from just these. One step of
the chain is therefore a difference of two partial sums per slot, and the rate is the mean of nbits.

For a search, `settled` also finds what each state costs later: its potential. With both at hand, `forecast` needs few
steps to tell the rate of a slot list that differs little, as an error in the states' distribution and the difference
of the lists multiply (the performance difference of Markov decision processes, Cao, "Stochastic Learning and
Optimization", 2007, chapter 2).
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Chain", "exact_rate", "forecast", "rates", "settled"]

_FIRST_STEPS = 16  # of the first round; each round is twice as long as the one before
_MOST_STEPS = 1 << 14
_TOLERANCE = 1e-12
_MOST_ROUNDS = 32  # of 16 steps each, until a chain counts as settled all the same


@dataclass(frozen=True, eq=False)
class Chain:
    """The encoder's states under one slot list.

    Parameters
    ----------
    slots : ndarray of int
        Token number of each slot, shape (L,).
    counts : ndarray of int
        Counts of the tokens, shape (T,).
    state : ndarray
        How often each state occurs: float64, shape (L,), sums to 1.
    potential : ndarray
        Bits that the encoder will have spent in the long run from each state, more than from state 0: float64, (L,).
    rate : float
        Bits per token.
    """

    slots: np.ndarray
    counts: np.ndarray
    state: np.ndarray
    potential: np.ndarray
    rate: float


def settled(slots, counts, probabilities, near=None) -> Chain:
    """The chain of one slot list.

    Parameters
    ----------
    slots, counts, probabilities : ndarray
        Shapes (L,), (T,), (T,); positive probabilities only where counts are.
    near : Chain or None
        Of a slot list that differs little, to start from.

    Returns
    -------
    Chain
        A periodic chain has none of this in the strict sense; it gets what 512 steps come to.
    """
    nbits, base = _entries(slots[None], counts[None])
    chance = probabilities[slots][None]
    ends = base + (1 << nbits)
    state = (_first_state(len(slots)) if near is None else near.state)[None]
    for _ in range(_MOST_ROUNDS):
        state, last, _ = _steps(state, chance, base, ends, _FIRST_STEPS)
        if np.abs(state - last).max() < _TOLERANCE:
            break
    start = np.log2(1 + np.arange(len(slots)) / len(slots)) if near is None else near.potential
    potential = _potential(nbits[0], base[0], ends[0], chance[0], start)
    return Chain(slots, counts, state[0], potential, float(state[0] @ nbits[0]))


def _potential(nbits, base, ends, chance, potential):
    """What the states cost later, by value iteration: from a slot's interval the encoder comes to the slot."""
    size = len(potential)
    for _ in range(_MOST_ROUNDS * _FIRST_STEPS):
        cost = chance * (nbits + potential)
        cost = np.cumsum(np.bincount(base, cost, size + 1) - np.bincount(ends, cost, size + 1))[:size]
        cost -= cost[0]
        change = np.ptp(cost - potential)
        potential = cost
        if change < 100 * _TOLERANCE:
            break
    return potential


def forecast(chain: Chain, slots, counts, probabilities, steps: int) -> np.ndarray:
    """The rates of several slot lists that differ little from a chain's, the closer the more steps: float64, (B,).

    Parameters
    ----------
    chain : Chain
    slots, counts, probabilities : ndarray
        As for `rates`.
    steps : int
        1 or more; with 1 the error is of second order in the difference of the lists.
    """
    nbits, base = _entries(slots, counts)
    state = np.repeat(chain.state[None], len(slots), axis=0)
    state, last, _ = _steps(state, probabilities[slots], base, base + (1 << nbits), steps)
    return (state * (nbits + chain.potential)).sum(axis=1) - last @ chain.potential


def rates(slots, counts, probabilities, most_steps: int = _MOST_STEPS) -> np.ndarray:
    """The exact rates of several slot lists for tokens of the same probabilities.

    Parameters
    ----------
    slots : ndarray of int
        Token number of each slot, shape (B, L).
    counts : ndarray of int
        Counts of the tokens in each of the lists, shape (B, T).
    probabilities : ndarray of float
        Of the tokens, shape (T,); positive only where all counts are.
    most_steps : int
        A chain that has not settled after about so many steps, a periodic one say, is taken by its mean over the later
        half of them.

    Returns
    -------
    ndarray
        Bits per token, float64, shape (B,).
    """
    size = slots.shape[1]
    nbits, base = _entries(slots, counts)
    ends = base + (1 << nbits)
    chance = probabilities[slots]
    state = np.repeat(_first_state(size)[None], len(slots), axis=0)
    rate = np.zeros(len(slots))
    moving = np.arange(len(slots))
    steps = _FIRST_STEPS
    while len(moving) and steps <= most_steps:
        state, last, mean = _steps(state, chance[moving], base[moving], ends[moving], steps)
        found = (mean * nbits[moving]).sum(axis=1)
        settled = np.abs(state - last).max(axis=1) < _TOLERANCE
        found[settled] = (state * nbits[moving])[settled].sum(axis=1)
        still = ~settled & (np.abs(found - rate[moving]) >= _TOLERANCE)
        rate[moving] = found
        state, moving, steps = state[still], moving[still], 2 * steps
    return rate


def _first_state(size):
    """About how often the states occur whatever the slots."""
    state = 1 / np.arange(size, 2 * size)
    return state / state.sum()


def _steps(state, chance, base, ends, steps):
    """Steps of several chains: the states' distributions after the last and the last but one, and the mean of all."""
    sums = np.zeros((len(state), state.shape[1] + 1))
    rows = np.arange(len(state))[:, None] * sums.shape[1]
    base, ends = base + rows, ends + rows
    mean = np.zeros_like(state)
    for _ in range(steps):
        last = state
        np.cumsum(last, axis=1, out=sums[:, 1:])
        state = chance * (sums.take(ends) - sums.take(base))
        mean += state
    return state, last, mean / steps


def _entries(slots, counts):
    """nbits and base of each slot's entry, as `Table.entries` has them, for several lists: two (B, L) arrays."""
    size = slots.shape[1]
    order = np.argsort(slots.astype(np.int16), axis=1, kind="stable")  # 16 bits sort by radix
    tokens = np.take_along_axis(slots, order, axis=1)
    count = np.take_along_axis(counts, tokens, axis=1)
    start = np.take_along_axis(np.cumsum(counts, axis=1), tokens, axis=1) - count
    turn = np.empty_like(slots)
    np.put_along_axis(turn, order, count + np.arange(size) - start, axis=1)
    nbits = size.bit_length() - np.frexp(turn)[1]
    return nbits, (turn << nbits) - size


def exact_rate(table, frequencies) -> float:
    """Bits per token that the table takes for independent tokens of these frequencies, raw bits not counted.

    Parameters
    ----------
    table : Table
    frequencies : sequence of number
        How often each token of the table's alphabet occurs, shape (T,), not all zero.

    Returns
    -------
    float
        Infinite where a token that occurs has no slot.
    """
    frequencies = np.asarray(frequencies, dtype=np.float64)
    if ((frequencies > 0) & (np.array(table.counts) == 0)).any():
        return float("inf")
    slots = np.array([table.slot_tokens])
    return float(rates(slots, np.array([table.counts]), frequencies / frequencies.sum())[0])
