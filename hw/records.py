"""The segment records of style ROM."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config

from .delay import delay
from .layouts import record_layout, segment_numbers

__all__ = ["Records"]


class Records(wiring.Component):
    """The segments of the one stream, read with a cycle's latency. What is kept of a segment is its weights, less 1.

    Parameters
    ----------
    config : Config
    records : list of dict
        One per segment, with the fields of `record_layout`.

    Members
    -------
    address, record : In, Out(`record_layout`)
        Which record, and the record, but with ``weights`` less 1.
    """

    def __init__(self, config: Config, records=()):
        self._config = config
        self._records = records
        super().__init__({
            "address": In(range(config.max_segments + 1)),
            "record": Out(record_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        init = [record | {"weights": record["weights"] - 1} for record in self._records]
        m.submodules.memory = store = memory.Memory(
            shape=record_layout(self._config), depth=len(segment_numbers(self._config)), init=init)
        read = store.read_port(domain="comb")
        m.d.comb += [read.addr.eq(self.address), self.record.eq(delay(m, read.data, 1, "record"))]
        return m
