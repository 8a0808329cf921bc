"""``python -m boards.build``: a board and a stream in, a bitstream out, at the fastest clock that its timing meets."""

import hashlib
import json
from importlib import metadata
from pathlib import Path

from golden.cli import OneLineParser, naming, read_bytes, run
from golden.config import Config, TableMemory
from golden.container import unpack
from golden.errors import ConfigError, InputError
from hw.build import summary, write_files
from hw.options import add_decoder_options, decoder_options, default_ring, rooms_of
from hw.tools import tool_version

from .catalogue import BOARDS, find_board
from .fastest import build_fastest
from .fit import DesignPlan, default_memory, embedded_stream, least_luts, plan_design, room_of
from .flow import NAME, Built, commands_of

__all__ = ["build_board", "main", "manifest_of"]


def manifest_of(plan: DesignPlan, files: dict, built: Built, stream, tried, seed: int) -> dict:
    """What is written down about a build: what the host must know, and the figures."""
    board, figures = plan.board, summary(stream, plan.config)
    tools = [tool for tool, *_ in commands_of(files) if tool == "yosys" or tool.startswith("nextpnr")]
    return {
        "board": board.name,
        "title": board.title,
        "config": plan.config.as_dict(),
        "depth": plan.depth,
        "stream_bytes": figures["stream_bytes"],
        "weights": figures["weights"],
        "crcs": list(plan.crcs),
        "digest": plan.digest,
        "identity": plan.identity,
        "frequency": plan.frequency,
        "divisor": plan.divisor,
        "baud": board.baud,
        "seed": seed,
        "lut": built.lut,
        "luts": board.luts,
        "ff": built.ff,
        "block_rams": built.block_rams,
        "lut_rams": built.lut_rams,
        "fmax": built.fmax,
        "critical_path": built.path,
        "tried": [list(each) for each in tried],
        "weights_per_cycle": figures["weights_per_cycle"],
        "weights_per_second": figures["weights_per_cycle"] * plan.frequency,
        "file": f"{NAME}.{board.bitstream or 'json'}",
        "bitstream_bytes": len(built.bitstream),
        "sha256": hashlib.sha256(built.bitstream or built.netlist).hexdigest(),
        "tools": {tool: tool_version(tool) for tool in tools}
        | {package: metadata.version(package) for package in ("amaranth", "amaranth-boards")},
    }


def build_board(board, data: bytes, out, seed: int = 1, clock: float | None = None, progress: bool = False,
                **decoder) -> dict:
    """Build a board into a folder: the bitstream or the netlist, ``manifest.json``, the stream, the build plan.

    Parameters
    ----------
    board : str or Board
    data : bytes
        A ``.tsy`` file.
    out : path
        A folder, made if it is not there.
    seed, clock, progress
        See `build_fastest`.
    **decoder
        See `plan_design`.

    Returns
    -------
    dict
        The manifest.
    """
    plan = plan_design(board, data, **decoder)
    plan, files, built, tried = build_fastest(plan, seed, clock, progress)
    manifest = manifest_of(plan, files, built, unpack(data)[0], tried, seed)
    write_files(Path(out, "plan"), files)
    write_files(out, {"net.tsy": data, manifest["file"]: built.bitstream or built.netlist,
                      "manifest.json": json.dumps(manifest, indent=2) + "\n"})
    return manifest


def _list() -> list[dict]:
    """The boards, and what fits on each."""
    rows = []
    for board in BOARDS.values():
        ring = default_ring(board.lanes, board.memory)
        config = Config(lanes=board.lanes, ring=ring, table_memory=board.memory)
        rows.append({"board": board.name, "title": board.title, "luts": board.luts, "block_rams": board.block_rams,
                     "lanes": board.lanes, "ring": ring, "least_luts": least_luts(board.lanes, ring),
                     "stream_bytes": room_of(board, config) * config.word_bits // 8,
                     "made": board.bitstream or "netlist"})
    return rows


def _list_text(rows):
    lines = [f"{'board':18} {'LUTs':>7} {'RAMs':>5} {'lanes':>6} {'stream':>12}  makes    device"]
    return "\n".join(lines + [
        f"{row['board']:18} {row['luts']:7,} {row['block_rams']:5} {row['lanes']:6} {row['stream_bytes']:6,} bytes  "
        f"{row['made']:7}  {row['title']}" for row in rows])


def _report_text(manifest, folder):
    """The lines that tell of a build."""
    board, config = find_board(manifest["board"]), Config.from_dict(manifest["config"])
    memory = "block RAM" if config.table_memory is TableMemory.BLOCK else "logic"
    lines = [
        f"board            {manifest['title']}",
        f"decoder          {config.lanes} lanes x {config.vector} weights, {config.rings} rings of {config.ring}, "
        f"tables of style {config.table_style.name} in {memory}",
        f"LUT              {manifest['lut']:,} of {manifest['luts']:,}",
        f"FF               {manifest['ff']:,}",
        f"RAM              {manifest['block_rams']} blocks of {board.block_rams}, {manifest['depth']:,} words of "
        f"{config.word_bits} bits for the stream",
    ]
    reached = f", {manifest['fmax'] / 1e6:.2f} reached" if manifest["fmax"] else ", not placed"
    made = "bitstream" if manifest["bitstream_bytes"] else "netlist"
    lines += [
        f"clock            {manifest['frequency'] / 1e6:.2f} MHz{reached}, {manifest['divisor']} cycles per bit at "
        f"{manifest['baud']:,} baud",
        *([f"critical path    {manifest['critical_path']}"] if manifest["critical_path"] else []),
        f"speed            {manifest['weights_per_second'] / 1e6:,.1f} million weights per second expected, "
        f"{manifest['weights_per_cycle']:.2f} per cycle",
        f"{made:16} {Path(folder, manifest['file'])}, sha256 {manifest['sha256'][:16]}",
    ]
    if manifest["bitstream_bytes"]:
        lines.append(f"load it with     {board.load.format(Path(folder, manifest['file']))}")
    return "\n".join(lines)


def _read_manifest(folder):
    path = Path(folder, "manifest.json")
    try:
        manifest = json.loads(read_bytes(path))
        _report_text(manifest, folder)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, ConfigError):
        raise InputError(f"{path}: not a manifest of boards.build") from None
    return manifest


def _arguments():
    parser = OneLineParser(prog="boards.build", description=__doc__.split(": ", 1)[1].split("\n")[0])
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--board", metavar="NAME", help=f"one of {', '.join(BOARDS)}")
    what.add_argument("--list", action="store_true", help="the boards, and what fits on each")
    what.add_argument("--report", action="store_true", help="the figures of what was built into the folder")
    add("--stream", metavar="FILE", help="a .tsy file (default: the embedded digits network)")
    add("--lanes", type=int, metavar="N", help="lanes (default: those of the stream, or the board's own number)")
    add("--clock", type=float, metavar="MHZ", help="the PLL's fastest clock up to this one (default: the fastest that "
        "the timing meets)")
    add("--seed", type=int, default=1, help="of the placer (default: %(default)s)")
    add_decoder_options(parser)
    parser.set_defaults(memory=None)
    add("-o", "--output", default="build-board", metavar="FOLDER", help="default: %(default)s")
    add("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _build(args):
    """What ``--board`` asks for."""
    board = find_board(args.board)
    data, lanes = None, args.lanes or board.lanes
    if args.stream:
        data = read_bytes(args.stream)
        with naming(args.stream):
            lanes = unpack(data)[0].config.lanes
    Config(lanes=lanes)
    args.memory = args.memory or default_memory(board, lanes).value
    decoder = decoder_options(args, lanes) | rooms_of(args)  # wrong ones show before the work
    data = data or embedded_stream(board, lanes, args.ring, decoder["table_memory"])
    clock = args.clock and args.clock * 1e6
    return build_board(board, data, args.output, args.seed, clock, progress=True, lanes=args.lanes, **decoder)


def main():
    """The command."""
    args = _arguments()
    if args.list:
        rows = _list()
        print(json.dumps(rows, indent=2) if args.json else _list_text(rows))
        return
    manifest = _read_manifest(args.output) if args.report else _build(args)
    print(json.dumps(manifest, indent=2) if args.json else _report_text(manifest, args.output))


if __name__ == "__main__":
    run(main, "boards.build")
