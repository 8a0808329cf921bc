"""Two primitives of Lattice ECP5 that Yosys does not make the most of: it infers neither a block RAM's output register
nor the registers inside a multiplier. nextpnr times both."""

from amaranth.hdl import ClockSignal, Const, Instance

__all__ = ["RAM_BITS", "RAM_DEPTH", "block_ram", "multiplier"]

RAM_BITS, RAM_DEPTH = 18, 1024  #: the only aspect used here
INIT_WORDS, INIT_PLACE = 16, 20  # words in a parameter for the contents, and the bits from one to the next


def _pins(name, value, count):
    """The pins of a bus: the value, and zeros above it."""
    return {f"i_{name}{i}": value[i] if i < len(value) else Const(0) for i in range(count)}


def block_ram(entries, enable, address, word, write=None) -> Instance:
    """A DP16KD of 1,024 words: port A reads in two moves, array and output register; port B writes.

    Parameters
    ----------
    entries : sequence of int
        The first words.
    enable, address, word : value
        Reading: whether it moves, where, what comes out (18 bits).
    write : (value, value, value) or None
        Whether, where, what to write.
    """
    words = [*entries, *[0] * (RAM_DEPTH - len(entries))]
    params = {}
    for i in range(RAM_DEPTH // INIT_WORDS):
        part = words[INIT_WORDS * i:INIT_WORDS * (i + 1)]
        params[f"p_INITVAL_{i:02X}"] = Const(sum(value << INIT_PLACE * j for j, value in enumerate(part)),
                                             INIT_WORDS * INIT_PLACE)
    for side in "AB":
        params |= {f"p_DATA_WIDTH_{side}": RAM_BITS, f"p_REGMODE_{side}": "OUTREG", f"p_WRITEMODE_{side}": "NORMAL",
                   f"p_CSDECODE_{side}": "0b000", f"p_CLK{side}MUX": f"CLK{side}"}
    params |= {"p_RESETMODE": "SYNC", "p_ASYNC_RESET_RELEASE": "SYNC", "p_GSR": "DISABLED"}
    writes, where, what = write or (Const(0), Const(0, 10), Const(0, RAM_BITS))
    ports = {f"o_DOA{i}": word[i] for i in range(RAM_BITS)}
    for side, clock_enable, writes_here, at, incoming in (("A", enable, Const(0), address, Const(0, RAM_BITS)),
                                                          ("B", writes, writes, where, what)):
        ports |= {f"i_CLK{side}": ClockSignal(), f"i_CE{side}": clock_enable, f"i_OCE{side}": clock_enable,
                  f"i_RST{side}": Const(0), f"i_WE{side}": writes_here}
        # Words of 18 bits leave four pins of the address; the lowest two enable, in a write, its halves.
        both = Const(0b0011, 4)
        ports |= {f"i_AD{side}{i}": both[i] for i in range(4)}
        ports |= {f"i_AD{side}{i + 4}": at[i] if i < len(at) else Const(0) for i in range(10)}
        ports |= _pins(f"DI{side}", incoming, RAM_BITS) | _pins(f"CS{side}", Const(0, 3), 3)
    return Instance("DP16KD", **params, **ports)


def multiplier(enable, a, b, product) -> Instance:
    """A MULT18X18D: unsigned a times b (up to 18 bits each), three moves later: inputs, middle, product (36 bits)."""
    params = {"p_RESETMODE": "SYNC", "p_GSR": "DISABLED", "p_MULT_BYPASS": "DISABLED"}
    for place in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
        params |= {f"p_REG_{place}_CLK": "CLK0", f"p_REG_{place}_CE": "CE0", f"p_REG_{place}_RST": "RST0"}
    ports = {"i_CLK0": ClockSignal(), "i_CE0": enable, "i_RST0": Const(0), "i_SIGNEDA": Const(0),
             "i_SIGNEDB": Const(0), "i_SOURCEA": Const(0), "i_SOURCEB": Const(0)}
    ports |= _pins("A", a, 18) | _pins("B", b, 18) | _pins("C", Const(0, 18), 18)
    return Instance("MULT18X18D", **params, **ports, **{f"o_P{i}": product[i] for i in range(36)})
