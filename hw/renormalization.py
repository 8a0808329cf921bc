"""Renormalization: which of the window's bits belong to the token at hand."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

__all__ = ["Renormalization"]


def _low_bits(value, count, width):
    """The low ``count`` bits of a value of ``width`` bits, ``count`` being a signal."""
    mask = 0
    for bit in range(width):
        mask |= (count > bit) << bit
    return value & mask


def _chosen(values, number):
    """The value of that number; beyond the last one any of them."""
    for bit in number:
        pairs = zip(values[::2], [*values[1::2], values[-1]])
        values = [Mux(bit, second, first) for first, second in pairs]
    return values[0]


class Renormalization(wiring.Component):
    """Splits the window into the state's bits and the raw bits. Combinational.

    Members
    -------
    window : In(R + s)
        The next bits of the lane.
    nbits : In(range(R + 1)), raw_bits : In(range(s + 1))
        The bits that the entry asks for, and the raw bits of the table.
    bits : Out(R), raw : Out(max(s, 1))
        The two fields.
    take : Out(range(R + s + 1))
        How many bits both have.
    parity : Out(1)
        With ``config.protect``: that of ``bits``.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "window": In(config.token_bits),
            "nbits": In(range(config.table_log + 1)),
            "raw_bits": In(range(config.raw_bits + 1)),
            "bits": Out(config.table_log),
            "raw": Out(max(config.raw_bits, 1)),
            "take": Out(range(config.token_bits + 1)),
            **({"parity": Out(1)} if config.protect else {}),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.d.comb += [
            self.bits.eq(_low_bits(self.window[:config.table_log], self.nbits, config.table_log)),
            self.take.eq(self.nbits + self.raw_bits),
        ]
        if config.protect:  # of each number of bits beforehand: the window is there before the entry is
            parities = [self.window[:count].xor() if count else 0 for count in range(config.table_log + 1)]
            m.d.comb += self.parity.eq(_chosen(parities, self.nbits))
        if config.raw_bits:
            m.d.comb += self.raw.eq(_low_bits(self.window >> self.nbits, self.raw_bits, config.raw_bits))
        return m
