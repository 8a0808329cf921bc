"""The road of a large network within a limit of memory: ``python -m tests.bench_load``.

The network has the layers of ResNet-152, its channels as many as ``--width`` says instead of 64, so many times as
``--copies`` says; a bias and the four arrays of a batch normalization go with each layer. The weights are Laplacian,
seeded, and made layer by layer in a temporary folder. Each command runs in a process of its own, which may not have
more address space than ``--limit``. What comes back is compared layer by layer, and so is the peer: constriction's ANS
coder, on the same integers, in the same run.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from golden.figures import entropy
from golden.formats import open_tensors, write_npz

STAGES = (3, 8, 36, 3)
BINS = {"*": 15, "*stem*": 255, "*stage1*": 31, "*stage3*": 7, "*stage4*": 3}  #: by pattern of names, the last counts
GIB = 1 << 30


def shapes(width: int, copies: int = 1):
    """Names and shapes of the weights: ResNet-152 where ``width`` is 64."""
    for copy in range(copies):
        yield f"net{copy}.stem", (width, 3, 7, 7)
        inside = width
        for stage, blocks in enumerate(STAGES):
            channels = width << stage
            for block in range(blocks):
                name = f"net{copy}.stage{stage + 1}.{block}"
                yield f"{name}.conv1", (channels, inside, 1, 1)
                yield f"{name}.conv2", (channels, channels, 3, 3)
                yield f"{name}.conv3", (4 * channels, channels, 1, 1)
                if block == 0:
                    yield f"{name}.down", (4 * channels, inside, 1, 1)
                inside = 4 * channels
        yield f"net{copy}.fc", (1000, inside)


def floats(layers, seed: int):
    """The arrays of the network, one at a time; 2 ** 20 weights are drawn at a time."""
    for number, (name, shape) in enumerate(tqdm(layers, "network", unit="layer", disable=None)):
        rng = np.random.default_rng([seed, number])
        weights = np.empty(math.prod(shape), dtype=np.float32)
        scale = math.sqrt(1 / math.prod(shape[1:]))
        for start in range(0, len(weights), 1 << 20):
            part = weights[start:start + (1 << 20)]
            part[:] = rng.laplace(0, scale, len(part))
        yield f"{name}.weight", weights.reshape(shape)
        for end in ("bias", "gamma", "beta", "mean", "variance"):
            yield f"{name}.{end}", rng.standard_normal(shape[0], dtype=np.float32)


#: A module as a command, in a process that limits itself: its parent may have threads, and must not run code in a fork.
LIMITED = """import resource, runpy, sys
limit, sys.argv = int(sys.argv[1]), sys.argv[2:]
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def under_limit(module: str, arguments, limit: int) -> dict:
    """Run a command as a child of so much address space; its times and the most memory that it held.

    Parameters
    ----------
    module : str
    arguments : sequence of str
    limit : int
        Bytes.

    Returns
    -------
    dict
        Members ``"command"``, ``"seconds"``, ``"cpu_seconds"``, ``"peak_bytes"`` (resident), ``"output"``.

    Raises
    ------
    SystemExit
        If the command fails; what it said is in the message.
    """
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-c", LIMITED, str(limit), module, *arguments], stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        output.seek(0)
        said = output.read()
    if child.returncode:
        raise SystemExit(f"{module} ended with code {child.returncode} within {limit} bytes of address space\n{said}")
    return {"command": module, "seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "output": said,
            "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)}


def compare(path, back, peer: bool) -> dict:
    """Compare two files array by array; entropy of the coded ones, and what constriction takes for them.

    Raises
    ------
    SystemExit
        If an array differs.
    """
    found = {"weights": 0, "largest": 0, "layers": 0, "entropy_bits": 0.0}
    if peer:
        found |= {"peer_bits": 0, "peer_encode_s": 0.0, "peer_decode_s": 0.0}
    with open_tensors(path, widen=False) as one, open_tensors(back, widen=False) as other:
        if set(one.tensors) != set(other.tensors):
            raise SystemExit("the decoded file must hold the arrays that were encoded")
        for name, info in tqdm(one.tensors.items(), "compare", unit="array", disable=None):
            array = one.read(name)
            if not np.array_equal(array, other.read(name)):
                raise SystemExit(f"{name} must be decoded as it was encoded")
            if info.dtype.kind == "f":
                continue
            weights = array.reshape(-1)
            found["weights"] += weights.size
            found["largest"] = max(found["largest"], weights.size)
            found["layers"] += 1
            found["entropy_bits"] += entropy(weights)
            if peer:
                from .comparison.software import run_constriction
                row = run_constriction(weights, 1, max(int(weights.max()), -int(weights.min()), 1))
                found["peer_bits"] += row["bits"]
                found["peer_encode_s"] += row["encode_s"]
                found["peer_decode_s"] += row["decode_s"]
    return found


def measure(folder: Path, arguments) -> dict:
    """The network through all commands."""
    limit = int(arguments.limit * GIB)
    model, quantized, stream, back = (str(folder / name) for name in ("w.npz", "q.npz", "net.tsy", "back.npz"))
    write_npz(model, floats(list(shapes(arguments.width, arguments.copies)), arguments.seed))
    bins = [option for pattern, number in BINS.items() for option in ("--bins-for", f"{pattern}={number}")]
    steps = []
    for module, options in (("golden.quantize", [model, "-o", quantized, "--json", *bins]),
                            ("golden.encode", [quantized, "-o", stream, "--json", *arguments.encode]),
                            ("golden.inspect", [stream, "--json"]), ("golden.decode", [stream, "-o", back])):
        steps.append(under_limit(module, options, limit))
        print(f"{module}: {steps[-1]['seconds']:.1f} s, {steps[-1]['peak_bytes'] / GIB:.3f} GiB", file=sys.stderr)
    encoded, inspected = (json.loads(step["output"])["total"] for step in steps[1:3])
    if encoded != inspected:
        raise SystemExit("golden.encode and golden.inspect must report the same")
    found = compare(quantized, back, arguments.peer)
    return {"limit_bytes": limit, "width": arguments.width, "copies": arguments.copies, **found,
            "file_bytes": os.stat(stream).st_size, "bits_per_weight": encoded["stream_bits_per_weight"],
            "steps": [{key: value for key, value in step.items() if key != "output"}
                      | {"weights_per_s": found["weights"] / step["cpu_seconds"]} for step in steps]}


def print_table(found):
    """The figures as Markdown."""
    print(f"{found['weights']:,} weights in {found['layers']} layers, the largest of {found['largest']:,}; address "
          f"space of each command limited to {found['limit_bytes'] / GIB:g} GiB")
    print(f"entropy {found['entropy_bits'] / found['weights']:.4f}, stream {found['bits_per_weight']:.4f} bits per "
          f"weight; file {found['file_bytes']:,} bytes; decoded as encoded, array by array\n")
    print("| command | peak memory, GiB | seconds | of a processor | M weights/s of these |")
    print("|---|---|---|---|---|")
    for step in found["steps"]:
        print(f"| `{step['command']}` | {step['peak_bytes'] / GIB:.2f} | {step['seconds']:.0f} | "
              f"{step['cpu_seconds']:.0f} | {step['weights_per_s'] / 1e6:.2f} |")
    if "peer_bits" in found:
        seconds = {step["command"]: step["seconds"] for step in found["steps"]}
        print(f"\nconstriction, ANS, coding alone, layer by layer: {found['peer_bits'] / found['weights']:.4f} bits "
              f"per weight; encoding {found['peer_encode_s']:.0f} s, decoding {found['peer_decode_s']:.0f} s. The "
              f"commands take {seconds['golden.encode'] / found['peer_encode_s']:.1f} and "
              f"{seconds['golden.decode'] / found['peer_decode_s']:.1f} times as long, with plan, check and files")


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.bench_load", description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=132, help="channels of the first stage (default: 132: 251 M)")
    parser.add_argument("--copies", type=int, default=1, help="so many networks of that width in one (default: 1)")
    parser.add_argument("--limit", type=float, default=8, help="of the address space, GiB (default: 8)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--peer", action="store_true", help="measure constriction's ANS coder, too")
    parser.add_argument("--encode", nargs=argparse.REMAINDER, default=[], help="further options of golden.encode")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        found = measure(Path(folder), arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print_table(found)
    print(f"\none process at a time, {platform.machine()}, NumPy {np.__version__}")


if __name__ == "__main__":
    main()
