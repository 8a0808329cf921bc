"""Arithmetic of short words: all values of small widths, constants and words without bits among them."""

from itertools import product

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.short import at_least, choice, plus
from tests.support import run_bench


class Operands(wiring.Component):
    """Two operands and a bit; an operand is a signal of so many bits, or, as a string, a constant."""

    def __init__(self, make, a, b):
        self._make, self._kinds = make, (a, b)
        self.results = []
        super().__init__({"a": In(a if isinstance(a, int) else 8), "b": In(b if isinstance(b, int) else 8),
                          "bit": In(1), "result": Out(16)})

    def elaborate(self, platform):
        m = Module()
        a, b = (signal if isinstance(kind, int) else int(kind)
                for signal, kind in zip((self.a, self.b), self._kinds))
        value = self._make(m, a, b, self.bit)
        self.results.append(value)
        m.d.comb += self.result.eq(value)
        return m


def values(kind):
    """All that an operand can be."""
    return range(1 << kind) if isinstance(kind, int) else [int(kind)]


def check(make, a, b, expected, width=None):
    """Compare with plain Python, and the result's width, if given, for all values of the operands."""
    dut = Operands(make, a, b)

    async def testbench(ctx):
        for one, other, bit in product(values(a), values(b), (0, 1)):
            ctx.set(dut.bit, bit)
            for signal, kind, value in ((dut.a, a, one), (dut.b, b, other)):
                if isinstance(kind, int):
                    ctx.set(signal, value)
            assert ctx.get(dut.result) == expected(one, other, bit), (one, other, bit)
        await ctx.tick()

    run_bench(dut, testbench)
    if width is not None:
        assert len(dut.results[-1]) == width


KINDS = [0, 1, 2, 4, "0", "1", "5", "8"]


def bits(kind):
    """The width of an operand."""
    return kind if isinstance(kind, int) else int(kind).bit_length()


@pytest.mark.parametrize("a, b", list(product(KINDS, KINDS)))
def test_plus(a, b):
    width = max(bits(a), bits(b)) + 1
    check(lambda m, a, b, bit: plus(m, a, b), a, b, lambda a, b, bit: a + b, width)
    check(lambda m, a, b, bit: plus(m, a, b, 1), a, b, lambda a, b, bit: a + b + 1, width)
    check(plus, a, b, lambda a, b, bit: a + b + bit, width)


@pytest.mark.parametrize("a, b", list(product(KINDS, KINDS)))
def test_at_least(a, b):
    check(lambda m, a, b, bit: at_least(m, a, b), a, b, lambda a, b, bit: a >= b, 1)


@pytest.mark.parametrize("width", range(5))
def test_choice(width):
    check(lambda m, a, b, bit: choice(bit, a, b), width, width, lambda a, b, bit: a if bit else b, width)


def test_of_parts_of_a_signal():
    """Slices and complements, as they are used."""
    number = Signal(4)

    class Slices(wiring.Component):
        result: Out(8)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.result.eq(plus(m, number[1:], ~number[:2], number[-1]))
            return m

    dut = Slices()

    async def testbench(ctx):
        for value in range(16):
            ctx.set(number, value)
            assert ctx.get(dut.result) == (value >> 1) + (~value & 3) + (value >> 3)
        await ctx.tick()

    run_bench(dut, testbench)
