"""The critical path in the words of the design: which blocks it goes through, and what each of them costs.

nextpnr names cells of the flattened netlist. Yosys makes such a name from the hierarchical name of a signal near by
and the way from there: ``decoder.lane_0.expander.held_TRELLIS_FF_Q_DI_LUT4_Z`` is the LUT at the input of the register
``held`` in the expander of lane 0. A name whose way is longer than `NEAR` cells says little about where the cell
stands; such a cell is taken to be in the block of the cell before it.
"""

import re
from dataclasses import dataclass

from golden.errors import TansyError

from .boundary import CLOCK, INSTANCE

__all__ = ["CriticalPath", "Names", "Step", "clock_of", "critical_path"]

NEAR = 3
LOGIC = ("clk-to-q", "source", "logic", "setup")


class Names:
    """How the names of a netlist's cells are to be read.

    Parameters
    ----------
    cells : dict of str to str
        Type of each cell of the netlist; cells of type ``$scopeinfo`` name the instances that were flattened.
    """

    def __init__(self, cells):
        self.scopes = {name for name, kind in cells.items() if kind == "$scopeinfo"}
        kinds = sorted({kind for kind in cells.values() if not kind.startswith("$")}, key=len, reverse=True)
        self.way = re.compile(rf"_(?:{'|'.join(map(re.escape, kinds))})(?=_|$)") if kinds else re.compile(r"(?!)")
        inner = {scope.removeprefix(INSTANCE).removeprefix(".") for scope in self.scopes} - {""}
        heads = {scope.split(".")[0] for scope in inner}
        self.head = heads.pop() if len(heads) == 1 and len(inner) > 1 else ""

    def split(self, cell: str) -> tuple[str, str, int]:
        """Block, signal, and length of the way from the signal to the cell."""
        ends = [i for i, letter in enumerate(cell) if letter == "."]
        scope = next((cell[:i] for i in reversed(ends) if cell[:i] in self.scopes), "")
        if not self.scopes:
            scope = cell.rpartition(".")[0]
        rest = cell[len(scope):].removeprefix(".").split("$nextpnr")[0]
        ways = list(self.way.finditer(rest))
        signal = rest[:ways[0].start()] if ways else rest
        return self.block(scope), re.sub(r"\$.*", "", signal), len(ways)

    def block(self, scope: str) -> str:
        """The words for an instance: ``decoder.lane_0.symbol_table`` is ``lane 0: symbol table``."""
        parts = scope.split(".") if scope else []
        if parts[:1] == [INSTANCE]:
            parts = parts[1:]
            if not parts:
                return "shell"
        if self.head and parts[:1] == [self.head]:
            parts = parts[1:] or [self.head]
        return ": ".join(re.sub(r"\$\d+", "", part).replace("_", " ") for part in parts) or "ports"


@dataclass(frozen=True)
class Step:
    """What a path spends in one block.

    Parameters
    ----------
    block : str
        In the words of the design.
    signal : str
        The signal its first cell there is named after.
    logic, routing : float
        Nanoseconds in cells, and on wires that lead to them.
    levels : int
        Cells passed, the registers at both ends not counted.
    """

    block: str
    signal: str
    logic: float
    routing: float
    levels: int


@dataclass(frozen=True)
class CriticalPath:
    """A path from a register to a register, in steps."""

    steps: tuple[Step, ...]
    target: str

    @property
    def logic(self) -> float:
        """Nanoseconds in cells."""
        return sum(step.logic for step in self.steps)

    @property
    def routing(self) -> float:
        """Nanoseconds on wires."""
        return sum(step.routing for step in self.steps)

    @property
    def levels(self) -> int:
        """Cells passed between the registers."""
        return sum(step.levels for step in self.steps)

    def __str__(self):
        blocks = [step.block for step in self.steps]
        blocks[0] += f" ({self.steps[0].signal})"
        blocks[-1] += f" ({self.target})" if len(blocks) > 1 or self.target != self.steps[0].signal else ""
        return (f"{' -> '.join(blocks)}: {self.logic + self.routing:.2f} ns, {self.logic:.2f} logic in {self.levels} "
                f"levels, {self.routing:.2f} routing")


def clock_of(report: dict, clock: str) -> str:
    """The name that nextpnr's report has for a clock of the design.

    Raises
    ------
    TansyError
        If nothing is timed by it: there is no path from a register to a register.
    """
    names = [name for name in report.get("fmax", {}) if CLOCK not in name]
    exact = [name for name in names if clock in re.split(r"[.$]", re.sub(r"_IBUF\w*", "", name))]
    if not exact and len(names) != 1:
        raise TansyError(f"no path between registers on clock {clock} in nextpnr's report")
    return (exact or names)[0]


def critical_path(report: dict, clock: str, names: Names) -> CriticalPath:
    """The longest path between registers on a clock, from the JSON that nextpnr's ``--report`` writes.

    Parameters
    ----------
    report : dict
    clock : str
        Of the design.
    names : Names

    Raises
    ------
    TansyError
        If the report has no such path.
    """
    edge = clock_of(report, clock)
    paths = [path["path"] for path in report.get("critical_paths", [])
             if edge in path["from"].split() and edge in path["to"].split()]
    if not paths:
        raise TansyError(f"no critical path on clock {clock} in nextpnr's report")
    path = max(paths, key=lambda items: sum(item["delay"] for item in items))
    steps = []
    for item in path:
        logic = item["type"] in LOGIC or item["from"]["cell"] == item["to"]["cell"]
        block, signal, way = names.split(item["to"]["cell"])
        if steps and (way > NEAR or item["to"]["cell"].startswith("$")):
            block = steps[-1].block
        if not steps or steps[-1].block != block:
            steps.append(Step(block, signal, 0.0, 0.0, 0))
        last, delay = steps.pop(), item["delay"]
        steps.append(Step(last.block, last.signal, last.logic + delay * logic, last.routing + delay * (not logic),
                          last.levels + (item["type"] == "logic")))
    return CriticalPath(tuple(steps), names.split(path[-1]["to"]["cell"])[1])
