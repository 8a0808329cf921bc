"""The bits that the lanes of many spans hold while they are decoded together.

A word is taken apart into units of U = min(W, 32) bits, so that a lane's next bits are found in two neighbouring units
held in one 64-bit number. The chains of a reservoir are the lanes of its spans: chain = span * N + lane.
"""

import numpy as np

from .errors import FormatError

__all__ = ["Supply", "reservoir"]


class Supply:
    """Hands out the words of every span in order, and zeros after the last.

    Parameters
    ----------
    config : Config
    words : list of ndarray
        Per span its words, as `golden.stream.Stream` holds them.
    """

    def __init__(self, config, words):
        width = min(config.word_bits, 32)
        group = config.word_bits // width
        zero = np.zeros((1, group), dtype=np.int64)
        parts = []
        for span in words:
            units = np.ascontiguousarray(span).view(f"<u{width // 8}")
            parts += [units.reshape(-1, group).astype(np.int64), zero]
        self.data = np.concatenate(parts)
        lengths = np.array([len(span) for span in words], dtype=np.int64)
        self.next = np.cumsum(lengths + 1) - (lengths + 1)
        self.end = self.next + lengths
        self.span = np.repeat(np.arange(len(words)), config.lanes)
        self.numbers = np.arange(len(self.span) * config.preload)

    def take(self, chains):
        """One word, as units, for each of the chains; these in ascending order, repeats allowed: shape (n, units)."""
        span = self.span.take(chains)
        count = np.bincount(span, minlength=len(self.next))
        self.next += count
        place = (self.next - np.cumsum(count)).take(span)
        place += self.numbers[:len(place)]
        np.minimum(place, self.end.take(span), out=place)
        return self.data.take(place, axis=0)

    def check_used(self):
        """Raise a `FormatError` where words of a span are left."""
        left = np.flatnonzero(self.next < self.end)
        if len(left):
            number = int((self.end - self.next)[left[0]])
            raise FormatError(f"a span leaves {number} of its words unused")


def reservoir(config, supply):
    """A reservoir for the chains of a supply, its words preloaded."""
    paired = config.vector == 1 and config.preload == 2 and config.word_bits <= 32
    return (_Pair if paired else _Ring)(config, supply)


class _Pair:
    """One token per beat, two words per lane: both words are one number, from which the lane reads at a position."""

    def __init__(self, config, supply):
        self.supply = supply
        self.width = config.word_bits
        chains = len(supply.span)
        words = supply.take(np.repeat(np.arange(chains), 2))[:, 0]
        self.bits = words[::2] | words[1::2] << self.width
        self.word = np.zeros(chains, dtype=np.int64)  # number of the word that a lane reads from
        self.position = np.zeros(chains, dtype=np.int64)  # bits read since the start of that word

    def window(self, chains):
        """The next bits of some chains (a slice or an index array), first bit lowest: at least R + s of them."""
        return self.bits[chains] >> self.position[chains]

    def skip(self, chains, counts):
        """Count bits as read."""
        self.position[chains] += counts

    def read(self, chains):
        """How many bits some chains have read so far."""
        return self.word[chains] * self.width + self.position[chains]

    def refill(self, active):
        """At the end of a beat: new words for those of the first ``active`` chains that reached a word boundary."""
        position = self.position[:active]
        chains = (position >= self.width).nonzero()[0]
        if len(chains):
            np.bitwise_and(position, self.width - 1, out=position)
            self.word[chains] += 1
            kept = self.bits.take(chains) >> self.width & (1 << self.width) - 1
            self.bits[chains] = kept | self.supply.take(chains)[:, 0] << self.width


class _Ring:
    """Any configuration: each lane's words in a ring of its own, word number k in place k modulo a power of two."""

    def __init__(self, config, supply):
        self.supply = supply
        self.preload = config.preload
        self.unit_log = min(config.word_bits, 32).bit_length() - 1
        self.word_log = config.word_bits.bit_length() - 1
        self.group = config.word_bits >> self.unit_log
        self.places = 1 << (config.preload - 1).bit_length()
        chains = len(supply.span)
        self.ring = np.zeros((chains, self.places, self.group), dtype=np.int64)
        words = supply.take(np.repeat(np.arange(chains), self.preload))
        self.ring[:, :self.preload] = words.reshape(chains, self.preload, self.group)
        self.units = self.ring.reshape(-1)
        self.base = np.arange(chains) * (self.places * self.group)
        self.word = np.zeros(chains, dtype=np.int64)
        self.position = np.zeros(chains, dtype=np.int64)

    def window(self, chains):
        """As `_Pair.window`."""
        position, base, last = self.position[chains], self.base[chains], self.places * self.group - 1
        unit = self.word[chains] * self.group + (position >> self.unit_log)
        low, high = self.units.take(base + (unit & last)), self.units.take(base + (unit + 1 & last))
        return (low | high << (1 << self.unit_log)) >> (position & (1 << self.unit_log) - 1)

    def skip(self, chains, counts):
        """As `_Pair.skip`."""
        self.position[chains] += counts

    def read(self, chains):
        """As `_Pair.read`."""
        return (self.word[chains] << self.word_log) + self.position[chains]

    def refill(self, active):
        """As `_Pair.refill`."""
        position = self.position[:active]
        reached = position >> self.word_log
        chains = reached.nonzero()[0]
        if len(chains):
            counts = reached.take(chains)
            each = np.repeat(chains, counts)
            turn = np.arange(len(each)) - np.repeat(np.cumsum(counts) - counts, counts)
            place = self.word.take(each) + turn + self.preload & self.places - 1
            self.ring[each, place] = self.supply.take(each)
            self.word[chains] += counts
            np.bitwise_and(position, (1 << self.word_log) - 1, out=position)
