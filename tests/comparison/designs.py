"""What is compared in hardware, as one list to edit: sources, Tansy's designs, the baselines, the quoted peers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..baselines import fixed_width, huffman, rans
from ..baselines.huffman import HuffmanCode
from ..baselines.huffman_decoder import HuffmanDecoder
from ..baselines.rans import RansModel
from ..baselines.rans_decoder import STATES, RansDecoder
from ..baselines.unpacker import Unpacker

__all__ = ["BASELINES", "PEERS", "SOURCES", "TANSY", "Baseline", "Made", "Source", "TansyDesign"]

LONGEST_CODE, PROBABILITY_BITS = 10, 10  # what one block RAM of 1,024 entries holds


@dataclass(frozen=True)
class Source:
    """Laplacian weights of so many bins, with an entropy of so many bits per weight."""

    bins: int
    bits: float

    @property
    def half(self) -> int:
        """The largest weight."""
        return self.bins // 2

    def __str__(self):
        return f"{self.bits:g} bits, {self.bins} bins"


SOURCES = (Source(3, 0.4), Source(3, 0.6), Source(3, 1.0), Source(15, 2.0), Source(15, 3.0))
SPARSE, DENSE = Source(3, 0.6), Source(15, 3.0)  # what netlists are made for


@dataclass(frozen=True)
class TansyDesign:
    """One configuration of Tansy's decoder.

    Parameters
    ----------
    name : str
    source : Source
        What it is built for and measured on.
    options : dict
        Of `golden.plan.plan`.
    replacements : dict
        Of the stream's configuration, in the plain values of `Config.as_dict`.
    quick : bool
        Whether it is in the quick comparison.
    """

    name: str
    source: Source
    options: dict
    replacements: dict = field(default_factory=dict)
    quick: bool = False


RUNS = {"table_log": 6, "vector": 8, "max_run": 8}  # of the sparse source
PLAIN = {"table_log": 7, "vector": 1, "max_run": 1}  # of the dense source, tables in logic
LARGE = {"table_log": 8, "vector": 1, "max_run": 1}  # of the dense source, tables in block RAM
LANES = (1, 2, 4, 8, 16, 32)


def _ringed(lanes):
    """For rings of 4: they ask for few words, so that narrow ones keep up, up to 8 lanes."""
    return RUNS | {"lanes": lanes, "word_bits": 16 if lanes <= 8 else 32}


TANSY = (
    *(TansyDesign(f"Tansy, logic, {n} lanes", SPARSE, RUNS | {"lanes": n}, quick=n == 4) for n in LANES),
    TansyDesign("Tansy, logic, 8 lanes in rings of 2", SPARSE, RUNS | {"lanes": 8}, {"ring": 2}),
    TansyDesign("Tansy, logic, 8 lanes in rings of 4", SPARSE, _ringed(8), {"ring": 4}),
    *(TansyDesign(f"Tansy, logic, {n} lanes, sparse", SPARSE, RUNS | {"lanes": n}, {"output": "sparse"})
      for n in (4, 8, 16)),
    *(TansyDesign(f"Tansy, block, {n} lanes in rings of 4", SPARSE, _ringed(n),
                  {"table_memory": "block", "ring": 4}, quick=n == 4) for n in (4, 8, 16, 32)),
    *(TansyDesign(f"Tansy, block, {n} lanes in rings of 4, sparse", SPARSE, _ringed(n),
                  {"table_memory": "block", "ring": 4, "output": "sparse"}) for n in (4, 8, 16)),
    *(TansyDesign(f"Tansy, logic, {n} lanes", DENSE, PLAIN | {"lanes": n}) for n in LANES),
    *(TansyDesign(f"Tansy, block, {n} lanes in rings of 4", DENSE, LARGE | {"lanes": n},
                  {"table_memory": "block", "ring": 4}) for n in (4, 8, 16, 32)),
)


class Made(NamedTuple):
    """A baseline for some weights: its component, and weights to words."""

    component: object
    encode: Callable


@dataclass(frozen=True)
class Baseline:
    """One baseline. ``make(weights, half, ecp5)`` is a `Made`; ``vector`` its weights per transfer."""

    name: str
    source: Source
    make: Callable
    vector: int = 1
    quick: bool = False


def _huffman(streams, room=None):
    def make(weights, half, ecp5):
        code = HuffmanCode.of(weights, half, LONGEST_CODE)
        return Made(HuffmanDecoder(code, streams, room, ecp5), lambda values: huffman.encode(values, code, streams))

    return make


def _rans(loadable):
    def make(weights, half, ecp5):
        model = RansModel.of(weights, half, PROBABILITY_BITS)
        return Made(RansDecoder(model, loadable, ecp5), lambda values: rans.encode(values, model, STATES))

    return make


def _fixed(vector):
    def make(weights, half, ecp5):
        return Made(Unpacker(half, vector), lambda values: fixed_width.encode(values, half))

    return make


BASELINES = tuple(
    Baseline(name, source, make, vector, quick) for source in (SPARSE, DENSE) for name, make, vector, quick in (
        ("Huffman, fixed code, one stream", _huffman(1), 1, False),
        ("Huffman, fixed code, 3 streams in turn", _huffman(3), 1, False),
        ("Huffman, fixed code, 5 streams in turn", _huffman(5), 1, source is DENSE),
        ("Huffman, loadable, 5 streams in turn", _huffman(5, LONGEST_CODE), 1, False),
        ("rANS, fixed model, 9 states in turn", _rans(False), 1, source is DENSE),
        ("rANS, loadable, 9 states in turn", _rans(True), 1, False),
        ("fixed width, 1 weight per cycle", _fixed(1), 1, False),
        ("fixed width, 8 weights per cycle", _fixed(8), 8, source is DENSE),
        *((("fixed width, 16 weights per cycle", _fixed(16), 16, False),) if source is SPARSE else ()),
    ))

PEERS = (  # what, million symbols per second, LUT4, million per second and LUT4, remark: as the design page quotes them
    ("best open tANS decoder, fixed ROM, L = 32", "97", "202", "0.48", ""),
    ("best open tANS decoder with a loadable table", "44", "", "0.07", ""),
    ("best open loadable canonical Huffman decoder", "81", "", "0.07", ""),
    ("a fixed two-length code for networks", "124", "", "1.05", "48 % more bits"),
    ("open rANS decoder", "2", "", "", ""),
    ("FSE on one core of a server", "600 to 870", "", "", ""),
    ("Huff0 on one core of a server", "2,500", "", "", ""),
)
