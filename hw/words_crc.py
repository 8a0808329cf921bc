"""The CRC-32 of the words of a span, a word per cycle, with a loop that is short enough for the fastest clock."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.crc import Algorithm
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from golden.config import Config

__all__ = ["WordsCrc"]

BITS = 32
POLYNOMIAL = int(f"{CRC32_ISO_HDLC.polynomial:0{BITS}b}"[::-1], 2)  #: that of CRC-32, lowest power first


def _columns(word_bits: int) -> list[int]:
    """What each bit of a word, exclusive-or the register, leaves in the register: the library's CRC of that bit."""
    linear = Algorithm(crc_width=BITS, polynomial=CRC32_ISO_HDLC.polynomial, initial_crc=0, reflect_input=True,
                       reflect_output=True, xor_output=0)(data_width=word_bits)
    return [linear.compute([1 << bit]) for bit in range(word_bits)]


def _start(word_bits: int) -> int:
    """The register that becomes that of the standard, all ones, when it is gone through."""
    register = (1 << BITS) - 1
    for _ in range(min(word_bits, BITS)):
        odd = register >> BITS - 1
        register = (register ^ odd * POLYNOMIAL) << 1 | odd
    return register << max(word_bits - BITS, 0)


class WordsCrc(wiring.Component):
    """Takes a word, and goes through it when the next one comes, or the end.

    So a bit of the register hangs on the bits of the register and one bit of the word, not on both of them through the
    whole polynomial, as in `amaranth.lib.crc`, whose values these are.

    Members
    -------
    start : In(1)
        Begin anew.
    valid, data : In(1), In(W)
        A word, first byte lowest.
    end : In(1)
        There are no more words, and ``data`` is 0.
    crc : Out(32)
        The CRC-32 of all words, from the cycle after that of the ``end`` on.
    """

    def __init__(self, config: Config):
        self._word_bits = config.word_bits
        super().__init__({"start": In(1), "valid": In(1), "data": In(config.word_bits), "end": In(1),
                          "crc": Out(BITS)})

    def elaborate(self, platform):
        m = Module()
        bits = self._word_bits
        columns = _columns(bits)
        register = Signal(max(bits, BITS), reset_less=True)  # with the word that has come last
        pending = Signal()  # it has not been gone through
        with m.If(self.valid | (pending & self.end)):
            for place in range(len(register)):
                terms = [register[bit] for bit, column in enumerate(columns) if column >> place & 1]
                terms += [register[place + bits]] if place + bits < len(register) else []
                terms += [self.data[place]] if place < bits else []
                m.d.sync += register[place].eq(Cat(terms).xor())
        with m.If(self.start):
            m.d.sync += [register.eq(_start(bits)), pending.eq(1)]
        with m.Elif(self.end):
            m.d.sync += pending.eq(0)
        m.d.comb += self.crc.eq(~register[:BITS])
        return m
