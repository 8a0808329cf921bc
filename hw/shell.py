"""The decoder with a register file: AXI4-Stream for data, AXI4-Lite or Wishbone for the registers."""

from dataclasses import replace

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from golden.config import Config, OutputMode

from .axi_lite import AXI_LITE_PORTS, AxiLite
from .axis import AxisDecoder
from .decoder import Contents
from .register_file import RegisterFile
from .wishbone import WISHBONE_PORTS, Wishbone

__all__ = ["SHELLS", "ShellDecoder"]

SHELLS = {"axi-lite": (AxiLite, "s_axil_", AXI_LITE_PORTS), "wishbone": (Wishbone, "wb_", WISHBONE_PORTS)}


class ShellDecoder(wiring.Component):
    """An `AxisDecoder` that decodes one stream for each start, and a `RegisterFile` beside it. Adds no latency to data.

    The decoder is one with ``select``. The input is shut until a start, and after the last transfer of a stream until
    the next one.

    Members
    -------
    s_axis_..., m_axis_...
        As in `AxisDecoder`.
    s_axil_... or wb_...
        The registers.
    """

    def __init__(self, config: Config, shell: str, contents: Contents | None = None, target: str | None = None):
        self._config = config = replace(config, select=True)
        self._adapter, self._prefix, self._bus_ports = SHELLS[shell]
        self._decoder = AxisDecoder(config, contents, target)
        self._data = {name: member for name, member in self._decoder.signature.members.items() if "_axis_" in name}
        super().__init__({**self._data, **{self._prefix + name: member for name, member in self._bus_ports.items()}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = self._decoder
        m.submodules.registers = registers = RegisterFile(self._config)
        m.submodules.adapter = adapter = self._adapter()
        connect(m, adapter.bus, registers.bus)
        for name, member in self._data.items():
            self._join(m, member, getattr(self, name), getattr(decoder, name))
        for name, member in self._bus_ports.items():
            self._join(m, member, getattr(self, self._prefix + name), getattr(adapter, name))
        valid, ready = decoder.m_axis_tvalid, decoder.m_axis_tready
        kept = decoder.m_axis_tkeep & (valid & ready).replicate(len(decoder.m_axis_tkeep))
        if self._config.output is OutputMode.SPARSE:
            kept = Cat(decoder.m_axis_tkeep[2 * ring] & valid[ring] & ready[ring] for ring in range(len(valid)))
        m.d.comb += [
            decoder.s_axis_tvalid.eq(self.s_axis_tvalid & registers.gate),
            self.s_axis_tready.eq(decoder.s_axis_tready & registers.gate),
            decoder.clear.eq(registers.clear),
            registers.input_valid.eq(self.s_axis_tvalid),
            registers.input_ready.eq(decoder.s_axis_tready),
            registers.input_last.eq(self.s_axis_tlast),
            registers.output_valid.eq(valid.any()),
            registers.output_waits.eq((valid & ~ready).any()),
            registers.handed_out.eq(sum(kept[bit] for bit in range(len(kept)))),
            registers.done.eq(decoder.done),
            registers.error.eq(decoder.error),
            registers.loaded.eq(decoder.loaded),
            *(getattr(decoder, f"select_{name}").eq(getattr(registers.select, name))
              for name in registers.select.signature.members),
        ]
        return m

    @staticmethod
    def _join(m, member, outer, inner):
        """A port of the shell is that of a part; the gate drives what it has to."""
        m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
