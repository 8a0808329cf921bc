"""Random networks for the tests of codec and container: configuration, tables, segments and weights from one seed."""

from typing import NamedTuple

import numpy as np

from golden import scalar
from golden.config import WORD_BITS, Config
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table
from golden.tokens import histogram, split_lanes


class Case(NamedTuple):
    """What an encoder is given."""

    config: Config
    tables: tuple
    segments: tuple
    weights: list

    def stream(self):
        """The stream, by the scalar encoder."""
        return Stream(self.config, self.tables, self.segments, scalar.encode(*self))


def laplacian(rng, half, count, scale):
    """Clipped Laplacian weights, int64."""
    return np.clip(np.round(rng.laplace(0, scale, count)), -half, half).astype(np.int64)


def table_for(rng, alphabet, table_log, sequences):
    """A table with random counts that has a slot for every token of the sequences, by spread or by a random slot list.

    ``None`` where there are more tokens than slots.
    """
    present = np.flatnonzero(histogram(sequences, alphabet))
    spare = (1 << table_log) - len(present)
    if spare < 0:
        return None
    counts = np.zeros(alphabet.size, dtype=int)
    counts[present] = 1 + rng.multinomial(spare, rng.dirichlet(np.full(len(present), 0.5)))
    slots = None
    if rng.integers(2):
        slots = tuple(rng.permutation(np.repeat(np.arange(alphabet.size), counts)).tolist())
    return Table(alphabet, table_log, tuple(counts.tolist()), slots)


def random_config(rng):
    """Any valid configuration."""
    while True:
        table_log, raw_bits = int(rng.integers(1, 13)), int(rng.choice([0, 0, 1, 3, 7]))
        word_bits = int(rng.choice(WORD_BITS))
        if table_log + raw_bits <= word_bits:
            break
    lanes, vector = int(rng.choice([1, 2, 3, 8, 64])), int(rng.choice([1, 1, 2, 3, 8]))
    least = Config(lanes=lanes, vector=vector, word_bits=word_bits, table_log=table_log, raw_bits=raw_bits).preload
    preload = None if rng.integers(2) else least + int(rng.integers(0, 5))
    return Config(lanes=lanes, vector=vector, word_bits=word_bits, preload=preload, table_log=table_log,
                  max_run=int(rng.choice([1, 1, 2, 5, 16])), raw_bits=raw_bits, bins=255)


def random_case(seed, config=None, most=400):
    """One to five segments of random alphabets and sizes, some of which restart the lanes."""
    rng = np.random.default_rng(seed)
    config = config or random_config(rng)
    tables, segments, weights = [], [], []
    for number in range(int(rng.integers(1, 6))):
        half, count = int(rng.choice([1, 2, 7, 31, 127])), int(rng.integers(1, most + 1))
        s = int(rng.integers(0, config.raw_bits + 1))
        alphabet = Alphabet(half, s, 1 if s else int(rng.integers(1, config.max_run + 1)))
        values = laplacian(rng, half, count, half * rng.random() / 2 + 0.01)
        if rng.integers(5) == 0:
            values[:] = values[0]
        table = table_for(rng, alphabet, config.table_log, split_lanes(values, config.lanes, config.vector))
        if table is None:
            values = np.zeros(count, dtype=np.int64)
            table = table_for(rng, alphabet, config.table_log, split_lanes(values, config.lanes, config.vector))
        tables.append(table)
        segments.append(Segment(count, number, number == 0 or rng.integers(3) == 0))
        weights.append(values)
    return Case(config, tuple(tables), tuple(segments), weights)
