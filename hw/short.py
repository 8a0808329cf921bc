"""Arithmetic of short words in look-up tables alone: Yosys gives every sum and every comparison a carry chain, which
takes longer to enter and to leave than words of a few bits take without."""

from amaranth.hdl import Cat, Signal

__all__ = ["at_least", "choice", "plus"]


def plus(m, a, b, carry=0):
    """The sum of two unsigned values and a bit.

    Parameters
    ----------
    m : Module
        Where the sum is made.
    a, b : Value or int
        Unsigned.
    carry : Value or int
        0 or 1.

    Returns
    -------
    Signal
        Unsigned, one bit wider than the wider of the two.
    """
    a, b = _bits(a), _bits(b)
    width = max(len(a), len(b))
    a, b = a + [0] * (width - len(a)), b + [0] * (width - len(b))
    total = []
    for one, other in zip(a, b):
        total.append(one ^ other ^ carry)
        carry = (one & other) | (carry & (one ^ other))
    result = Signal(width + 1)
    m.d.comb += result.eq(Cat(*total, carry))
    return result


def at_least(m, a, b):
    """Whether ``a`` is ``b`` or more; both unsigned, as of `plus`."""
    width = max(len(_bits(a)), len(_bits(b)))
    return plus(m, a, [1 - bit if isinstance(bit, int) else ~bit for bit in _bits(b)]
                + [1] * (width - len(_bits(b))), 1)[-1]


def choice(condition, value, other):
    """One of two values of the same width, as gates: a register that is chosen from itself then gets no clock enable,
    to which a late condition would have a long way."""
    condition = condition.replicate(len(value))
    return (value & condition) | (other & ~condition)


def _bits(value):
    if isinstance(value, list):
        return value
    if isinstance(value, int):
        return [value >> i & 1 for i in range(value.bit_length())]
    return list(value)
