"""The decoder in its AXI4-Stream shell: the top of the Verilog."""

from amaranth.hdl import Module, ResetInserter, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, OutputMode

from .decoder import Contents, Decoder, check_decoder
from .errors import ErrorCode
from .layouts import select_port

__all__ = ["AxisDecoder"]


def _dense_members(config):
    return {
        "m_axis_tdata": Out(8 * config.transfer_weights),
        "m_axis_tkeep": Out(config.transfer_weights),
        "m_axis_tvalid": Out(1),
        "m_axis_tready": In(1),
        "m_axis_tlast": Out(1),
    }


def _sparse_members(config):
    return {
        "m_axis_tdata": Out(16 * config.rings),
        "m_axis_tkeep": Out(2 * config.rings),
        "m_axis_tdest": Out(config.rings * config.lane_bits),
        "m_axis_tvalid": Out(config.rings),
        "m_axis_tready": In(config.rings),
        "m_axis_tlast": Out(config.rings),
    }


def _select_members(config):
    members = {f"select_{name}": In(member.shape) for name, member in select_port(config).members.items()}
    return members | {"loaded": Out(1)}


class AxisDecoder(wiring.Component):
    """A `Decoder` with AXI4-Stream ports. Adds no latency.

    Dense: weight j of a beat is the signed byte ``m_axis_tdata[8 j + 7 : 8 j]``; ``m_axis_tkeep[j]`` marks the weights
    there are; ``m_axis_tlast`` marks the last beat of each segment.

    Sparse: there are G streams out, one for each ring, side by side in the same ports: stream g has bit g of
    ``m_axis_tvalid``, ``m_axis_tready`` and ``m_axis_tlast``, and its share of the others. A transfer is a token: its
    low byte the value, signed, its high byte the run; ``m_axis_tdest`` is the number of the token's lane. The last
    transfer of a lane's segment has ``m_axis_tlast``; it may have no token, then both bits of ``m_axis_tkeep`` are 0.

    Members
    -------
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast
        The stream in, W bits per transfer, first byte lowest, ``tlast`` on its last transfer.
    m_axis_tdata, m_axis_tkeep, m_axis_tvalid, m_axis_tready, m_axis_tlast
        The weights out, G x V bytes per transfer; sparse: the tokens out, two bytes per transfer.
    m_axis_tdest : Out
        Sparse only: the lane.
    clear : In(1)
        Reset the decoder, not the system: wait for a stream.
    busy, done, error : Out
        As in `Decoder`.
    select_first, select_count, select_keep, select_load, loaded
        With ``config.select``: as in `Decoder`.
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
            **(_dense_members(config) if config.output is OutputMode.DENSE else _sparse_members(config)),
            "clear": In(1),
            "busy": Out(1),
            "done": Out(1),
            "error": Out(ErrorCode),
            **(_select_members(config) if config.select else {}),
        })

    def elaborate(self, platform):
        m = Module()
        decoder = Decoder(self._config, self._contents, self._target)
        m.submodules.decoder = ResetInserter(self.clear)(decoder)
        words = decoder.words
        m.d.comb += [
            words.payload.data.eq(self.s_axis_tdata),
            words.payload.last.eq(self.s_axis_tlast),
            words.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(words.ready),
            self.busy.eq(decoder.busy),
            self.done.eq(decoder.done),
            self.error.eq(decoder.error),
        ]
        if self._config.select:
            m.d.comb += self.loaded.eq(decoder.loaded)
            m.d.comb += [getattr(decoder.select, name).eq(getattr(self, f"select_{name}"))
                         for name in decoder.select.signature.members]
        if self._config.output is OutputMode.DENSE:
            self._dense(m, decoder.beats)
        else:
            self._sparse(m, decoder.tokens)
        return m

    def _dense(self, m, beats):
        m.d.comb += [
            self.m_axis_tkeep.eq(beats.payload.keep),
            self.m_axis_tlast.eq(beats.payload.last),
            self.m_axis_tvalid.eq(beats.valid),
            beats.ready.eq(self.m_axis_tready),
        ]
        for j in range(self._config.transfer_weights):
            m.d.comb += self.m_axis_tdata.word_select(j, 8).eq(beats.payload.weights[j])

    def _sparse(self, m, streams):
        config = self._config
        for ring, records in enumerate(streams):
            record = records.payload
            value = Signal(signed(8), name=f"value_{ring}")
            m.d.comb += [
                value.eq(record.value),
                self.m_axis_tdata.word_select(2 * ring, 8).eq(value),
                self.m_axis_tdata.word_select(2 * ring + 1, 8).eq(record.run),
                self.m_axis_tkeep.word_select(ring, 2).eq(record.keep.replicate(2)),
                self.m_axis_tdest.word_select(ring, config.lane_bits).eq(record.turn * config.rings + ring),
                self.m_axis_tlast[ring].eq(record.last),
                self.m_axis_tvalid[ring].eq(records.valid),
                records.ready.eq(self.m_axis_tready[ring]),
            ]
