"""Every board with its own decoder and the embedded network, as a table: ``python -m tests.bench_boards -o FOLDER``.

What is built in the folder is not built again. Clocks are those of one seed.
"""

import argparse
import json
from pathlib import Path

from boards.build import build_board
from boards.catalogue import BOARDS, find_board
from boards.fit import embedded_stream
from golden.config import Config

HEAD = ("board", "lanes", "LUT", "of", "FF", "block RAM", "of", "MHz reached", "MHz of the PLL", "builds", "bytes",
        "weights per cycle", "M weights/s")


def row(manifest) -> str:
    """A line of the table."""
    board, config = find_board(manifest["board"]), Config.from_dict(manifest["config"])
    lanes = f"{config.lanes} alone" if config.ring == 1 else f"{config.lanes} in {config.rings} x {config.ring}"
    placed = manifest["fmax"] is not None
    cells = (board.name, lanes, f"{manifest['lut']:,}", f"{board.luts:,}", f"{manifest['ff']:,}",
             str(manifest["block_rams"]), str(board.block_rams), f"{manifest['fmax'] / 1e6:.1f}" if placed else "",
             f"{manifest['frequency'] / 1e6:.2f}" if placed else "", str(len(manifest["tried"])) if placed else "",
             f"{manifest['bitstream_bytes']:,}" if placed else "", f"{manifest['weights_per_cycle']:.2f}",
             f"{manifest['weights_per_second'] / 1e6:,.0f}" if placed else "")
    return f"| {' | '.join(cells)} |"


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="build-boards", help="a folder per board is made there")
    parser.add_argument("--only", help="boards, with commas between")
    args = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name in args.only.split(",") if args.only else BOARDS:
        manifest = Path(args.output, name, "manifest.json")
        if not manifest.is_file():
            build_board(name, embedded_stream(find_board(name)), manifest.parent, progress=True)
        print(row(json.loads(manifest.read_text())), flush=True)


if __name__ == "__main__":
    main()
