"""Yosys, nextpnr, packers of bitstreams: the native program where there is one on PATH, else the one from PyPI."""

import importlib.util
import re
import shutil
import subprocess
import sys

from golden.errors import TansyError

__all__ = ["run_tool", "tool_command", "tool_version"]

NATIVE = {"nextpnr-himbaechel-gowin": "nextpnr-himbaechel"}  # programs with another name outside of PyPI
EXTRAS = {"yosys": "tansy", "gowin_pack": "tansy[boards]"}  # what brings a tool, if not tansy[pnr]
WITH = {"ecppack": "nextpnr-ecp5", "ecppll": "nextpnr-ecp5", "icepack": "nextpnr-ice40", "icepll": "nextpnr-ice40"}
MODULES = {"gowin_pack": ("apycula.gowin_pack", "Apycula")}  # tools in Python: module, what brings it


def tool_command(tool: str, native: bool = True) -> list[str]:
    """The beginning of the command line that runs a tool.

    Parameters
    ----------
    tool : str
        Such as ``yosys`` or ``nextpnr-ecp5``.
    native : bool
        Whether a program on PATH is preferred.

    Raises
    ------
    TansyError
        If there is no such tool; names what to install.
    """
    if native and (found := shutil.which(NATIVE.get(tool, tool))):
        return [found]
    package = WITH.get(tool, tool)
    module, brought = MODULES.get(tool, (f"yowasp_{package.replace('-', '_')}", f"yowasp-{package}"))
    if importlib.util.find_spec(module.split(".")[0]) is None:
        raise TansyError(f"{tool} is not here: install {EXTRAS.get(tool, 'tansy[pnr]')}, which brings {brought}, "
                         f"or put {NATIVE.get(tool, tool)} on PATH")
    if tool in MODULES:
        return [sys.executable, "-m", module]
    name = tool.replace("-", "_")
    return [sys.executable, "-c", f"import sys, {module} as tool; sys.exit(tool.run_{name}(sys.argv[1:]))"]


def run_tool(tool: str, *arguments: str, folder=None, native: bool = True, limit: float | None = None) -> str:
    """Run a tool, return what it printed.

    Parameters
    ----------
    tool : str
    *arguments : str
        Of its command line.
    folder : path or None
        Where to run it.
    native : bool
        Whether a program on PATH is preferred.
    limit : float or None
        Seconds after which it is ended.

    Raises
    ------
    TansyError
        If it is not there, fails, or takes too long; the message is its own last complaint, or its last line.
    """
    try:
        done = subprocess.run([*tool_command(tool, native), *arguments], cwd=folder, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=limit)
    except subprocess.TimeoutExpired:
        raise TansyError(f"{tool} was ended after {limit:g} seconds") from None
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        complaints = [line for line in lines if line.startswith("ERROR")]
        raise TansyError(f"{tool} failed: {(complaints or lines or [f'exit code {done.returncode}'])[-1]}")
    return done.stdout


def tool_version(tool: str, native: bool = True) -> str:
    """What a tool says of its version."""
    told = re.search(r"(?:Yosys |Version (?:nextpnr-)?)([^\s()]+)", run_tool(tool, "--version", native=native))
    return told[1] if told else "unknown"
