"""A simulated board: the board design's own Verilog, compiled, on a pseudo-terminal that serial programs can open."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from golden.errors import TansyError
from hw.memory import models_for
from hw.verilated import compile_program
from hw.verilog import verilog_of

from .design import BoardDesign
from .fit import DesignPlan
from .uart import LEAST_DIVISOR

__all__ = ["CACHE", "SimulatedBoard", "compile_board"]

CACHE = Path.home() / ".cache" / "tansy" / "boards"  #: compiled boards, by a hash of all that goes into them
PROGRAM = Path(__file__).with_name("simulator.cpp")
TOP = "board"
OPTIONS = ("--x-initial", "fast")


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
    sources = {"board.v": verilog_of(BoardDesign(replace(plan, divisor=LEAST_DIVISOR)), TOP).encode(),
               **{path.name: path.read_bytes() for path in (*models_for(plan.target), PROGRAM)}}
    return compile_program(sources, TOP, CACHE, OPTIONS, what="the board")


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
