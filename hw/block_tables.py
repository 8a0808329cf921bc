"""Symbol tables in block RAM: two rings share one."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, TableStyle
from golden.errors import ConfigError

from .layouts import entry_layout, lookup_layout, table_numbers, table_write_layout
from .memory import block_memory, check_memory
from .parity import protected

__all__ = ["BlockTables", "check_block_tables"]


def _depth(config):
    return len(table_numbers(config)) * config.slots


def check_block_tables(config: Config, target: str | None) -> None:
    """Raise `ConfigError` if the target has no block RAM that holds the tables."""
    try:
        check_memory(target, entry_layout(config).size, _depth(config))
    except ConfigError as error:
        raise ConfigError(f"{config.max_tables} tables of table log {config.table_log}: {error}") from None


class BlockTables(wiring.Component):
    """All tables of a stream in a block RAM, one port of it for each of one or two rings.

    Latency: 2 cycles, the RAM's own register at its output included. Style ROM has the entries from the start; style
    RAM takes them from the loader through the first port.

    Parameters
    ----------
    config : Config
    rings : int
        1 or 2.
    target : str or None
        The family whose primitive is to be used; see `hw.memory.block_memory`.
    tables : list of list of dict
        Style ROM: see `SymbolTable`.

    Members
    -------
    lookup, entry : In(`lookup_layout`), Out(`entry_layout`), one per ring
        Which entry, and the entry.
    write : In(`table_write_layout`)
        Style RAM only; has no effect in style ROM.
    """

    def __init__(self, config: Config, rings: int, target: str | None = None, tables=()):
        self._config = config
        self._rings = rings
        self._target = target
        self._tables = tables
        super().__init__({
            "lookup": In(lookup_layout(config)).array(rings),
            "entry": Out(entry_layout(config)).array(rings),
            "write": In(table_write_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        layout = entry_layout(config)
        init = [layout.const(protected(config, entry)).as_bits() for table in self._tables for entry in table]
        writable = config.table_style is TableStyle.RAM
        m.submodules.memory = store = block_memory(
            self._target, layout.size, _depth(config), init, self._rings, writable)
        for ring in range(self._rings):
            m.d.comb += [
                store.address[ring].eq(self.lookup[ring]),
                self.entry[ring].eq(data.View(layout, store.data[ring])),
            ]
        if writable:
            m.d.comb += [
                store.write.enable.eq(self.write.enable),
                store.write.address.eq(Cat(self.write.state, self.write.table)),
                store.write.data.eq(self.write.entry),
            ]
        return m
