"""The command that encodes a quantized network into a ``.tsy`` file."""

import json

import numpy as np

from .cli import OneLineParser, atomic_write, run
from .codec import decode_measured
from .container import pack
from .errors import FormatError
from .figures import report
from .formats import read_tensors
from .network import encode_stream, restore
from .options import add_plan_options, plan_options

__all__ = ["main"]


def _arguments():
    parser = OneLineParser(prog="golden.encode", description="Encode a quantized network. Arrays of integers within "
                           "-127..127 are coded, arrays of floats go raw, and so do integers with a NAME.zero_point. "
                           "What was written is decoded as a check.")
    parser.add_argument("network", help="quantized network, .npz or .safetensors")
    parser.add_argument("-o", "--output", required=True, help="encoded network, .tsy")
    add_plan_options(parser)
    parser.add_argument("--half", action="store_true",
                        help="raw arrays as float16 where that holds every value of them exactly; scales stay float32")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    return parser.parse_args()


def _summary(output, figures):
    total, configuration = figures["total"], figures["configuration"]
    excess = total["stream_excess_percent"]
    over = "" if excess is None else f" ({excess:+.2f} %)"
    return (f"{output}: {total['file_bytes']} bytes, {total['weights']} weights, {configuration['lanes']} lanes, "
            f"table log {configuration['table_log']}; entropy {total['entropy']:.4f}, stream "
            f"{total['stream_bits_per_weight']:.4f} bits per weight{over}, "
            f"{total['ratio_to_float32']:.2f} times smaller than float32")


def _halved(tensors):
    """The arrays, those as float16 that lose nothing by it."""
    with np.errstate(over="ignore"):
        halves = {name: array.astype(np.float16) for name, array in tensors.items()
                  if array.dtype == np.float32 and not name.endswith(".scale")}
    return tensors | {name: half for name, half in halves.items() if (half == tensors[name]).all()}


def main():
    """The command."""
    arguments = _arguments()
    tensors = read_tensors(arguments.network, widen=False)
    tensors = _halved(tensors) if arguments.half else tensors
    stream, directory = encode_stream(tensors, progress=True, **plan_options(arguments))
    decoded = decode_measured(stream, stream.weights)
    back = restore(directory, [weights for weights, _ in decoded])
    if any((back[name] != tensors[name]).any() for name, _ in directory.coded):
        raise FormatError("the encoded network must decode to the same weights")
    data = pack(stream, directory)
    with atomic_write(arguments.output) as file:
        file.write(data)
    figures = report(stream, directory, decoded)
    print(json.dumps(figures, indent=2) if arguments.json else _summary(arguments.output, figures))


if __name__ == "__main__":
    run(main, "golden.encode")
