"""Speed of the codec on one core, beside constriction's ANS coder on the same weights: ``python -m tests.bench_codec``.

Laplacian weights, rounded and clipped to the bins. Timed are weights to words and words to weights; choosing the table
is a column of its own. The peer is given the exact frequencies as its model, and its symbols in the type that it wants.
"""

import argparse
import json
import os
import platform
import resource
import sys

import numpy as np

from golden.figures import entropy

from .comparison.software import run_constriction, run_tansy


def rows(arguments):
    """One row per source and coder."""
    half = arguments.bins // 2
    for scale in arguments.scales:
        rng = np.random.default_rng(arguments.seed)
        weights = np.empty(arguments.weights, dtype=np.int8)
        for start in range(0, len(weights), 1 << 20):
            part = weights[start:start + (1 << 20)]
            part[:] = np.clip(np.round(rng.laplace(0, scale, len(part))), -half, half)
        least = entropy(weights)
        options = {"lanes": arguments.lanes, "max_run": arguments.max_run}
        for row in (run_tansy(weights, arguments.repeat, options), run_constriction(weights, arguments.repeat, half)):
            yield {"scale": scale, "entropy": least / len(weights), "coder": row["coder"],
                   "bits_per_weight": row["bits"] / len(weights), "excess_percent": 100 * (row["bits"] / least - 1),
                   "encode_per_s": len(weights) / row["encode_s"], "decode_per_s": len(weights) / row["decode_s"],
                   "plan_s": row["plan_s"]}


def print_table(found):
    """The rows as Markdown."""
    print("| entropy | coder | bits per weight | excess | encode, M weights/s | decode, M weights/s | table in |")
    print("|---|---|---|---|---|---|---|")
    for row in found:
        planning = "" if row["plan_s"] is None else f"{row['plan_s']:.2f} s"
        print(f"| {row['entropy']:.4f} | {row['coder']} | {row['bits_per_weight']:.4f} | "
              f"{row['excess_percent']:.3f} % | {row['encode_per_s'] / 1e6:.1f} | "
              f"{row['decode_per_s'] / 1e6:.1f} | {planning} |")


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.bench_codec", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=int, default=25_000_000)
    parser.add_argument("--bins", type=int, default=7)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.3, 0.6, 1.0], help="of the Laplacian, in bins")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--max-run", type=int)
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = list(rows(arguments))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if arguments.json:
        print(json.dumps({"weights": arguments.weights, "bins": arguments.bins, "rows": found, "peak_bytes": peak},
                         indent=2))
        return
    print_table(found)
    print(f"\n{arguments.weights} weights of {arguments.bins} bins, best of {arguments.repeat}, one core "
          f"({platform.machine()}), NumPy {np.__version__}; peak memory of the process {peak / 2 ** 30:.2f} GiB")


if __name__ == "__main__":
    main()
