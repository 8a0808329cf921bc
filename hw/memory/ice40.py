"""A block memory of Lattice iCE40: SB_RAM40_4K, and an output register in logic, for it has none inside."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal

from .interface import BlockMemory

__all__ = ["Ice40Memory"]

ASPECTS = {16: 256, 8: 512, 4: 1024, 2: 2048}  # words by their bits
MODES = {16: 0, 8: 1, 4: 2, 2: 3}
FIRST_PINS = {16: 0, 8: 0, 4: 1, 2: 3}  # where a word's lowest bit is among the data pins; the others follow evenly
ROW_BITS = 16
INIT_PARAMETERS = 16
INIT_BITS = 256


class Ice40Memory(BlockMemory):
    """A block memory of as many SB_RAM40_4K side by side as its width takes, at the aspect that its depth needs.

    Each has one port to write and one to read: a second port is a second copy. After its configuration the device takes
    some microseconds until the first contents can be read; a reset of the design has to last as long.
    """

    ASPECTS = ASPECTS
    MAX_DEPTH = max(ASPECTS.values())
    COPIED = True

    def elaborate(self, platform):
        m = Module()
        bits = next(bits for bits, words in ASPECTS.items() if self.depth <= words)
        for port in range(self.ports):
            register = Signal(self.width, name=f"register_{port}", reset_less=True)
            m.d.comb += self.data[port].eq(register)
            for low in range(0, self.width, bits):
                part = slice(low, min(low + bits, self.width))
                word = Signal(ROW_BITS, name=f"word_{port}_{low}")
                m.submodules[f"ram_{port}_{low}"] = Instance(
                    "SB_RAM40_4K", p_READ_MODE=MODES[bits], p_WRITE_MODE=MODES[bits], **self._init(low, bits),
                    i_RCLK=ClockSignal(), i_RCLKE=Const(1), i_RE=Const(1), i_RADDR=_padded(self.address[port], 11),
                    o_RDATA=word, **self._write(part, bits))
                m.d.sync += register[part].eq(_at_pins(word, bits))
        return m

    def _write(self, part, bits):
        """The inputs of a RAM's port to write."""
        clock, enable, address, pins = Const(0), Const(0), Const(0, 11), [Const(0)] * ROW_BITS
        if self.writable:
            clock, enable = ClockSignal(), self.write.enable
            address = _padded(self.write.address, 11)
            for bit, value in enumerate(self.write.data[part]):
                pins[FIRST_PINS[bits] + bit * ROW_BITS // bits] = value
        return {"i_WCLK": clock, "i_WCLKE": Const(1), "i_WE": enable, "i_WADDR": address, "i_WDATA": Cat(pins),
                "i_MASK": Const(0, ROW_BITS)}

    def _init(self, low, bits):
        """The parameters for the contents, of the bits from ``low``. Bit b of word (row, column) is bit
        ``b * columns + column`` of its row; the column is the high part of the address."""
        columns = ROW_BITS // bits
        image = self.image(low, bits,
                           lambda number, bit: ROW_BITS * (number % 256) + bit * columns + number // 256)
        return {f"p_INIT_{i:X}": Const(image >> INIT_BITS * i & (1 << INIT_BITS) - 1, INIT_BITS)
                for i in range(INIT_PARAMETERS)}


def _padded(address, pins):
    """An address with zeros above it."""
    return Cat(address, Const(0, pins - len(address)))


def _at_pins(row, bits):
    """The word among the data pins."""
    return Cat(row[FIRST_PINS[bits]::ROW_BITS // bits])
