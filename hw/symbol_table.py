"""The symbol table of a lane: state in, entry out, in the same cycle."""

from amaranth.hdl import Cat, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, TableStyle

from .layouts import entry_layout, table_numbers, table_write_layout

__all__ = ["SymbolTable"]


class SymbolTable(wiring.Component):
    """All tables of a stream, read without latency.

    Style ROM has the entries from the start and becomes logic; style RAM takes them from the loader, one per cycle.

    Parameters
    ----------
    config : Config
    tables : list of list of dict
        Style ROM: the entries of each table by state, each a dict of ``run, value, nbits, base`` (plain ints).

    Members
    -------
    table, state : In
        Which entry.
    entry : Out(`entry_layout`)
        That entry.
    write : In(`table_write_layout`)
        Style RAM only; has no effect in style ROM.
    """

    def __init__(self, config: Config, tables=()):
        self._config = config
        self._tables = tables
        super().__init__({
            "table": In(table_numbers(config)),
            "state": In(config.table_log),
            "entry": Out(entry_layout(config)),
            "write": In(table_write_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        init = [entry for table in self._tables for entry in table]
        m.submodules.memory = store = memory.Memory(
            shape=entry_layout(config), depth=len(table_numbers(config)) * config.slots, init=init)
        read = store.read_port(domain="comb")
        m.d.comb += [
            read.addr.eq(Cat(self.state, self.table)),
            self.entry.eq(read.data),
        ]
        if config.table_style is TableStyle.RAM:
            write = store.write_port()
            m.d.comb += [
                write.addr.eq(Cat(self.write.state, self.write.table)),
                write.data.eq(self.write.entry),
                write.en.eq(self.write.enable),
            ]
        return m
