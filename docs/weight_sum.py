"""The decoder in another Amaranth design: the sum of all weights of the embedded network, as they come."""

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden import digits
from golden.network import encode_stream
from hw import Decoder, contents_of, rom_config
from hw.layouts import transfer_layout


class WeightSum(wiring.Component):
    """Takes a stream's words; when ``done`` is high, ``sum`` is right. A failed stream leaves ``done`` low."""

    def __init__(self, of):
        self._config, self._contents = rom_config(of), contents_of(of)
        super().__init__({"words": In(stream.Signature(transfer_layout(self._config))),
                          "sum": Out(signed(32)), "done": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = Decoder(self._config, self._contents)
        connect(m, flipped(self.words), decoder.words)
        m.d.comb += [decoder.beats.ready.eq(1), self.done.eq(decoder.done)]
        beat = decoder.beats.payload  # weights[j] is one of G V signed bytes, there if bit j of `keep` is set
        kept = [Mux(keep, weight, 0) for weight, keep in zip(beat.weights, beat.keep)]
        with m.If(decoder.beats.valid):
            m.d.sync += self.sum.eq(self.sum + sum(kept))
        return m


network_stream, _ = encode_stream(digits.load(), lanes=4, spare=2)  # or `golden.container.unpack`
design = WeightSum(network_stream)
