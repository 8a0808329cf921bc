"""What the tests of block memories share: which ones, what is done to them, and what has to come of it."""

from dataclasses import dataclass
from random import Random

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.memory import LATENCY, BlockMemory, block_memory

__all__ = ["CASES", "DEEP", "Case", "Rack", "Step", "expected", "packed", "steps"]


@dataclass(frozen=True)
class Case:
    """A block memory. The first ``filled`` words are random ones."""

    width: int
    depth: int
    ports: int
    writable: bool
    filled: int

    @property
    def init(self) -> list[int]:
        """What it begins with."""
        random = Random(f"{self}")
        return [random.getrandbits(self.width) for _ in range(self.filled)]

    @property
    def address_bits(self) -> int:
        """Bits of an address."""
        return (self.depth - 1).bit_length()

    def memory(self, target: str | None) -> BlockMemory:
        """The component."""
        return block_memory(target, self.width, self.depth, self.init, self.ports, self.writable)


CASES = (
    Case(width=18, depth=1024, ports=2, writable=True, filled=1024),
    Case(width=16, depth=256, ports=1, writable=True, filled=0),
    Case(width=20, depth=2048, ports=2, writable=True, filled=2000),
    Case(width=15, depth=64, ports=2, writable=False, filled=64),
    Case(width=12, depth=512, ports=1, writable=True, filled=100),
    Case(width=19, depth=700, ports=1, writable=False, filled=700),
    Case(width=1, depth=2, ports=2, writable=True, filled=2),
)
DEEP = (  # for families whose RAMs are so deep
    Case(width=5, depth=4096, ports=2, writable=True, filled=3000),
    Case(width=3, depth=5000, ports=1, writable=True, filled=5000),
    Case(width=2, depth=16384, ports=2, writable=True, filled=10000),
)


@dataclass(frozen=True)
class Step:
    """What a memory is given in one cycle; ``write`` is None or (address, data)."""

    addresses: tuple
    write: tuple | None


def steps(case: Case, count: int) -> list[Step]:
    """So many random cycles. Half of what happens is in a small part of the memory."""
    random = Random(f"{case} {count}")

    def address():
        return random.randrange(case.depth if random.random() < 0.5 else min(case.depth, 8))

    return [Step(tuple(address() for _ in range(case.ports)),
                 (address(), random.getrandbits(case.width)) if case.writable and random.random() < 0.4 else None)
            for _ in range(count)]


def expected(case: Case, given: list[Step]) -> list[list]:
    """The data of each port in each cycle, None where they are undefined."""
    words = case.init + [0] * (case.depth - case.filled)
    data = [[None] * case.ports for _ in range(LATENCY)]
    for step in given:
        row = [words[address] for address in step.addresses]
        if step.write is not None:
            place, word = step.write
            row = [None if port == 0 or address == place else value
                   for port, (address, value) in enumerate(zip(step.addresses, row))]
            words[place] = word
        data.append(row)
    return data[:len(given)]


class Rack(wiring.Component):
    """Memories of one target side by side, all inputs in one vector and all outputs in another.

    Parameters
    ----------
    cases : sequence of Case
    target : str or None

    Members
    -------
    inputs : In
        Per case the addresses, then ``write`` if there is one.
    outputs : Out
        Per case the data.
    """

    def __init__(self, cases, target):
        self._memories = [case.memory(target) for case in cases]
        super().__init__({
            "inputs": In(sum(len(_inputs(memory)) for memory in self._memories)),
            "outputs": Out(sum(len(Cat(memory.data)) for memory in self._memories)),
        })

    def elaborate(self, platform):
        m = Module()
        for i, memory in enumerate(self._memories):
            m.submodules[f"memory_{i}"] = memory
        m.d.comb += [
            Cat(map(_inputs, self._memories)).eq(self.inputs),
            self.outputs.eq(Cat(memory.data for memory in self._memories)),
        ]
        return m


def _inputs(memory):
    return Cat(*memory.address, memory.write.as_value() if memory.writable else ())


def packed(cases, now) -> tuple[int, int]:
    """The `inputs` of a rack of cases in one cycle, given the step of each, and how many bits they are."""
    value = bits = 0
    for case, step in zip(cases, now):
        fields = [(address, case.address_bits) for address in step.addresses]
        if case.writable:
            place, word = step.write or (0, 0)
            fields += [(step.write is not None, 1), (place, case.address_bits), (word, case.width)]
        for field, size in fields:
            value |= int(field) << bits
            bits += size
    return value, bits
