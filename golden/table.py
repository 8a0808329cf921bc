"""The alphabet of tokens and the symbol table: from normalized counts or a slot list to entries.

Everything here is normative (``docs/format.md``, "Tables"); which counts and which slots are *good* is the business
of `golden.tune`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .config import MAX_BINS, MAX_RAW_BITS, MAX_RUN, MAX_TABLE_LOG
from .errors import ConfigError, FormatError

__all__ = ["Alphabet", "Entry", "Table", "spread"]


class Entry(NamedTuple):
    """What the symbol table yields for a state: ``next state = base | (nbits bits of the stream)``."""

    run: int  #: zero weights before the value
    value: int  #: the value u; the weight is ``(u << s) + r``
    nbits: int  #: bits to read, 0 to R
    base: int  #: next state with its low ``nbits`` bits zero


@dataclass(frozen=True)
class Alphabet:
    """The tokens of a table, in the order in which the counts travel.

    A token (run, value) stands for ``run`` zero weights, then one ``value``; it covers ``run + 1`` weights. They are
    ordered by run, then by value. Value 0 occurs only with run ``max_run - 1``: that token is "M zeros".

    Parameters
    ----------
    half : int
        Largest magnitude of a weight, ``(bins - 1) / 2``, 1 to 127.
    raw_bits : int
        s, 0 to 7. A weight is ``(u << s) + r``: u is the token's value, r follows as s plain bits.
    max_run : int
        M, 1 to 16; 1 unless ``raw_bits`` is 0.
    """

    half: int
    raw_bits: int = 0
    max_run: int = 1

    def __post_init__(self):
        if not 1 <= self.half <= MAX_BINS // 2:
            raise ConfigError(f"half must be 1 to {MAX_BINS // 2}, not {self.half!r}")
        if not 0 <= self.raw_bits <= MAX_RAW_BITS:
            raise ConfigError(f"raw bits must be 0 to {MAX_RAW_BITS}, not {self.raw_bits!r}")
        if not 1 <= self.max_run <= MAX_RUN:
            raise ConfigError(f"max run must be 1 to {MAX_RUN}, not {self.max_run!r}")
        if self.raw_bits and self.max_run > 1:
            raise ConfigError(f"max run must be 1 where there are raw bits, not {self.max_run}")

    @property
    def value_min(self) -> int:
        """The least u."""
        return -self.half >> self.raw_bits

    @property
    def value_max(self) -> int:
        """The greatest u."""
        return self.half >> self.raw_bits

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.max_run * (self.value_max - self.value_min) + 1

    @cached_property
    def tokens(self) -> tuple[tuple[int, int], ...]:
        """All (run, value), in order."""
        return tuple((r, u) for r in range(self.max_run) for u in range(self.value_min, self.value_max + 1)
                     if u != 0 or r == self.max_run - 1)

    @cached_property
    def index(self) -> dict[tuple[int, int], int]:
        """Token number by (run, value)."""
        return {token: i for i, token in enumerate(self.tokens)}


def spread(counts) -> list[int]:
    """Spread tokens over the slots by smooth weighted round robin: the rule that the hardware loader runs.

    Each token has a credit, at first 0. For each slot in turn every credit grows by its token's count, the token with
    the greatest credit (the first of them in a tie) gets the slot, and its credit drops by the number of slots. After
    the last slot each token has as many slots as its count says. Additions and comparisons only.

    Parameters
    ----------
    counts : sequence of int
        Counts of the tokens, none negative; their sum is the number of slots L.

    Returns
    -------
    list of int
        The token number of each of the L slots.
    """
    present = [i for i, count in enumerate(counts) if count]
    step = [counts[i] for i in present]
    total = sum(step)
    credit = [0] * len(present)
    slots = []
    for _ in range(total):
        credit = [c + s for c, s in zip(credit, step)]
        best = credit.index(max(credit))
        credit[best] -= total
        slots.append(present[best])
    return slots


@dataclass(frozen=True)
class Table:
    """A symbol table: an alphabet, normalized counts, and the slots where they are not the spread's.

    Parameters
    ----------
    alphabet : Alphabet
    table_log : int
        R; there are ``L = 2 ** R`` slots.
    counts : tuple of int
        One per token of the alphabet; 0 for a token that does not occur. They sum to L.
    slots : tuple of int or None
        Token number of each slot; ``None`` where `spread` of the counts says it.

    Raises
    ------
    FormatError
        If the counts do not sum to L, or the slots disagree with the counts.
    """

    alphabet: Alphabet
    table_log: int
    counts: tuple[int, ...]
    slots: tuple[int, ...] | None = None

    def __post_init__(self):
        size = 1 << self.table_log
        if not 1 <= self.table_log <= MAX_TABLE_LOG:
            raise FormatError(f"table log must be 1 to {MAX_TABLE_LOG}, not {self.table_log!r}")
        if len(self.counts) != self.alphabet.size:
            raise FormatError(f"a table of {self.alphabet.size} tokens needs as many counts, not {len(self.counts)}")
        if min(self.counts) < 0 or sum(self.counts) != size:
            raise FormatError(f"counts must sum to the {size} slots of the table, not to {sum(self.counts)}")
        if self.slots is not None:
            found = [0] * len(self.counts)
            for token in self.slots:
                if not 0 <= token < len(found):
                    raise FormatError(f"slot list names token {token} of {len(found)}")
                found[token] += 1
            if tuple(found) != tuple(self.counts):
                raise FormatError("slot list must hold each token as often as its count says")

    @cached_property
    def slot_tokens(self) -> tuple[int, ...]:
        """Token number of each of the L slots."""
        return self.slots if self.slots is not None else tuple(spread(self.counts))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The L entries, by state."""
        return tuple(self.each_entry())

    def each_entry(self):
        """The L entries, by state, one after the other: nothing of them is kept.

        The k-th slot of a token of count f stands for ``y = f + k``: ``nbits = R - floor(log2 y)``,
        ``base = (y << nbits) - L``.
        """
        turn = list(self.counts)
        for token in self.slot_tokens:
            y = turn[token]
            turn[token] += 1
            nbits = self.table_log - (y.bit_length() - 1)
            run, value = self.alphabet.tokens[token]
            yield Entry(run, value, nbits, (y << nbits) - (1 << self.table_log))
