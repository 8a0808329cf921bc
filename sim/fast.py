"""Many streams through an emitted decoder, fast: the Verilog compiled with a C++ bench (``fast.cpp``) that compares by
itself. `sim.bench` records every edge; this one counts."""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from golden.config import Config, OutputMode
from golden.errors import ConfigError
from golden.patterns import ALWAYS, Pattern
from golden.stream import Segment
from hw.axis import AxisDecoder
from hw.memory import models_for
from hw.simulators import SimulatorError
from hw.verilated import compile_program
from hw.verilog import verilog_of

__all__ = ["NONE", "Begin", "Broken", "End", "FastDecoder", "Job", "Result", "Sent", "compile_fast", "verilog_for"]

CACHE = Path("sim_build") / "fast"  #: compiled decoders
PROGRAM = Path(__file__).with_name("fast.cpp")
TOP = "decoder"
NONE = (1 << 64) - 1  #: of a result: no such place
KINDS = ("always", "alternate", "burst", "random")


class Begin(IntEnum):
    """What comes before a job."""

    AS_IT_IS = 0  #: nothing: the stream follows the one before
    CLEAR = 1
    RESET = 2


class End(IntEnum):
    """How a job ended."""

    HANG = 0  #: not within its bound
    DONE = 1
    ERROR = 2


class Broken(IntEnum):
    """A rule that was broken which holds for every stream."""

    FINE = 0  #: none
    CHANGED = 1  #: a transfer on offer changed or was withdrawn
    SHAPE = 2  #: ``tkeep``, ``tlast`` or ``tdest`` are not those of the segments
    EXTRA = 3  #: weights after the last segment
    INCOMPLETE = 4  #: done before the last segment ended
    VERDICT = 5  #: an error beside ``busy`` or ``done``, or one that changed


@dataclass(frozen=True, eq=False)
class Sent:
    """What is sent, and what should come of it.

    Parameters
    ----------
    data : bytes
        A partial last transfer is filled up with zeros.
    segments : sequence of Segment
        What the header says; none: nothing is known of the output, which is then only counted.
    expected : ndarray
        The weights, int8, of all segments one after the other, as far as they are known.
    """

    data: bytes
    segments: tuple[Segment, ...]
    expected: np.ndarray


@dataclass(frozen=True)
class Job:
    """A stream to be sent.

    Parameters
    ----------
    stream : int
        Its number.
    bound : int
        Cycles in which it must end, those aside in which source or sink held it up, which count C times.
    source, sink : Pattern
    begin : Begin
    settle : int
        Cycles, those of a willing sink, for which it is looked at what comes after the end.
    whole : bool
        After an error: whether the rest of the stream is still sent.
    """

    stream: int
    bound: int
    source: Pattern = ALWAYS
    sink: Pattern = ALWAYS
    begin: Begin = Begin.CLEAR
    settle: int = 8
    whole: bool = True


class Result(NamedTuple):
    """What happened in a job.

    ``ended``, ``error``: `End` and the error code. ``cycles``: up to the first of the end; ``starved``, ``stalled``:
    those in which the decoder would have taken a transfer that was not offered, and in which one that it offered was
    not taken. ``inputs``, ``transfers``, ``weights``: taken in and out; of tokens the weights that they stand for.
    ``wrong``, ``wrong_span``: the first weight that is not as expected, counted over the stream, and the first span
    with one, or `NONE`. ``spans``: up to which span a span's last transfer (sparse: any lane's end) has come.
    ``late``: offers that began after an error showed, of sparse streams those of the one with the most. ``broken``: see
    `Broken`.
    """

    ended: int
    error: int
    cycles: int
    starved: int
    stalled: int
    inputs: int
    transfers: int
    weights: int
    wrong: int
    wrong_span: int
    spans: int
    late: int
    broken: int


RECORD = np.dtype((np.dtype("<u8"), len(Result._fields)))


@dataclass(frozen=True)
class FastDecoder:
    """A compiled decoder.

    Parameters
    ----------
    program : Path
    config : Config
    """

    program: Path
    config: Config

    def run(self, streams, jobs, seed: int = 0, plusargs=()) -> Iterator[Result]:
        """Run jobs one after the other, from a reset on.

        Parameters
        ----------
        streams : sequence of Sent
        jobs : sequence of Job
        seed : int
            Of the values of all registers and memories at the beginning.
        plusargs : sequence of str
            For the Verilog.

        Yields
        ------
        Result
            One for each job, as soon as it has ended.

        Raises
        ------
        SimulatorError
            If the program ends before its jobs.
        """
        with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
            file = Path(folder, "jobs")
            file.write_bytes(b"".join(_packed(streams, jobs)))
            command = [self.program, file, "+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF + 1}",
                       *plusargs]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
                try:
                    for number in range(len(jobs)):
                        record = process.stdout.read(RECORD.itemsize)
                        if len(record) < RECORD.itemsize:
                            raise SimulatorError(f"the simulation ended within job {number} of {len(jobs)}")
                        yield Result._make(np.frombuffer(record, "<u8").tolist())
                finally:
                    process.kill()


def _packed(streams, jobs):
    yield _numbers(len(streams))
    for stream in streams:
        sizes = [segment.weights | segment.restart << 32 for segment in stream.segments]
        yield _numbers(len(stream.data)) + stream.data + _numbers(len(sizes), *sizes, len(stream.expected))
        yield stream.expected.astype(np.int8).tobytes()
    yield _numbers(len(jobs))
    for job in jobs:
        yield _numbers(job.stream, job.begin, job.settle, job.whole, job.bound, *_pattern(job.source),
                       *_pattern(job.sink))


def _numbers(*numbers):
    return np.array(numbers, "<u8").tobytes()


def _pattern(pattern):
    """Kind and arguments; a probability as the greatest hash that is willing."""
    if pattern.name not in KINDS:
        raise ConfigError(f"pattern must be one of {', '.join(KINDS)} here, not {pattern}")
    first, second, *_ = *pattern.arguments, 0, 0
    if pattern.name == "random":
        first, second = ceil(first * 2.0 ** 64) - 1, second % (1 << 24)  # of which a higher bit would be shifted out
    return KINDS.index(pattern.name), first, second


def verilog_for(config: Config, target: str | None = None) -> str:
    """The Verilog of a decoder of style RAM, as `hw.build` writes it."""
    return verilog_of(AxisDecoder(config, None, target), TOP)


def compile_fast(config: Config, verilog: str | None = None, cache: Path | None = None, optimize: str = "-O2",
                 target: str | None = None) -> FastDecoder:
    """Compile a decoder of style RAM, or find it in the cache.

    Parameters
    ----------
    config : Config
    verilog : str or None
        ``None``: `verilog_for` the configuration.
    cache : Path or None
        ``None``: `CACHE`.
    optimize : str
        For the compiler.
    target : str or None
        See `hw.build.build`.

    Raises
    ------
    SimulatorError
        If there is no Verilator or no compiler, or they refuse the design.
    """
    sources = {f"{TOP}.v": (verilog or verilog_for(config, target)).encode(),
               **{path.name: path.read_bytes() for path in (*models_for(target), PROGRAM)}}
    numbers = {"LANES": config.lanes, "VECTOR": config.vector, "RING": config.ring,
               "WORD_BYTES": config.word_bits // 8}
    flags = [f"-D{name}={value}" for name, value in numbers.items()]
    flags += ["-DSPARSE"] if config.output is OutputMode.SPARSE else []
    options = ("--x-initial", "unique", "-CFLAGS", " ".join(flags))
    return FastDecoder(compile_program(sources, TOP, cache or CACHE, options, optimize, "the decoder"), config)
