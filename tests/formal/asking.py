"""What readers of the header and the field reader owe one another, as a component that watches both."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Asking"]


class Asking(wiring.Component):
    """Watches a field port. One side is claimed and the other one assumed: `fields` claims of the field reader what the
    proofs of the header's readers assume of it, and they claim what it assumes.

    Members
    -------
    want, fixed, valid : In
        The port.
    kept : Out(1)
        Whether the one who asks keeps to it: a field is wanted, and its kind stays, until it is there.
    answered : Out(1)
        Whether the field reader does: a field is there for a cycle, after two in which a vint was wanted, or k + 1 in
        which one of k nibbles was.
    """

    def __init__(self):
        super().__init__({"want": In(1), "fixed": In(range(9)), "valid": In(1), "kept": Out(1), "answered": Out(1)})

    def elaborate(self, platform):
        m = Module()
        waits, was = Signal(range(10)), Signal.like(self.fixed)  # cycles for which a field has been wanted; which
        m.d.sync += was.eq(self.fixed)
        with m.If(~self.want | self.valid):
            m.d.sync += waits.eq(0)
        with m.Elif(waits != 9):
            m.d.sync += waits.eq(waits + 1)
        m.d.comb += [
            self.kept.eq((waits == 0) | ((self.want | self.valid) & (self.fixed == was))),
            self.answered.eq(~self.valid | (waits >= Mux(was == 0, 2, was + 1))),
        ]
        return m

    def watch(self, m, port):
        """Watch this port."""
        m.d.comb += [self.want.eq(port.want), self.fixed.eq(port.fixed), self.valid.eq(port.valid)]
