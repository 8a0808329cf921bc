"""Canonical, length-limited Huffman coding of weights: the golden coder of `HuffmanDecoder`.

The weights go to C streams in turn, as in Huff0, so that a decoder of C pipeline stages has C independent codes to work
on. All streams share one sequence of 16-bit units in the order in which the decoder needs them: two units of each
stream, then one for each unit boundary that a code reaches, in the order of the weights.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["ENTRY_BITS", "LENGTH_BITS", "UNIT_BITS", "HuffmanCode", "code_lengths", "decode", "encode"]

LENGTH_BITS = 5
ENTRY_BITS = LENGTH_BITS + 8  #: of an entry of the decoder's table
UNIT_BITS = 16  #: what a stream takes at a time, and the longest code


def code_lengths(frequencies, limit: int) -> tuple[int, ...]:
    """The best code lengths of at most ``limit`` bits, by package-merge (Larmore and Hirschberg 1990).

    Parameters
    ----------
    frequencies : sequence of int
        How often each symbol occurs; one that does not gets no code, length 0.
    limit : int
        Bits, 1 to 16.

    Raises
    ------
    ValueError
        If there are more symbols than codes of that length.
    """
    used = [symbol for symbol, frequency in enumerate(frequencies) if frequency]
    if not used or len(used) > 1 << limit:
        raise ValueError(f"codes of {limit} bits must serve 1 to {1 << limit} symbols, not {len(used)}")
    lengths = [0] * len(frequencies)
    if len(used) == 1:
        lengths[used[0]] = 1
        return tuple(lengths)
    coins = sorted((frequencies[symbol], (symbol,)) for symbol in used)
    row = coins
    for _ in range(limit - 1):
        packages = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2])]
        row = sorted(coins + packages)
    for _, symbols in row[:2 * len(used) - 2]:
        for symbol in symbols:
            lengths[symbol] += 1
    return tuple(lengths)


@dataclass(frozen=True)
class HuffmanCode:
    """A canonical code of weights -half .. half.

    Parameters
    ----------
    half : int
    lengths : tuple of int
        Bits of the code of each weight in order, 0 for one that has none.
    """

    half: int
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, weights, half: int, limit: int) -> "HuffmanCode":
        """The best code for these weights."""
        counts = np.bincount(np.asarray(weights).astype(np.int64) + half, minlength=2 * half + 1)
        return cls(half, code_lengths(counts.tolist(), limit))

    @property
    def longest(self) -> int:
        """Bits of the longest code."""
        return max(self.lengths)

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The code of each weight, its first bit lowest."""
        codes, code, before = [0] * len(self.lengths), 0, 0
        for length, symbol in sorted((length, symbol) for symbol, length in enumerate(self.lengths) if length):
            code <<= length - before
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code, before = code + 1, length
        return tuple(codes)

    def table(self, room: int) -> list[tuple[int, int]]:
        """(length, weight) for each number that the next ``room`` bits can be, the first bit lowest."""
        if self.longest > room:
            raise ValueError(f"codes must have at most {room} bits, not {self.longest}")
        table = [(1, 0)] * (1 << room)
        for symbol, (length, code) in enumerate(zip(self.lengths, self.codes)):
            if length:
                for rest in range(1 << room - length):
                    table[code | rest << length] = (length, symbol - self.half)
        return table

    def entries(self, room: int) -> list[int]:
        """`table` as numbers: the length, and above it the weight in two's complement."""
        return [length | (weight & 255) << LENGTH_BITS for length, weight in self.table(room)]


def _units(lengths, codes, wanted):
    """The first ``wanted`` units of one stream: codes one after the other, zeros after the last."""
    ends = np.cumsum(lengths)
    bits = np.zeros(max(int(ends[-1]) if len(ends) else 0, 0) + UNIT_BITS * 3, dtype=np.uint8)
    for place in range(int(lengths.max(initial=0))):
        inside = place < lengths
        bits[(ends - lengths)[inside] + place] = codes[inside] >> place & 1
    packed = np.packbits(bits[:len(bits) // UNIT_BITS * UNIT_BITS], bitorder="little").view("<u2")
    return np.append(packed, np.zeros(max(0, wanted - len(packed)), dtype=packed.dtype))[:wanted]


def encode(weights, code: HuffmanCode, streams: int) -> np.ndarray:
    """Weights to 32-bit words.

    Parameters
    ----------
    weights : ndarray of integers
    code : HuffmanCode
        Has a code for each of them.
    streams : int
        C, the streams that take turns.
    """
    symbols = np.asarray(weights).astype(np.int64) + code.half
    lengths, codes = np.array(code.lengths)[symbols], np.array(code.codes)[symbols]
    wanted = np.empty(len(symbols), dtype=np.int64)  # the unit that each code makes its stream ask for, or -1
    units = []
    for stream in range(streams):
        ends = np.cumsum(lengths[stream::streams])
        before, after = (ends - lengths[stream::streams]) // UNIT_BITS, ends // UNIT_BITS
        wanted[stream::streams] = np.where(after > before, after + 1, -1)
        units.append(_units(lengths[stream::streams], codes[stream::streams], int(after[-1]) + 2 if len(ends) else 2))
    turn = np.flatnonzero(wanted >= 0)
    owner = turn % streams
    later = np.empty(len(turn), dtype=np.uint16)
    for stream in range(streams):
        later[owner == stream] = units[stream][wanted[turn[owner == stream]]]
    ordered = [np.array([units[stream][i] for i in range(2) for stream in range(streams)], dtype=np.uint16), later]
    ordered = np.concatenate(ordered)
    ordered = np.append(ordered, np.zeros(len(ordered) % 2 + 2, dtype=np.uint16))
    return ordered.astype("<u2").view("<u4")


def decode(words, code: HuffmanCode, streams: int, count: int) -> np.ndarray:
    """The weights, int8, code by code, as the hardware does it."""
    units = iter(np.asarray(words, dtype="<u4").view("<u2").tolist())
    held = [next(units) for _ in range(streams)]
    held = [low | next(units) << UNIT_BITS for low in held]
    used = [0] * streams
    table, mask = code.table(code.longest), (1 << code.longest) - 1
    weights = np.empty(count, dtype=np.int8)
    for i in range(count):
        stream = i % streams
        length, weights[i] = table[held[stream] >> used[stream] & mask]
        used[stream] += length
        if used[stream] >= UNIT_BITS:
            used[stream] -= UNIT_BITS
            held[stream] = held[stream] >> UNIT_BITS | next(units) << UNIT_BITS
    return weights
