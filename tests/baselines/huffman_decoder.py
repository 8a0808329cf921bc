"""A canonical Huffman decoder: one weight per cycle, C streams in turn in a ring of C pipeline stages.

A code's length must be known before the next code can be seen, so the loop of one stream is: pointer, window (a funnel
shifter over two registers, whole fours of bits, then the rest), look-up, pointer addition, refill. With C = 1 all of it
is one cycle, as in a textbook decoder. With more streams registers cut the loop, and the streams take turns:

    C  fixed, in logic                                 loadable, in block RAM
    1  all in one cycle
    2  window | look-up, addition, refill
    3  window | look-up | addition, refill             window | RAM | addition, refill
    4  window | look-up | addition | refill            window | RAM | addition | refill
    5  fours | rest | look-up | addition | refill      fours | rest | RAM | addition | refill

The RAM's address is a register of its own, so a loadable table's cut before the look-up is inside the RAM.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from .huffman import ENTRY_BITS, LENGTH_BITS, UNIT_BITS, HuffmanCode
from .look_up import BlockTable, write_layout
from .streams import WORD_BITS, OutputBuffer, WordRegister, any_of, registers

__all__ = ["HuffmanDecoder"]

WEIGHT_BITS = 8


class UnitSource(wiring.Component):
    """Words to 16-bit units, one per cycle.

    Members
    -------
    words : In(stream of 32 bits)
    unit, held : Out(16), Out(1)
        The next unit, and whether there is one.
    take : In(1)
        It is taken; only while it is there.
    """

    words: In(stream.Signature(WORD_BITS))
    unit: Out(UNIT_BITS)
    held: Out(1)
    take: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.register = register = WordRegister()
        wiring.connect(m, register.words, wiring.flipped(self.words))
        upper, two = Signal(UNIT_BITS), Signal()
        m.d.comb += register.take.eq(~self.held | (self.take & ~two))
        with m.If(register.take):
            m.d.sync += [self.unit.eq(register.word), upper.eq(register.word >> UNIT_BITS), self.held.eq(register.held),
                         two.eq(register.held)]
        with m.Elif(self.take):
            m.d.sync += [self.unit.eq(upper), two.eq(0)]
        return m


def bits_layout():
    """The bits of one stream: two units, and how many bits of the first are used up."""
    return data.StructLayout({"low": UNIT_BITS, "high": UNIT_BITS, "used": ceil_log2(UNIT_BITS)})


class HuffmanDecoder(wiring.Component):
    """Decodes what `huffman.encode` wrote.

    Throughput: one weight per cycle while words come and the sink takes. Latency: 2 C cycles to take the first units.
    Reset: waits for a stream, C streams of it.

    Parameters
    ----------
    code : HuffmanCode
        The code, or what is in the table from the start.
    streams : int
        C: 1 to 5, with a loadable table at least 3.
    room : int or None
        ``None``: the code is fixed, in logic. Else the table is loadable, and codes may have up to so many bits.
    ecp5 : bool
        The table is one DP16KD with its output register (``room`` up to 10), else what any tool knows.

    Members
    -------
    words : In(stream of 32 bits)
    weights : Out(stream of 8 bits)
        One signed weight per transfer.
    write : In(`write_layout`)
        Where it is loadable: for the next ``room`` bits, the first one lowest, `huffman.HuffmanCode.entries`.
    """

    def __init__(self, code: HuffmanCode, streams: int, room: int | None = None, ecp5: bool = False):
        least = 1 if room is None else 3
        if not least <= streams <= 5:
            raise ValueError(f"streams must be {least} to 5, not {streams}")
        self._code, self._streams, self._room, self._ecp5 = code, streams, room, ecp5
        self._window_bits = code.longest if room is None else room
        ports = {"words": In(stream.Signature(WORD_BITS)), "weights": Out(stream.Signature(WEIGHT_BITS))}
        if room is not None:
            self._entries = code.entries(room)
            ports["write"] = In(write_layout(len(self._entries), ENTRY_BITS))
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        m.submodules.source = source = UnitSource()
        m.submodules.buffer = buffer = OutputBuffer(WEIGHT_BITS)
        wiring.connect(m, source.words, wiring.flipped(self.words))
        wiring.connect(m, wiring.flipped(self.weights), buffer.port)
        move = Signal()
        m.d.comb += move.eq(source.held & ~buffer.full)
        state = Signal(bits_layout())
        window = Signal(self._window_bits)
        fours = Signal(self._window_bits + 3)
        m.d.comb += fours.eq(Cat(state.low, state.high) >> (state.used[2:] << 2))
        bits = state
        if self._streams == 5:
            bits, fours = registers(m, move, bits, fours)
        m.d.comb += window.eq(fours >> bits.used[:2])
        look_up = self._logic_look_up if self._room is None else self._block_look_up
        bits, length, weight = look_up(m, move, bits, window)
        moved = Signal(UNIT_BITS.bit_length())
        m.d.comb += moved.eq(bits.used + length)
        if self._streams >= 4:
            bits, moved, weight = registers(m, move, bits, moved, weight)
        loading = self._loading(m, move)
        self._refill(m, move, loading, state, bits, moved, source)
        m.d.comb += [buffer.payload.eq(weight), buffer.push.eq(move & ~loading)]
        return m

    def _logic_look_up(self, m, move, bits, window):
        """The length and the weight of the window's first code: a sum of products of the code's own bits."""
        code = self._code
        if self._streams >= 2:
            bits, window = registers(m, move, bits, window)
        length, weight = Signal(range(code.longest + 1)), Signal(signed(code.half.bit_length() + 1))
        lengths, weights = [], []
        for symbol, (size, prefix) in enumerate(zip(code.lengths, code.codes)):
            if size:
                match = Signal(name=f"match_{symbol}")
                m.d.comb += match.eq(window[:size] == prefix)
                lengths.append(Mux(match, Const(size, length.shape()), 0))
                weights.append(Mux(match, Const(symbol - code.half, weight.shape()), 0).as_unsigned())
        m.d.comb += [length.eq(any_of(lengths)), weight.eq(any_of(weights))]
        if self._streams >= 3:
            bits, length, weight = registers(m, move, bits, length, weight)
        return bits, length, weight

    def _block_look_up(self, m, move, bits, window):
        """The same from a block RAM, two cycles later."""
        m.submodules.table = table = BlockTable(ENTRY_BITS, self._entries, self._ecp5)
        wiring.connect(m, table.write, wiring.flipped(self.write))
        m.d.comb += [table.enable.eq(move), table.address.eq(window)]
        for _ in range(2):
            bits, = registers(m, move, bits)
        return bits, table.data[:LENGTH_BITS], table.data[LENGTH_BITS:].as_signed()

    def _loading(self, m, move):
        """Whether the streams still take their first units, two each."""
        turn, loading = Signal(range(2 * self._streams)), Signal(init=1)
        with m.If(move & loading):
            m.d.sync += [turn.eq(turn + 1), loading.eq(turn != 2 * self._streams - 1)]
        return loading

    def _refill(self, m, move, loading, state, bits, moved, source):
        """The bits of a stream after a code; a unit that is used up makes room for the next one."""
        crossed = Signal()
        m.d.comb += [crossed.eq(moved[-1] | loading), source.take.eq(move & crossed)]
        with m.If(move):
            m.d.sync += [
                state.low.eq(Mux(crossed, bits.high, bits.low)),
                state.high.eq(Mux(crossed, source.unit, bits.high)),
                state.used.eq(Mux(loading, 0, moved)),
            ]
