"""The command that decodes a ``.tsy`` file into the arrays that went into it."""

from .cli import OneLineParser, naming, read_bytes, run
from .codec import MAX_WEIGHTS
from .formats import write_npz
from .network import decode_network

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
        tensors = decode_network(read_bytes(arguments.file), arguments.max_weights)
    write_npz(arguments.output, tensors)
    print(f"{arguments.output}: {len(tensors)} arrays, {sum(tensor.size for tensor in tensors.values())} elements")


if __name__ == "__main__":
    run(main, "golden.decode")
