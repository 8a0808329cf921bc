"""``python -m sim.upsets``: flip single bits of a decoder's registers and tables while it decodes, and class what
becomes of each flip: masked, detected, silent, or a hang."""

import json
import tempfile
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from golden.cli import OneLineParser, atomic_write, run
from golden.errors import ConfigError
from hw.build import add_build_options, build_from
from hw.errors import ErrorCode
from hw.options import family_of

from .flips import Verdict, compile_flips, every_flip, some_flips
from .stored import GUARDED, KINDS

__all__ = ["campaign", "main", "table_of"]

NAMES = {code.value: code.name for code in ErrorCode}


def campaign(bench, flips: int, seed: int, kinds=KINDS, every=(), progress: bool = False) -> list[dict]:
    """Flip bits, as many of each kind.

    Parameters
    ----------
    bench : FlipBench
        Entered.
    flips : int
        In all, shared out evenly among the kinds that there are.
    seed : int
    kinds, every : sequence of str
        Of `KINDS`; of those of ``every`` each bit in each cycle instead.
    progress : bool
        Show a bar, on a terminal.

    Returns
    -------
    list of dict
        For each kind ``kind``, ``bits``, ``flips``, the number of each `Verdict` by its name in small letters,
        ``codes`` (of the errors, by name) and ``silent_at``: where bits with silent or hanging flips are, with how many
        there were.
    """
    bits = {kind: sum(place.size for place in bench.stored if place.kind == kind) for kind in KINDS}
    there = [kind for kind in KINDS if bits[kind] and kind in (*kinds, *every)]
    share = [kind for kind in there if kind not in every]
    count = {kind: bits[kind] * bench.cycles for kind in every}
    count |= {kind: flips // len(share) + (place < flips % len(share)) for place, kind in enumerate(share)}
    rows = []
    with tqdm(total=sum(count[kind] for kind in there), unit="flip", disable=None if progress else True) as bar:
        for kind in there:
            chosen = every_flip(bench, kind) if kind in every else some_flips(bench, kind, count[kind], seed)
            verdicts, codes, places = Counter(), Counter(), Counter()
            for outcome in bench.run(chosen):
                verdicts[outcome.verdict] += 1
                codes[NAMES.get(outcome.code, "no known code")] += outcome.verdict is Verdict.DETECTED
                if outcome.verdict in (Verdict.SILENT, Verdict.HANG):
                    place, what = bench.stored[outcome.flip.place], outcome.verdict.name.lower()
                    places[f"{place.scope.removeprefix('decoder.')}.{place.name.strip()} {what}"] += 1
                bar.update()
            rows.append({"kind": kind, "bits": bits[kind], "flips": count[kind],
                         **{verdict.name.lower(): verdicts[verdict] for verdict in Verdict},
                         "codes": dict((+codes).most_common()), "silent_at": dict(places.most_common())})
    return rows


def table_of(rows: list[dict]) -> str:
    """The rows of `campaign` as a table in Markdown, with a last one that weighs the kinds by their bits."""
    head = ["bits of", "bits", "flips", *(verdict.name.lower() for verdict in Verdict), "errors"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        shares = [f"{100 * row[verdict.name.lower()] / row['flips']:.2f} %" if row[verdict.name.lower()] else "none"
                  for verdict in Verdict]
        codes = ", ".join(f"{name} {count:,}" for name, count in list(row["codes"].items())[:4])
        lines.append([row["kind"], f"{row['bits']:,}", f"{row['flips']:,}", *shares, codes])
    bits = sum(row["bits"] for row in rows)
    whole = [100 * sum(row["bits"] * row[verdict.name.lower()] / row["flips"] for row in rows) / bits
             for verdict in Verdict]
    lines.append(["all, by bits", f"{bits:,}", f"{sum(row['flips'] for row in rows):,}",
                  *(f"{share:.2f} %" for share in whole), ""])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _arguments():
    parser = OneLineParser(prog="sim.upsets", description=__doc__.split(": ", 1)[1])
    add_build_options(parser)
    parser.add_argument("--target", metavar="NAME", help="as of hw.build; block RAM of ecp5 or of none")
    parser.add_argument("--flips", type=int, default=20000, help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--only", choices=KINDS, action="append", help="bits of this kind; may be repeated")
    parser.add_argument("--every", choices=KINDS, action="append", default=[], help="of this kind every bit in every "
                        f"cycle; may be repeated (small ones like {GUARDED[-1]})")
    parser.add_argument("--json", metavar="FILE", help="write all of it there as well")
    return parser.parse_args()


def main():
    """The command."""
    args = _arguments()
    if args.flips < 1:
        raise ConfigError(f"flips must be at least 1, not {args.flips}")
    if args.seed < 0:
        raise ConfigError(f"seed must be at least 0, not {args.seed}")
    target = family_of(args.target)
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        stream, config = build_from(args, folder, target)
        verilog = Path(folder, "decoder.v").read_text(encoding="utf-8")
    kinds = args.only or ([] if args.every else KINDS)
    with compile_flips(verilog, config, stream, target) as bench:
        rows = campaign(bench, args.flips, args.seed, kinds, args.every, progress=True)
        found = {"config": config.as_dict(), "target": target, "seed": args.seed, "cycles": bench.cycles, "kinds": rows}
    if args.json:
        with atomic_write(Path(args.json)) as file:
            file.write((json.dumps(found, indent=2) + "\n").encode())
    print(f"{found['cycles']:,} cycles of a stream of {len(stream.segments)} segments; seed {args.seed}\n")
    print(table_of(rows))


if __name__ == "__main__":
    run(main, "sim.upsets")
