"""Interleaved rANS of weights with byte renormalization (Giesen 2014): the golden coder of `RansDecoder`.

A state x is 24 bits, 2^16 <= x < 2^24. Probabilities are counts of n bits. K states take turns, weight by weight, and
share one sequence of bytes in the order in which the decoder takes them: at most two for each weight.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from golden.normalize import normalize

__all__ = ["LOW", "STATE_BITS", "RansModel", "decode", "encode"]

STATE_BITS = 24
LOW = 1 << STATE_BITS - 8  #: the least state between two weights


@dataclass(frozen=True)
class RansModel:
    """Counts of the weights -half .. half.

    Parameters
    ----------
    half : int
    log : int
        n: the counts add up to 2 ** n, 1 to 12.
    counts : tuple of int
        Of each weight in order.
    """

    half: int
    log: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, weights, half: int, log: int) -> "RansModel":
        """The best counts for these weights."""
        found = np.bincount(np.asarray(weights).astype(np.int64) + half, minlength=2 * half + 1)
        return cls(half, log, tuple(int(count) for count in normalize(found, log)))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The sum of the counts before each weight."""
        return tuple(int(total) for total in np.cumsum((0, *self.counts[:-1])))

    @property
    def symbols(self) -> list[int]:
        """For each slot, 0 .. 2 ** n - 1, the number of its weight."""
        return [symbol for symbol, count in enumerate(self.counts) for _ in range(count)]


def encode(weights, model: RansModel, states: int) -> np.ndarray:
    """Weights to 32-bit words: one word for each of the start states, then the bytes."""
    symbols = (np.asarray(weights).astype(np.int64) + model.half).tolist()
    xs, taken = [LOW] * states, []
    for i in range(len(symbols) - 1, -1, -1):
        count, start, x = model.counts[symbols[i]], model.starts[symbols[i]], xs[i % states]
        most = count << STATE_BITS - model.log
        while x >= most:
            taken.append(x & 255)
            x >>= 8
        xs[i % states] = (x // count << model.log) + x % count + start
    tail = bytes(-len(taken) % 4 + 8)
    return np.append(np.array(xs, dtype="<u4"), np.frombuffer(bytes(reversed(taken)) + tail, dtype="<u4"))


def decode(words, model: RansModel, states: int, count: int) -> tuple[np.ndarray, list[int]]:
    """The weights, int8, and the end states, which are all `LOW` if nothing went wrong."""
    words = np.asarray(words, dtype="<u4")
    xs, taken = words[:states].tolist(), iter(words[states:].tobytes())
    symbols, mask = model.symbols, (1 << model.log) - 1
    weights = np.empty(count, dtype=np.int8)
    for i in range(count):
        x = xs[i % states]
        symbol = symbols[x & mask]
        x = model.counts[symbol] * (x >> model.log) + (x & mask) - model.starts[symbol]
        while x < LOW:
            x = x << 8 | next(taken)
        xs[i % states] = x
        weights[i] = symbol - model.half
    return weights, xs
