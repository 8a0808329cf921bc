"""Make the vectors that are not there yet: ``python -m tests.vectors.make``.

What is there is not written again, but for the vectors that ``--force`` names: a vector holds for every later encoder.
"""

import hashlib
import json
from pathlib import Path

from golden.cli import OneLineParser, atomic_write, run
from golden.container import unpack
from golden.network import restore
from golden.scalar import decode

from .refused import REFUSED
from .valid import VALID

__all__ = ["FOLDER", "INDEX", "decoded", "index", "main", "readme", "sha256"]

FOLDER = Path(__file__).parent
INDEX = FOLDER / "index.json"
HEAD = """# Conformance vectors

Small files for whoever writes a decoder of [the stream format](../../docs/format.md). `valid/NAME.tsy` decodes to what
`valid/NAME.json` says: the coded tensors with shape and weights, the raw ones with type, shape and bytes in
hexadecimal. `refused/NAME.tsy` is wrong in one thing and must be refused. `index.json` has the SHA-256 of every file;
`tests/test_vectors.py` pins it, and holds three decoders against all of them.

`python -m tests.vectors.make` writes vectors that are new in `valid.py` or `refused.py`, and this page. It writes
nothing that is there already; only `--force NAME` does.

"""


def sha256(data) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def index() -> dict:
    """What is known of each vector that has been made, by folder and name."""
    return json.loads(INDEX.read_bytes()) if INDEX.exists() else {"valid": {}, "refused": {}}


def decoded(data) -> bytes:
    """What a file holds, as JSON."""
    stream, directory = unpack(data)
    tensors = restore(directory, decode(stream))
    coded = {name: {"shape": list(shape), "weights": tensors[name].ravel().tolist()} for name, shape in directory.coded}
    raw = {name: {"type": array.dtype.str, "shape": list(array.shape), "bytes": array.tobytes().hex()}
           for name, array in directory.raw.items()}
    return (json.dumps({"coded": coded, "raw": raw}) + "\n").encode()


def readme(known) -> str:
    """The page about the vectors: every one with the section that it is about."""
    lines = ["| decodes | section | bytes | what is in it |", "|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.section} | {known['valid'][v.name]['bytes']} | {v.what} |" for v in VALID]
    lines += ["", "| refused | section | bytes | what golden says, as a regular expression |", "|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.section} | {known['refused'][v.name]['bytes']} | {v.error} |" for v in REFUSED]
    return HEAD + "\n".join(lines) + "\n"


def _write(path, data):
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as file:
        file.write(data)


def main():
    """The command."""
    parser = OneLineParser(prog="tests.vectors.make", description="Make the vectors that are not there yet.")
    parser.add_argument("--force", action="append", default=[], metavar="NAME",
                        help="make this one anew; may be repeated")
    arguments = parser.parse_args()
    known = index()
    unknown = set(arguments.force) - {vector.name for vector in (*VALID, *REFUSED)}
    if unknown:
        parser.error(f"there is no vector {', '.join(sorted(unknown))}")
    written = []
    for folder, vectors in (("valid", VALID), ("refused", REFUSED)):
        for vector in vectors:
            if vector.name in known[folder] and vector.name not in arguments.force:
                continue
            data = vector.make()
            _write(FOLDER / folder / f"{vector.name}.tsy", data)
            known[folder][vector.name] = {"bytes": len(data), "sha256": sha256(data)}
            if folder == "valid":
                text = decoded(data)
                _write(FOLDER / folder / f"{vector.name}.json", text)
                known[folder][vector.name]["decoded"] = sha256(text)
            written.append(vector.name)
    _write(INDEX, (json.dumps(known, indent=1) + "\n").encode())
    _write(FOLDER / "README.md", readme(known).encode())
    print(f"{len(written)} vectors written, {len(VALID) + len(REFUSED) - len(written)} left as they are")


if __name__ == "__main__":
    run(main, "tests.vectors.make")
