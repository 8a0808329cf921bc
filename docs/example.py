"""A decoder within another Amaranth design: it adds up each segment's weights. Run it: ``python docs/example.py``."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out, connect, flipped
from amaranth.sim import Simulator

from golden import codec, digits
from golden.container import stream_bytes
from golden.network import encode_stream
from hw import Decoder, contents_of, rom_config


class SegmentSums(wiring.Component):
    """A compressed network in, the sum of each segment's weights out."""

    def __init__(self, network):
        self.decoder = Decoder(rom_config(network), contents_of(network))
        super().__init__({"words": self.decoder.signature.members["words"], "sums": Out(stream.Signature(signed(32)))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = self.decoder
        connect(m, flipped(self.words), decoder.words)
        beat, total, sums = decoder.beats.payload, Signal(signed(32)), self.sums
        after = total + sum(Mux(keep, weight, 0) for keep, weight in zip(beat.keep, beat.weights))
        m.d.comb += decoder.beats.ready.eq(~sums.valid | sums.ready)
        with m.If(sums.ready):
            m.d.sync += sums.valid.eq(0)
        with m.If(decoder.beats.valid & decoder.beats.ready):
            m.d.sync += [total.eq(Mux(beat.last, 0, after)), sums.payload.eq(after), sums.valid.eq(beat.last)]
        return m


def simulate(network):
    """The sums that come out of a simulation, one per segment."""
    dut, found, size = SegmentSums(network), [], network.config.word_bits // 8
    words = stream_bytes(network)

    async def feed(ctx):
        ctx.set(dut.words.valid, 1)
        for i in range(0, len(words), size):
            word = int.from_bytes(words[i:i + size], "little")
            ctx.set(dut.words.payload, {"data": word, "last": i + size == len(words)})
            await ctx.tick().until(dut.words.ready)
        ctx.set(dut.words.valid, 0)

    async def take(ctx):
        ctx.set(dut.sums.ready, 1)
        for _ in network.segments:
            found.append((await ctx.tick().sample(dut.sums.payload).until(dut.sums.valid))[0])

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed, background=True)
    simulator.add_testbench(take)
    simulator.run()
    return found


if __name__ == "__main__":
    network, _ = encode_stream(digits.load(), lanes=4)
    print("in hardware", simulate(network))
    print("in NumPy   ", [int(weights.sum()) for weights in codec.decode(network)])
