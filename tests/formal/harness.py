"""What a component is put into to be proved right."""

from amaranth.asserts import AnyConst, AnySeq, Initial
from amaranth.hdl import Assert, Assume, ClockDomain, Const, Elaboratable, Fragment, Module, Signal, Value
from amaranth.lib import wiring

from golden.config import Config

from .rows import rows

__all__ = ["Harness", "Inside"]


class Inside:
    """A component as a submodule, with the signals that it drives by name: for lemmas about what it keeps.

    Parameters
    ----------
    component : wiring.Component
    upset : bool
        Whether bits of memories can flip; see `rows`.
    """

    def __init__(self, component, upset=False):
        with rows(upset) as self.memories:
            self.fragment = Fragment.get(component, None)
        self._signals = {}
        self._collect(self.fragment, "")

    def _collect(self, fragment, prefix):
        for statements in fragment.statements.values():
            for statement in statements:
                for signal in statement._lhs_signals():
                    found = self._signals.setdefault(prefix + signal.name, [])
                    if not any(signal is other for other in found):
                        found.append(signal)
        for part, name, *_ in fragment.subfragments:
            self._collect(part, f"{prefix}{name}.")

    def __getitem__(self, name):
        """The signal, with the names of submodules before its own. Several of the same name are told apart by a number,
        in the order in which they are driven."""
        name, number = name if isinstance(name, tuple) else (name, 0)
        return self._signals[name][number]


class Harness(Elaboratable):
    """A module in which everything begins with any state, is reset in the first cycle, and never again.

    So what is claimed holds after a reset, or a ``clear``, from any state whatever: registers without a reset and
    memories keep what they had. Assumptions and claims are about all cycles after the first.

    A harness says in `build` what is connected and what is claimed. What `lemma` says helps to prove the claims and is
    proved with them; faults must be found without it.
    """

    lemmas = True

    def __init__(self, config: Config):
        self.config = config
        domain = ClockDomain("sync")
        self._domain = domain
        self.clk = domain.clk

    def build(self, m):
        """Connect the component, assume, claim: each proof's own; there is none to fall back on."""
        raise NotImplementedError

    def elaborate(self, platform):
        self.m = m = Module()
        m.domains += self._domain
        first = Signal(name="first_cycle")
        m.d.comb += [first.eq(Initial()), self._domain.rst.eq(first)]
        self.first = first
        self.build(m)
        return m

    def any_of(self, shape, name):
        """An input: any value in any cycle."""
        signal = Signal(shape, name=name)
        self.m.d.comb += signal.eq(AnySeq(shape))
        return signal

    def some(self, shape, name):
        """A value that never changes: any."""
        signal = Signal(shape, name=name)
        self.m.d.comb += signal.eq(AnyConst(shape))
        return signal

    def drive(self, component, **known):
        """Drive the inputs of a component: by name what is known, anything else with anything."""
        for name, value in known.items():
            port = getattr(component, name)
            if hasattr(port, "signature"):
                wiring.connect(self.m, value, port)
            else:
                self.m.d.comb += port.eq(value)
        for path, member, port in component.signature.flatten(component):
            if member.flow is wiring.In and path[0] not in known and not isinstance(port, Const):
                self.m.d.comb += port.eq(self.any_of(len(Value.cast(port)), "_".join(map(str, path))))

    def assume(self, condition):
        """Only look at runs in which this is always so."""
        with self.m.If(~self.first):
            self.m.d.comb += Assume(condition)

    def lemma(self, condition):
        """This is always so, and may be about what a component keeps inside."""
        if self.lemmas:
            self.claim(condition)

    def claim(self, condition):
        """This is always so."""
        with self.m.If(~self.first):
            self.m.d.comb += Assert(condition)
