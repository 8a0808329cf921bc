"""Very many weights through emitted decoders, every one of them compared: ``python -m sim.soak --weights 1e7``."""

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from golden.cli import OneLineParser, run
from golden.container import stream_bytes
from golden.errors import InputError
from golden.patterns import ALWAYS
from hw.errors import ErrorCode
from hw.simulators import SimulatorError

from .bounds import cycle_bound
from .decoders import SOAKED, named, pattern
from .fast import NONE, Begin, Broken, End, Job, Sent, compile_fast
from .records import Record, add_options, batches
from .streams import Layer, alphabets, make_stream

__all__ = ["Tally", "batch", "main"]

STREAMS = 16  #: that a batch makes
REPLAYS = 6  #: of each stream in a batch
LARGEST = 1_000_000  #: weights of a layer
LONG = 0.4  #: share of layers that are long
STALLED = 0.7  #: share of jobs whose source, and whose sink, does anything but go on
BEGINS = (Begin.AS_IT_IS, Begin.CLEAR, Begin.RESET)
OFTEN = (0.85, 0.1, 0.05)


@dataclass
class Tally:
    """What has been counted for a decoder. ``made``, ``segments``, ``tables``, ``spans``: of different streams;
    ``streams``, ``weights``, ``cycles``, ``starved``, ``stalled``: of all that were sent; ``free_weights``,
    ``free_cycles``: of those that nothing stalled; ``seconds``: of the simulation alone."""

    batches: int = 0
    made: int = 0
    segments: int = 0
    tables: int = 0
    spans: int = 0
    streams: int = 0
    weights: int = 0
    cycles: int = 0
    starved: int = 0
    stalled: int = 0
    free_weights: int = 0
    free_cycles: int = 0
    seconds: float = 0.0
    findings: list[dict] = field(default_factory=list)


def _layers(config, random):
    """Two to eight layers, alone or in pieces, in the span before or one of their own: short ones of any alphabet and
    entropy, and long ones of few bins that are mostly zero, which bring the most weights per cycle."""
    kinds = alphabets(config)
    zeros = [kind for kind in kinds if kind.half == 1 and kind.max_run > 1]
    for _ in range(random.integers(2, 9)):
        long = random.random() < LONG
        alphabet = (zeros if long else kinds)[random.integers(len(zeros if long else kinds))]
        weights = int(np.exp(random.uniform(*np.log((LARGEST / 10, LARGEST) if long else (1, LARGEST / 20)))))
        scale = random.uniform(0.1, 0.25) if long else alphabet.half * random.uniform(0.02, 0.5)
        yield Layer(weights, alphabet, float(scale), restart=random.random() < 0.4, listed=random.random() < 0.7,
                    pieces=int(random.integers(1, min(weights, 6) + 1)))


def batch(decoder, number: int, tally: Tally, seed: int = 0, weights: int = NONE) -> None:
    """Make streams, send each several times in changing order and with changing stalls, and compare.

    Parameters
    ----------
    decoder : FastDecoder
    number : int
        Of the batch; with the seed it says what is in it.
    tally : Tally
        It is added to.
    seed : int
    weights : int
        When so many have come the batch ends.
    """
    config, random = decoder.config, np.random.default_rng([seed, number])
    sent = []
    for _ in range(STREAMS):
        stream, values = make_stream(config, list(_layers(config, random)), int(random.integers(1 << 31)))
        sent.append(Sent(stream_bytes(stream), stream.segments, np.concatenate(values)))
        tally.made += 1
        tally.segments += len(stream.segments)
        tally.tables += len(stream.tables)
        tally.spans += len(stream.spans)
    jobs = [_job(config, sent, place, random)
            for _ in range(REPLAYS) for place in random.permutation(len(sent)).tolist()]
    start = time.perf_counter()
    for job, result in zip(jobs, decoder.run(sent, jobs, int(random.integers(1 << 31)))):
        _count(tally, result)
        problem = _wrong(result, len(sent[job.stream].expected))
        if problem:
            tally.findings.append({"what": problem, "batch": number, "stream": job.stream, "source": str(job.source),
                                   "sink": str(job.sink), "begin": job.begin.name, "result": result._asdict()})
            break
        weights -= result.weights
        if weights <= 0:
            break
    tally.seconds += time.perf_counter() - start
    tally.batches += 1


def _job(config, sent, place, random):
    data, segments = sent[place].data, sent[place].segments
    bound = cycle_bound(config, -(-len(data) // (config.word_bits // 8)), segments)
    source, sink = (pattern(random) if random.random() < STALLED else ALWAYS for _ in range(2))
    return Job(place, bound, source, sink, BEGINS[random.choice(3, p=OFTEN)], settle=0)


def _count(tally, result):
    tally.streams += 1
    for name in ("weights", "cycles", "starved", "stalled"):
        setattr(tally, name, getattr(tally, name) + getattr(result, name))
    if not result.starved + result.stalled:
        tally.free_weights += result.weights
        tally.free_cycles += result.cycles


def _wrong(result, weights):
    """What is wrong with a stream, in words."""
    if result.ended != End.DONE:
        return f"ended with {End(result.ended).name}, error {ErrorCode(result.error).name}, in cycle {result.cycles}"
    if result.broken:
        return f"the rule {Broken(result.broken).name} was broken"
    if result.wrong != NONE:
        return f"weight {result.wrong} is wrong"
    return "" if result.weights == weights else f"{result.weights} weights came out, not {weights}"


def main(argv=None):
    """The command."""
    args = _arguments(argv)
    decoders, record = named(SOAKED, args.decoders), Record(args.output, args.seed, Tally)
    wanted = -(-_whole(args.weights) // len(decoders))
    for name, config in decoders.items():
        decoder, tally = compile_fast(config), record.of(name)
        for left in batches(name, record, "weights", wanted):
            batch(decoder, tally.batches, tally, args.seed, left)
            if tally.findings:
                break
    print(_text(record.tallies))
    for name, tally in record.tallies.items():
        if tally.findings:
            record.write()
            raise SimulatorError(f"{name}, a stream of batch {tally.findings[0]['batch']}: {tally.findings[0]['what']}")


def _arguments(argv):
    parser = OneLineParser(prog="sim.soak", description="Streams of mixed segments through emitted decoders under "
                           "Verilator, back to back, with changing stalls; every weight is compared. A difference ends "
                           "in one line and exit code 2.")
    parser.add_argument("--weights", default="1e7", metavar="N",
                        help="weights, for all decoders together, such as 1e9 (default: %(default)s)")
    add_options(parser, SOAKED)
    return parser.parse_args(argv)


def _whole(text):
    try:
        weights = int(float(text))
    except (ValueError, OverflowError):
        raise InputError(f"weights must be a number, not {text!r}") from None
    if weights < 1:
        raise InputError(f"weights must be at least 1, not {text}")
    return weights


def _text(tallies):
    heads = ("decoder", "weights", "cycles", "weights per cycle", "unstalled", "streams", "different ones", "spans",
             "segments", "tables", "cycles per second")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    rows = [*tallies.items(), ("together", _together(tallies.values()))]
    for name, tally in rows:
        numbers = [f"{number:,}" for number in (tally.streams, tally.made, tally.spans, tally.segments, tally.tables)]
        rates = [f"{tally.weights / max(tally.cycles, 1):.2f}",
                 f"{tally.free_weights / tally.free_cycles:.2f}" if tally.free_cycles else ""]
        cells = [name, f"{tally.weights:,}", f"{tally.cycles:,}", *rates, *numbers,
                 f"{tally.cycles / max(tally.seconds, 1e-9):,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _together(tallies):
    total = Tally()
    for tally in tallies:
        for name, value in asdict(tally).items():
            setattr(total, name, getattr(total, name) + value)
    return total


if __name__ == "__main__":
    run(main, "sim.soak")
