"""Tables better than normalized counts and the spread: the tuned spread, and local searches on the exact rate."""

import numpy as np

from .normalize import coding_cost
from .rate import exact_rate, rates
from .table import Table, spread

__all__ = ["search", "search_counts", "spread_tuned"]

_TRIES = 64  # slot lists tried together in a round
_REACH = 8  # slots between the two places of a move, at most
_MOVES = 32  # moves of one slot from token to token tried together in a round
_STEPS = 256  # enough to compare rates
_GAIN = 1e-9  # bits per token; less is no gain


def spread_tuned(counts, frequencies) -> list[int]:
    """Spread tokens over the slots by how often the encoder comes to each, most often first.

    The slots of all tokens are sorted by ``1 / (p ln((y + 1) / y))``, ``y = f .. 2 f - 1`` for a token of count f and
    true probability p: a low state costs fewer bits, so the slots that the encoder comes to most must be the first.

    Parameters
    ----------
    counts : sequence of int
        Counts of the tokens, shape (T,); they sum to L.
    frequencies : sequence of number
        How often each token occurs, shape (T,).

    Returns
    -------
    list of int
        The token number of each of the L slots.
    """
    counts = np.asarray(counts, dtype=np.int64)
    tokens = np.repeat(np.arange(len(counts)), counts)
    turn = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts) + counts[tokens]
    visits = np.asarray(frequencies, dtype=np.float64)[tokens] * np.log1p(1 / turn)
    return tokens[np.argsort(-visits, kind="stable")].tolist()


def search(table: Table, frequencies, seed: int, rounds: int) -> Table:
    """Look for a slot list of a lower exact rate, from the table's own or the tuned spread, the better of the two.

    Each round tries 64 changes, each either an exchange of two near slots or a slot that goes over to the token of a
    near slot, and keeps the best if it is better.

    Parameters
    ----------
    table : Table
    frequencies : sequence of number
        How often each token of the alphabet occurs, shape (alphabet.size,).
    seed : int
        Of the pseudo-random changes: the same seed gives the same table.
    rounds : int
        Number of rounds, 0 or more.

    Returns
    -------
    Table
        With a slot list, unless the table given is the best found; never of a higher rate than that.
    """
    probabilities = np.asarray(frequencies, dtype=np.float64)
    probabilities = probabilities / probabilities.sum()
    random = np.random.default_rng(seed)
    tuned = Table(table.alphabet, table.table_log, table.counts, tuple(spread_tuned(table.counts, frequencies)))
    best = min(table, tuned, key=lambda candidate: exact_rate(candidate, frequencies))
    slots = np.array(best.slot_tokens)
    rate = exact_rate(best, frequencies)
    for _ in range(rounds):
        tried = _changes(slots, random)
        counts = _count(tried, len(probabilities))
        whole = np.flatnonzero(((counts > 0) | (probabilities == 0)).all(axis=1))
        if len(whole):
            rate_of = rates(tried[whole], counts[whole], probabilities, _STEPS)
            least = int(np.argmin(rate_of))
            if rate_of[least] < rate - _GAIN:
                slots, rate = tried[whole[least]], rate_of[least]
    counts = _count(slots[None], len(probabilities))[0]
    found = Table(table.alphabet, table.table_log, tuple(counts.tolist()), tuple(slots.tolist()))
    return min(best, found, key=lambda candidate: exact_rate(candidate, frequencies))


def _changes(slots, random):
    """Slot lists that each differ from the given one by an exchange (two in three) or a slot that goes over: (B, L)."""
    size = len(slots)
    tried = np.repeat(slots[None], _TRIES, axis=0)
    row = np.arange(_TRIES)
    here = random.integers(0, size, _TRIES)
    there = (here + random.integers(1, _REACH + 1, _TRIES) * random.choice([-1, 1], _TRIES)) % size
    exchange = random.integers(0, 3, _TRIES) > 0
    tried[row, here] = slots[there]
    tried[row[exchange], there[exchange]] = slots[here[exchange]]
    return tried


def _count(slots, tokens):
    """Counts of the tokens in several slot lists: (B, T)."""
    lists = len(slots)
    keys = slots + np.arange(lists)[:, None] * tokens
    return np.bincount(keys.reshape(-1), minlength=lists * tokens).reshape(lists, tokens)


def search_counts(table: Table, frequencies, rounds: int) -> Table:
    """Look for counts whose spread, by the rule of the format, has a lower exact rate: no slot list, no larger record.

    Each round tries the 32 moves of one slot from a token to another that cost least in ideal coding, and keeps the
    best.

    Parameters
    ----------
    table : Table
        Without a slot list.
    frequencies : sequence of number
        How often each token of the alphabet occurs, shape (alphabet.size,).
    rounds : int
        The most rounds; it ends at the first without gain.

    Returns
    -------
    Table
        Without a slot list; never of a higher rate than the one given.
    """
    probabilities = np.asarray(frequencies, dtype=np.float64)
    probabilities = probabilities / probabilities.sum()
    counts = np.array(table.counts)
    rate = exact_rate(table, frequencies)
    for _ in range(rounds):
        tried = _moves(counts, probabilities)
        if not tried:
            break
        slots = np.array([spread(candidate.tolist()) for candidate in tried])
        rate_of = rates(slots, np.array(tried), probabilities, _STEPS)
        least = int(np.argmin(rate_of))
        if rate_of[least] > rate - _GAIN:
            break
        counts, rate = tried[least], rate_of[least]
    found = Table(table.alphabet, table.table_log, tuple(counts.tolist()))
    return min(table, found, key=lambda candidate: exact_rate(candidate, frequencies))


def _moves(counts, probabilities):
    """Counts after each of the best moves of a slot between two tokens that occur."""
    present = np.flatnonzero(probabilities)
    moved = []
    for giver in present[counts[present] > 1]:
        for taker in present[present != giver]:
            candidate = counts.copy()
            candidate[giver] -= 1
            candidate[taker] += 1
            moved.append(candidate)
    return sorted(moved, key=lambda candidate: coding_cost(probabilities, candidate))[:_MOVES]
