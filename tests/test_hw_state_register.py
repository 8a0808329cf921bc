"""The state register."""

from random import Random

from golden.config import Config
from hw.state_register import StateRegister
from tests.support import run_bench


def test_start_step_and_hold():
    dut = StateRegister(Config(table_log=6))
    random = Random(1)

    async def testbench(ctx):
        state = 0
        for _ in range(300):
            assert ctx.get(dut.state) == state
            nbits = random.randint(0, 6)
            bits = random.getrandbits(nbits)
            base = random.getrandbits(6) >> nbits << nbits
            start, step = random.random() < 0.2, random.random() < 0.6
            for port, value in ((dut.start, start), (dut.step, step), (dut.base, base), (dut.bits, bits)):
                ctx.set(port, value)
            await ctx.tick()
            state = bits if start else base + bits if step else state

    run_bench(dut, testbench)
