"""The command that encodes a quantized network into a ``.tsy`` file."""

import json

import numpy as np
from tqdm import tqdm

from .cli import OneLineParser, atomic_write, run
from .container import file_parts
from .figures import report
from .formats import open_tensors
from .network import checked, encode_stream
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


def _halved(name, stored):
    """An array as float16 if it loses nothing by it."""
    if stored.dtype != np.float32 or name.endswith(".scale"):
        return stored
    array = np.asarray(stored)
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if (half == array).all() else array


def main():
    """The command."""
    arguments = _arguments()
    with open_tensors(arguments.network, widen=False) as file:
        tensors = file.stored()
        if arguments.half:
            tensors = {name: _halved(name, stored) for name, stored in tensors.items()}
        stream, directory = encode_stream(tensors, progress=True, **plan_options(arguments))
        figures = report(stream, directory, tqdm(checked(stream, directory, tensors), "check", len(stream.segments),
                                                 unit="segment", disable=None))
    with atomic_write(arguments.output) as file:
        file.writelines(file_parts(stream, directory))
    print(json.dumps(figures, indent=2) if arguments.json else _summary(arguments.output, figures))


if __name__ == "__main__":
    run(main, "golden.encode")
