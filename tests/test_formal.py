"""The proofs that take some seconds, and the faults that they must find; the others by ``python -m tests.formal``."""

import pytest
from amaranth.hdl import Signal

from golden.errors import TansyError
from tests.formal.engine import Circuit
from tests.formal.faults import FAULTS, Fault, planted
from tests.formal.harness import Harness
from tests.formal.proofs import PROOFS, configuration, find, prove

pytest.importorskip("z3", reason="the proofs need Z3: pip install -e '.[formal]'")

# In CI the first configuration of each proof, and the first of its faults; the others by ``-m slow``.
CASES = [pytest.param(proof, values, id=f"{proof.name}-{configuration(values)}",
                      marks=[pytest.mark.slow] * (proof.slow or values is not proof.configs[0]))
         for proof in PROOFS for values in proof.configs]
FIRST = {fault.proof: fault for fault in reversed(FAULTS)}
SLIPS = [pytest.param(fault, id=str(fault), marks=[pytest.mark.slow] * (FIRST[fault.proof] is not fault))
         for fault in FAULTS]


@pytest.mark.parametrize("proof, values", CASES)
def test_proof(proof, values):
    assert prove(proof, values).result == ("held" if proof.method == "bounded" else "proved")


@pytest.mark.parametrize("fault", SLIPS)
def test_a_planted_fault_is_found(fault):
    assert find(fault).result == "refuted"


def test_every_proof_finds_a_fault():
    assert {fault.proof for fault in FAULTS} == {proof.name for proof in PROOFS}


class Counter(Harness):
    """Counts up to nine, if it goes on, and stays there; the claim is that it does not come to ``limit``."""

    def __init__(self, limit):
        super().__init__(None)
        self.limit = limit

    def build(self, m):
        count = Signal(4)
        with m.If(self.any_of(1, "go") & (count != 9)):
            m.d.sync += count.eq(count + 1)
        self.claim(count != self.limit)


@pytest.mark.parametrize("method, cycles, limit, result", [
    ("pdr", 0, 10, "proved"), ("pdr", 0, 9, "refuted"), ("bounded", 10, 9, "held"), ("bounded", 12, 9, "refuted"),
    ("induction", 1, 10, "proved"), ("induction", 1, 12, "open"), ("induction", 20, 9, "refuted"),
])
def test_verdicts(method, cycles, limit, result):
    """What there is no doubt about: 9 is reached, 10 is not, and 12 could be reached from where it never is."""
    assert Circuit(Counter(limit)).solve(method, cycles).result == result


def test_a_fault_must_have_its_place():
    with pytest.raises(TansyError, match="must have the text 'no such text' once, not 0 times"), \
            planted(Fault("expander", "expander", "no such text", "")):
        pass
