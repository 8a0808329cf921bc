"""The points of a sweep, and what is done with each: encode, emit Verilog, synthesize.

Every step is a function of plain values, so that another process or another machine can do it.
"""

import hashlib
import tempfile
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path

from golden.config import Config, TableMemory, TableStyle
from golden.errors import ConfigError
from golden.network import encode_stream

from ..build import build, summary
from ..decoder import MAX_TABLE_LOG
from ..options import spare_words
from ..synth import synthesize

__all__ = ["Design", "Point", "build_design", "points", "synthesize_design"]


@dataclass(frozen=True)
class Point:
    """One choice of all parameters.

    Parameters
    ----------
    lanes, vector, word_bits : int
        N, V, W.
    table_log, max_run : int or None
        R and M; ``None`` leaves them to the encoder.
    tables : TableStyle
    memory : TableMemory
    ring : int
        C.
    """

    lanes: int = 8
    vector: int = 1
    word_bits: int = 32
    table_log: int | None = None
    max_run: int | None = None
    tables: TableStyle = TableStyle.ROM
    memory: TableMemory = TableMemory.LOGIC
    ring: int = 1

    def encoding(self) -> dict:
        """What `golden.plan.plan` is told."""
        names = ("lanes", "vector", "word_bits", "table_log", "max_run")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def decoding(self) -> dict:
        """What of a decoder's configuration is no part of the stream."""
        return {"table_style": self.tables, "table_memory": self.memory, "ring": self.ring}

    def as_dict(self) -> dict:
        """The parameters as plain values."""
        return {f.name: getattr(value, "value", value) for f in fields(self) for value in [getattr(self, f.name)]}


def points(choices: dict) -> list[Point]:
    """All combinations of the choices that `Config` does not refuse, in order.

    Parameters
    ----------
    choices : dict of str to sequence
        Values for each field of `Point`; a field that is not there keeps its default.
    """
    made = []
    for values in product(*choices.values()):
        point = Point(**dict(zip(choices, values)))
        try:
            Config(**({"table_log": 1} | point.encoding()), **point.decoding())
        except ConfigError:
            continue
        if point not in made:
            made.append(point)
    return made


@dataclass(frozen=True)
class Design:
    """A decoder, emitted.

    Parameters
    ----------
    verilog : str
    config : Config
    figures : dict
        Of its stream: `hw.build.summary`.
    """

    verilog: str
    config: Config
    figures: dict

    @property
    def digest(self) -> str:
        """SHA-256 of the Verilog."""
        return hashlib.sha256(self.verilog.encode()).hexdigest()


def build_design(tensors: dict, point: Point, target: str | None = None) -> Design:
    """Encode a network as a point says, and emit its decoder: what `hw.build` does with these options.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The network's integer tensors.
    point : Point
    target : str or None
        The family whose block RAM primitives are to be used; see `hw.memory.block_memory`.

    Raises
    ------
    TansyError
        If there is no such stream, or no such decoder.
    """
    stream = encode_stream(tensors, table_log_limit=MAX_TABLE_LOG[point.memory], spare=spare_words(point.ring),
                           **point.encoding())[0]
    config = replace(stream.config, **point.decoding())
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        config = Config.from_dict(build(config, stream, folder, target)["config"])
        verilog = Path(folder, "decoder.v").read_text(encoding="utf-8")
    return Design(verilog, config, summary(stream, config))


def synthesize_design(verilog: str, target: str, seeds: tuple, registered: bool, limit: float | None) -> dict:
    """Synthesize a decoder; `hw.synth`'s report as plain values."""
    with tempfile.TemporaryDirectory(prefix="tansy-") as folder:
        Path(folder, "decoder.v").write_text(verilog, encoding="utf-8")
        return synthesize(folder, target, seeds, registered, limit=limit).as_dict()
