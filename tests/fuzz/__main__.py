"""Fuzz the readers: ``python -m tests.fuzz --executions 100000 --seed 1``.

The engine is Atheris (libFuzzer for Python), a process of its own for each batch, one at a time. The first finding ends
the run with exit code 1; its input is kept. What was executed is added to ``executions.csv`` in the folder of work.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from tqdm import tqdm

from golden.cli import OneLineParser

from .seeds import keep, seeds
from .targets import TARGETS

__all__ = ["Finding", "fuzz", "main"]

BATCH = 50_000  #: executions of a process
LENGTH = 4096  #: bytes of an input
SECONDS = 60  #: the longest that an execution may take


class Finding(Exception):
    """What a process ended with: the exception and where its input is."""


def fuzz(name, executions, seed, work) -> int:
    """One batch.

    Parameters
    ----------
    name : str
        Of the target.
    executions : int
    seed : int
    work : Path
        A folder: the corpus grows in ``work/name``, findings come into ``work``.

    Returns
    -------
    int
        The executions that were done.

    Raises
    ------
    Finding
        If a reader did what it must not do.
    """
    corpus = Path(work, name)
    if not corpus.is_dir():
        corpus.mkdir(parents=True)
        for number, data in enumerate(seeds(name)):
            (corpus / f"seed{number}").write_bytes(data)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tansy-fuzz-", dir=memory) as folder:
        options = [f"-runs={executions}", f"-seed={seed}", f"-max_len={LENGTH}", f"-timeout={SECONDS}",
                   "-rss_limit_mb=0", "-reload=0", "-print_final_stats=1", f"-artifact_prefix={work}/{name}-"]
        done = subprocess.run([sys.executable, "-m", "tests.fuzz.child", name, folder, *options, str(corpus)],
                              capture_output=True, text=True, errors="replace")
    output = done.stdout + done.stderr
    found = re.search(r"number_of_executed_units: (\d+)", output)
    if done.returncode or not found:
        raise Finding(output)
    return int(found[1])


def main():
    """The command."""
    parser = OneLineParser(prog="tests.fuzz", description="Coverage-guided and structured fuzzing of the readers.")
    parser.add_argument("--executions", type=int, default=10_000, help="of all targets together (default: 10000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", default=",".join(TARGETS), help=f"some of {','.join(TARGETS)} (default: all)")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"),
                        help="folder of corpus and findings (default: build/fuzz)")
    parser.add_argument("--keep", action="store_true", help="run nothing, take over the corpus of the folder of work")
    arguments = parser.parse_args()
    names = arguments.targets.split(",")
    if not set(names) <= TARGETS.keys():
        parser.error(f"targets must be some of {', '.join(TARGETS)}, not {arguments.targets}")
    if arguments.keep:
        print(", ".join(f"{name}: {keep(name, arguments.work / name)} inputs kept" for name in names))
        return
    done = dict.fromkeys(names, 0)
    batch = max(1, min(BATCH, -(-arguments.executions // len(names))))
    with tqdm(total=arguments.executions, unit=" executions", disable=None) as bar:
        for name, number in zip(cycle(names), range(-(-arguments.executions // batch))):
            seed = arguments.seed + number
            start = time.monotonic()
            try:
                more = fuzz(name, batch, seed, arguments.work)
            except Finding as finding:
                print(finding)
                sys.exit(1)
            with open(arguments.work / "executions.csv", "a", encoding="utf-8") as record:
                record.write(f"{name},{seed},{more},{time.monotonic() - start:.0f}\n")
            done[name] += more
            bar.update(more)
    print(", ".join(f"{name}: {number:,} executions" for name, number in done.items()) + ", nothing found")


if __name__ == "__main__":
    main()
