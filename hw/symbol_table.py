"""The symbol table of a ring in logic: state in, entry out."""

from amaranth.hdl import Cat, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, TableStyle

from .delay import delay
from .layouts import entry_layout, lookup_layout, table_numbers, table_write_layout
from .parity import protected

__all__ = ["SymbolTable"]


class SymbolTable(wiring.Component):
    """All tables of a stream in look-up tables of the fabric.

    Style ROM has the entries from the start and becomes logic; style RAM takes them from the loader, one per cycle.

    Parameters
    ----------
    config : Config
    latency : int
        Cycles from ``lookup`` to ``entry``, 0 or more.
    tables : list of list of dict
        Style ROM: the entries of each table by state, each a dict of ``run, value, nbits, base`` (plain ints).

    Members
    -------
    lookup : In(`lookup_layout`)
        Which entry.
    entry : Out(`entry_layout`)
        That entry.
    write : In(`table_write_layout`)
        Style RAM only; has no effect in style ROM.
    """

    def __init__(self, config: Config, latency: int = 0, tables=()):
        self._config = config
        self._latency = latency
        self._tables = tables
        super().__init__({
            "lookup": In(lookup_layout(config)),
            "entry": Out(entry_layout(config)),
            "write": In(table_write_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        init = [protected(config, entry) for table in self._tables for entry in table]
        m.submodules.memory = store = memory.Memory(
            shape=entry_layout(config), depth=len(table_numbers(config)) * config.slots, init=init)
        read = store.read_port(domain="comb")
        m.d.comb += [
            read.addr.eq(self.lookup),
            self.entry.eq(delay(m, read.data, self._latency, "entry")),
        ]
        if config.table_style is TableStyle.RAM:
            write = store.write_port()
            m.d.comb += [
                write.addr.eq(Cat(self.write.state, self.write.table)),
                write.data.eq(self.write.entry),
                write.en.eq(self.write.enable),
            ]
        return m
