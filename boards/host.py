"""``python -m boards.host``: a stream to a board and back, compared with the golden model."""

import contextlib
import json
import sys

import numpy as np
from tqdm import tqdm

from golden.cli import OneLineParser, run
from golden.config import Config, TableMemory
from golden.formats import write_npz
from golden.network import restore
from hw.errors import ErrorCode
from hw.options import add_decoder_options, decoder_options, rooms_of

from .catalogue import BOARDS, find_board
from .expected import Expected
from .fit import default_memory, plan_design
from .protocol import State, digest_of
from .remote import connect_board
from .simulate import SimulatedBoard, compile_board

__all__ = ["main"]

BAUDS = tuple(sorted({board.baud for board in BOARDS.values()}, reverse=True))
PATIENCE, SIMULATED_PATIENCE = 1.0, 20.0  #: seconds in which an answer must come
SLACK = 2  #: how many times the cycles that a run should take it may take


def main(argv=None):
    """The command. Returns its exit code: 0, or 1 if board and golden model differ."""
    args = _arguments(argv)
    expected = Expected.of(args.file) if args.file else None
    with _port(args, expected) as (port, bauds, patience), connect_board(port, bauds, patience) as board:
        figures = args.action(board, expected, args)
    figures = {"port": port, **_told(board.identity), **figures}
    print(json.dumps(figures) if args.json else _text(figures))
    return int("difference" in figures)


def _arguments(argv):
    parser = OneLineParser(prog="boards.host", description="Talk to a board that boards.build made, or to a simulated "
                           "one. The exit code is 1 if it differs from the golden model, 2 if something is wrong.")
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", metavar="DEVICE", help="the serial port of a board, such as /dev/ttyUSB0")
    where.add_argument("--simulate", metavar="BOARD", help=f"one of {', '.join(BOARDS)}, simulated; needs tansy[sim]")
    add("--baud", type=int, metavar="N", help="bits per second of the port (default: "
        f"{' or '.join(map(str, BAUDS))}, whichever is answered)")
    add("--json", action="store_true", help="print the figures as JSON")
    simulated = parser.add_argument_group("with --simulate, the decoder")
    simulated.add_argument("--stream", metavar="FILE", help="that it is built for (default: the file at hand, or the "
                           "embedded network)")
    simulated.add_argument("--lanes", type=int, metavar="N", help="of the embedded network (default: the board's own)")
    add_decoder_options(simulated)
    parser.set_defaults(memory=None, file=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, action, text in (
            ("check", _check, "load a stream, decode it, compare each segment with the golden model"),
            ("dump", _dump, "load a stream, decode it, read the weights back into a .npz file"),
            ("identify", _identify, "say what the board is"),
            ("reset", _reset, "end what the board is doing")):
        command = commands.add_parser(name, help=text)
        command.set_defaults(action=action)
        if name in ("check", "dump"):
            command.add_argument("file", metavar="FILE", help="a .tsy file")
        if name == "dump":
            command.add_argument("-o", "--output", required=True, metavar="FILE", help="the weights, .npz")
    args = parser.parse_args(argv)
    if args.command == "dump" and not args.output.endswith(".npz"):
        parser.error(f"output must be a file .npz, not {args.output}")
    return args


@contextlib.contextmanager
def _port(args, expected):
    """Port, speeds and patience, while the board behind it is there."""
    if args.port:
        yield args.port, (args.baud,) if args.baud else BAUDS, PATIENCE
        return
    with SimulatedBoard(compile_board(_plan(args, expected))) as board:
        yield board.port, BAUDS[:1], SIMULATED_PATIENCE


def _plan(args, expected):
    """The design of the board to be simulated, by the rules of `boards.build`."""
    board = find_board(args.simulate)
    stream = Expected.of(args.stream).stream if args.stream else expected and expected.stream
    lanes = stream.config.lanes if stream else args.lanes or board.lanes
    Config(lanes=lanes)
    args.memory = args.memory or default_memory(board, lanes).value
    decoder = decoder_options(args, lanes)
    return plan_design(board, stream, args.lanes, **decoder, **rooms_of(args))


def _told(identity):
    """What a board says of itself, as figures."""
    config = identity.config.as_dict()
    return {"board": identity.name, "design": f"{identity.design:08x}", "frequency": identity.frequency,
            "memory_bytes": identity.depth * identity.config.word_bits // 8,
            "config": {name: value for name, value in config.items() if name != "output"}}


def _identify(board, expected, args):
    return {}


def _reset(board, expected, args):
    board.reset()
    return {"reset": True}


def _run(board, expected):
    """Load and decode; what the board says of it."""
    identity = board.identity
    expected.check_board(identity)
    cycles = expected.cycles(identity)
    board.reset()
    with tqdm(total=len(expected.data), desc="load", unit="B", disable=None, leave=False) as bar:
        for size in board.load(expected.data):
            bar.update(size)
    words = len(expected.data) // (identity.config.word_bits // 8)
    summary = board.decode(words, digest_of(expected.crcs), SLACK * cycles)
    return summary, {"stream": expected.path, "stream_bytes": len(expected.data), "weights": summary["weights"],
                     "segments": summary["segments"], "expected_cycles": cycles}


def _check(board, expected, args):
    """Compare segment by segment."""
    summary, figures = _run(board, expected)
    if summary["state"] is State.FAILED:
        return figures | {"difference": _failure(summary)}
    results = board.results(min(summary["segments"], len(expected.crcs)))
    cycles = results[-1]["cycles"]
    figures |= {"cycles": cycles, "weights_per_second": summary["weights"] * board.identity.frequency / cycles}
    found = [result["crc"] for result in results]
    wrong = [number for number, (crc, wanted) in enumerate(zip(found, expected.crcs)) if crc != wanted]
    if wrong:
        others = f", and {len(wrong) - 1} more segments" if len(wrong) > 1 else ""
        figures["difference"] = (f"{expected.name_of(wrong[0])}: CRC-32 {found[wrong[0]]:08x} on the board, "
                                 f"{expected.crcs[wrong[0]]:08x} by the golden model{others}")
    elif (summary["segments"], summary["weights"]) != (len(expected.crcs), expected.stream.weights):
        figures["difference"] = (f"{summary['weights']:,} weights in {summary['segments']} segments on the board, "
                                 f"{expected.stream.weights:,} in {len(expected.crcs)} by the golden model")
    elif summary["state"] is not State.PASSED:
        figures["difference"] = "the CRC-32 of each segment is right, and the board's own digest is not"
    return figures


def _failure(summary):
    names = {code.value: code.name for code in ErrorCode}
    error = names.get(summary["error"], summary["error"])
    return f"the decoder stopped with the error {error} after {summary['weights']:,} weights"


def _dump(board, expected, args):
    """The weights as the board has them."""
    summary, figures = _run(board, expected)
    if summary["state"] is State.FAILED:
        return figures | {"difference": _failure(summary)}
    count, weights = expected.stream.weights, bytearray()
    with tqdm(total=count, desc="dump", unit=" weights", disable=None, leave=False) as bar:
        for piece in board.dump(count):
            weights += piece
            bar.update(len(piece))
    ends = np.cumsum([segment.weights for segment in expected.stream.segments])[:-1]
    segments = np.split(np.frombuffer(bytes(weights), np.int8), ends)
    write_npz(args.output, restore(expected.directory, segments))
    wrong = [number for number, (one, other) in enumerate(zip(segments, expected.weights)) if not (one == other).all()]
    return figures | {"written": args.output} | (
        {"difference": f"{expected.name_of(wrong[0])}: other weights than by the golden model"} if wrong else {})


def _text(figures):
    config = Config.from_dict(figures["config"])
    memory = "block RAM" if config.table_memory is TableMemory.BLOCK else "logic"
    lines = [
        f"board            {figures['board']} at {figures['port']}, design {figures['design']}",
        f"decoder          {config.lanes} lanes x {config.vector} weights, {config.word_bits}-bit words, R = "
        f"{config.table_log}, M = {config.max_run}; {config.rings} rings of {config.ring}, tables of style "
        f"{config.table_style.name} in {memory}",
        f"memory           {figures['memory_bytes']:,} bytes for a stream",
        f"clock            {figures['frequency'] / 1e6:.2f} MHz",
    ]
    if figures.get("reset"):
        lines.append("reset            done")
    if "stream" in figures:
        lines.append(f"stream           {figures['stream']}, {figures['stream_bytes']:,} bytes loaded")
        equal = "" if "difference" in figures else ", equal to the golden model's"
        lines.append(f"weights          {figures['weights']:,} in {figures['segments']} segments{equal}")
    if "cycles" in figures:
        lines += [
            f"cycles           {figures['cycles']:,}, {figures['expected_cycles']:,} by the cycle model",
            f"speed            {figures['weights_per_second'] / 1e6:,.1f} million weights per second by the board's "
            f"counter, {figures['weights'] / figures['cycles']:.2f} per cycle",
        ]
    if "written" in figures:
        lines.append(f"written          {figures['written']}")
    if "difference" in figures:
        lines.append(f"DIFFERENT        {figures['difference']}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(lambda: sys.exit(main()), "boards.host")
