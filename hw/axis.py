"""The decoder in its AXI4-Stream shell: the top of the Verilog."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .decoder import Contents, Decoder, check_decoder
from .errors import ErrorCode

__all__ = ["AxisDecoder"]


class AxisDecoder(wiring.Component):
    """A `Decoder` with AXI4-Stream ports. Adds no latency.

    Weight j of a beat is the signed byte ``m_axis_tdata[8 j + 7 : 8 j]``; ``m_axis_tkeep[j]`` marks the weights there
    are; ``m_axis_tlast`` marks the last beat of each segment.

    Members
    -------
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast
        The stream in, W bits per transfer, first byte lowest, ``tlast`` on its last transfer.
    m_axis_tdata, m_axis_tkeep, m_axis_tvalid, m_axis_tready, m_axis_tlast
        The weights out, N x V bytes per transfer.
    clear : In(1)
        Reset the decoder, not the system: wait for a stream.
    busy, done, error : Out
        As in `Decoder`.
    """

    def __init__(self, config: Config, contents: Contents | None = None, target: str | None = None):
        check_decoder(config, contents, target)
        self._target = target
        self._config = config
        self._contents = contents
        super().__init__({
            "s_axis_tdata": In(config.word_bits),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tlast": In(1),
            "m_axis_tdata": Out(8 * config.transfer_weights),
            "m_axis_tkeep": Out(config.transfer_weights),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
            "clear": In(1),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
        })

    def elaborate(self, platform):
        m = Module()
        decoder = Decoder(self._config, self._contents, self._target)
        m.submodules.decoder = ResetInserter(self.clear)(decoder)
        words, beats = decoder.words, decoder.beats
        m.d.comb += [
            words.payload.data.eq(self.s_axis_tdata),
            words.payload.last.eq(self.s_axis_tlast),
            words.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(words.ready),
            self.m_axis_tkeep.eq(beats.payload.keep),
            self.m_axis_tlast.eq(beats.payload.last),
            self.m_axis_tvalid.eq(beats.valid),
            beats.ready.eq(self.m_axis_tready),
            self.busy.eq(decoder.busy),
            self.done.eq(decoder.done),
            self.error.eq(decoder.error),
        ]
        for j in range(self._config.transfer_weights):
            m.d.comb += self.m_axis_tdata.word_select(j, 8).eq(beats.payload.weights[j])
        return m
