# amaranth: UnusedElaboratable=no
"""The example of docs/: the decoder in another Amaranth design."""

import runpy

import pytest

from golden import digits
from golden.container import stream_bytes

from .support import run_bench, transfers_of
from .test_layering import ROOT


@pytest.mark.parametrize("damaged", [False, True])
def test_weight_sum(damaged):
    """The sum is that of the network's weights; of a damaged stream ``done`` does not come."""
    example = runpy.run_path(str(ROOT / "docs" / "weight_sum.py"))
    dut, made = example["design"], example["network_stream"]
    data = bytearray(stream_bytes(made))
    data[-1] ^= damaged
    transfers = transfers_of(bytes(data), made.config.word_bits)
    wanted = sum(int(array.sum()) for array in digits.load().values() if array.dtype.kind == "i")
    assert wanted != 0
    seen = {}

    async def testbench(ctx):
        for number, transfer in enumerate(transfers):
            ctx.set(dut.words.payload, {"data": transfer, "last": number == len(transfers) - 1})
            ctx.set(dut.words.valid, 1)
            await ctx.tick().until(dut.words.ready)
        ctx.set(dut.words.valid, 0)
        await ctx.tick().repeat(600)
        seen.update(done=ctx.get(dut.done), sum=ctx.get(dut.sum))

    run_bench(dut, testbench)
    assert seen["done"] == (not damaged)
    if not damaged:
        assert seen["sum"] == wanted
