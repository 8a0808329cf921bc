"""The exact rate of a table: what its tANS coder takes per token, by the stationary distribution of the state.

The encoder's state is a Markov chain with L states when tokens are independent. The decoder's entry of slot x leads to
the states ``base .. base + 2 ** nbits - 1``; so the encoder comes to x, with x's token, from just these. One step of
the chain is therefore a difference of two partial sums per slot, and the rate is the mean of nbits.
"""

import numpy as np

__all__ = ["exact_rate", "rates"]

_FIRST_STEPS = 16  # of the first round; each round is twice as long as the one before
_MOST_STEPS = 1 << 14
_TOLERANCE = 1e-12


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
    state = 1 / np.arange(size, 2 * size)
    state = np.repeat(state[None] / state.sum(), len(slots), axis=0)
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
    order = np.argsort(slots, axis=1, kind="stable")
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
