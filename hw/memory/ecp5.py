"""A block memory of Lattice ECP5: DP16KD, read through the output register it has inside."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal

from .interface import BlockMemory

__all__ = ["Ecp5Memory"]

ASPECTS = {18: 1024, 9: 2048, 4: 4096, 2: 8192, 1: 16384}  # words by their bits
ADDRESS_PINS = 14
DATA_PINS = 18
INIT_PARAMETERS = 64
INIT_BITS = 320  # in each of them 16 words of 18 bits, in places of 20


class Ecp5Memory(BlockMemory):
    """A block memory of as many DP16KD side by side as its width takes, at the aspect that its depth needs.

    The two ports of the memory are the two ports of each DP16KD. A write takes port 0: its address comes through a
    multiplexer in front of the RAM.
    """

    ASPECTS = ASPECTS
    MAX_DEPTH = max(ASPECTS.values())

    def elaborate(self, platform):
        m = Module()
        bits = next(bits for bits, words in ASPECTS.items() if self.depth <= words)
        address, enable, incoming = list(self.address), Const(0), Const(0, self.width)
        if self.writable:
            address[0] = Mux(self.write.enable, self.write.address, self.address[0])
            enable, incoming = self.write.enable, self.write.data
        for low in range(0, self.width, bits):
            part = slice(low, min(low + bits, self.width))
            pins = _inputs("A", bits, address[0], enable, incoming[part])
            pins |= _inputs("B", bits, address[1] if self.ports == 2 else None)
            for side, port in zip("AB", range(2)):
                word = Signal(DATA_PINS, name=f"word_{port}_{low}")
                pins |= {f"o_DO{side}{i}": word[i] for i in range(DATA_PINS)}
                if port < self.ports:
                    m.d.comb += self.data[port][part].eq(word)
            m.submodules[f"ram_{low}"] = Instance("DP16KD", **_modes(bits), **self._init(low, bits), **pins)
        return m

    def _init(self, low, bits):
        """The parameters for the contents, of the bits from ``low``."""
        image = self.image(low, bits, lambda number, bit: _place(bits, number, bit))
        return {f"p_INITVAL_{i:02X}": Const(image >> INIT_BITS * i & (1 << INIT_BITS) - 1, INIT_BITS)
                for i in range(INIT_PARAMETERS)}


def _place(bits, number, bit):
    """Where a bit of a word is in the parameters for the contents, put end to end.

    Words of less than 9 bits fill eight bits of nine; the ninth is reached by words of 9 and 18 bits only.
    """
    byte, rest = divmod(number * bits, 9 if bits >= 9 else 8)
    word, rest = divmod(9 * byte + rest + bit, DATA_PINS)
    return INIT_BITS // 16 * word + rest


def _modes(bits):
    """The parameters but for the contents."""
    both = {"DATA_WIDTH": bits, "REGMODE": "OUTREG", "WRITEMODE": "NORMAL", "CSDECODE": "0b000"}
    modes = {f"p_{name}_{side}": value for name, value in both.items() for side in "AB"}
    return modes | {"p_CLKAMUX": "CLKA", "p_CLKBMUX": "CLKB", "p_RESETMODE": "SYNC", "p_ASYNC_RESET_RELEASE": "SYNC",
                    "p_GSR": "DISABLED"}


def _inputs(side, bits, address, enable=None, incoming=()):
    """The input pins of a port; without an address, of one that stays off.

    Narrower words have more address pins. Words of 18 bits leave four alone, and of those two enable, in a write, its
    halves.
    """
    on = Const(address is not None)
    unused = ADDRESS_PINS - (ASPECTS[bits] - 1).bit_length()
    low = Const(0b0011 if bits == 18 else 0, unused)
    pins = {f"i_CLK{side}": ClockSignal(), f"i_CE{side}": on, f"i_OCE{side}": on, f"i_RST{side}": Const(0),
            f"i_WE{side}": Const(0) if enable is None else enable}
    for name, value, count in (("AD", Cat(low, () if address is None else address), ADDRESS_PINS),
                               ("DI", Cat(incoming), DATA_PINS), ("CS", Cat(), 3)):
        padded = Cat(value, Const(0, count - len(value)))
        pins |= {f"i_{name}{side}{i}": padded[i] for i in range(count)}
    return pins
