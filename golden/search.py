"""Tables better than normalized counts and the spread: the tuned spread, and local searches on the exact rate."""

from itertools import islice

import numpy as np

from .normalize import coding_cost
from .rate import exact_rate, forecast, rates, settled
from .table import Table

__all__ = ["search", "search_counts", "spread_tuned", "spreads"]

_TRIES = 256  # slot lists looked at in a round
_BEST = 16  # of them are looked at twice
_AHEAD = 12  # steps of the chain at the second look
_REACH = 4  # the two places of a change are at most this part of the slots apart
_HEAT = 0.003  # of what the rate exceeds the entropy by: how much worse a list may be at first and yet be taken
_MOVES = 32  # moves of one slot from token to token tried together in a round
_PATIENCE = 12  # rounds without gain
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


def spreads(counts) -> np.ndarray:
    """The `golden.table.spread` of several counts at once.

    Parameters
    ----------
    counts : ndarray of int
        Shape (B, T), of one sum L.

    Returns
    -------
    ndarray
        Token numbers, int64, shape (B, L).
    """
    present = np.flatnonzero(counts.any(axis=0))
    step = counts[:, present]
    total = int(step[0].sum())
    row = np.arange(len(step))
    never = np.where(step > 0, 0, -(1 << 40))
    credit = np.zeros_like(step)
    slots = np.empty((len(step), total), dtype=np.int64)
    for slot in range(total):
        credit += step
        taken = np.argmax(credit + never, axis=1)
        credit[row, taken] -= total
        slots[:, slot] = taken
    return present[slots]


def search(table: Table, frequencies, seed: int, rounds: int) -> Table:
    """Look for a slot list of a lower exact rate, from the table's own or the tuned spread, the better of the two.

    Simulated annealing. Each round draws 256 changes: exchanges of two near slots, slots that go over to the token of a
    near slot, slots that move to a near place. What each does to the rate is forecast, first roughly, for the 16 most
    promising again; the best of these is taken if it is better, and the more rarely if it is not the worse it is and
    the later in the search.

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
    start = min(table, tuned, key=lambda candidate: exact_rate(candidate, frequencies))
    if np.count_nonzero(probabilities) == 1:
        return start
    chain = best = settled(np.array(start.slot_tokens), np.array(start.counts), probabilities)
    heat = _HEAT * max(chain.rate - coding_cost(probabilities, probabilities), 0.0)
    for turn in range(rounds):
        chain = _changed(chain, probabilities, random, heat * (1 - turn / rounds))
        if chain.rate < best.rate - _GAIN:
            best = chain
    found = Table(table.alphabet, table.table_log, tuple(best.counts.tolist()), tuple(best.slots.tolist()))
    return min(start, found, key=lambda candidate: exact_rate(candidate, frequencies))


def _changed(chain, probabilities, random, heat):
    """The chain after the best of some changes, or the same one if that is too bad."""
    tried = _changes(chain.slots, random)
    counts = _count(tried, len(probabilities))
    whole = ((counts > 0) | (probabilities == 0)).all(axis=1) & (tried != chain.slots).any(axis=1)
    if not whole.any():
        return chain
    tried, counts = tried[whole], counts[whole]
    first = np.argsort(forecast(chain, tried, counts, probabilities, 1), kind="stable")[:_BEST]
    rate_of = forecast(chain, tried[first], counts[first], probabilities, _AHEAD)
    taken = int(np.argmin(rate_of - heat * random.exponential(size=len(first))))
    if rate_of[taken] > chain.rate - _GAIN + heat * random.exponential():
        return chain
    return settled(tried[first[taken]], counts[first[taken]], probabilities, chain)


def _changes(slots, random):
    """Slot lists after an exchange of two slots (every other), after one has gone over, or moved: (B, L)."""
    size = len(slots)
    here = random.integers(0, size, _TRIES)
    away = (size / _REACH) ** random.random(_TRIES)  # near ones most often
    there = (here + away.astype(int) * random.choice([-1, 1], _TRIES)) % size
    kind = random.integers(0, 4, _TRIES)
    places = np.repeat(np.arange(size)[None], _TRIES, axis=0)
    row = np.arange(_TRIES)
    moves = kind == 3
    low, high = np.minimum(here, there)[moves, None], np.maximum(here, there)[moves, None]
    up = (here < there)[moves, None]
    at = places[moves]
    rolled = np.where(up, np.where(at == high, low, at + 1), np.where(at == low, high, at - 1))
    places[moves] = np.where((at >= low) & (at <= high), rolled, at)
    places[row[~moves], here[~moves]] = there[~moves]
    exchange = kind < 2
    places[row[exchange], there[exchange]] = here[exchange]
    return slots[places]


def _count(slots, tokens):
    """Counts of the tokens in several slot lists: (B, T)."""
    lists = len(slots)
    keys = slots + np.arange(lists)[:, None] * tokens
    return np.bincount(keys.reshape(-1), minlength=lists * tokens).reshape(lists, tokens)


def search_counts(table: Table, frequencies, rounds: int) -> Table:
    """Look for counts whose spread, by the rule of the format, has a lower exact rate: no slot list is needed.

    Tabu search. Each round tries the 32 moves of one slot from a token to another that cost least in ideal coding, of
    those to counts not yet tried, and goes on from the best of them, better or not.

    Parameters
    ----------
    table : Table
        Without a slot list.
    frequencies : sequence of number
        How often each token of the alphabet occurs, shape (alphabet.size,).
    rounds : int
        The most rounds; it ends after 12 without gain.

    Returns
    -------
    Table
        Without a slot list; never of a higher rate than the one given.
    """
    probabilities = np.asarray(frequencies, dtype=np.float64)
    probabilities = probabilities / probabilities.sum()
    counts = best = np.array(table.counts)
    least, gained = exact_rate(table, frequencies), 0
    seen = {counts.tobytes()}
    for turn in range(rounds):
        fresh = (candidate for candidate in _moves(counts, probabilities) if candidate.tobytes() not in seen)
        tried = list(islice(fresh, _MOVES))
        if not tried or turn - gained > _PATIENCE:
            break
        seen.update(candidate.tobytes() for candidate in tried)
        rate_of = rates(spreads(np.array(tried)), np.array(tried), probabilities, _STEPS)
        counts = tried[int(np.argmin(rate_of))]
        if rate_of.min() < least - _GAIN:
            best, least, gained = counts, rate_of.min(), turn
    found = Table(table.alphabet, table.table_log, tuple(best.tolist()))
    return min(table, found, key=lambda candidate: exact_rate(candidate, frequencies))


def _moves(counts, probabilities):
    """Counts after each move of a slot between two tokens that occur, those that cost least in ideal coding first."""
    present = np.flatnonzero(probabilities)
    weight = probabilities[present]
    given = np.where(counts[present] > 1, -weight * np.log2(1 - 1 / np.maximum(counts[present], 2)), np.inf)
    cost = given[:, None] - weight * np.log2(1 + 1 / counts[present])
    np.fill_diagonal(cost, np.inf)
    for move in np.argsort(cost, axis=None, kind="stable")[:np.isfinite(cost).sum()]:
        giver, taker = divmod(int(move), len(present))
        candidate = counts.copy()
        candidate[present[giver]] -= 1
        candidate[present[taker]] += 1
        yield candidate
