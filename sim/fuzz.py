"""Corrupted streams through emitted decoders, a right one after each: ``python -m sim.fuzz --streams 1000``."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np
from tqdm import tqdm

from golden.cli import OneLineParser, atomic_write, read_bytes, run
from golden.container import stream_bytes
from golden.errors import FormatError, InputError
from golden.table import Alphabet
from hw.simulators import SimulatorError

from .bounds import cycle_bound
from .corrupt import KINDS, Source, corrupted
from .decoders import FUZZED, named, pattern
from .fast import NONE, Begin, End, Job, Sent, compile_fast
from .streams import Layer, alphabets, make_stream
from .tally import table
from .verdicts import expectation, judge

__all__ = ["Tally", "batch", "main"]

BATCH = 500  #: streams that are made, run and recorded together
SOURCES = 40  #: right streams that those of a batch are made from
MAX_WEIGHTS = 4000  #: of a stream whose header was changed
MOST_WEIGHTS = 120  #: of a segment of a right stream
SETTLE = 64  #: cycles for which it is seen whether anything comes after the end
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
    rows: dict[str, Counter] = field(default_factory=lambda: {_title(kind): Counter() for kind in KINDS})
    findings: list[dict] = field(default_factory=list)

    @classmethod
    def of(cls, values: dict) -> "Tally":
        """From what `vars` of one became as JSON."""
        return cls(**{**values, "rows": {name: Counter(counts) for name, counts in values["rows"].items()}})


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
    sources = [(source, expectation(source.data, config)) for source in _sources(config, random)]
    sent, jobs, cases, kinds = [_good(config)], [], [], cycle(KINDS)
    while len(cases) < size:
        kind = next(kinds)
        one, another = random.choice(len(sources), 2, replace=False)
        source, right = sources[one]
        data, said = corrupted(kind, source, sources[another][0], random), right
        if data is not None and kind.mended:
            said = expectation(data, config, MAX_WEIGHTS)
        if data is None or said is None:
            continue
        whole = bool(random.random() < 0.8)
        sent.append(Sent(data, said.segments, said.weights))
        jobs += [Job(len(sent) - 1, _bound(config, data, said.segments or right.segments), pattern(random),
                     pattern(random), Begin.CLEAR, settle=SETTLE, whole=whole),
                 Job(0, _bound(config, sent[0].data, sent[0].segments), pattern(random), pattern(random), Begin.CLEAR)]
        cases.append((kind, data, said, right.weights))
    start, results = time.perf_counter(), decoder.run(sent, jobs, int(random.integers(1 << 31)))
    for (kind, data, said, before), job, after, result, good in zip(cases, jobs[::2], jobs[1::2], results, results):
        outcome = judge(result, config, said, before, kind.mended)
        problem = outcome.finding or _wrong(good)
        tally.rows[_title(kind)][outcome.how] += 1
        tally.cycles += result.cycles + good.cycles
        tally.slowest = max(tally.slowest, *(
            (each.cycles - config.ring * (each.starved + each.stalled)) / told.bound
            for each, told in ((result, job), (good, after))))
        if problem and len(tally.findings) < FINDINGS:
            tally.findings.append({"kind": _title(kind), "what": problem, "data": data.hex(), "source": str(job.source),
                                   "sink": str(job.sink), "batch": number, "result": result._asdict()})
    tally.seconds += time.perf_counter() - start
    tally.streams += len(cases)
    tally.batches += 1


def _bound(config, data, segments):
    return cycle_bound(config, -(-len(data) // (config.word_bits // 8)), segments)


def _wrong(good):
    """What is wrong with the right stream, in words."""
    if good.ended == End.DONE and good.wrong == NONE and not good.broken:
        return ""
    return f"the stream after it ended with {End(good.ended).name}, error {good.error}, weight {good.wrong} wrong"


def main(argv=None):
    """The command."""
    args = _arguments(argv)
    decoders, path = named(FUZZED, args.decoders), args.output and Path(args.output)
    if args.streams < 1:
        raise InputError(f"streams must be at least 1, not {args.streams}")
    record = _begun(path, args.seed)
    for name, config in decoders.items():
        tally = record.setdefault(name, Tally())
        wanted = -(-args.streams // len(decoders))
        decoder = compile_fast(config)
        for _ in _progress(name, tally, wanted):
            batch(decoder, tally.batches, tally, args.seed, min(BATCH, wanted - tally.streams))
            if path:
                _write(path, args.seed, record)
    print(_text(record))
    findings = [(name, finding) for name, tally in record.items() for finding in tally.findings]
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
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--decoders", default=",".join(FUZZED), metavar="NAMES", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="the counts as JSON, written after each batch; a run that was broken off goes on from it")
    return parser.parse_args(argv)


def _progress(name, tally, wanted):
    """Once for each batch that is left, with a bar on a terminal."""
    with tqdm(total=wanted, initial=tally.streams, desc=name, unit="stream", disable=None) as bar:
        while tally.streams < wanted:
            yield
            bar.update(tally.streams - bar.n)


def _begun(path, seed):
    """The tallies of a run that was broken off, or none."""
    if path is None or not path.exists():
        return {}
    try:
        record = json.loads(read_bytes(path))
        tallies = {name: Tally.of(values) for name, values in record["decoders"].items()}
        begun = record["seed"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FormatError(f"{path} is not a record of sim.fuzz") from None
    if begun != seed:
        raise InputError(f"{path} was begun with seed {begun}, not {seed}")
    return tallies


def _write(path, seed, record):
    decoders = {name: vars(tally) for name, tally in record.items()}
    with atomic_write(path, "w") as file:
        json.dump({"seed": seed, "decoders": decoders}, file, indent=1)
        file.write("\n")


def _text(record):
    rows = {_title(kind): sum((tally.rows[_title(kind)] for tally in record.values()), Counter()) for kind in KINDS}
    plain = {name: counts for name, counts in rows.items() if not name.endswith(", mended")}
    mended = {name.removesuffix(", mended"): counts for name, counts in rows.items() if name not in plain}
    lines = [table("corrupted", plain), "", table("mended", mended), ""]
    for name, tally in record.items():
        lines.append(f"{name:16} {tally.streams:,} streams, as many right ones, {tally.cycles:,} cycles in "
                     f"{tally.seconds:,.0f} s; slowest {100 * tally.slowest:.0f} % of its bound")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main, "sim.fuzz")
