"""From Amaranth to Verilog, through the Yosys that comes from PyPI.

The script turns processes into plain assignments and drops wires that nothing reads, so that linters find little to
say; signals keep the names they have in ``hw``.
"""

import tempfile
from pathlib import Path

from amaranth.back import rtlil

from .tools import run_tool

__all__ = ["verilog_of", "yosys", "yosys_version"]

SCRIPT = """
read_rtlil design.il
proc
pmuxtree
memory_collect
opt_expr
opt_merge
opt_clean -purge
write_verilog -norename -noattr design.v
"""


def yosys(*arguments: str, folder=None) -> str:
    """Run the Yosys from PyPI, whatever is on PATH, so that the same versions emit the same text; see `run_tool`."""
    return run_tool("yosys", *arguments, folder=folder, native=False)


def yosys_version() -> str:
    """Version of the Yosys that `yosys` runs."""
    return yosys("-V").split("(")[0].strip()


def verilog_of(component, name: str) -> str:
    """The Verilog of a component, its ports named after its members. The same text from the same inputs and versions.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Of the top module.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        Path(folder, "design.il").write_text(text, encoding="utf-8")
        Path(folder, "script.ys").write_text(SCRIPT, encoding="utf-8")
        yosys("-q", "script.ys", folder=folder)
        return Path(folder, "design.v").read_text(encoding="utf-8")
