"""The command that decodes a ``.tsy`` file into the arrays that went into it."""

from tqdm import tqdm

from .cli import OneLineParser, naming, read_bytes, run
from .codec import MAX_WEIGHTS
from .container import unpack
from .formats import write_npz
from .network import each_tensor

__all__ = ["main"]


def main():
    """The command."""
    parser = OneLineParser(prog="golden.decode",
                           description="Decode a network: the coded arrays as int8, then the raw ones.")
    parser.add_argument("file", help="encoded network, .tsy")
    parser.add_argument("-o", "--output", required=True, help="quantized network, .npz")
    parser.add_argument("--max-weights", type=int, default=MAX_WEIGHTS, metavar="COUNT",
                        help=f"refuse a file that holds more (default: {MAX_WEIGHTS})")
    arguments = parser.parse_args()
    if not arguments.output.endswith(".npz"):
        parser.error(f"output must be a file .npz, not {arguments.output}")
    with naming(arguments.file):
        stream, directory = unpack(read_bytes(arguments.file))
        arrays = len(directory.coded) + len(directory.raw)
        write_npz(arguments.output, tqdm(each_tensor(stream, directory, arguments.max_weights), "decode", arrays,
                                         unit="array", disable=None))
    elements = stream.weights + sum(array.size for array in directory.raw.values())
    print(f"{arguments.output}: {arrays} arrays, {elements} elements")


if __name__ == "__main__":
    run(main, "golden.decode")
