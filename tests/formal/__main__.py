"""``python -m tests.formal``: run the proofs, and plant the faults that they must find."""

import json
from dataclasses import asdict, dataclass

from tqdm import tqdm

from golden.cli import OneLineParser, run
from golden.errors import TansyError

from .engine import Verdict
from .faults import FAULTS
from .proofs import PROOFS, configuration, find, prove


@dataclass(frozen=True)
class Row:
    """A line of the table; ``good``: it came out as it must."""

    blocks: str
    claim: str
    method: str
    cycles: int
    seconds: float
    result: str
    good: bool


def _row(blocks, claim, method, verdict: Verdict, wanted):
    return Row(blocks, claim, method, verdict.cycles, round(verdict.seconds, 1), verdict.result,
               verdict.result == wanted)


def _jobs(args):
    """What there is to do: (words for the progress bar, function to a row)."""
    for proof in PROOFS:
        if args.only in (None, proof.name) and (args.slow or not proof.slow):
            for values in proof.configs:
                words = f"{proof.claim} ({configuration(values)})"
                wanted = "held" if proof.method == "bounded" else "proved"
                yield proof.name, lambda proof=proof, values=values, words=words, wanted=wanted: _row(
                    proof.blocks, words, proof.method, prove(proof, values, args.limit), wanted)
    for fault in FAULTS:
        if args.only in (None, fault.proof):
            yield str(fault), lambda fault=fault: _row(
                fault.block, f"fault: {fault.old} -> {fault.new}", "bounded", find(fault, args.limit), "refuted")


def main():
    """The command."""
    parser = OneLineParser(prog="tests.formal", description=__doc__.split(": ", 1)[1])
    parser.add_argument("--only", metavar="NAME", choices=sorted({proof.name for proof in PROOFS}), help="one proof")
    parser.add_argument("--limit", type=int, default=600, metavar="SECONDS", help="for each, default: %(default)s")
    parser.add_argument("--short", dest="slow", action="store_false", help="leave out those that take minutes")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    args = parser.parse_args()
    rows = []
    for name, job in (bar := tqdm(list(_jobs(args)), unit="proof", disable=None)):
        bar.set_description(name[:40])
        rows.append(job())
    print(json.dumps([asdict(row) for row in rows], indent=2) if args.json else _table(rows))
    if wrong := [row for row in rows if not row.good]:
        raise TansyError(f"{len(wrong)} of {len(rows)} did not come out as they must, the first: {wrong[0].claim}")


def _table(rows):
    """The rows as aligned columns, the claim last since it is long."""
    order = ("result", "method", "cycles", "seconds", "blocks", "claim")
    lines = [order, *(tuple(str(getattr(row, name)) for name in order) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(order) - 1)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[-1]]) for line in lines)


if __name__ == "__main__":
    run(main, "tests.formal")
