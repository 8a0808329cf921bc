"""``python -m hw.explore``: a network's decoders swept over lanes, widths, tables, rings and devices: which to take."""

import json
from pathlib import Path

from tqdm import tqdm

from golden import digits
from golden.cli import OneLineParser, naming, read_bytes, run
from golden.config import TableMemory, TableStyle
from golden.errors import ConfigError, InputError
from golden.formats import read_tensors
from golden.network import decode_network
from golden.rules import Rules, quantize_network

from ..build import write_files
from ..targets import TARGETS, find_target
from .cache import Cache
from .pareto import front, named
from .plot import check_plotting, picture
from .rows import Sweep
from .sweep import points
from .text import text_of
from .workers import workers

__all__ = ["main"]


def _list(convert, what):
    """An argparse type for a list with commas."""
    def read(text):
        return [convert(item) for item in text.split(",")]

    read.__name__ = f"list of {what}"
    return read


def _auto(text):
    return None if text == "auto" else int(text)


def _network(path, bins):
    """The integer tensors of a .tsy file, of a weight file, or of the embedded network."""
    if path is None:
        tensors = digits.load()
    elif Path(path).suffix == ".tsy":
        with naming(path):
            tensors = decode_network(read_bytes(path))
    else:
        tensors = quantize_network(read_tensors(path), Rules(bins=bins), progress=True)[0]
    coded = {name: tensor for name, tensor in tensors.items() if tensor.dtype.kind != "f"}
    if not coded:
        raise InputError(f"{path}: no weights to decode")
    return coded


def _arguments():
    parser = OneLineParser(prog="hw.explore", description=__doc__.split(": ", 1)[1])
    add, numbers = parser.add_argument, _list(int, "numbers")
    add("network", nargs="?", metavar="FILE", help="net.tsy, which is decoded and encoded anew for each point, or "
        "weights, .npz or .safetensors (default: the embedded digits network)")
    add("--bins", type=int, default=15, help="bins for weights of floats (default: %(default)s)")
    add("--targets", type=_list(str, "names"), default=["ecp5-25k-6"], metavar="NAMES",
        help=f"of {', '.join(TARGETS)} (default: ecp5-25k-6)")
    add("--lanes", type=numbers, default=[1, 2, 4, 8], metavar="N,...", help="default: 1,2,4,8")
    add("--vector", type=numbers, default=[1], metavar="V,...", help="default: 1")
    add("--word-bits", type=numbers, default=[32], metavar="W,...", help="default: 32")
    add("--table-log", type=_list(_auto, "numbers"), default=[None], metavar="R,...", help="default: auto")
    add("--max-run", type=_list(_auto, "numbers"), default=[None], metavar="M,...", help="default: auto")
    add("--tables", type=_list(TableStyle, "rom, ram"), default=[TableStyle.ROM], metavar="STYLE,...",
        help="rom, ram (default: rom)")
    add("--memory", dest="memory", type=_list(TableMemory, "logic, block"), default=[TableMemory.LOGIC],
        metavar="KIND,...", help="what tables are made of: logic, block (default: logic)")
    add("--ring", type=numbers, default=[1], metavar="C,...", help="lanes per ring (default: 1)")
    add("--seeds", type=int, default=3, metavar="K", help="seeds 1 to K (default: %(default)s)")
    add("--registered", action="store_true", help="with each port behind a register")
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler to send the jobs to (default: processes here)")
    add("--processes", type=int, metavar="K", help="processes here (default: one per core)")
    add("--limit", type=float, default=1800, metavar="SECONDS", help="end a run of a tool that takes longer: its "
        "design is a failed row (default: %(default)s)")
    add("--cache", default=str(Path.home() / ".cache" / "tansy"), metavar="FOLDER", help="default: %(default)s")
    add("--no-plots", action="store_true", help="write no pictures")
    add("--json", action="store_true", help="print the rows as JSON")
    add("-o", "--output", default="explore", metavar="FOLDER", help="for rows and pictures (default: %(default)s)")
    return parser.parse_args()


def _check(args):
    for name in args.targets:
        find_target(name)
    for name in ("seeds", "processes"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ConfigError(f"{name} must be at least 1, not {getattr(args, name)}")
    if not args.limit > 0:
        raise ConfigError(f"limit must be more than 0 seconds, not {args.limit:g}")
    if not args.no_plots:
        check_plotting()


def main():
    """The command."""
    args = _arguments()
    _check(args)
    choices = {name: getattr(args, name) for name in ("lanes", "vector", "word_bits", "table_log", "max_run", "tables",
                                                      "memory", "ring")}
    chosen, targets = points(choices), list(dict.fromkeys(args.targets))
    if not chosen:
        raise ConfigError("no combination of these parameters makes a decoder")
    network, cache = _network(args.network, args.bins), Cache(args.cache)
    for target in targets:
        cache.versions(target)
    with workers(args.scheduler, args.processes) as pool, \
            tqdm(total=len(chosen) * len(targets), disable=None, desc="designs", unit="design") as bar:
        rows = Sweep(network, targets, tuple(range(1, args.seeds + 1)), args.registered, cache, pool,
                     args.limit).run(chosen, bar)
    files, by_target = {}, {}
    for target in targets:
        made = [row for row in rows if row["target"] == target and not row["failed"]]
        by_target[target] = {"named": named(made), "front": front(made)}
        for form in () if args.no_plots or not made else ("png", "svg"):
            files[f"pareto-{target}.{form}"] = picture(find_target(target).device, made, form)
    result = {"rows": rows, "targets": by_target}
    write_files(args.output, {"rows.json": json.dumps(result, indent=1) + "\n"} | files)
    print(json.dumps(result) if args.json else text_of(rows, by_target, [args.output, "rows.json", *files]))


if __name__ == "__main__":
    run(main, "hw.explore")
