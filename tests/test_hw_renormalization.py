"""The split of the window into the state's bits and the raw bits."""

from random import Random

import pytest

from golden.config import Config
from hw.renormalization import Renormalization
from tests.support import run_bench


@pytest.mark.parametrize("table_log, raw_bits", [(1, 0), (3, 0), (7, 0), (7, 1), (5, 3), (2, 7), (7, 7), (11, 2)])
def test_all_counts_of_bits(table_log, raw_bits):
    config = Config(table_log=table_log, raw_bits=raw_bits, protect=True)
    dut = Renormalization(config)
    random = Random(table_log)

    async def testbench(ctx):
        for nbits in range(table_log + 1):
            for raw in range(raw_bits + 1):
                for window in (0, (1 << config.token_bits) - 1, *(random.getrandbits(config.token_bits),) * 2):
                    for port, value in (("window", window), ("nbits", nbits), ("raw_bits", raw)):
                        ctx.set(getattr(dut, port), value)
                    assert ctx.get(dut.take) == nbits + raw
                    assert ctx.get(dut.bits) == window % (1 << nbits)
                    assert ctx.get(dut.parity) == (window % (1 << nbits)).bit_count() % 2
                    assert ctx.get(dut.raw) == (window >> nbits) % (1 << raw)

    run_bench(dut, testbench)
