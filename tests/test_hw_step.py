"""A lane's step against integer arithmetic: every token at every place of every part."""

from itertools import product

import pytest

from golden.config import Config
from hw.step import Step
from tests.support import run_bench

OUTPUTS = ("placed", "complete", "position", "here", "beyond", "cut", "filled", "rest")


def expected(vector, fill, need, final, length):
    """What a token of this length does, in the words of `Step`; a length of 0 stands for no token."""
    after = {"placed": 0, "complete": 0, "here": 0, "beyond": 0, "filled": fill, "rest": 0}
    if need <= fill:
        return after | {"complete": 1, "filled": 0}
    if not length:
        return after
    over = fill + length - need
    after |= {"placed": 1, "cut": int(final and over > 0), "complete": int(over >= 0)}
    if over < 0:
        return after | {"here": 1, "position": fill + length - 1, "filled": fill + length}
    if over == 0:
        return after | {"here": 1, "position": need - 1, "filled": 0}
    if final:
        return after | {"filled": 0}
    if over >= vector:
        return after | {"filled": 0, "rest": over}
    return after | {"beyond": 1, "position": over - 1, "filled": over}


def cases(vector, max_run):
    """(fill, need, final, length) of all that can be; only a last part may need less than V."""
    for fill, need, length in product(range(vector), range(vector + 1), range(max_run + 1)):
        yield fill, need, 1, length
        if need == vector:
            yield fill, need, 0, length


@pytest.mark.parametrize("ring", [2, 4])  # with and without a register
@pytest.mark.parametrize("vector, max_run", [(1, 1), (1, 16), (2, 1), (2, 3), (3, 2), (3, 8), (4, 4), (5, 16), (8, 1),
                                             (8, 5)])
def test_every_step(vector, max_run, ring):
    config = Config(lanes=ring, vector=vector, word_bits=128, max_run=max_run, ring=ring)
    dut = Step(config)

    async def outputs(ctx, **inputs):
        for name, value in inputs.items():
            ctx.set(getattr(dut, name), value)
        for _ in range(config.step_latency - config.entry_latency):
            await ctx.tick()
        return {name: ctx.get(getattr(dut, name)) for name in OUTPUTS}

    async def testbench(ctx):
        for fill, need, final, length in cases(vector, max_run):
            inputs = {"fill": fill, "final": final, "spent": need <= fill, "room": max(need - fill - 1, 0),
                      "token": length > 0, "run": max(length - 1, 0)}
            found = await outputs(ctx, allowed=1, **inputs)
            wanted = expected(vector, fill, need, final, length)
            assert found | wanted == found, inputs
            found = await outputs(ctx, allowed=0, **inputs)
            assert (found["placed"], found["complete"], found["filled"], found["rest"]) == (0, 0, fill, 0)

    run_bench(dut, testbench)
