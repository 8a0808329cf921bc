"""Weights to words, for the lanes of many spans at once: the encoder behind `golden.codec`.

Every lane of every span is a chain of tokens of its own. Two passes over the tokens of all chains, step by step: from
the last step to the first, the states; from the first to the last, the bits into units of at most 32 bits. A look-up
``code[row << R | state]`` yields, for the token that ``row`` stands for, all there is to know of one step:

    bits 0..11 state before the token, 12..16 bits of its field, 17..20 nbits, 21..32 the nbits bits
"""

from dataclasses import dataclass, field

import numpy as np

from .errors import InputError
from .stream import word_dtype
from .tokens import split_lanes, tokenize

__all__ = ["encode_block"]

_STATE = (1 << 12) - 1
_CHUNK = 64  # steps whose fields are laid out at a time


@dataclass
class _Chain:
    """The tokens of one lane in one span, in pieces: one per segment."""

    rows: list = field(default_factory=list)  #: rows of the code table
    raws: list = field(default_factory=list)  #: raw bits, or None
    beats: list = field(default_factory=list)  #: where the tokens' beats are found
    counts: list = field(default_factory=list)  #: number of tokens

    @property
    def steps(self):
        return sum(self.counts)


def encode_block(config, spans) -> list[np.ndarray]:
    """Encode some spans.

    Parameters
    ----------
    config : Config
    spans : list of list of (Table, integer array)
        Per span, per segment, its table and its weights.

    Returns
    -------
    list of ndarray
        Per span its words in need order.
    """
    codes = _Codes(config.table_log)
    chains = [chain for span in spans for chain in _chains(config, codes, span)]
    order = np.argsort([-chain.steps for chain in chains], kind="stable")
    rows, raws = _matrix(chains, order)
    steps = np.array([chain.steps for chain in chains])[order]
    entries, states = _walk_back(codes.array(), config.table_log, rows, steps)
    chain, step, unit, rest = _lay_bits(config, entries, raws, steps, states)
    return _need_order(config, chains, order[chain], step, unit, rest[np.argsort(order)])


class _Codes:
    """The look-ups of all tables of a block, one row of L entries per token that occurs in a table."""

    def __init__(self, table_log):
        self.table_log = table_log
        self.parts = []
        self.size = 0
        self.rows = {}

    def rows_of(self, table):
        """The row of each token of a table, -1 for one that has no slot."""
        if id(table) not in self.rows:
            present = np.flatnonzero(table.counts)
            rows = np.full(len(table.counts), -1, dtype=np.int32)
            rows[present] = np.arange(self.size, self.size + len(present))
            self.rows[id(table)] = rows
            self.parts.append(_code(table, present))
            self.size += len(present)
        return self.rows[id(table)]

    def array(self):
        return np.concatenate(self.parts).reshape(-1)


def _code(table, present):
    """The look-ups of one table: int64, shape (tokens present, L)."""
    size, log = 1 << table.table_log, table.table_log
    slots = np.argsort(np.array(table.slot_tokens), kind="stable")
    counts = np.array(table.counts, dtype=np.int64)
    first_slot = np.cumsum(counts) - counts
    code = np.empty((len(present), size), dtype=np.int64)
    y = np.arange(size, 2 * size)
    for row, token in zip(code, present.tolist()):
        count = int(counts[token])
        most = log + 1 - count.bit_length()
        nbits = np.where(y >> most >= count, most, max(most - 1, 0))
        before = slots[first_slot[token] + (y >> nbits) - count]
        row[:] = before | nbits + table.alphabet.raw_bits << 12 | nbits << 17 | (y & (1 << nbits) - 1) << 21
    return code


def _chains(config, codes, span):
    """The chains of one span, lane by lane."""
    chains = [_Chain() for _ in range(config.lanes)]
    beat = 0
    for table, weights in span:
        rows_of = codes.rows_of(table)
        alphabet = table.alphabet
        for chain, sequence in zip(chains, split_lanes(weights, config.lanes, config.vector)):
            tokens = tokenize(sequence, alphabet)
            rows = rows_of[tokens.index]
            if len(rows) and rows.min() < 0:
                run, value = alphabet.tokens[tokens.index[rows.argmin()]]
                raise InputError(f"token (run {run}, value {value}) of the weights has no slot in its table")
            chain.rows.append(rows)
            chain.raws.append(tokens.raw.astype(np.uint8) if alphabet.raw_bits else None)
            chain.beats.append(_Beats(beat, config.vector, tokens if alphabet.max_run > 1 else None))
            chain.counts.append(len(rows))
        beat += -(-len(weights) // config.beat_weights)
    return chains


class _Beats:
    """The beats of the tokens of one chain in one segment, found when they are asked for."""

    def __init__(self, start, vector, tokens):
        self.start = start
        self.vector = vector
        self.first = None if tokens is None else tokens.first.astype(np.uint32)

    def __call__(self, steps):
        """The beats of the tokens of these numbers, counted in the segment."""
        return self.start + (steps if self.first is None else self.first[steps].astype(np.int64)) // self.vector


def _matrix(chains, order):
    """Rows and raw bits of all tokens, shape (chains, steps), the chains in the given order; raw bits may be None."""
    width = (max(chain.steps for chain in chains) + 15) // 16
    shape = len(chains), 16 * (width | 1)  # an odd number of cache lines: columns are read, too
    rows = np.empty(shape, dtype=np.int32)
    raws = None
    if any(raw is not None for chain in chains for raw in chain.raws):
        raws = np.zeros(shape, dtype=np.uint8)
    for place, number in enumerate(order.tolist()):
        chain, step = chains[number], 0
        for piece, raw in zip(chain.rows, chain.raws):
            rows[place, step:step + len(piece)] = piece
            if raw is not None:
                raws[place, step:step + len(piece)] = raw
            step += len(piece)
        chain.rows = chain.raws = None
    return rows, raws


def _runs(steps):
    """Ranges of steps in which the same chains are at work: (first, past-the-last, chains), at most a chunk long.

    ``steps`` says how many steps each chain has, in falling order, so that the chains at work are the first ones.
    """
    ends = np.unique(np.concatenate([steps, np.arange(0, steps[0], _CHUNK), [0]]))
    active = np.searchsorted(-steps, -ends[:-1], side="left")
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), active.tolist()))


def _walk_back(code, table_log, rows, steps):
    """The encoder's states, from the last step to the first.

    Returns the look-ups, shape (steps, chains), and the start state of each chain.
    """
    entries = np.empty((int(steps[0]), len(rows)), dtype=np.int64)
    states = np.zeros(len(rows), dtype=np.int64)
    index = np.empty(len(rows), dtype=np.int64)
    for first, last, active in reversed(_runs(steps)):
        base = rows[:active, first:last].T.astype(np.int64, order="C") << table_log
        state, place = states[:active], index[:active]
        for step in range(last - 1, first - 1, -1):
            entry = entries[step, :active]
            np.add(base[step - first], state, out=place)
            code.take(place, out=entry, mode="clip")
            np.bitwise_and(entry, _STATE, out=state)
    return entries, states


def _lay_bits(config, entries, raws, steps, states):
    """Lay each chain's bits into units of U = min(W, 32) bits.

    Returns, for every unit boundary that a read reaches, its chain, its step (-1 for the start state) and the unit that
    ends there, in the order of the steps; and the last, partial unit of each chain.
    """
    width = min(config.word_bits, 32)
    group = min(width // config.token_bits, 8)  # tokens laid down at once: no more bits than a unit
    held, fill = np.zeros_like(states), np.zeros_like(states)
    start = np.full((1, 1, len(states)), config.table_log)
    found = [_lay_run(width, held, fill, start, states.reshape(1, 1, -1), -1)]
    for first, last, active in _runs(steps):
        counts, bits = _fields(entries, raws, first, last, active, group)
        found.append(_lay_run(width, held[:active], fill[:active], counts, bits, first))
    chain, step, unit = (np.concatenate(parts) for parts in zip(*found))
    return chain, step, unit.astype(f"<u{width // 8}"), held


def _fields(entries, raws, first, last, active, group):
    """Lengths and bits of the fields of some steps: shape (groups, tokens per group, chains), zeros at the end."""
    steps = last - first
    chunk = np.zeros((steps + -steps % group, active), dtype=np.int64)
    chunk[:steps] = entries[first:last, :active]
    counts, bits = chunk >> 12 & 31, chunk >> 21
    if raws is not None:
        bits[:steps] |= raws[:active, first:last].T.astype(np.int64) << (chunk[:steps] >> 17 & 15)
    return counts.reshape(-1, group, active), bits.reshape(-1, group, active)


def _lay_run(width, held, fill, counts, bits, first):
    """Lay down the fields of some steps from step ``first`` on; update ``held`` and ``fill``, give the crossings."""
    group = counts.shape[1]
    field, total = bits[:, 0], counts[:, 0].copy()
    for token in range(1, group):
        field |= bits[:, token] << total
        total += counts[:, token]
    moved = np.empty_like(held)
    places, chains, units, fills = [], [], [], []
    for place in range(len(field)):
        np.left_shift(field[place], fill, out=moved)
        np.bitwise_or(held, moved, out=held)
        np.add(fill, total[place], out=fill)
        chain = (fill >= width).nonzero()[0]
        if len(chain):
            unit = held.take(chain)
            places.append(place)
            chains.append(chain)
            units.append(unit)
            fills.append(fill.take(chain))
            held[chain] = unit >> width
            np.bitwise_and(fill, width - 1, out=fill)
    if not places:
        return (np.zeros(0, dtype=np.int64),) * 3
    place = np.repeat(places, [len(chain) for chain in chains])
    chain, unit, after = np.concatenate(chains), np.concatenate(units), np.concatenate(fills)
    step = first + place * group  # which token of its group it was that reached the boundary
    reached = after - total[place, chain]
    for token in range(group - 1):
        reached += counts[place, token, chain]
        step += reached < width
    return chain, step, unit


def _need_order(config, chains, chain, step, unit, rest):
    """The words of each span in need order, from the crossings of `_lay_bits` and the last units."""
    group = max(config.word_bits // 32, 1)  # units per word
    order = np.argsort(chain.astype(np.uint16) if len(chains) <= 1 << 16 else chain, kind="stable")
    chain, step, unit = chain[order], step[order], unit[order]
    crossings = np.bincount(chain, minlength=len(chains))
    rank = np.arange(len(chain)) - np.repeat(np.cumsum(crossings) - crossings, crossings)
    room = (crossings // group + 1 + config.preload) * group
    start = np.cumsum(room) - room
    units = np.zeros(int(room.sum()), dtype=unit.dtype)
    units[start[chain] + rank] = unit
    units[start + crossings] = rest
    words = units.view(word_dtype(config.word_bits)).reshape(-1, 2 if config.word_bits == 128 else 1)
    whole = np.flatnonzero(rank % group == group - 1)  # the crossings that end a word
    chain, step, rank = chain[whole], step[whole], rank[whole]
    beat = _beats(chains, chain, step)
    asked = words[start[chain] // group + rank // group + config.preload]
    spans, preload = [], start[:, None] // group + np.arange(config.preload)
    bounds = np.searchsorted(chain, np.arange(0, len(chains) + 1, config.lanes))
    for span, (first, last) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist())):
        turn = np.argsort(beat[first:last] * config.lanes + chain[first:last] % config.lanes, kind="stable")
        lanes = slice(span * config.lanes, (span + 1) * config.lanes)
        sequence = np.concatenate([words[preload[lanes].reshape(-1)], asked[first:last][turn]])
        stored = np.flatnonzero(sequence.any(axis=1))
        sequence = sequence[:stored[-1] + 1 if len(stored) else 0]
        spans.append(sequence if config.word_bits == 128 else sequence[:, 0])
    return spans


def _beats(chains, chain, step):
    """The beat of each crossing, counted over its span from 1, 0 for the start state; sorted by chain, then by step."""
    beats = np.zeros(len(chain), dtype=np.int64)
    bounds = np.searchsorted(chain, np.arange(len(chains) + 1)).tolist()
    for owner, first, last in zip(chains, bounds[:-1], bounds[1:]):
        mine, offset = step[first:last], 0
        for piece, count in zip(owner.beats, owner.counts):
            low, high = np.searchsorted(mine, [offset, offset + count])
            beats[first + low:first + high] = 1 + piece(mine[low:high] - offset)
            offset += count
    return beats
