"""The stream memory: block RAM with the words of a stream, which it hands to the decoder, one per cycle."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from golden.config import Config
from hw.layouts import transfer_layout
from hw.memory import LATENCY, block_memory
from hw.memory.interface import write_layout

__all__ = ["StreamSource"]

ROOM = 4  #: words that have been asked of the memory and not been taken: more than its latency


class StreamSource(wiring.Component):
    """Hands out the first words of the memory, the last of them marked.

    Throughput: a word per cycle, from the fourth cycle after ``start`` on. Reset: nothing is on offer, the memory is as
    it was.

    Parameters
    ----------
    config : Config
    depth : int
        Words of memory.
    target : str or None
        Family of block RAM, see `hw.memory.block_memory`.
    words : sequence of int
        What the memory begins with.

    Members
    -------
    start : In(1)
        Begin. Only when reset.
    length : In
        Words to hand out, 1 at least.
    write : In(`write_layout`)
        A word for the memory. Not while words are handed out.
    words : Out(stream of `transfer_layout`)
    """

    def __init__(self, config: Config, depth: int, target: str | None = None, words=()):
        self._config, self._depth, self._target, self._words = config, depth, target, tuple(words)
        super().__init__({
            "start": In(1),
            "length": In(range(depth + 1)),
            "write": In(write_layout(config.word_bits, depth)),
            "words": Out(stream.Signature(transfer_layout(config))),
        })

    def elaborate(self, platform):
        m = Module()
        bits = self._config.word_bits
        m.submodules.memory = memory = block_memory(self._target, bits, self._depth, self._words, writable=True)
        m.submodules.queue = queue = SyncFIFO(width=bits + 1, depth=ROOM)
        address, left = Signal(ceil_log2(self._depth)), Signal(range(self._depth + 1))
        free = Signal(range(ROOM + 1), init=ROOM)
        asked, taken = Signal(), Signal()
        coming, ending = Signal(LATENCY), Signal(LATENCY)  # words on the way out of the memory, and whether the last
        m.d.comb += [
            memory.write.eq(self.write),
            memory.address[0].eq(address),
            asked.eq((left != 0) & (free != 0)),
            queue.w_en.eq(coming[-1]),
            queue.w_data.eq(memory.data[0]),
            queue.w_data[bits].eq(ending[-1]),
            self.words.valid.eq(queue.r_rdy),
            self.words.payload.data.eq(queue.r_data[:bits]),
            self.words.payload.last.eq(queue.r_data[bits]),
            taken.eq(self.words.valid & self.words.ready),
            queue.r_en.eq(taken),
        ]
        m.d.sync += [
            free.eq(free + taken - asked),
            coming.eq(coming << 1 | asked),
            ending.eq(ending << 1 | (left == 1)),
        ]
        with m.If(self.start):
            m.d.sync += [address.eq(0), left.eq(self.length)]
        with m.Elif(asked):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
        return m
