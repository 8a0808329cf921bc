"""``python -m hw.synth``: how large a decoder is on a device, and how fast: Yosys, nextpnr, several seeds, one report.

**Ports.** As emitted, the ports are at pins, where the package has enough of them; else, and always for Gowin, they
end in registers on a clock of their own (`hw.boundary`), which costs the design nothing. Either way Fmax is that of
paths from a register of the design to another: a path that begins or ends at a port does not count. With
``registered`` every port is behind a register on the design's clock, and such paths count. LUT and FF are those of the
design alone.

**Effort.** nextpnr is told a clock that it cannot reach (`Target.goal`), so that it tries hard, and a few seeds are
tried: a placement is luck by some percent. Compare medians.

**Flags.** Yosys' own defaults. From 0.70 on it maps by ABC9 whatever it is told (``-noabc9`` gives the same netlist);
figures by older versions without ``-abc9`` are not comparable. Compared on the decoder of the digits network, 8 lanes,
tables in logic, ports registered, ECP5-85F-6, median of 3 seeds: defaults 78.9 MHz at 9,841 LUTs; ``-dff`` 78.0 at
9,067; ``-nowidelut`` 70.6 at 8,637. ``-dff`` merges registers, so that those of the netlist are no longer those of the
design; it is left off.
"""

import json
import shutil
import tempfile
from pathlib import Path

from tqdm import tqdm

from golden.cli import OneLineParser, atomic_write, read_bytes, run
from golden.config import Config
from golden.container import unpack
from golden.errors import ConfigError, InputError

from .boundary import TOP, boundary, registers
from .build import add_build_options, build_from, summary
from .critical_path import Names, clock_of, critical_path
from .pnr import cells_of, count, map_to, place, ports_of
from .report import SynthesisReport, speed_of, text_of
from .targets import TARGETS, Target, find_target
from .tools import tool_command, tool_version

__all__ = ["main", "synthesize"]


def synthesize(folder, target: str | Target, seeds=range(1, 6), registered: bool = False, progress: bool = False,
               verilog: str = "decoder.v", top: str = "decoder", clock: str = "clk",
               limit: float | None = None) -> SynthesisReport:
    """Map, place and route a design.

    Parameters
    ----------
    folder : path
        Where the Verilog is, such as `hw.build` writes it. Nothing is written there.
    target : str or Target
    seeds : iterable of int
        Of the placer, one run each.
    registered : bool
        Whether to put each port behind a register.
    progress : bool
        Whether to show a progress bar, where standard error is a terminal.
    verilog, top, clock : str
        Name of the file, of its top module, and of the port of the clock.
    limit : float or None
        Seconds that a run of a tool may take.

    Returns
    -------
    SynthesisReport

    Raises
    ------
    ConfigError
        If there is no such target, or no seed.
    InputError
        If the file is not there.
    TansyError
        If a tool is not there, or fails: because the design is too large, for one.
    """
    target, seeds, source = find_target(target), tuple(seeds), Path(folder, verilog)
    if not seeds:
        raise ConfigError("seeds must be at least 1, not 0")
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    for tool in ("yosys", target.pnr) if target.pnr else ("yosys",):
        tool_command(tool)
    with tempfile.TemporaryDirectory(prefix="tansy-") as work, \
            tqdm(total=1 + len(seeds) * bool(target.pnr), disable=None if progress else True, desc=target.name,
                 unit="run", leave=False) as bar:
        shutil.copyfile(source, Path(work, verilog))
        ports = ports_of(verilog, top, work) if target.pnr or registered else []
        kind = _kind(target, ports, registered)
        around = kind in ("registers", "detached")
        if around:
            Path(work, "boundary.v").write_text(boundary(ports, top, clock, registered), encoding="utf-8")
        kinds = map_to(target, [verilog, "boundary.v"][:1 + around], TOP if around else top, work, limit)
        bar.update()
        reports = []
        for seed in seeds if target.pnr else ():
            reports.append(place(target, seed, clock, work, limit))
            bar.update()
        return _report(target, kind, kinds, registers(ports, clock) if around else 0, seeds, reports, clock)


def _kind(target, ports, registered):
    """What the ports are tied to."""
    if registered:
        return "registers"
    if not target.pnr:
        return "none"
    return "pins" if sum(port.width for port in ports) <= target.pins else "detached"


def _report(target, kind, kinds, around, seeds, reports, clock):
    cells = cells_of(kinds)
    fmax = tuple(report["fmax"][clock_of(report, clock)]["achieved"] for report in reports)
    placed = {name: cell["used"] for name, cell in reports[0]["utilization"].items() if cell["used"]} if reports else {}
    path = None
    if reports:
        middle = sorted(range(len(fmax)), key=fmax.__getitem__)[(len(fmax) - 1) // 2]
        path = critical_path(reports[middle], clock, Names(kinds))
    return SynthesisReport(
        target=target.name, registered=kind == "registers", ports=kind, lut_words=target.lut_words,
        lut=placed.get(target.lut, 0) if target.placed else count(cells, target.lut),
        ff=count(cells, target.ff) - around, port_registers=around, block_rams=count(cells, target.block_ram),
        lut_rams=count(cells, target.lut_ram), fmax=fmax, seeds=seeds if reports else (), path=path, cells=cells,
        placed=placed, tools={tool: tool_version(tool) for tool in ("yosys", target.pnr) if tool})


def _weights_per_cycle(folder):
    """Of the stream that lies beside a decoder, by the cycle model; ``None`` if there is none."""
    if not Path(folder, "net.tsy").is_file():
        return None
    manifest = Path(folder, "manifest.json")
    try:
        config = Config.from_dict(json.loads(read_bytes(manifest))["config"])
    except (KeyError, TypeError, json.JSONDecodeError):
        raise InputError(f"{manifest}: not a manifest of hw.build") from None
    return summary(unpack(read_bytes(Path(folder, "net.tsy")))[0], config)["weights_per_cycle"]


def _arguments():
    parser = OneLineParser(prog="hw.synth", description=__doc__.split(": ", 1)[1].split("\n")[0])
    parser.add_argument("--target", default="ecp5-85k-6", metavar="NAME", help=f"one of {', '.join(TARGETS)} "
                        "(default: %(default)s)")
    parser.add_argument("--build", metavar="FOLDER", help="a decoder written by hw.build (default: one by the options "
                        "below, those of hw.build)")
    parser.add_argument("--seeds", type=int, default=5, metavar="K", help="seeds 1 to K (default: %(default)s)")
    parser.add_argument("--registered", action="store_true", help="report a second time, with each port behind a "
                        "register")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report as JSON")
    add_build_options(parser)
    args = parser.parse_args()
    given = [name for name, value in _build_options().items() if getattr(args, name) != value]
    if args.build is not None and given:
        raise ConfigError(f"--build takes a decoder as it is, without {given[0].replace('_', ' ')}")
    return args


def _build_options():
    """The options of hw.build, with their defaults."""
    parser = OneLineParser()
    add_build_options(parser)
    return vars(parser.parse_args([]))


def main():
    """The command."""
    args = _arguments()
    target = find_target(args.target)
    if args.seeds < 1:
        raise ConfigError(f"seeds must be at least 1, not {args.seeds}")
    with tempfile.TemporaryDirectory(prefix="tansy-") as work:
        folder = args.build or work
        if args.build is None:
            build_from(args, folder, target.memory_target)
        rate = _weights_per_cycle(folder)
        reports = [synthesize(folder, target, range(1, args.seeds + 1), registered, progress=True)
                   for registered in ((False, True) if args.registered else (False,))]
    speeds = [speed_of(report.lut, report.fmax_median, rate) if rate else {} for report in reports]
    text = json.dumps([report.as_dict() | speed for report, speed in zip(reports, speeds)], indent=2)
    if args.output:
        with atomic_write(args.output) as file:
            file.write(text.encode() + b"\n")
    print(text if args.json else "\n\n".join(map(text_of, reports, speeds)))


if __name__ == "__main__":
    run(main, "hw.synth")
