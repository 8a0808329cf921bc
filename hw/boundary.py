"""A module around a design that takes its ports off the pins: a register on every port, and three pins in all.

A decoder of many lanes has more ports than a package has pins. So its inputs come from a shift register, fed by one
pin, and its outputs go into registers that are kept though nothing reads them: no look-up table is added, and nothing
of the design is optimized away.

With ``registered`` these registers are on the design's clock: "ports behind a register each". Paths from a port to a
register inside, and from there to a port, then count like any other. Otherwise they are on a clock of their own,
`CLOCK`: such paths go from one clock to another and do not count, as paths from and to pins do not.
"""

from dataclasses import dataclass

from golden.errors import TansyError

__all__ = ["CLOCK", "INSTANCE", "PINS", "Port", "TOP", "boundary", "registers"]

TOP = "boundary"
INSTANCE = "design"
CLOCK = "boundary_clk"
SCAN = "boundary_in"
PINS = (CLOCK, SCAN)  #: what the module takes besides the design's clock


@dataclass(frozen=True)
class Port:
    """A port of a Verilog module: ``direction`` is ``input``, ``output`` or ``inout``."""

    name: str
    direction: str
    width: int


def registers(ports, clock: str) -> int:
    """How many registers `boundary` puts around a design: one per bit of a port that is not the clock."""
    return sum(port.width for port in ports if port.name != clock)


def boundary(ports, top: str, clock: str, registered: bool) -> str:
    """The Verilog of the module `TOP`.

    Parameters
    ----------
    ports : sequence of Port
        Of the design.
    top, clock : str
        Name of the design's module, and of its clock.
    registered : bool
        Whether the registers are on the design's clock.

    Raises
    ------
    TansyError
        If a port is an inout, or the clock is no port.
    """
    if any(port.direction == "inout" for port in ports):
        raise TansyError(f"{top} has ports of direction inout, which cannot be put behind registers")
    if not any(port.name == clock for port in ports):
        raise TansyError(f"{top} has no port {clock}")
    wires, sizes = [f".\\{clock} (\\{clock} )"], {"input": 0, "output": 0}
    for port in ports:
        if port.name != clock:
            low = sizes[port.direction]
            sizes[port.direction] += port.width
            bus = "feed" if port.direction == "input" else "result"
            wires.append(f".\\{port.name} ({bus}[{low + port.width - 1}:{low}])")
    inputs, outputs = max(sizes["input"], 1), max(sizes["output"], 1)
    return "\n".join([
        f"module {TOP}(input \\{clock} , input {CLOCK}, input {SCAN});",
        f"  (* keep *) reg [{inputs - 1}:0] feed;",
        f"  (* keep *) reg [{outputs - 1}:0] taken;",
        f"  wire [{outputs - 1}:0] result;",
        f"  always @(posedge {f'{chr(92)}{clock} ' if registered else CLOCK}) begin",
        f"    feed <= {{feed, {SCAN}}};",
        "    taken <= result;",
        "  end",
        f"  \\{top} {INSTANCE} (\n    " + ",\n    ".join(wires) + ");",
        "endmodule", ""])
