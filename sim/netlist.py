"""The netlist that a decoder becomes on a family of devices, for simulation: mapped by Yosys, as Verilog again.

Yosys maps the design to the family's cells, and puts the vendor's simulation model, as Yosys ships it, in the place of
each cell: look-up tables, carries, flip-flops with their values at power-up, memories made of look-up tables. Block
RAM stays a cell, and its model is that of `hw.memory`, as before synthesis; its contents are those of the netlist.
"""

import shutil
import tempfile
from pathlib import Path

from golden.cli import atomic_write
from golden.errors import ConfigError
from hw.tools import run_tool

__all__ = ["FAMILIES", "write_netlist"]

FAMILIES = ("ecp5", "gowin", "ice40")


def write_netlist(verilog, top: str, family: str, out) -> None:
    """Synthesize Verilog and write what it became.

    Parameters
    ----------
    verilog : path
    top : str
        Its top module, which the netlist is flattened into.
    family : str
        One of `FAMILIES`.
    out : path
        A file ``.v``.

    Raises
    ------
    ConfigError
        If there is no such family.
    TansyError
        If Yosys is not there, or fails.
    """
    if family not in FAMILIES:
        raise ConfigError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}")
    with tempfile.TemporaryDirectory(prefix="tansy-") as work:
        shutil.copyfile(verilog, Path(work, "design.v"))
        # The mapped design alone goes on: beside it are models of cells without their insides, as the mapper saw them.
        run_tool("yosys", "-q", "-p", f"read_verilog design.v; synth_{family} -top {top}; select {top}; "
                 "write_rtlil -selected mapped.il", folder=work)
        run_tool("yosys", "-q", "-p", f"read_rtlil mapped.il; read_verilog -overwrite +/{family}/cells_sim.v; "
                 f"hierarchy -top {top}; proc; flatten -wb; opt_clean; write_verilog -noattr netlist.v", folder=work)
        with atomic_write(out) as file:
            file.write(Path(work, "netlist.v").read_bytes())
