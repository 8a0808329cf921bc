"""Compile the emitted Verilog for a simulator, once per design, and run jobs on it."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hw.memory import models_for
from hw.verilated import ONE_FILE

from .jobs import Episode, Steps
from .simulators import Simulator, SimulatorError

__all__ = ["Design", "compile_design"]

CACHE = Path("sim_build")
PORTS = Path(__file__).with_name("ports.vlt")
VERILATOR_OPTIONS = (*ONE_FILE, "--no-public-flat-rw", "-O3", "-Wno-fatal", "--x-initial", "fast", "-CFLAGS", "-O0")
ICARUS_OPTIONS = ("-g2005",)  # as SystemVerilog, Icarus 11 leaves `always @*` blocks of constant inputs asleep
DUMP = """module dump;
  initial begin
    $dumpfile("waves.fst");
    $dumpvars(0, {top});
  end
endmodule
"""  # cocotb's own is SystemVerilog


@dataclass(frozen=True)
class Design:
    """A compiled design.

    Parameters
    ----------
    folder : Path
    top : str
    simulator : Simulator
    waves : str or None
        ``fst`` or ``vcd``: it was compiled to record such a file.
    """

    folder: Path
    top: str
    simulator: Simulator
    waves: str | None

    def run(self, steps: Steps, word_bits: int, waves: Path | None = None) -> list[Episode]:
        """Run a job.

        Parameters
        ----------
        steps : Steps
        word_bits : int
            Width of the input.
        waves : Path or None
            File for the waveform; the design must have been compiled for its suffix.

        Returns
        -------
        list of Episode

        Raises
        ------
        SimulatorError
            If the simulation fails; the message ends with the last line of its log that says why.
        """
        result = self._play("sim.bench", {"word_bytes": word_bits // 8, "steps": steps.list}, waves)
        return [Episode.of(**episode) for episode in result]

    def run_program(self, program: list) -> list:
        """Play a program of `sim.bench_shell` on a decoder in a shell; one result for each step.

        Raises
        ------
        SimulatorError
            As `run`.
        """
        return self._play("sim.bench_shell", {"program": program})

    def _play(self, module, job, waves=None):
        """Run a bench on a job, and read what it wrote."""
        with tempfile.TemporaryDirectory(prefix="tansy-") as name:
            work = Path(name)
            job = {**job, "result": str(work / "result.json")}
            (work / "job.json").write_text(json.dumps(job))
            environment = {"TANSY_JOB": str(work / "job.json"), "COCOTB_LOG_LEVEL": "WARNING"}
            with self.simulator.environment():
                runner = _runner(self.simulator)
                _quietly(work / "log", lambda: runner.test(
                    test_module=module, hdl_toplevel=self.top, hdl_toplevel_lang="verilog", build_dir=self.folder,
                    test_dir=work, results_xml=str(work / "results.xml"), log_file=work / "log", waves=bool(self.waves),
                    test_args=self._waves_arguments(), extra_env=environment))
            if waves is not None and (work / f"waves.{self.waves}").is_file():
                shutil.move(work / f"waves.{self.waves}", waves)
            if not (work / "result.json").is_file():
                raise SimulatorError(f"the simulation failed: {_reason(work / 'log')}")
            return json.loads((work / "result.json").read_text())

    def _waves_arguments(self):
        return ["--trace-file", f"waves.{self.waves}"] if self.waves and self.simulator.name == "verilator" else []


def compile_design(verilog: Path, top: str, simulator: Simulator, waves: str | None = None,
                   cache: Path = CACHE, target: str | None = None) -> Design:
    """Compile a design, or find it in the cache.

    Parameters
    ----------
    verilog : Path
    top : str
    simulator : Simulator
    waves : str or None
        Record waveforms: ``fst`` or ``vcd``. Icarus writes only ``fst``.
    cache : Path
        Folder of compiled designs, by a hash of all that goes into them.
    target : str or None
        The family whose block RAM primitives the design names, as in its manifest.

    Returns
    -------
    Design

    Raises
    ------
    SimulatorError
        If the simulator refuses the design; the message names its log.
    """
    if waves not in (None, "fst", "vcd"):
        raise SimulatorError(f"waves must be .fst or .vcd, not {waves!r}")
    if waves == "vcd" and simulator.name == "icarus":
        raise SimulatorError("waves must be .fst with icarus, not .vcd")
    sources = [Path(verilog), *models_for(target)]
    folder = Path(cache).resolve() / _key(*(source.read_bytes() for source in sources), top, simulator, waves)
    if not folder.is_dir():
        _compile(sources, top, simulator, waves, folder)
    return Design(folder, top, simulator, waves)


def _compile(verilog, top, simulator, waves, folder):
    """Compile beside the place in the cache and move there, so that it holds whole designs only."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    sources, options = [file.resolve() for file in verilog], list(ICARUS_OPTIONS)
    if simulator.name == "verilator":
        sources.append(PORTS)
        options = [*VERILATOR_OPTIONS, *(["--trace-fst"] if waves == "fst" else [])]
    elif waves:
        (work / "dump.v").write_text(DUMP.format(top=top))
        sources.append(work / "dump.v")
        options += ["-s", "dump"]
    runtime = folder.parent / f"runtime-{_key(simulator, waves)}"
    for built in runtime.glob("*.o"):  # dated later than the makefile to come, which make would else rebuild them for
        shutil.copyfile(built, work / built.name)
        os.utime(work / built.name, (time.time() + 60,) * 2)
    with simulator.environment():
        runner = _runner(simulator)
        _quietly(work / "log", lambda: runner.build(
            sources=sources, hdl_toplevel=top, build_args=options, build_dir=work, log_file=work / "log",
            waves=waves is not None and simulator.name == "verilator", timescale=("1ns", "1ns")))
    if not any((work / name).is_file() for name in (top, "sim.vvp")):
        reason = _reason(work / "log")
        if "lz4.h" in reason:
            raise SimulatorError("waves as .fst from verilator need the headers of lz4 (liblz4-dev); .vcd needs none")
        raise SimulatorError(f"{simulator} refuses {verilog[0]}; its log is {work / 'log'}: {reason}")
    _keep(work, folder)
    if simulator.name == "verilator" and not runtime.is_dir():
        copies = Path(tempfile.mkdtemp(prefix=f"{runtime.name}.", dir=folder.parent))
        for built in folder.glob("verilated*.o"):
            shutil.copyfile(built, copies / built.name)
        _keep(copies, runtime)


def _key(*what):
    from cocotb_tools.config import libs_dir  # compiled into the simulation
    what += (libs_dir, DUMP, *VERILATOR_OPTIONS, *ICARUS_OPTIONS)
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in what]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def _keep(work, place):
    """Put a folder into the cache in one move. Another process may have been first."""
    try:
        work.rename(place)
    except OSError:
        shutil.rmtree(work)


def _runner(simulator):
    from cocotb_tools.runner import get_runner  # a command must be able to say that cocotb is missing
    return get_runner(simulator.name)


def _quietly(log, action):
    """Call a runner, which would end the process on failure; what it leaves behind tells of success."""
    try:
        action()
    except (RuntimeError, SystemExit, subprocess.SubprocessError) as error:
        with open(log, "a") as file:
            file.write(f"{error}\n")


def _reason(log):
    """The line of a log that says most."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "error:" in line]
    return (telling or lines or ["the log is empty"])[0]
