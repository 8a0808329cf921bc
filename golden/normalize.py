"""Frequencies to normalized counts, by exact coding cost."""

import heapq
import math

import numpy as np

from .errors import ConfigError

__all__ = ["coding_cost", "normalize"]


def coding_cost(frequencies, counts) -> float:
    """Bits that an ideal coder of probabilities ``counts / sum(counts)`` takes for tokens of these frequencies."""
    frequencies, counts = np.asarray(frequencies, dtype=float), np.asarray(counts, dtype=float)
    present = frequencies > 0
    return float(frequencies[present] @ (math.log2(counts.sum()) - np.log2(counts[present])))


def normalize(frequencies, table_log: int) -> tuple[int, ...]:
    """The counts that minimise the coding cost ``sum of f_i * -log2(c_i / L)``.

    The cost is convex in each count, so giving the slots one by one to the token that gains most from it is exact.
    Most of that is done at once: bisection finds a gain that all slots but a few reach; the few are given one by one.

    Parameters
    ----------
    frequencies : sequence of int
        How often each token occurs, none negative, at least one positive; shape (T,).
    table_log : int
        R; the counts sum to ``L = 2 ** R``.

    Returns
    -------
    tuple of int
        A count per token: at least 1 where the token occurs, 0 where it does not.

    Raises
    ------
    ConfigError
        If more tokens occur than there are slots, or none does.
    """
    frequencies = np.asarray(frequencies, dtype=np.float64)
    slots = 1 << table_log
    present = np.flatnonzero(frequencies > 0)
    if not 1 <= len(present) <= slots:
        raise ConfigError(f"a table of {slots} slots must have 1 to {slots} tokens that occur, not {len(present)}")
    weight = frequencies[present]
    counts = _most_slots(weight, slots)
    heap = [(-f * math.log2((c + 1) / c), i) for i, (f, c) in enumerate(zip(weight.tolist(), counts))]
    heapq.heapify(heap)
    for _ in range(slots - sum(counts)):
        i = heap[0][1]
        counts[i] += 1
        heapq.heapreplace(heap, (-float(weight[i]) * math.log2((counts[i] + 1) / counts[i]), i))
    full = [0] * len(frequencies)
    for i, count in zip(present.tolist(), counts):
        full[i] = count
    return tuple(full)


def _most_slots(weight, slots):
    """Counts after all steps that gain more than some bound: their sum is at most ``slots``, and near it."""
    low, high = 0.0, float(weight.max()) * 2
    counts = np.ones(len(weight))
    # The step to c gains about f / ((c - 1/2) ln 2), and c is to be near f's part of the slots.
    guess = float(weight.sum()) / (slots * math.log(2))
    guesses = [guess * (1 + len(weight) / slots), guess]
    for _ in range(60):
        bound = guesses.pop() if guesses else (low + high) / 2
        # The last step to gain f log2(c / (c - 1)) >= bound is that to c = 1 / (1 - 2 ** (-bound / f)).
        tried = np.maximum(1, np.floor(-1 / np.expm1(-math.log(2) * bound / weight)))
        if tried.sum() > slots:
            low = bound
            continue
        counts, high, guesses = tried, bound, []
        if slots - counts.sum() < len(weight):
            break
    return counts.astype(int).tolist()
