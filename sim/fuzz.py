"""Corrupted streams through emitted decoders, a right one after each: ``python -m sim.fuzz --streams 1000``."""

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np

from golden.cli import OneLineParser, run
from golden.container import stream_bytes
from golden.errors import InputError
from golden.table import Alphabet
from hw.simulators import SimulatorError

from .bounds import cycle_bound
from .corrupt import KINDS, Kind, Source, corrupted
from .decoders import FUZZED, named, pattern
from .fast import NONE, Begin, Broken, End, Job, Sent, compile_fast
from .records import Record, add_options, batches
from .streams import Layer, alphabets, make_stream
from .tally import table
from .verdicts import Expectation, expectation, judge

__all__ = ["Tally", "batch", "main"]

BATCH = 500  #: streams that are made, run and recorded together
SOURCES = 40  #: right streams that those of a batch are made from
MAX_WEIGHTS = 4000  #: of a stream whose header was changed
MOST_WEIGHTS = 120  #: of a segment of a right stream
WHOLE = 0.8  #: share of streams of which the rest is sent after an error; after that of others the clear comes at once
SETTLE = 64  #: cycles of a willing sink in which it shows whether anything comes after the end
FINDINGS = 20  #: that are kept


@dataclass
class Tally:
    """What has been counted for a decoder: batches, streams and cycles, outcomes by kind, findings in words, and the
    greatest share of its bound that a stream took."""

    batches: int = 0
    streams: int = 0
    cycles: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    rows: dict[str, Counter] = field(default_factory=dict)
    findings: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.rows = {_title(kind): Counter(self.rows.get(_title(kind), {})) for kind in KINDS}


def _title(kind):
    return kind.name + (", mended" if kind.mended else "")


def _sources(config, random):
    """Right streams of one to three layers, in one or more spans."""
    kinds = alphabets(config)
    for _ in range(SOURCES):
        layers = []
        for _ in range(random.integers(1, 4)):
            alphabet = kinds[random.integers(len(kinds))]
            layers.append(Layer(int(random.integers(1, MOST_WEIGHTS + 1)), alphabet,
                                float(alphabet.half * random.uniform(0.05, 0.5)), restart=random.random() < 0.4,
                                listed=random.random() < 0.7))
        stream, weights = make_stream(config, layers, int(random.integers(1 << 31)))
        yield Source(stream, tuple(weights), stream_bytes(stream))


def _good(config):
    """A short right stream, and what should come of it."""
    stream, weights = make_stream(config, [Layer(2 * config.beat_weights + 1, Alphabet(1), 0.5, listed=True)], 1)
    return Sent(stream_bytes(stream), stream.segments, weights[0])


def batch(decoder, number: int, tally: Tally, seed: int = 0, size: int = BATCH) -> None:
    """Run the corrupted streams of a batch, each followed by a right one, and count what becomes of them.

    Parameters
    ----------
    decoder : FastDecoder
    number : int
        Of the batch; with the seed it says what is in it.
    tally : Tally
        It is added to.
    seed, size : int
    """
    config, random = decoder.config, np.random.default_rng([seed, number])
    sent, jobs, cases = [_good(config)], [], []
    for case in islice(_cases(config, random), size):
        cases.append(case)
        sent.append(Sent(case.data, case.said.segments, case.said.weights))
        whole = bool(random.random() < WHOLE)
        jobs += [Job(len(cases), _bound(config, case.data, case.said.segments or case.source.stream.segments),
                     pattern(random), pattern(random), Begin.CLEAR, settle=SETTLE, whole=whole),
                 Job(0, _bound(config, sent[0].data, sent[0].segments), pattern(random), pattern(random), Begin.CLEAR)]
    start, results = time.perf_counter(), decoder.run(sent, jobs, int(random.integers(1 << 31)))
    for case, job, after, result, good in zip(cases, jobs[::2], jobs[1::2], results, results):
        outcome = judge(result, config, case.said, case.before, case.kind.mended)
        problem = outcome.finding or _wrong(good)
        tally.rows[_title(case.kind)][outcome.how] += 1
        tally.cycles += result.cycles + good.cycles
        tally.slowest = max(tally.slowest, *(
            (each.cycles - config.ring * (each.starved + each.stalled)) / told.bound
            for each, told in ((result, job), (good, after))))
        if problem and len(tally.findings) < FINDINGS:
            tally.findings.append({"kind": _title(case.kind), "what": problem, "data": case.data.hex(),
                                   "source": str(job.source), "sink": str(job.sink), "batch": number,
                                   "result": result._asdict()})
    tally.seconds += time.perf_counter() - start
    tally.streams += len(cases)
    tally.batches += 1


class _Case(NamedTuple):
    """A corrupted stream: what it was made of, what should become of it, and the weights before."""

    kind: Kind
    source: Source
    data: bytes
    said: Expectation
    before: np.ndarray


def _cases(config, random):
    """Corrupted streams without end, the kinds in turn."""
    sources = [(source, expectation(source.data, config)) for source in _sources(config, random)]
    for kind in cycle(KINDS):
        one, another = random.choice(len(sources), 2, replace=False)
        source, right = sources[one]
        data, said = corrupted(kind, source, sources[another][0], random), right
        if data is not None and kind.mended:
            said = expectation(data, config, MAX_WEIGHTS)
        if data is not None and said is not None:
            yield _Case(kind, source, data, said, right.weights)


def _bound(config, data, segments):
    return cycle_bound(config, -(-len(data) // (config.word_bits // 8)), segments)


def _wrong(good):
    """What is wrong with the right stream, in words."""
    if good.ended == End.DONE and good.wrong == NONE and not good.broken:
        return ""
    return (f"the right stream after it ended with {End(good.ended).name}, error {good.error}, first wrong weight "
            f"{'none' if good.wrong == NONE else good.wrong}, broken rule {Broken(good.broken).name}")


def main(argv=None):
    """The command."""
    args = _arguments(argv)
    if args.streams < 1:
        raise InputError(f"streams must be at least 1, not {args.streams}")
    decoders, record = named(FUZZED, args.decoders), Record(args.output, args.seed, Tally)
    wanted = -(-args.streams // len(decoders))
    for name, config in decoders.items():
        decoder, tally = compile_fast(config), record.of(name)
        for left in batches(name, record, "streams", wanted):
            batch(decoder, tally.batches, tally, args.seed, min(BATCH, left))
    print(_text(record.tallies))
    findings = [(name, finding) for name, tally in record.tallies.items() for finding in tally.findings]
    if findings:
        name, first = findings[0]
        raise SimulatorError(f"{len(findings)} streams after which the decoder did what it may not, the first with "
                             f"{first['kind']} on {name}: {first['what']}")


def _arguments(argv):
    parser = OneLineParser(prog="sim.fuzz", description="Corrupted streams through emitted decoders under Verilator, "
                           "with random stalls; after each of them a right one. What the decoder may never do ends in "
                           "one line and exit code 2.")
    parser.add_argument("--streams", type=int, default=1000, metavar="N",
                        help="corrupted streams, for all decoders together (default: %(default)s)")
    add_options(parser, FUZZED)
    return parser.parse_args(argv)


def _text(tallies):
    rows = {_title(kind): sum((tally.rows[_title(kind)] for tally in tallies.values()), Counter()) for kind in KINDS}
    plain = {name: counts for name, counts in rows.items() if not name.endswith(", mended")}
    mended = {name.removesuffix(", mended"): counts for name, counts in rows.items() if name not in plain}
    lines = [table("corrupted", plain), "", table("mended", mended), ""]
    for name, tally in tallies.items():
        lines.append(f"{name:16} {tally.streams:,} streams, as many right ones, {tally.cycles:,} cycles in "
                     f"{tally.seconds:,.0f} s; slowest {100 * tally.slowest:.0f} % of its bound")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main, "sim.fuzz")
