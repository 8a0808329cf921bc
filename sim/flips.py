"""Flip single bits of an emitted decoder while it decodes, and see what becomes of its weights. The Verilog is compiled
with a C++ bench (``upsets.cpp``) that keeps the states of a run without a flip, so that a flip costs little."""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from golden.codec import decode
from golden.config import Config, OutputMode
from golden.container import stream_bytes
from golden.errors import ConfigError
from golden.stream import Stream
from hw.memory import models_for
from hw.simulators import SimulatorError
from hw.verilated import compile_program

from .stored import Stored, stored_bits

__all__ = ["CACHE", "Flip", "FlipBench", "Outcome", "Verdict", "compile_flips", "every_flip", "some_flips"]

CACHE = Path("sim_build") / "upsets"  #: compiled decoders
PROGRAM = Path(__file__).with_name("upsets.cpp")
TOP = "decoder"


class Verdict(IntEnum):
    """What a flip came to."""

    MASKED = 0  #: done, with the right weights
    DETECTED = 1  #: an error, ahead of the last transfer of any span with a wrong weight
    SILENT = 2  #: a span was complete, and not all of it right
    HANG = 3  #: neither done nor an error in more than twice the cycles


class Flip(NamedTuple):
    """One bit in one cycle: ``place`` is a number in `FlipBench.stored`."""

    place: int
    word: int
    bit: int
    cycle: int


@dataclass(frozen=True)
class Outcome:
    """A flip, and what it came to; ``code``: the error code, 0 if there is none."""

    flip: Flip
    verdict: Verdict
    code: int


def compile_flips(verilog: str, config: Config, stream: Stream, target: str | None = None,
                  cache: Path = CACHE) -> "FlipBench":
    """A bench for a decoder and a stream, compiled unless it is in the cache.

    Parameters
    ----------
    verilog : str
        As `hw.build` writes it, without a shell.
    config : Config
        The decoder's, dense.
    stream : Stream
    target : str or None
        Whose block RAM primitives the Verilog names: ``"ecp5"`` or none.
    cache : Path

    Raises
    ------
    ConfigError
        If the decoder is one whose bits are not known, or its output is not dense.
    SimulatorError
        If there is no Verilator or no compiler, or they refuse the Verilog.
    """
    if config.output is not OutputMode.DENSE:
        raise ConfigError("bits are flipped in decoders with a dense output only")
    stored = stored_bits(verilog, config, len(stream.tables), len(stream.segments))
    names = sorted({place.name.strip("\\ ") for place in stored})
    sources = {
        "decoder.v": verilog.encode(),
        "stored.vlt": "\n".join(["`verilator_config", *(f'public_flat_rw -module "*" -var "{name}"' for name in names),
                                 ""]).encode(),
        **{path.name: path.read_bytes() for path in (*models_for(target), PROGRAM)},
    }
    program = compile_program(sources, TOP, cache, ("--savable", "--flatten"), what="the decoder")
    return FlipBench(program, config, stream, stored)


class FlipBench:
    """A context in which bits are flipped.

    Attributes
    ----------
    stored : list of Stored
        Where there are bits.
    cycles : int
        Of the stream without a flip: a flip may come in any of them.
    """

    def __init__(self, program: Path, config: Config, stream: Stream, stored: list[Stored]):
        self.stored = stored
        self._program, self._config, self._stream = program, config, stream

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tansy-")
        job = Path(self._folder.name, "job")
        job.write_text(self._job())
        self._process = subprocess.Popen([self._program, job], text=True, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)
        self.cycles, transfers, error = map(int, self._line().split())
        found = [bytes.fromhex(self._line()) for _ in range(transfers)]
        if error or not np.array_equal(_weights(found, self._config), np.concatenate(decode(self._stream))):
            raise SimulatorError("the decoder does not decode the stream, without any flip")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def _job(self):
        config, restarts = self._config, [segment.restart for segment in self._stream.segments]
        ends = [number for number in range(1, len(restarts) + 1) if number == len(restarts) or restarts[number]]
        places = [f"TOP.{place.scope}\t{place.name}" for place in self.stored]
        return "\n".join([f"{config.word_bits // 8} {config.transfer_weights} {len(places)}", *places,
                          " ".join(map(str, (len(ends), *ends))), stream_bytes(self._stream).hex(), ""])

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise SimulatorError(f"the simulated decoder ended with {self._process.wait()}")
        return line

    def run(self, flips, at_once: int = 256) -> Iterator[Outcome]:
        """What becomes of each flip, one after the other, each in a run of its own."""
        flips = list(flips)
        for first in range(0, len(flips), at_once):
            some = flips[first:first + at_once]
            self._process.stdin.write("".join(f"{flip.place} {flip.word} {flip.bit} {flip.cycle}\n" for flip in some))
            self._process.stdin.flush()
            for flip in some:
                verdict, code = map(int, self._line().split())
                yield Outcome(flip, Verdict(verdict), code)


def _weights(transfers, config):
    """The weights of transfers as the bench has them: a byte for each, what is kept, whether it is the last."""
    width = config.transfer_weights
    kept = [int.from_bytes(line[width:-1], "little").bit_count() for line in transfers]
    return np.concatenate([np.frombuffer(line[:count], np.int8) for line, count in zip(transfers, kept)])


def some_flips(bench: FlipBench, kind: str, count: int, seed: int) -> list[Flip]:
    """Flips of bits of one kind, bit and cycle drawn evenly; none if there are no such bits."""
    random = np.random.default_rng([seed, *kind.encode()])
    places = [number for number, place in enumerate(bench.stored) if place.kind == kind]
    ends = list(accumulate(bench.stored[number].size for number in places))
    if not ends:
        return []
    flips = []
    for drawn, cycle in zip(random.integers(ends[-1], size=count), random.integers(bench.cycles, size=count)):
        which = int(np.searchsorted(ends, drawn, side="right"))
        place = bench.stored[places[which]]
        word, bit = divmod(int(drawn) - (ends[which] - place.size), len(place.bits))
        flips.append(Flip(places[which], word, place.bits[bit], int(cycle)))
    return flips


def every_flip(bench: FlipBench, kind: str) -> Iterator[Flip]:
    """Every bit of one kind in every cycle."""
    for number, place in enumerate(bench.stored):
        if place.kind == kind:
            for word in range(place.words):
                for bit in place.bits:
                    yield from (Flip(number, word, bit, cycle) for cycle in range(bench.cycles))
