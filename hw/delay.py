"""Registers in a row."""

from amaranth.hdl import Signal

__all__ = ["delay"]


def delay(m, value, cycles: int, name: str = "delayed"):
    """The value as it was so many cycles ago.

    Parameters
    ----------
    m : Module
        Where the registers go.
    value : Signal or data.View
    cycles : int
        0 or more.
    name : str
        Of the registers.
    """
    for number in range(cycles):
        register = Signal.like(value, name=f"{name}_{number + 1}")
        m.d.sync += register.eq(value)
        value = register
    return value
