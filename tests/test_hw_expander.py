"""The expander against a plain-Python model: values here, kept for the next part, or nowhere; lanes take turns."""

from random import Random

import pytest

from golden.config import Config
from hw.expander import Expander
from tests.support import run_bench

HALF = 7


class Lane:
    """The part of a beat that a lane has at hand."""

    def __init__(self, vector):
        self.vector = vector
        self.part = [0] * vector
        self.filled = 0

    def turn(self, random):
        """A random turn: the token's fields, and the part as it must show."""
        kind = random.choice(["none", "here", "exact", "beyond", "neither"])
        value = random.choice([-HALF, -1, 0, 1, HALF])
        token = {"place": 1 << random.randrange(self.vector), "here": 0, "kept": 0, "complete": 0}
        if kind == "here" and self.filled < self.vector - 1:
            slot = random.randrange(self.filled, self.vector - 1)
            self.part[slot] = value
            self.filled = slot + 1
            return token | {"place": 1 << slot, "here": value, "kept": value}, list(self.part)
        if kind in ("none", "here"):
            return token, list(self.part)
        shown, self.part, self.filled = self.part, [0] * self.vector, 0
        token |= {"complete": 1}
        if kind == "exact":
            shown[-1] = value
            token |= {"place": 1 << self.vector - 1, "here": value}
        elif kind == "beyond" and self.vector > 1:
            slot = random.randrange(self.vector - 1)
            self.part[slot] = value
            self.filled = slot + 1
            token |= {"place": 1 << slot, "kept": value}
        return token, shown


@pytest.mark.parametrize("ring", [1, 2, 3, 5])
@pytest.mark.parametrize("vector", [1, 2, 3, 8])
def test_values_to_parts(vector, ring):
    config = Config(lanes=ring, vector=vector, word_bits=128, bins=2 * HALF + 1, ring=ring)
    random = Random(f"{vector} {ring}")
    lanes = [Lane(vector) for _ in range(ring)]
    dut = Expander(config)

    async def testbench(ctx):
        for cycle in range(300):
            token, shown = lanes[cycle % ring].turn(random)
            ctx.set(dut.token, token | {"turn": cycle % ring})
            assert list(ctx.get(dut.weights)) == shown
            await ctx.tick()

    run_bench(dut, testbench)
