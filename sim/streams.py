"""Streams for the tests: seeded weights, tables that fit them, everything else as asked for."""

from dataclasses import dataclass

import numpy as np

from golden.codec import encode
from golden.config import Config
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from golden.tokens import histogram, split_lanes
from golden.tune import normalize, spread_tuned

__all__ = ["Layer", "alphabets", "make_stream"]


@dataclass(frozen=True)
class Layer:
    """A segment to be made.

    Parameters
    ----------
    weights : int
    alphabet : Alphabet
    scale : float
        Of the Laplacian that the weights are drawn from, in steps; 0: all weights are zero.
    restart : bool
        Whether the lanes start afresh here, and at each of the pieces.
    listed : bool
        Whether the table travels with a tuned slot list, or by its counts alone.
    pieces : int
        Segments that it is cut into, which share its table; no more than it has weights.
    """

    weights: int
    alphabet: Alphabet
    scale: float
    restart: bool = False
    listed: bool = False
    pieces: int = 1


def alphabets(config: Config) -> list[Alphabet]:
    """The alphabets at the corners of what a decoder of this configuration takes, as far as they fit its tables."""
    halves = sorted({1, (config.half + 1) // 2, config.half})
    runs = sorted({1, 2, config.max_run} & set(range(1, config.max_run + 1)))
    corners = [Alphabet(half, 0, run) for half in halves for run in runs]
    corners += [Alphabet(half, raw) for half in halves for raw in sorted({config.raw_bits, (config.raw_bits + 1) // 2})
                if raw]
    return [alphabet for alphabet in dict.fromkeys(corners) if alphabet.size <= config.slots]


def make_stream(config: Config, layers, seed: int = 0) -> tuple[Stream, list[np.ndarray]]:
    """A stream of seeded weights with one table per layer.

    Parameters
    ----------
    config : Config
    layers : sequence of Layer
        The first restarts whatever it says.
    seed : int

    Returns
    -------
    tuple of (Stream, list of int8 arrays)
        The stream, and the weights of each segment.
    """
    random = np.random.default_rng(seed)
    weights, tables, segments = [], [], []
    for number, layer in enumerate(layers):
        values = random.laplace(0, layer.scale, layer.weights) if layer.scale else np.zeros(layer.weights)
        values = np.clip(np.rint(values), -layer.alphabet.half, layer.alphabet.half).astype(np.int8)
        pieces = np.array_split(values, layer.pieces)
        sequences = [lane for piece in pieces for lane in split_lanes(piece, config.lanes, config.vector)]
        frequencies = histogram(sequences, layer.alphabet)
        counts = normalize(frequencies, config.table_log)
        slots = tuple(spread_tuned(counts, frequencies)) if layer.listed else None
        tables.append(Table(layer.alphabet, config.table_log, tuple(counts), slots))
        weights += pieces
        segments += [Segment(len(piece), number, layer.restart or number + place == 0)
                     for place, piece in enumerate(pieces)]
    words = encode(config, tables, segments, weights)
    return Stream(config, tuple(tables), tuple(segments), words), weights
