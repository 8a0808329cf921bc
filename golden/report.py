"""The command that shows an encoded network as one HTML page; nothing is needed to open it, and no network."""

from pathlib import Path

from .cli import OneLineParser, atomic_write, naming, read_bytes, run
from .codec import MAX_WEIGHTS
from .errors import InputError
from .formats import read_tensors
from .frontend.curve import read_curve
from .frontend.page import page
from .frontend.page_draw import check_plotting
from .frontend.page_facts import gather

__all__ = ["main"]


def _arguments():
    parser = OneLineParser(prog="golden.report", description="Show an encoded network as a page: memory, bins and "
                           "entropy per layer, weights and their bins, tables. All of the file is decoded and checked.")
    parser.add_argument("file", help="encoded network, .tsy")
    parser.add_argument("--float", metavar="W", dest="floats",
                        help="the float weights it was made from, .npz or .safetensors, to set its bins beside them")
    parser.add_argument("--curve", metavar="FILE", help="accuracy against size, .json; see golden/frontend/curve.py")
    parser.add_argument("-o", "--output", metavar="FILE", help="the page (default: the file's name, with .html)")
    parser.add_argument("--title", help="what the page calls the network (default: the file's name)")
    parser.add_argument("--max-weights", type=int, default=MAX_WEIGHTS, metavar="COUNT",
                        help=f"refuse a file that holds more (default: {MAX_WEIGHTS})")
    return parser.parse_args()


def main():
    """The command."""
    arguments = _arguments()
    check_plotting()
    file = Path(arguments.file)
    output = Path(arguments.output or file.with_suffix(".html"))
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"output must be a file .html, not {output}")
    curve = read_curve(arguments.curve) if arguments.curve else None
    floats = read_tensors(arguments.floats) if arguments.floats else None
    with naming(file):
        facts = gather(read_bytes(file), floats, arguments.max_weights)
    text = page(arguments.title or file.name, facts, curve)
    with atomic_write(output, "w") as target:
        target.write(text)
    print(f"{output}: {len(text.encode()):,} bytes; {len(facts.layers)} layers, {facts.ratio:.2f} times smaller than "
          f"float32 with all that the file holds")


if __name__ == "__main__":
    run(main, "golden.report")
