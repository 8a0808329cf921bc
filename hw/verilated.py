"""Compile Verilog and a C++ program that drives it with Verilator, once for all that goes into them."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .simulators import SimulatorError, find_simulator

__all__ = ["ONE_FILE", "compile_program"]

#: One C++ file of a design: several, with a precompiled header, take twice as long to compile.
ONE_FILE = ("--output-split", "0")
VERILATE = (*ONE_FILE, "--cc", "--exe", "--no-timing", "-Wno-fatal", "-O3", "--x-assign", "fast")
UNOPTIMIZED = ("OPT_SLOW=-O0", "OPT_GLOBAL=-O0")  # what runs once


def compile_program(sources: dict[str, bytes], top: str, cache: Path, options=(), optimize: str = "-O1",
                    what: str = "the design") -> Path:
    """The program made of some sources, from the cache or compiled now.

    Parameters
    ----------
    sources : dict of str to bytes
        Verilog and C++ by the names of their files. The C++ has ``main`` and includes ``V{top}.h``.
    top : str
        The Verilog's top module.
    cache : Path
        Folder of compiled programs, by a hash of all that goes into them.
    options : sequence of str
        For Verilator, besides `VERILATE`.
    optimize : str
        For the compiler, of what runs in every cycle.
    what : str
        What the message says is refused.

    Raises
    ------
    SimulatorError
        If there is no Verilator or no compiler, or they refuse the sources.
    """
    verilator = find_simulator("verilator")
    verilate = (*VERILATE, *options, "--top-module", top)
    make = (f"OPT_FAST={optimize}", *UNOPTIMIZED)
    told = [str(verilator).encode(), *map(str.encode, (*verilate, *make)), *sources.values()]
    program = Path(cache).absolute() / hashlib.sha256(b"\0".join(told)).hexdigest()[:24]
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder, verilator.environment():
            for name, content in sources.items():
                Path(folder, name).write_bytes(content)
            _run(["verilator", *verilate, "--Mdir", ".", *sources], folder, what)
            _run(["make", "-s", "-f", f"V{top}.mk", *make], folder, what)
            made = program.with_suffix(f".{os.getpid()}")
            shutil.copy(Path(folder, f"V{top}"), made)
            made.rename(program)
    return program


def _run(command, folder, what):
    done = subprocess.run(command, cwd=folder, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        telling = [line for line in lines if "rror" in line]
        raise SimulatorError(f"{command[0]} refuses {what}: {(telling or lines or ['no word of why'])[0]}")
