"""From a plan to a bitstream: Amaranth's own build plan for the board, run by the tools that are there."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from golden.errors import TansyError
from hw.critical_path import Names, clock_of, critical_path
from hw.pnr import cells_of, count
from hw.targets import find_target
from hw.tools import run_tool, tool_command

from .fit import DesignPlan
from .pll import PllSetting
from .top import BoardTop

__all__ = ["NAME", "Built", "build_plan", "commands_of", "run_plan"]

NAME, CLOCK = "top", "clk"
PLACE_OPTIONS = ("--report", "report.json", "--timing-allow-fail")


@dataclass(frozen=True)
class Built:
    """What became of a plan.

    Parameters
    ----------
    lut, ff, block_rams, lut_rams : int
        By Yosys; look-up tables as `hw.targets` counts them.
    fmax : float or None
        Hz that the placed and routed design reaches; ``None`` where only a netlist is made.
    path : str
        The critical path, by the names of blocks; empty where only a netlist is made.
    bitstream : bytes
        Empty where only a netlist is made.
    netlist : bytes
        In JSON, as Yosys writes it.
    """

    lut: int
    ff: int
    block_rams: int
    lut_rams: int
    fmax: float | None
    path: str
    bitstream: bytes
    netlist: bytes


def build_plan(plan: DesignPlan, setting: PllSetting, seed: int = 1):
    """Amaranth's build plan: files, and the commands in ``build_top.json``.

    Parameters
    ----------
    plan : DesignPlan
    setting : PllSetting
        Of the plan's clock.
    seed : int
        Of the placer.

    Returns
    -------
    amaranth.build.run.BuildPlan
    """
    target = find_target(plan.board.target)
    top = BoardTop(plan, setting, target.goal * 1e6 or plan.frequency)
    options = " ".join([*PLACE_OPTIONS, "--seed", str(seed), "--freq", str(target.goal)])
    synth = " ".join(target.synth.split()[1:])
    return plan.board.make_platform().prepare(top, NAME, emit_src=False, nextpnr_opts=options, synth_opts=synth)


def commands_of(files: dict) -> list[list[str]]:
    """The commands of a build plan as far as our tools go: for Xilinx, up to the netlist."""
    commands = json.loads(files[f"build_{NAME}.json"])["commands"]
    return [command for command in commands if command[0] != "vivado"]


def run_plan(plan: DesignPlan, files: dict, folder) -> Built:
    """Run the commands of a build plan.

    Parameters
    ----------
    plan : DesignPlan
    files : dict of str to str
        The files of the build plan.
    folder : path
        An empty one to work in; all that the tools leave stays there.

    Raises
    ------
    TansyError
        If a tool is not there, or fails; if the design is too large, names what is short.
    """
    for name, content in files.items():
        Path(folder, name).write_text(content, encoding="utf-8", newline="\n")
    commands = commands_of(files)
    for tool, *_ in commands:
        tool_command(tool)  # a missing one shows before the work
    for tool, *arguments in commands:
        try:
            run_tool(tool, *arguments, folder=folder)
        except TansyError as error:
            raise TansyError(_too_large(plan.board, Path(folder)) or str(error)) from None
    return _read(plan, Path(folder))


def _too_large(board, folder):
    """What the design takes more of than the board has, if that is why place and route failed."""
    log = folder / f"{NAME}.tim"
    lines = re.findall(r"\s(\w+): +(\d+)/ *(\d+) ", log.read_text(encoding="utf-8") if log.is_file() else "")
    short = [f"{int(used):,} {kind}, and {board.name} has {int(there):,}" for kind, used, there in lines
             if int(used) > int(there)]
    return f"the design takes {'; '.join(short)}" if short else ""


def _read(plan, folder):
    """What the tools left."""
    target, ending = find_target(plan.board.target), plan.board.bitstream
    names = f"{NAME}.json", f"{NAME}.syn.json"
    netlist = next(folder / name for name in names if (folder / name).is_file()).read_bytes()
    kinds = {name: cell["type"] for name, cell in json.loads(netlist)["modules"][NAME]["cells"].items()}
    cells, fmax, path, placed = cells_of(kinds), None, "", {}
    if ending:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        fmax = report["fmax"][clock_of(report, CLOCK)]["achieved"] * 1e6
        path = str(critical_path(report, CLOCK, Names(kinds)))
        placed = {name: each["used"] for name, each in report["utilization"].items()}
    return Built(
        lut=placed.get(target.lut, 0) if target.placed else count(cells, target.lut), ff=count(cells, target.ff),
        block_rams=count(cells, target.block_ram), lut_rams=count(cells, target.lut_ram), fmax=fmax, path=path,
        bitstream=(folder / f"{NAME}.{ending}").read_bytes() if ending else b"", netlist=netlist)
