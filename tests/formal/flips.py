"""Bits that flip in registers."""

from amaranth.hdl import Signal, Value
from amaranth.hdl._ast import Assign
from amaranth.hdl._xfrm import StatementTransformer, ValueTransformer

__all__ = ["flippable", "registers"]


def registers(fragment):
    """All registers of a fragment and of those within it, in order, each with the fragment that drives it."""
    found = []
    for statement in fragment.statements.get("sync", ()):
        for register in statement._lhs_signals():
            if not any(register is other for other, _ in found):
                found.append((register, fragment))
    for part, *_ in fragment.subfragments:
        found += registers(part)
    return found


class _Instead(ValueTransformer):
    """Puts one signal in the place of another."""

    def __init__(self, old, new):
        self._old, self._new = old, new

    def on_Signal(self, value):
        return self._new if value is self._old else value


class _Next(StatementTransformer):
    """Of statements those that assign to a register, assigning to what it will be."""

    def __init__(self, register, following):
        self._register, self._instead = register, _Instead(register, following)

    def on_Assign(self, statement):
        if not any(signal is self._register for signal in statement._lhs_signals()):
            return []
        return Assign(self._instead.on_value(statement.lhs), statement.rhs)

    def on_Property(self, statement):
        return []

    on_Print = on_Property


def flippable(fragment, register):
    """Make bits of a register flip: those of the signal that it returns, on their way into the register."""
    owner = next(owner for other, owner in registers(fragment) if other is register)
    flip, following = (Signal(len(register), name=f"{register.name}_{name}") for name in ("flip", "next"))
    assigned = _Next(register, following).on_statement(owner.statements["sync"])
    owner.add_statements("comb", following.eq(Value.cast(register)), assigned)
    owner.add_statements("sync", register.eq(following ^ flip))
    return flip
