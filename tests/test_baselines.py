# amaranth: UnusedElaboratable=no
"""The baselines: their coders, and each decoder bit-exact against its coder, with idle sources and stalled sinks."""

import itertools
from random import Random

import numpy as np
import pytest

from hw.verilog import verilog_of, yosys

from .baselines import fixed_width, huffman, rans
from .baselines.huffman import HuffmanCode, code_lengths
from .baselines.huffman_decoder import HuffmanDecoder
from .baselines.look_up import BlockTable
from .baselines.rans import LOW, RansModel
from .baselines.rans_decoder import STATES, RansDecoder
from .baselines.unpacker import Unpacker
from .cases import laplacian
from .support import collect, feeder, run_bench

PACES = [(0, 0), (0.7, 0), (0, 0.6), (0.4, 0.4)]  # how often the source is idle, how often the sink is stalled
HUFFMAN_SHAPES = [  # streams, room of a loadable table
    (1, None), (2, None), (3, None), (4, None), (5, None), (3, 8), (4, 10), (5, 10)]


def weights_of(seed, half, count, scale=None):
    rng = np.random.default_rng(seed)
    return laplacian(rng, half, count, scale or half / 3)


def run_decoder(dut, words, count, seed, idle=0.0, stall=0.0, before=None):
    """The payloads of a decoder, and in how many cycles. The source offers nothing before ``before(ctx)`` has ended."""
    taken, ready, cycles = [], [before is None], [0]

    async def testbench(ctx):
        if before:
            await before(ctx)
            ready[0] = True
        taken.extend(await collect(ctx, dut.weights, count, Random(seed), stall))
        taken.append(cycles[0])

    async def source(ctx):
        while not ready[0]:
            await ctx.tick()
        await feeder(dut.words, words.tolist(), Random(seed + 1), idle)(ctx)

    async def clock(ctx):
        while True:
            await ctx.tick()
            cycles[0] += 1

    run_bench(dut, testbench, source, clock)
    return taken[:-1], taken[-1]


def signed(payloads):
    return np.array(payloads, dtype=np.uint8).view(np.int8)


@pytest.mark.parametrize("frequencies", [(5, 4, 3, 2, 1), (100, 1, 1, 1, 1), (8, 4, 2, 1, 1), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("limit", [3, 4, 5])
def test_code_lengths_are_the_best_of_all(frequencies, limit):
    every = [lengths for lengths in itertools.product(range(1, limit + 1), repeat=5)
             if sum(2.0 ** -length for length in lengths) <= 1]
    best = min(sum(f * length for f, length in zip(frequencies, lengths)) for lengths in every)
    found = code_lengths(frequencies, limit)
    assert found in every
    assert sum(f * length for f, length in zip(frequencies, found)) == best


def test_code_lengths_at_their_limits():
    assert code_lengths((0, 7, 0), 5) == (0, 1, 0)
    assert code_lengths([1] * 16, 4) == (4,) * 16
    for frequencies, limit in (([1] * 17, 4), ([0, 0], 4)):
        with pytest.raises(ValueError, match=f"codes of 4 bits must serve 1 to 16 symbols, not {sum(frequencies)}"):
            code_lengths(frequencies, limit)


def test_a_code_is_pinned():
    code = HuffmanCode(2, (3, 2, 1, 0, 3))  # canonical: 0 -> 0, -1 -> 10, -2 -> 110, 2 -> 111
    assert code.codes == (0b011, 0b01, 0b0, 0, 0b111)
    assert code.table(3) == [(1, 0), (2, -1), (1, 0), (3, -2), (1, 0), (2, -1), (1, 0), (3, 2)]
    weights = np.array([-2, 0, 2, -1])  # 110 0 111 10, first bit lowest: 01 111 0 011
    assert huffman.encode(weights, code, 1).tolist() == [0b01_111_0_011, 0]
    # By two streams: 110 111 and 0 10, two units of each.
    assert huffman.encode(weights, code, 2).tolist() == [0b01_0 << 16 | 0b111_011, 0, 0]


@pytest.mark.parametrize("half, scale", [(1, 0.2), (1, 1), (3, 1), (7, 2), (7, 6)])
def test_coders_round_trip_and_keep_to_the_entropy(half, scale):
    weights = weights_of(half, half, 20000, scale)
    share = np.bincount(weights + half) / len(weights)
    share = share[share > 0]
    entropy = -(share @ np.log2(share))
    for streams in (1, 4):
        code = HuffmanCode.of(weights, half, 10)
        words = huffman.encode(weights, code, streams)
        assert np.array_equal(huffman.decode(words, code, streams, len(weights)), weights)
        assert entropy <= 32 * len(words) / len(weights) < entropy + 1
    model = RansModel.of(weights, half, 10)
    words = rans.encode(weights, model, STATES)
    decoded, states = rans.decode(words, model, STATES, len(weights))
    assert np.array_equal(decoded, weights)
    assert states == [LOW] * STATES
    assert entropy < 32 * len(words) / len(weights) < 1.002 * entropy + (32 * STATES + 96) / len(weights)
    words = fixed_width.encode(weights, half)
    assert np.array_equal(fixed_width.decode(words, half, len(weights)), weights)
    assert len(words) == -(-len(weights) * fixed_width.width_of(half) // 32) + 2


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_coders_of_a_few_weights(count):
    weights = np.array([1, 0, -1, 0, 0])[:count]
    code, model = HuffmanCode(1, (2, 1, 2)), RansModel(1, 4, (3, 10, 3))
    assert np.array_equal(huffman.decode(huffman.encode(weights, code, 3), code, 3, count), weights)
    assert np.array_equal(rans.decode(rans.encode(weights, model, 7), model, 7, count)[0], weights)
    assert np.array_equal(fixed_width.decode(fixed_width.encode(weights, 1), 1, count), weights)


@pytest.mark.parametrize("idle, stall", PACES)
@pytest.mark.parametrize("streams, room", HUFFMAN_SHAPES)
def test_huffman_decoder(streams, room, idle, stall):
    weights = weights_of(streams, 7, 700, 1)
    code = HuffmanCode.of(weights, 7, 8)
    assert code.longest == 8
    taken, cycles = run_decoder(HuffmanDecoder(code, streams, room), huffman.encode(weights, code, streams),
                                len(weights), streams, idle, stall)
    assert np.array_equal(signed(taken), weights)
    if not (idle or stall):
        assert cycles <= len(weights) + 4 * streams + 8


@pytest.mark.parametrize("longest", [1, 12, 16])
def test_huffman_decoder_takes_the_longest_codes(longest):
    """Every weight takes as many bits as a code can have: a unit is asked for in almost every cycle."""
    lengths = (1, 0, 1) if longest == 1 else (longest, 1, longest)
    code = HuffmanCode(1, lengths)
    weights = np.tile([-1, 1], 300)
    taken, cycles = run_decoder(HuffmanDecoder(code, 3), huffman.encode(weights, code, 3), len(weights), 0)
    assert np.array_equal(signed(taken), weights)
    assert cycles <= len(weights) + 20


@pytest.mark.parametrize("idle, stall", PACES)
@pytest.mark.parametrize("half, log, scale", [(1, 8, 0.3), (7, 10, 2), (7, 12, 0.4)])
def test_rans_decoder(half, log, scale, idle, stall):
    weights = weights_of(log, half, 700, scale)
    model = RansModel.of(weights, half, log)
    taken, cycles = run_decoder(RansDecoder(model), rans.encode(weights, model, STATES), len(weights), log, idle, stall)
    assert np.array_equal(signed(taken), weights)
    if not (idle or stall):
        assert cycles <= len(weights) + 40


def test_rans_decoder_takes_two_bytes_in_every_cycle():
    model = RansModel(1, 12, (1, 4094, 1))
    weights = np.tile([-1, 1], 300)
    words = rans.encode(weights, model, STATES)
    assert len(words) > 600 * 12 / 32
    taken, cycles = run_decoder(RansDecoder(model), words, len(weights), 0)
    assert np.array_equal(signed(taken), weights)
    assert cycles <= len(weights) + 40


@pytest.mark.parametrize("idle, stall", PACES)
@pytest.mark.parametrize("half, vector", [(1, 1), (1, 4), (1, 16), (3, 1), (3, 8), (3, 10), (7, 1), (7, 8), (127, 3)])
def test_unpacker(half, vector, idle, stall):
    weights = weights_of(vector, half, 250 * vector)
    dut = Unpacker(half, vector)
    taken, cycles = run_decoder(dut, fixed_width.encode(weights, half), 250, vector, idle, stall)
    assert np.array_equal(signed([list(payload) for payload in taken]).reshape(-1), weights)
    if not (idle or stall):
        assert cycles <= 250 + 10


def test_a_loaded_huffman_table():
    weights = weights_of(5, 7, 600, 1)
    code = HuffmanCode.of(weights, 7, 9)
    dut = HuffmanDecoder(HuffmanCode(7, code_lengths([1 << i for i in range(15)], 9)), 4, room=9)

    async def load(ctx):
        ctx.set(dut.write.enable, 1)
        for address, entry in enumerate(code.entries(9)):
            ctx.set(dut.write.address, address)
            ctx.set(dut.write.data, entry)
            await ctx.tick()
        ctx.set(dut.write.enable, 0)

    taken, _ = run_decoder(dut, huffman.encode(weights, code, 4), len(weights), 1, before=load)
    assert np.array_equal(signed(taken), weights)


def test_a_loaded_rans_model():
    weights = weights_of(7, 7, 600, 1)
    model = RansModel.of(weights, 7, 9)
    dut = RansDecoder(RansModel(7, 9, (32,) * 14 + (64,)), loadable=True)

    async def load(ctx):
        for port, values in ((dut.write_slot, model.symbols), (dut.write_symbol, [
                count | start << 9 | (number - 7 & 255) << 18
                for number, (count, start) in enumerate(zip(model.counts, model.starts))])):
            ctx.set(port.enable, 1)
            for address, value in enumerate(values):
                ctx.set(port.address, address)
                ctx.set(port.data, value)
                await ctx.tick()
            ctx.set(port.enable, 0)

    taken, _ = run_decoder(dut, rans.encode(weights, model, STATES), len(weights), 1, before=load)
    assert np.array_equal(signed(taken), weights)


def test_what_cannot_be_built():
    code = HuffmanCode(1, (2, 1, 2))
    with pytest.raises(ValueError, match="streams must be 3 to 5, not 2"):
        HuffmanDecoder(code, 2, room=9)
    with pytest.raises(ValueError, match="streams must be 1 to 5, not 6"):
        HuffmanDecoder(code, 6)
    with pytest.raises(ValueError, match="codes must have at most 1 bits, not 2"):
        HuffmanDecoder(code, 3, room=1)
    with pytest.raises(ValueError, match="at most 1024 entries of 18 bits, not 2048 of 13"):
        BlockTable(13, [0] * 2048, ecp5=True)
    with pytest.raises(ValueError, match="must have more than one weight"):
        RansDecoder(RansModel(1, 4, (0, 16, 0)))
    with pytest.raises(ValueError, match="must take 1 to 32 bits of the stream, not 33"):
        Unpacker(3, 11)


@pytest.mark.parametrize("make", [
    lambda: HuffmanDecoder(HuffmanCode(1, (2, 1, 2)), 1),
    lambda: HuffmanDecoder(HuffmanCode(1, (2, 1, 2)), 4, room=10, ecp5=True),
    lambda: RansDecoder(RansModel(1, 8, (20, 200, 36)), ecp5=True),
    lambda: Unpacker(3, 10),
], ids=["huffman", "huffman-block", "rans", "unpacker"])
def test_verilog_is_taken_by_yosys(make, tmp_path):
    (tmp_path / "decoder.v").write_text(verilog_of(make(), "decoder"), encoding="utf-8")
    cells = "read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v"
    yosys("-q", "-p", f"{cells}; read_verilog decoder.v; hierarchy -check -top decoder; proc; check", folder=tmp_path)
