"""A byte-renormalizing rANS decoder: one weight per cycle, K = 9 states in turn in a ring of nine pipeline stages.

The loop of one state is long: slot, symbol, count, multiplication, addition, renormalization. So registers cut it into
nine short stages, and nine states take turns, as in interleaved rANS in software; they share one sequence of bytes.

    1  slot to the block RAM's array            6  product + slot - start
    2  to the register behind it: the symbol    7  how many bytes
    3  symbol to count and start                8  the next two bytes of the sequence
    4  to the middle of the multiplier          9  as many as it takes shifted in
    5  to its product
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from .ecp5 import multiplier
from .look_up import BlockTable, write_layout
from .rans import STATE_BITS, RansModel
from .streams import WORD_BITS, OutputBuffer, WordRegister, registers

__all__ = ["STATES", "RansDecoder"]

STATES = 9
WEIGHT_BITS = 8
LOW_BITS = STATE_BITS - 8


class ByteSource(wiring.Component):
    """Words to bytes, up to two per cycle, or a whole word.

    Members
    -------
    words : In(stream of 32 bits)
    next : Out(16)
        The next two bytes, the first one lowest.
    word : Out(32)
        The next word, before the first byte is taken.
    held : Out(1)
        Whether they are there.
    move : In(1)
        Take ``count`` bytes, or with ``whole`` a word; only while they are there.
    """

    words: In(stream.Signature(WORD_BITS))
    next: Out(16)
    word: Out(WORD_BITS)
    held: Out(1)
    move: In(1)
    count: In(2)
    whole: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.register = register = WordRegister()
        wiring.connect(m, register.words, wiring.flipped(self.words))
        behind, used = Signal(WORD_BITS), Signal(2)
        there, there_behind = Signal(), Signal()
        moved, shift = Signal(3), Signal()
        m.d.comb += [
            self.next.eq(Cat(self.word, behind[:8]).bit_select(used << 3, 16)),
            self.held.eq(there & there_behind),
            moved.eq(used + self.count),
            shift.eq(~there | (self.move & (self.whole | moved[2]))),
            register.take.eq(shift | ~there_behind),
        ]
        with m.If(self.move & ~self.whole):
            m.d.sync += used.eq(moved)
        with m.If(shift):
            m.d.sync += [self.word.eq(behind), there.eq(there_behind)]
        with m.If(register.take):
            m.d.sync += [behind.eq(register.word), there_behind.eq(register.held)]
        return m


def symbol_layout(log: int, weight_bits: int):
    """What the decoder knows of a symbol: its count, the first of its slots, and the weight."""
    return data.StructLayout({"count": log, "start": log, "weight": signed(weight_bits)})


class RansDecoder(wiring.Component):
    """Decodes what `rans.encode` wrote for nine states.

    Throughput: one weight per cycle while words come and the sink takes. Latency: some 18 cycles to take the states.
    Reset: waits for a stream.

    Parameters
    ----------
    model : RansModel
        What is in the tables from the start. No count may be ``2 ** log``.
    loadable : bool
        Whether the tables can be written.
    ecp5 : bool
        Made of one DP16KD and one MULT18X18D with the registers inside (``log`` up to 10), else of what any tool knows.

    Members
    -------
    words : In(stream of 32 bits)
    weights : Out(stream of 8 bits)
        One signed weight per transfer.
    write_slot, write_symbol : In(`write_layout`)
        Where it is loadable: the symbol of a slot; `symbol_layout` of a symbol, as a number.
    """

    def __init__(self, model: RansModel, loadable: bool = False, ecp5: bool = False):
        if max(model.counts) == 1 << model.log:
            raise ValueError("a model must have more than one weight")
        self._model, self._loadable, self._ecp5 = model, loadable, ecp5
        self._number_bits = ceil_log2(len(model.counts))
        self._layout = symbol_layout(model.log, WEIGHT_BITS if loadable else model.half.bit_length() + 1)
        ports = {"words": In(stream.Signature(WORD_BITS)), "weights": Out(stream.Signature(WEIGHT_BITS))}
        if loadable:
            ports["write_slot"] = In(write_layout(1 << model.log, self._number_bits))
            ports["write_symbol"] = In(write_layout(1 << self._number_bits, self._layout.size))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        log = self._model.log
        m.submodules.source = source = ByteSource()
        m.submodules.buffer = buffer = OutputBuffer(WEIGHT_BITS)
        wiring.connect(m, source.words, wiring.flipped(self.words))
        wiring.connect(m, wiring.flipped(self.weights), buffer.port)
        move = Signal()
        m.d.comb += [move.eq(source.held & ~buffer.full), source.move.eq(move)]
        state = Signal(STATE_BITS)
        x, symbol = self._symbol(m, move, state)
        product = self._product(m, move, x[log:], symbol.count)
        slot, start, weight = registers(m, move, x[:log], symbol.start, symbol.weight)
        offset = Signal(log)
        m.d.comb += offset.eq(slot - start)
        for _ in range(2):
            offset, weight = registers(m, move, offset, weight)
        total = Signal(STATE_BITS)
        m.d.comb += total.eq(product + offset)
        total, weight = registers(m, move, total, weight)
        lacks = Signal(2)
        m.d.comb += lacks.eq(Mux(total[LOW_BITS:].any(), 0, Mux(total[LOW_BITS - 8:LOW_BITS].any(), 1, 2)))
        total, lacks, weight = registers(m, move, total, lacks, weight)
        self._renormalize(m, move, state, total, lacks, source, buffer)
        m.d.comb += buffer.payload.eq(weight)
        return m

    def _symbol(self, m, move, x):
        """The state two moves later, with what the tables know of its symbol."""
        model = self._model
        m.submodules.slots = slots = BlockTable(self._number_bits, model.symbols, self._ecp5)
        m.d.comb += [slots.enable.eq(move), slots.address.eq(x)]
        for _ in range(2):
            x, = registers(m, move, x)
        known = [{"count": count, "start": start, "weight": number - model.half}
                 for number, (count, start) in enumerate(zip(model.counts, model.starts))]
        m.submodules.symbols = symbols = memory.Memory(shape=self._layout, depth=1 << self._number_bits, init=known)
        read = symbols.read_port(domain="comb")
        m.d.comb += read.addr.eq(slots.data)
        if self._loadable:
            wiring.connect(m, slots.write, wiring.flipped(self.write_slot))
            write = symbols.write_port()
            m.d.comb += [
                write.addr.eq(self.write_symbol.address),
                write.data.eq(self.write_symbol.data),
                write.en.eq(self.write_symbol.enable),
            ]
        return x, read.data

    def _product(self, m, move, a, b):
        """The product of two values, three moves later."""
        if self._ecp5:
            product = Signal(36)
            m.submodules.multiplier = multiplier(move, a, b, product)
            return product[:STATE_BITS]
        a, b = registers(m, move, a, b)
        middle, = registers(m, move, (a * b)[:STATE_BITS])
        return registers(m, move, middle)[0]

    def _renormalize(self, m, move, state, total, lacks, source, buffer):
        """The next state of a turn: the first ones whole from the stream, then the total and the bytes it lacks."""
        turn, loading = Signal(range(STATES)), Signal(init=1)
        with m.If(move & loading):
            m.d.sync += [turn.eq(turn + 1), loading.eq(turn != STATES - 1)]
        m.d.comb += [source.count.eq(lacks), source.whole.eq(loading), buffer.push.eq(move & ~loading)]
        total, lacks, taken = registers(m, move, Mux(loading, source.word[:STATE_BITS], total), Mux(loading, 0, lacks),
                                        source.next)
        first, second = taken[:8], taken[8:]
        with m.If(move), m.Switch(lacks):
            with m.Case(0):
                m.d.sync += state.eq(total)
            with m.Case(1):
                m.d.sync += state.eq(Cat(first, total[:16]))
            with m.Default():
                m.d.sync += state.eq(Cat(second, first, total[:8]))
