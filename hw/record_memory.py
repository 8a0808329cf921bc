"""The segment records of style RAM: stored by the loader piece by piece in a block memory, read back the same way."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config
from golden.errors import ConfigError

from .delay import delay
from .layouts import record_layout, record_write_layout, segment_numbers
from .memory import LATENCY, block_memory, check_memory

__all__ = ["RecordMemory", "check_record_memory"]

PIECE = 16  # bits; block RAM of every family has words of so many
ORDER = ("restart", "table", "raw_bits", "weights", "words", "crc")  # what is needed first comes first


def _stored_layout(config):
    """A record as it is stored."""
    members = record_layout(config).members
    return data.StructLayout({name: members[name] for name in ORDER})


def _pieces(config, target):
    """How a record is cut: places set aside for its pieces, pieces, and bits of one. Fewer and wider ones where there
    are so many segments that the memory would be too deep."""
    segments, bits = len(segment_numbers(config)), record_layout(config).size
    for places in (8, 4, 2, 1):
        pieces = min(places, -(-bits // PIECE))
        width = -(-bits // pieces)
        try:
            check_memory(target, width, places * segments)
        except ConfigError:
            continue
        return places, pieces, width
    raise ConfigError(f"max segments must be less than {segments} for block RAM of {target or 'any family'}")


def check_record_memory(config: Config, target: str | None) -> None:
    """Raise `ConfigError` if the target has no block RAM that holds the records."""
    _pieces(config, target)


class RecordMemory(wiring.Component):
    """The records of up to ``max_segments`` segments. What is kept of a segment is its weights, less 1.

    A record is stored in the cycles after ``write``, seven at most; a part of it may change two cycles after the part
    has been stored, which is what `hw.segment_loader` leaves it. It is read over and over, beginning anew with its
    first piece when the address changes or a record has been stored: whether it restarts is there four cycles after
    ``moved``, table and weights are after six at most, the rest after ten, or twenty after ``write``. No segment is
    loaded so soon after another, and `hw.loader` waits as long.

    Parameters
    ----------
    config : Config
    target : str or None
        The family whose primitive is to be used; see `hw.memory.block_memory`.

    Members
    -------
    address, record : In, Out(`record_layout`)
        Which record, and the record, but with ``weights`` less 1.
    moved : In(1)
        The address changes in the next cycle.
    write : In(`record_write_layout`)
        A record to store.
    """

    def __init__(self, config: Config, target: str | None = None):
        self._config = config
        self._target = target
        super().__init__({
            "address": In(range(config.max_segments + 1)),
            "moved": In(1),
            "record": Out(record_layout(config)),
            "write": In(record_write_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        places, pieces, width = _pieces(config, self._target)
        m.submodules.memory = memory = block_memory(
            self._target, width, places * len(segment_numbers(config)), writable=True)
        numbers = range(places)
        self._store(m, memory, numbers, pieces, width)
        self._fetch(m, memory, numbers, pieces, width)
        return m

    def _store(self, m, memory, numbers, pieces, width):
        """Write a record's pieces, one per cycle."""
        less = Signal(self._config.count_bits, reset_less=True)
        number = Signal(segment_numbers(self._config), reset_less=True)
        piece, storing = Signal(numbers), Signal()
        kept = Signal(_stored_layout(self._config))
        write = Signal.like(memory.write, reset_less=True)
        m.d.comb += [memory.write.eq(write), *(kept[name].eq(self.write.record[name]) for name in ORDER),
                     kept.weights.eq(less)]
        m.d.sync += [write.enable.eq(storing), write.address.eq(Cat(piece, number))]
        with m.Switch(piece):
            for place in range(pieces):
                with m.Case(place):
                    m.d.sync += write.data.eq(Value.cast(kept)[place * width:(place + 1) * width])
        m.d.sync += less.eq(self.write.record.weights - 1)
        with m.If(storing):
            m.d.sync += [piece.eq(Mux(piece == pieces - 1, 0, piece + 1)), storing.eq(piece != pieces - 1)]
        with m.If(self.write.enable):
            m.d.sync += [storing.eq(1), piece.eq(0), number.eq(self.write.number)]

    def _fetch(self, m, memory, numbers, pieces, width):
        """Read the record's pieces in turn, for ever."""
        piece, found = Signal(numbers), Signal(data.ArrayLayout(width, pieces), reset_less=True)
        come = delay(m, piece, LATENCY, "come")
        m.d.sync += piece.eq(Mux(self.moved | memory.write.enable | (piece == pieces - 1), 0, piece + 1))
        stored = data.View(_stored_layout(self._config), Value.cast(found)[:_stored_layout(self._config).size])
        m.d.comb += [memory.address[0].eq(Cat(piece, self.address)),
                     *(self.record[name].eq(stored[name]) for name in ORDER)]
        for number in range(pieces):
            with m.If(come == number):
                m.d.sync += found[number].eq(memory.data[0])

