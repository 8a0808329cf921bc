"""A simulated board: the board design's own Verilog, compiled, on a pseudo-terminal that serial programs can open."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from golden.errors import TansyError
from hw.memory import models_for
from hw.simulators import SimulatorError, find_simulator
from hw.verilog import verilog_of

from .design import BoardDesign
from .fit import DesignPlan
from .uart import LEAST_DIVISOR

__all__ = ["CACHE", "SimulatedBoard", "compile_board"]

CACHE = Path.home() / ".cache" / "tansy" / "boards"  #: compiled boards, by a hash of all that goes into them
PROGRAM = Path(__file__).with_name("simulator.cpp")
TOP = "board"
VERILATE = ("--cc", "--exe", "--no-timing", "-Wno-fatal", "-O3", "--x-initial", "fast", "--x-assign", "fast",
            "--top-module", TOP)
MAKE = ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0")  # compiling takes longer than what is run


def compile_board(plan: DesignPlan) -> Path:
    """The program that simulates a plan's design, from the cache or made now.

    The serial line has the fewest cycles for a bit that a board can have. All else is as the plan says.

    Parameters
    ----------
    plan : DesignPlan

    Raises
    ------
    SimulatorError
        If there is no Verilator or no compiler, or they refuse the design.
    """
    verilator = find_simulator("verilator")
    sources = {"board.v": verilog_of(BoardDesign(replace(plan, divisor=LEAST_DIVISOR)), TOP).encode(),
               **{path.name: path.read_bytes() for path in (*models_for(plan.target), PROGRAM)}}
    told = [str(verilator).encode(), *map(str.encode, (*VERILATE, *MAKE)), *sources.values()]
    program = CACHE / hashlib.sha256(b"\0".join(told)).hexdigest()[:24]
    if not program.is_file():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder, verilator.environment():
            _compile(Path(folder), sources)
            made = program.with_suffix(f".{os.getpid()}")
            shutil.copy(Path(folder, f"V{TOP}"), made)
            made.rename(program)
    return program


def _compile(folder, sources):
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    for command in (["verilator", *VERILATE, "--Mdir", ".", *sources], ["make", "-s", "-f", f"V{TOP}.mk", *MAKE]):
        done = subprocess.run(command, cwd=folder, text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        if done.returncode:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
            telling = [line for line in lines if "rror" in line]
            raise SimulatorError(f"{command[0]} refuses the board: {(telling or lines or ['no word of why'])[0]}")


class SimulatedBoard:
    """A context in which a simulated board runs.

    Parameters
    ----------
    program : Path
        Of `compile_board`.

    Attributes
    ----------
    port : str
        The name of its serial port.
    process : Popen
        It ends when the port's last user has gone, or with the context.
    """

    def __init__(self, program: Path):
        self._program = program

    def __enter__(self):
        try:
            import tty
        except ImportError:  # Windows
            raise TansyError("a simulated board needs pseudo-terminals, which this system has not") from None
        master, self._held = os.openpty()  # held: so that the board goes on while nobody has opened its port
        tty.setraw(self._held)
        self.port = os.ttyname(self._held)
        self.process = subprocess.Popen([self._program, str(LEAST_DIVISOR)], stdin=master, stdout=master)
        os.close(master)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._held)
