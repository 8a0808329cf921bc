"""Run one stream through an emitted decoder: ``python -m sim.run --build build --stream net.tsy``."""

import json
import os
from pathlib import Path

from golden import codec
from golden.cli import OneLineParser, naming, read_bytes, run
from golden.config import Config, OutputMode
from golden.container import parse_stream
from golden.cycles import CAUSES, simulate
from golden.errors import FormatError, InputError
from golden.patterns import Pattern
from golden.scalar import lane_tokens
from hw.build import check_room

from .checks import difference, sparse_difference
from .harness import compile_design
from .jobs import Steps
from .simulators import NAMES, SimulatorError, find

__all__ = ["main"]

MARGIN = 1000  #: edges past the cycle model's last after which a decoder counts as stuck


def main(argv=None):
    """The command."""
    args = _arguments(argv)
    source, sink = Pattern.parse(args.source), Pattern.parse(args.sink)
    for side, pattern in (("source", source), ("sink", sink)):
        if pattern.name == "never":
            raise InputError(f"{side} must be willing now and then, not never")
    folder = Path(args.build)
    waves = _waves(args.waves)
    config, top, target = _manifest(folder / "manifest.json")
    path = args.stream or folder / "net.tsy"
    data = read_bytes(path)
    with naming(path):
        stream, size = parse_stream(data)
        check_room(config, stream)
        weights, timing = codec.decode(stream), simulate(stream, config, source, sink)
    simulator = find(args.simulator or os.environ.get("TANSY_SIM"))
    design = compile_design(folder / "decoder.v", top, simulator, waves and waves.suffix[1:], target=target)
    steps = Steps().stream(data[:size], source, sink, timing.end + MARGIN)
    episode, = design.run(steps, config.word_bits, waves)
    if config.output is OutputMode.DENSE:
        problem = difference(episode, weights, timing, config)
    else:
        problem = sparse_difference(episode, lane_tokens(stream), weights, timing, config)
    if problem:
        raise SimulatorError(f"{simulator} and the golden model differ: {problem}")
    figures = {"stream": str(path), "simulator": str(simulator), "source": str(source), "sink": str(sink),
               **_figures(episode, timing, stream.weights)}
    print(json.dumps(figures) if args.json else _text(figures))


def _arguments(argv):
    parser = OneLineParser(prog="sim.run", description="Run a stream through an emitted decoder in a simulator, and "
                           "compare with the golden model: the weights bit for bit, every transfer cycle for cycle.")
    parser.add_argument("--build", default="build", metavar="FOLDER", help="what hw.build wrote (default: %(default)s)")
    parser.add_argument("--stream", metavar="FILE", help="a .tsy file (default: net.tsy in the folder)")
    parser.add_argument("--waves", metavar="FILE", help="write the waveform, .fst or .vcd")
    parser.add_argument("--simulator", choices=NAMES, help="default: TANSY_SIM, or the first of these that is there")
    parser.add_argument("--source", default="always", metavar="PATTERN",
                        help="when transfers are offered: always, alternate, burst:ON:OFF, random:PROBABILITY:SEED "
                        "(default: %(default)s)")
    parser.add_argument("--sink", default="always", metavar="PATTERN", help="when beats are taken; likewise")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(argv)


def _waves(name):
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".fst", ".vcd"):
        raise InputError(f"waves must be a .fst or .vcd file, not {name}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{name}: cannot be written: No such file or directory")
    return path


def _manifest(path):
    """Configuration, top module and target of the decoder."""
    text = read_bytes(path)
    try:
        manifest = json.loads(text)
        return Config.from_dict(manifest["config"]), manifest["top"], manifest["target"]
    except (ValueError, KeyError, TypeError):
        raise FormatError(f"{path} is not a manifest of hw.build") from None


def _figures(episode, timing, weights):
    cycles = int(episode.outputs[-1]) + 1
    decoding = cycles - timing.causes["header"]
    return {
        "weights": weights,
        **({"tokens": sum(keep != 0 for _, _, _, keep, _, _ in episode.tokens)} if episode.tokens
           else {"beats": len(episode.beats)}),
        "transfers": len(episode.inputs),
        "cycles": cycles,
        "header_cycles": timing.causes["header"],
        "decoding_cycles": decoding,
        "weights_per_cycle": weights / decoding,
        "causes": {cause: timing.causes[cause] for cause in CAUSES},
    }


def _text(figures):
    units = "tokens" if "tokens" in figures else "beats"
    causes = [f"{count:8,}  {cause}: {CAUSES[cause]}" for cause, count in figures["causes"].items() if count]
    return "\n".join([
        f"stream           {figures['stream']} on {figures['simulator']}",
        f"weights          {figures['weights']:,} in {figures[units]:,} {units}, equal bit for bit",
        f"cycles           {figures['cycles']:,}, {figures['header_cycles']:,} for the header, equal one for one",
        f"speed            {figures['weights_per_cycle']:.2f} weights per cycle after the header",
        "cycles went to",
        *causes,
    ])


if __name__ == "__main__":
    run(main, "sim.run")
