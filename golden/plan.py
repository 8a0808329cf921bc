"""The encoder's choices for a network: table log, max run and raw bits per layer, who shares a table, segments.

All are made by predicted size: the exact rate of each table times its tokens, raw bits, the tables' records in the
header, and what a span costs to start and to flush. Where V > 1, fewer tokens are faster, too: `golden.share` charges
for cycles. A smaller table is smaller hardware, in every lane or ring; so of the table logs whose cost is within 0.05 %
of the least one, the smallest is taken.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .config import MAX_BINS, MAX_RAW_BITS, MAX_TABLE_LOG, Config
from .errors import ConfigError, InputError
from .share import CYCLE_BITS, Group, Rules, choose, share
from .stream import Segment, spans_of
from .table import Alphabet, Table
from .tokens import histograms, split_lanes
from .tune import fit

__all__ = ["Plan", "cut", "plan"]

LEAST_TABLE_LOG = 5  #: where the choice of a table log begins
SMALLER_TABLE = 0.0005  #: by what part a stream may be larger than the smallest one, for a smaller table log
NEAR_LOG = 0.01  #: by what part streams of two table logs may differ in ideal coding, for the exact rate to decide
NEAR_OPTION = 0.003  #: by what part options of a table may
RUNS = (1, 2, 4, 8, 16)  #: the max runs to choose from


@dataclass(frozen=True)
class Plan:
    """What the encoder needs besides the weights.

    Parameters
    ----------
    config : Config
    tables : tuple of Table
    segments : tuple of Segment
        Of all tensors in order; a tensor without elements has none.
    bits : float
        Predicted size of the words and of the tables' records.
    """

    config: Config
    tables: tuple[Table, ...]
    segments: tuple[Segment, ...]
    bits: float


def plan(tensors, *, lanes=8, vector=1, word_bits=32, preload=None, spare=0, table_log=None, max_run=None,
         raw_bits=None, search_rounds=0, restart_every=1 << 17, table_log_limit=10, own_tables=False,
         own_spans=False, progress=False) -> Plan:
    """Choose configuration, tables and segments for a network.

    Parameters
    ----------
    tensors : dict of str to ndarray of integers or Stored
        The quantized layers in stream order, weights within -127..127, any shape. They are read one at a time.
    spare : int
        Words of preload beyond the least, where ``preload`` is ``None``: a decoder whose lanes take a token in each
        cycle waits less for words with one. They cost no bits.
    lanes, vector, word_bits, preload : int
        N, V, W and P, as `Config` has them; P ``None`` is the least.
    table_log : int or None
        R; ``None`` chooses from 5 to ``table_log_limit``: the smallest whose cost is within 0.05 % of the least.
    max_run : int or None
        M of every layer without raw bits; ``None`` chooses 1, 2, 4, 8 or 16 per layer. Beside a fixed M > 1 a layer
        gets raw bits only where its tokens do not fit the table otherwise.
    raw_bits : int or None
        s of every layer; ``None`` chooses per layer.
    search_rounds : int
        Rounds of the searches on the exact rate, per table; 0 for none.
    restart_every : int
        K: a longer layer is cut into segments of K weights (rounded up to whole beats), and a span ends with the
        segment that brings it to K weights; 0 for one span and no cuts.
    table_log_limit : int
        The largest R to choose.
    own_tables : bool
        Whether each layer gets a table of its own: the words get smaller, the stream as a whole larger.
    own_spans : bool
        Whether each layer begins a span, so that it can be decoded by itself.
    progress : bool
        Whether to show a progress bar on a terminal.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If a tensor does not hold integers within -127..127, or no tensor holds a weight.
    ConfigError
        If a parameter is out of range, or a layer's tokens fit no table that is allowed.
    """
    layers = _layers(tensors)
    base, most_bits, logs = _hardware(lanes, vector, word_bits, preload, table_log, raw_bits, table_log_limit)
    Alphabet(1, raw_bits or 0, 1 if max_run is None else max_run)
    if restart_every < 0:
        raise ConfigError(f"restart every must be 0 or a number of weights, not {restart_every}")
    chunk = -(-restart_every // base.beat_weights) * base.beat_weights
    bar = tqdm(layers.items(), "plan", disable=None if progress else True)
    singles = [_measure(number, name, np.asarray(tensor).reshape(-1), base, chunk, max_run, raw_bits)
               for number, (name, tensor) in enumerate(bar)]
    sizes = [math.prod(tensor.shape) for tensor in layers.values()]
    spans = len(spans_of(cut(sizes, [0] * len(sizes), chunk, own_spans)))
    rules = [Rules(log, most_bits - log, vector, first_fit=(max_run or 1) > 1) for log in logs]
    shared = _share_near(singles, rules, own_tables, progress)
    if not shared:
        raise ConfigError(f"the tokens of every layer must fit a table of {1 << logs[-1]} slots")
    lane_ends = spans * lanes * (word_bits - 1) / 2  # on average half a word at the end
    with tqdm(total=sum(len(groups) for _, groups in shared), desc="tables",
              disable=None if progress and search_rounds else True) as bar:
        choices = [_fit(groups, rules, search_rounds, lane_ends + spans * lanes * rules.table_log, bar)
                   for rules, groups in shared]
    least = min(choice.cost for choice in choices)
    best = next(choice for choice in choices if choice.cost <= (1 + SMALLER_TABLE) * least)
    table_of = {layer: number for number, group in enumerate(best.groups) for layer in group.layers}
    alphabets = [table.alphabet for table in best.tables]
    config = replace(base, preload=preload, table_log=best.tables[0].table_log,
                     max_run=max(a.max_run for a in alphabets), raw_bits=max(a.raw_bits for a in alphabets),
                     bins=2 * max(a.half for a in alphabets) + 1)
    if preload is None:
        config = replace(config, preload=config.least_preload + spare)
    segments = cut(sizes, [table_of[i] for i in range(len(sizes))], chunk, own_spans)
    return Plan(config, best.tables, segments, best.bits)


class _Choice(NamedTuple):
    """One table log with all that follows from it."""

    cost: float
    bits: float
    groups: list
    tables: tuple


def _layers(tensors):
    """The tensors that hold weights, by name."""
    tensors = {name: tensor if hasattr(tensor, "dtype") else np.asarray(tensor) for name, tensor in tensors.items()}
    layers = {name: tensor for name, tensor in tensors.items() if math.prod(tensor.shape)}
    if not layers:
        raise InputError("a network must hold at least one weight, not 0")
    for name, weights in layers.items():
        if weights.dtype.kind not in "iu":
            raise InputError(f"weights of {name} must be integers, not {weights.dtype}")
    return layers


def _hardware(lanes, vector, word_bits, preload, table_log, raw_bits, limit):
    """A valid configuration with the least table log, the most bits that a token may take, the table logs to try."""
    if table_log is None and not 1 <= limit <= MAX_TABLE_LOG:
        raise ConfigError(f"table log limit must be a whole number from 1 to {MAX_TABLE_LOG}, not {limit!r}")
    logs = list(range(min(LEAST_TABLE_LOG, limit), limit + 1)) if table_log is None else [table_log]
    base = Config(lanes=lanes, vector=vector, word_bits=word_bits, preload=preload, table_log=logs[0],
                  raw_bits=raw_bits or 0)
    most_bits = word_bits if preload is None else min(word_bits, (preload - 1) * word_bits // vector)
    return base, most_bits, [log for log in logs if log + (raw_bits or 0) <= most_bits]


def _measure(number, name, weights, config, chunk, max_run, raw_bits):
    """One layer as a group, with its histogram for every option that the request allows."""
    low, high = int(weights.min()), int(weights.max())
    half = max(1, -low, high)
    if half > MAX_BINS // 2:
        limit = MAX_BINS // 2
        raise InputError(f"weights of {name} must be {-limit} to {limit}, not {low if -low == half else high}")
    raws = [s for s in range(MAX_RAW_BITS + 1) if half >> s] if raw_bits is None else [raw_bits]
    runs = RUNS if max_run is None else (max_run,)
    options = list(dict.fromkeys((s, 1 if s else m) for s in raws for m in runs))
    sequences = [weights] if max(runs) == 1 else (
        sequence for start in range(0, len(weights), chunk or len(weights))
        for sequence in split_lanes(weights[start:start + (chunk or len(weights))], config.lanes, config.vector))
    found = histograms(sequences, [Alphabet(half, *option) for option in options])
    return Group((number,), half, len(weights), dict(zip(options, found)))


def _share_near(singles, rules, own_tables, progress):
    """The groups by table log, as pairs (rules, groups), without the table logs that ideal coding finds too dear."""
    chosen = [(rule, [choose(group, rule) for group in singles]) for rule in rules]
    chosen = [(rule, groups) for rule, groups in chosen if all(group.option for group in groups)]
    if own_tables or not chosen:
        return _near(chosen, lambda group: group.cost)
    # Sharing can save no more than the records.
    chosen = _near(chosen, lambda group: group.cost - group.record, lambda group: group.cost)
    bar = tqdm(chosen, "share", disable=None if progress else True)
    return _near([(rule, share(groups, rule)) for rule, groups in bar], lambda group: group.cost)


def _near(chosen, floor, cost=None):
    """Those pairs whose groups' floors together are nearly as low as the least cost, or lower."""
    least = min((sum(map(cost or floor, groups)) for _, groups in chosen), default=0.0)
    return [(rule, groups) for rule, groups in chosen if sum(map(floor, groups)) <= (1 + NEAR_LOG) * least]


def _settle(group, rules):
    """The group with the best by exact rate of those options that ideal coding finds nearly equal."""
    near = [choose(group, rules, [option]) for option in group.frequencies]
    near = [choice for choice in near if choice.cost <= (1 + NEAR_OPTION) * group.cost]
    if rules.first_fit or len(near) < 2:
        return group

    def cost(choice):
        bits = fit(choice.alphabet(), choice.frequencies[choice.option], rules.table_log)[1]
        return bits + choice.option[0] * choice.weights + CYCLE_BITS * choice.cycles(rules.vector)

    return min(near, key=cost)


def _fit(groups, rules, rounds, span_bits, bar):
    """The tables of the groups, and what all of it costs."""
    bits, cycles, tables = span_bits, 0.0, []
    groups = [_settle(group, rules) for group in groups]
    for group in groups:
        table, table_bits = fit(group.alphabet(), group.frequencies[group.option], rules.table_log, rounds)
        tables.append(table)
        bits += table_bits + group.option[0] * group.weights
        cycles += group.cycles(rules.vector)
        bar.update()
    return _Choice(bits + CYCLE_BITS * cycles, bits, groups, tuple(tables))


def cut(sizes, tables, chunk: int, own_spans: bool = False) -> tuple[Segment, ...]:
    """Cut layers into segments of at most ``chunk`` weights, and end each span as soon as it holds that many.

    Parameters
    ----------
    sizes, tables : sequence of int
        Weights and number of the table of each layer, in order.
    chunk : int
        Weights, a whole number of beats; 0 for no cuts and one span.
    own_spans : bool
        Whether each layer begins a span.

    Returns
    -------
    tuple of Segment
    """
    segments, held = [], 0
    for size, table in zip(sizes, tables):
        for start in range(0, size, chunk or size or 1):
            weights = min(chunk or size, size - start)
            restart = not segments or 0 < chunk <= held or (own_spans and start == 0)
            held = weights if restart else held + weights
            segments.append(Segment(weights, table, restart))
    return tuple(segments)
