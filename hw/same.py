"""Comparison of wide numbers, in parts."""

from amaranth.hdl import Cat, Const, Signal, Value

__all__ = ["at_most", "same"]

PART = 8  # bits; more of them take a longer path


def at_most(value, bound: int):
    """Whether an unsigned value is not above a bound; a constant, which linters want, where it cannot be."""
    return value <= bound if bound + 1 < 1 << len(value) else Const(1)


def same(m, left, right):
    """Whether two numbers of the same width were equal a cycle ago; one may be a constant.

    Parameters
    ----------
    m : Module
        Where the registers go, one per 8 bits.
    left, right : Value
    """
    left, right = Value.cast(left), Value.cast(right)
    width = max(len(left), len(right))
    parts = Cat(left[low:low + PART] == (right >> low)[:PART] for low in range(0, width, PART))
    found = Signal(len(parts), name="same", reset_less=True)
    m.d.sync += found.eq(parts)
    return found.all()
