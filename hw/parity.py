"""Parity of the symbol table's entries and of the lanes' states: with ``Config.protect``, what tells that a bit has
flipped."""

from amaranth.hdl import Cat

from golden.config import Config

from .layouts import entry_layout

__all__ = ["parity_of", "protected"]


def parity_of(*values):
    """Whether the number of ones in all of these signals together is odd."""
    return Cat(values).xor()


def protected(config: Config, entry: dict) -> dict:
    """An entry as it is stored: as it is, or with the bit that makes the number of its ones even."""
    if not config.protect:
        return entry
    return {**entry, "parity": entry_layout(config).const({**entry, "parity": 0}).as_bits().bit_count() & 1}
