"""From transfers of weights to pieces: whole transfers, or weights one by one."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config
from hw.layouts import beat_layout

__all__ = ["Unpacker", "piece_layout"]


def piece_layout(config: Config) -> data.StructLayout:
    """Some weights in order, each a byte. ``whole``: a full transfer, otherwise the lowest byte counts alone; ``last``:
    the segment ends with them."""
    return data.StructLayout({"data": 8 * config.transfer_weights, "whole": 1, "last": 1})


class Unpacker(wiring.Component):
    """Keeps a transfer until its pieces have been taken.

    Throughput: a full transfer per cycle, or a weight per cycle. Latency: a cycle. Reset: empty.

    Members
    -------
    beats : In(stream of `beat_layout`)
        From the decoder.
    single : In(1)
        Full transfers become weights one by one, too. May change only while reset.
    pieces : Out(stream of `piece_layout`)
    empty : Out(1)
        There is no piece.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "beats": In(stream.Signature(beat_layout(config))),
            "single": In(1),
            "pieces": Out(stream.Signature(piece_layout(config))),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        held = Signal(beat_layout(self._config), reset_less=True)
        full, whole, final = Signal(), Signal(), Signal()  # final: the piece on offer is the last of its transfer
        come, piece = self.beats.payload, self.pieces.payload
        count = self._config.transfer_weights
        bytes_of = [Signal(signed(8), name=f"byte_{j}") for j in range(count)]
        m.d.comb += [byte.eq(weight) for byte, weight in zip(bytes_of, held.weights)]
        m.d.comb += [
            self.beats.ready.eq(~full | self.pieces.ready & final),
            self.pieces.valid.eq(full),
            self.empty.eq(~full),
            piece.data.eq(Cat(bytes_of)),
            piece.whole.eq(whole),
            piece.last.eq(held.last & final),
        ]
        with m.If(self.beats.ready):
            all_there = come.keep.all() & ~self.single
            m.d.sync += [
                full.eq(self.beats.valid),
                held.eq(come),
                whole.eq(all_there),
                final.eq(all_there | ~come.keep[1] if count > 1 else 1),
            ]
        with m.Elif(self.pieces.ready):
            m.d.sync += [held.keep.eq(held.keep >> 1), final.eq(~held.keep[2] if count > 2 else 1)]
            m.d.sync += [held.weights[j].eq(held.weights[j + 1]) for j in range(count - 1)]
        return m
