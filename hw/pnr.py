"""Yosys and nextpnr on a design: from Verilog to a netlist, from a netlist to the reports of several seeds.

The tools run in a folder of their own, where all files are, named without a path: those from PyPI see no other.
"""

import json
import re
from collections import Counter
from pathlib import Path

from golden.errors import TansyError

from .boundary import PINS, Port
from .targets import Target
from .tools import run_tool

__all__ = ["cells_of", "count", "map_to", "place", "ports_of"]


NETLIST = "netlist.json"


def _module(path, name):
    """A module of a netlist in JSON."""
    return json.loads(path.read_text(encoding="utf-8"))["modules"][name]


def _read(verilog, more=""):
    """The command of Yosys that reads a file; SystemVerilog is told by its ending."""
    return f"read_verilog {'-sv ' if verilog.endswith('.sv') else ''}{more} {verilog}"


def ports_of(verilog: str, top: str, folder) -> list[Port]:
    """The ports of a module.

    Raises
    ------
    TansyError
        If the file has no such module, or Yosys cannot read it.
    """
    run_tool("yosys", "-q", "-p", f"{_read(verilog, '-lib')}; write_json ports.json", folder=folder)
    try:
        module = _module(Path(folder, "ports.json"), top)
    except KeyError:
        raise TansyError(f"{verilog} has no module {top}") from None
    return [Port(name, port["direction"], len(port["bits"])) for name, port in module["ports"].items()]


def map_to(target: Target, files, top: str, folder, limit: float | None = None) -> dict[str, str]:
    """Map Verilog to the cells of a device, for `place`.

    Parameters
    ----------
    target : Target
    files : sequence of str
        The Verilog in the folder.
    top : str
        Name of its top module.
    folder : path
    limit : float or None
        Seconds that Yosys may take.

    Returns
    -------
    dict of str to str
        Type of each cell by its name; types that begin with ``$`` are remarks.

    Raises
    ------
    TansyError
        If Yosys fails or takes too long.
    """
    reading = "; ".join(_read(file) for file in files)
    run_tool("yosys", "-q", "-p", f"{reading}; {target.synth} -top {top}; write_json {NETLIST}", folder=folder,
             limit=limit)
    return {name: cell["type"] for name, cell in _module(Path(folder, NETLIST), top)["cells"].items()}


def cells_of(kinds: dict[str, str]) -> dict[str, int]:
    """How many cells there are of each type."""
    return dict(sorted(Counter(kind for kind in kinds.values() if not kind.startswith("$")).items()))


def count(cells: dict[str, int], pattern: str) -> int:
    """How many cells are of a type that a pattern matches whole."""
    return sum(number for kind, number in cells.items() if re.fullmatch(pattern, kind))


def place(target: Target, seed: int, clock: str, folder, limit: float | None = None) -> dict:
    """Place and route what `map_to` left in the folder.

    Parameters
    ----------
    target : Target
    seed : int
    clock : str
        Name of the port of the design's clock.
    folder : path
    limit : float or None
        Seconds that nextpnr may take.

    Returns
    -------
    dict
        nextpnr's report: ``fmax``, ``critical_paths``, ``utilization``.

    Raises
    ------
    TansyError
        If it does not fit, cannot be routed, or takes too long.
    """
    report, options = f"seed-{seed}.json", list(target.options)
    if target.constraint:
        lines = [target.constraint.format(port=port, pin=pin) for port, pin in zip((clock, *PINS), target.spare)]
        Path(folder, "pins").write_text("\n".join([*lines, ""]), encoding="utf-8")
        options += ["--vopt", "cst=pins"]
    run_tool(target.pnr, "-q", *options, "--json", NETLIST, "--report", report, "--seed", str(seed),
             "--freq", str(target.goal), "--timing-allow-fail", folder=folder, limit=limit)
    return json.loads(Path(folder, report).read_text(encoding="utf-8"))
