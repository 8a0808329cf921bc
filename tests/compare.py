"""The comparison, in one run, on one device, with one flow: ``python -m tests.compare``.

Sections: ``hardware``, Tansy's decoders beside those of `tests.baselines`; ``software``, coders on one core of this
machine; ``sizes``, bits per weight; ``peers``, published figures as quoted. What is compared is listed in
`tests.comparison.designs`. Netlists that were placed before come from the cache, so an interrupted run goes on.
"""

import json
import os
import platform

import numpy as np
from tqdm import tqdm

from golden.cli import OneLineParser, atomic_write, run
from golden.errors import ConfigError
from golden.figures import entropy
from hw.explore.cache import Cache
from hw.targets import find_target

from .comparison import hardware, plot, sizes, software
from .comparison.designs import BASELINES, PEERS, SOURCES, TANSY
from .comparison.markdown import text_of
from .sources import laplacian

SECTIONS = ("hardware", "software", "sizes", "peers")
PLANS = ({"lanes": 8}, {"lanes": 64})  # of the software: as for hardware, and with more for NumPy to do at once


def hardware_rows(args):
    """One row per design."""
    designs = [design for design in (*TANSY, *BASELINES) if design.quick or not args.quick]
    if args.match:
        designs = [design for design in designs if args.match in f"{design.name}, {design.source}"]
    seeds = range(1, (1 if args.quick else args.seeds) + 1)
    return hardware.measure(designs, args.target, seeds, args.weights or (20_000 if args.quick else 100_000),
                            Cache(args.cache))


def software_rows(args):
    """One row per source and coder, on one core."""
    count, repeat = args.weights or (200_000 if args.quick else 25_000_000), 1 if args.quick else 3
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    rows = []
    for source in tqdm(SOURCES, "software", disable=None):
        weights = laplacian(source.bins, source.bits, count)
        rows += [{"source": str(source), "weights": count, "entropy": entropy(weights) / count} | row for row in
                 software.measure(weights, source.half, repeat, PLANS)]
    if cores:
        os.sched_setaffinity(0, cores)
    return rows


def size_rows(args):
    """One row per network."""
    count, rounds = args.weights or (50_000 if args.quick else 1_000_000), 0 if args.quick else sizes.SEARCH_ROUNDS
    bins = sizes.BINS[::3] if args.quick else sizes.BINS
    wanted, every = args.match or "", sizes.networks(count, bins, files=args.network)
    chosen = [network for network in every if wanted in network[1]]
    return [{"family": family, "network": name} | sizes.measure(tensors, rounds) for family, name, tensors in
            tqdm(chosen, "sizes", disable=None)]


def _arguments():
    parser = OneLineParser(prog="tests.compare", description=__doc__.split(": ", 1)[0] + ".")
    parser.add_argument("--quick", action="store_true", help="few designs, one seed, few weights")
    parser.add_argument("--seeds", type=int, default=5, metavar="K", help="seeds 1 to K (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section; may be given again")
    parser.add_argument("--match", metavar="TEXT", help="only designs whose name and source hold this, and networks")
    parser.add_argument("--target", default="ecp5-85k-6", help="device (default: %(default)s)")
    parser.add_argument("--weights", type=int, metavar="K", help="weights of each source, in every section")
    parser.add_argument("--network", action="append", default=[], metavar="FILE",
                        help="a quantized or encoded network for the sizes; may be given again")
    parser.add_argument("--plot", metavar="FILE", help="draw the sizes as SVG: excess over the entropy, by coder")
    parser.add_argument("--cache", default="build/compare", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the tables, as Markdown (default: print them)")
    args = parser.parse_args()
    find_target(args.target)
    for name, value in (("seeds", args.seeds), ("weights", args.weights)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} must be at least 1, not {value}")
    if args.plot and args.only and "sizes" not in args.only:
        raise ConfigError("a plot is of the section sizes, which must not be left out")
    for file in args.network:
        sizes.read_network(file)
    return args


def main():
    """The command."""
    args = _arguments()
    measured = {"hardware": hardware_rows, "software": software_rows, "sizes": size_rows, "peers": lambda _: PEERS}
    sections = {name: measured[name](args) for name in SECTIONS if not args.only or name in args.only}
    text = text_of(sections)
    if args.plot:
        data = plot.picture(sections["sizes"])
        with atomic_write(args.plot) as file:
            file.write(data)
    if args.json:
        machine = {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
        with atomic_write(args.json, "w") as file:
            json.dump({"machine": machine, "sections": sections}, file, indent=2)
    if args.output:
        with atomic_write(args.output, "w") as file:
            file.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    run(main, "tests.compare")
