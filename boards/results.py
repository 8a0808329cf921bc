"""How a run went: counters, the digest, and for each segment its CRC-32."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config
from hw.layouts import segment_numbers
from hw.memory import block_memory

from .protocol import RESULT, SUMMARY, layout_of
from .unpacker import piece_layout
from .weights_crc import WeightsCrc

__all__ = ["COUNTS", "Results"]

COUNTS = dict(SUMMARY[2:])  #: what is counted, and in how many bytes


class Results(wiring.Component):
    """Takes the pieces of a run's weights, one per cycle at most.

    Latency: four cycles after the last piece all is there. Reset: all counts are 0; the memory is as it was.

    Parameters
    ----------
    config : Config
        Its room for segments is that of the memory.
    target : str or None
        Family of block RAM, see `hw.memory.block_memory`.

    Members
    -------
    valid, piece : In(1), In(`piece_layout`)
    counting : In(1)
        The cycle belongs to the run.
    ended : In(1)
        In this cycle the last transfer of a segment is taken from the decoder.
    segments, weights, cycles, digest : Out(32)
        Of what has come so far; each modulo 2^32.
    address, data : In, Out(`RESULT`)
        The result of a segment, two cycles after its number.
    """

    def __init__(self, config: Config, target: str | None = None):
        self._config, self._target = config, target
        super().__init__({
            "valid": In(1),
            "piece": In(piece_layout(config)),
            "counting": In(1),
            "ended": In(1),
            **{name: Out(8 * size) for name, size in COUNTS.items()},
            "address": In(segment_numbers(config)),
            "data": Out(layout_of(RESULT)),
        })

    def elaborate(self, platform):
        m = Module()
        size = self._config.transfer_weights
        m.submodules.crc = crc = WeightsCrc(size)
        memory = block_memory(self._target, layout_of(RESULT).size, len(segment_numbers(self._config)), writable=True)
        m.submodules.memory = memory
        result = Signal(layout_of(RESULT))
        ended, stamp = Signal(), Signal(32)  # the cycles up to the end of the segment
        m.d.comb += [
            crc.data.eq(self.piece.data),
            crc.whole.eq(self.valid & self.piece.whole),
            crc.single.eq(self.valid & ~self.piece.whole),
            crc.last.eq(self.piece.last),
            result.crc.eq(crc.crc),
            result.cycles.eq(stamp),
            memory.write.enable.eq(crc.valid),
            memory.write.address.eq(self.segments),
            memory.write.data.eq(result),
            memory.address[0].eq(self.address),
            self.data.eq(memory.data[0]),
        ]
        m.d.sync += [ended.eq(self.ended), self.cycles.eq(self.cycles + self.counting)]
        with m.If(ended):
            m.d.sync += stamp.eq(self.cycles)
        with m.If(self.valid):
            m.d.sync += self.weights.eq(self.weights + Mux(self.piece.whole, size, 1))
        with m.If(crc.valid):
            m.d.sync += [
                self.segments.eq(self.segments + 1),
                self.digest.eq(self.digest.rotate_left(1) ^ crc.crc),
            ]
        return m
