"""A block memory of Gowin GW1N and GW2A: the semi-dual-port forms of BSRAM, and an output register in logic.

BSRAM has an output register inside, asked for by ``READ_MODE``, but in GW1NR-9C and GW2AR-18C it fails for words of
less than 32 bits: the vendor's tools put a register in logic there, and nextpnr does so for single-port memories only.
And the dual-port form is not for every GW1N-9. So what is used here is what works in all of them.
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal

from .interface import BlockMemory

__all__ = ["GowinMemory"]

ASPECTS = {18: 1024, 9: 2048, 4: 4096, 2: 8192, 1: 16384}  # words by their bits
ADDRESS_PINS = 14
INIT_PARAMETERS = 64


class GowinMemory(BlockMemory):
    """A block memory of as many SDPX9B (words of 9 or 18 bits) or SDPB side by side as its width takes.

    Each has one port to write and one to read: a second port is a second copy.
    """

    ASPECTS = ASPECTS
    MAX_DEPTH = max(ASPECTS.values())
    COPIED = True

    def elaborate(self, platform):
        m = Module()
        bits = next(bits for bits, words in ASPECTS.items() if self.depth <= words)
        data_pins = 36 if bits >= 9 else 32
        for port in range(self.ports):
            register = Signal(self.width, name=f"register_{port}", reset_less=True)
            m.d.comb += self.data[port].eq(register)
            for low in range(0, self.width, bits):
                part = slice(low, min(low + bits, self.width))
                word = Signal(data_pins, name=f"word_{port}_{low}")
                m.submodules[f"ram_{port}_{low}"] = Instance(
                    "SDPX9B" if bits >= 9 else "SDPB", p_READ_MODE=Const(0, 1), p_BIT_WIDTH_0=bits, p_BIT_WIDTH_1=bits,
                    p_BLK_SEL_0=Const(0, 3), p_BLK_SEL_1=Const(0, 3), p_RESET_MODE="SYNC", **self._init(low, bits),
                    i_CLKB=ClockSignal(), i_CEB=Const(1), i_OCE=Const(1), i_RESETB=Const(0), i_BLKSELB=Const(0, 3),
                    i_ADB=_pins(self.address[port], bits), o_DO=word, **self._write(part, bits, data_pins))
                m.d.sync += register[part].eq(word)
        return m

    def _write(self, part, bits, data_pins):
        """The inputs of a RAM's port to write. Its clock enable is what enables a write."""
        enable, address, incoming = Const(0), Const(0, 0), Cat()
        if self.writable:
            enable, address, incoming = self.write.enable, self.write.address, self.write.data[part]
        return {"i_CLKA": ClockSignal(), "i_CEA": enable, "i_RESETA": Const(0), "i_BLKSELA": Const(0, 3),
                "i_ADA": _pins(address, bits, 0b0011), "i_DI": Cat(incoming, Const(0, data_pins - len(incoming)))}

    def _init(self, low, bits):
        """The parameters for the contents, of the bits from ``low``: word after word."""
        image = self.image(low, bits, lambda number, bit: number * bits + bit)
        size = 288 if bits >= 9 else 256
        return {f"p_INIT_RAM_{i:02X}": Const(image >> size * i & (1 << size) - 1, size)
                for i in range(INIT_PARAMETERS)}


def _pins(address, bits, halves=0):
    """The address pins. Narrower words have more of them. Words of 18 bits leave four alone; two of those enable, in a
    write, its halves."""
    unused = ADDRESS_PINS - (ASPECTS[bits] - 1).bit_length()
    low = Const(halves if bits == 18 else 0, unused)
    return Cat(low, address, Const(0, ADDRESS_PINS - unused - len(address)))
