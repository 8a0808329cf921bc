"""What is compared in hardware, as one list to edit: sources, Tansy's designs, the baselines, the quoted peers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from golden.errors import InputError

from ..baselines import fixed_width, huffman, rans
from ..baselines.huffman import HuffmanCode
from ..baselines.huffman_decoder import HuffmanDecoder
from ..baselines.rans import RansModel
from ..baselines.rans_decoder import STATES, RansDecoder
from ..baselines.unpacker import Unpacker
from ..sources import laplacian, real_network, shared_folder

__all__ = ["BASELINES", "PEERS", "SOURCES", "TANSY", "Baseline", "Made", "Network", "Source", "TansyDesign"]

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

    def tensors(self, count: int) -> dict:
        """One layer of so many weights."""
        return {"weights": laplacian(self.bins, self.bits, count)}

    def __str__(self):
        return f"{self.bits:g} bits, {self.bins} bins"


@dataclass(frozen=True)
class Network:
    """A real network of ``../shared/data``, quantized to so many bins in every layer."""

    name: str
    bins: int

    def tensors(self, count: int) -> dict:
        """Its layers, whatever the count."""
        folder = shared_folder()
        if not (folder / f"{self.name}.npz").is_file():
            raise InputError(f"{folder / self.name}.npz: no such file")
        return real_network(folder, self.name, self.bins)

    def __str__(self):
        return f"{self.name}, {self.bins} bins"


SOURCES = (Source(3, 0.4), Source(3, 0.6), Source(3, 1.0), Source(15, 2.0), Source(15, 3.0))
SPARSE, DENSE = Source(3, 0.6), Source(15, 3.0)  # what all netlists are made for, and of the others two each
OTHERS = tuple(source for source in SOURCES if source not in (SPARSE, DENSE))
NETWORKS = tuple(Network(name, bins) for name in ("resnet8", "kws") for bins in (3, 7, 15))
BYTES = Network("resnet8", 255)  # weights of 8 bits, by large tables and by raw bits


@dataclass(frozen=True)
class TansyDesign:
    """One configuration of Tansy's decoder.

    Parameters
    ----------
    name : str
    source : Source or Network
        What it is built for and measured on.
    options : dict
        Of `golden.plan.plan`.
    replacements : dict
        Of the stream's configuration, in the plain values of `Config.as_dict`.
    quick : bool
        Whether it is in the quick comparison.
    seeds : int or None
        The most to place it with: large ones take nextpnr a quarter of an hour each.
    """

    name: str
    source: Source | Network
    options: dict
    replacements: dict = field(default_factory=dict)
    quick: bool = False
    seeds: int | None = None


RUNS = {"table_log": 6, "vector": 8, "max_run": 8}  # of the sparse source
PLAIN = {"table_log": 7, "vector": 1, "max_run": 1}  # of the dense source, tables in logic
LARGE = {"table_log": 8, "vector": 1, "max_run": 1}  # of the dense source, tables in block RAM
ALONE = {"spare": 2}  # words of preload that `hw.build` adds for lanes that are alone
LANES = (1, 2, 4, 8, 16, 32)
BLOCK = {"table_memory": "block", "ring": 4}
OUTPUTS = (("", {}), (", sparse", {"output": "sparse"}))
FEW = {16: 1, 32: 1}  # seeds, by lanes that are alone


def _ringed(lanes):
    """For rings of 4: they ask for few words, so that narrow ones keep up, up to 8 lanes."""
    return RUNS | {"lanes": lanes, "word_bits": 16 if lanes <= 8 else 32}


TANSY = (
    *(TansyDesign(f"Tansy, block, {n} lanes in rings of 4{name}", SPARSE, _ringed(n), BLOCK | output,
                  n == 4 and not name) for n in LANES[2:] for name, output in OUTPUTS),
    *(TansyDesign(f"Tansy, logic, {n} lanes{name}", SPARSE, RUNS | ALONE | {"lanes": n}, output, n == 4 and not name,
                  FEW.get(n)) for n in LANES for name, output in OUTPUTS),
    TansyDesign("Tansy, logic, 8 lanes in rings of 2", SPARSE, RUNS | {"lanes": 8}, {"ring": 2}),
    TansyDesign("Tansy, logic, 8 lanes in rings of 4", SPARSE, _ringed(8), {"ring": 4}),
    TansyDesign("Tansy, block, loadable, 8 lanes in rings of 4", SPARSE, _ringed(8), BLOCK | {"table_style": "ram"}),
    *(TansyDesign(f"Tansy, block, {n} lanes in rings of 4", DENSE, LARGE | {"lanes": n}, BLOCK) for n in LANES[2:]),
    *(TansyDesign(f"Tansy, logic, {n} lanes", DENSE, PLAIN | ALONE | {"lanes": n}, seeds=FEW.get(n)) for n in LANES),
    *(TansyDesign("Tansy, block, 8 lanes in rings of 4", source,
                  _ringed(8) if source.bins == 3 else LARGE | {"lanes": 8}, BLOCK) for source in OTHERS),
    *(TansyDesign("Tansy, logic, 8 lanes", source,
                  (RUNS if source.bins == 3 else PLAIN) | ALONE | {"lanes": 8}, seeds=1) for source in OTHERS),
    *(TansyDesign("Tansy, block, loadable, 8 lanes in rings of 4", network, {"lanes": 8, "raw_bits": 0},
                  BLOCK | {"table_style": "ram"}) for network in NETWORKS if network.bins != 7),
    *(TansyDesign("Tansy, block, 8 lanes in rings of 4", network, {"lanes": 8}, BLOCK) for network in NETWORKS),
    *(TansyDesign("Tansy, logic, 8 lanes", network, ALONE | {"lanes": 8, "table_log": 7 if network.bins > 7 else None},
                  seeds=1) for network in NETWORKS),
    TansyDesign("Tansy, block, 8 lanes in rings of 4, R = 11, no raw bits", BYTES,
                {"lanes": 8, "table_log": 11, "raw_bits": 0}, BLOCK),
    TansyDesign("Tansy, block, 8 lanes in rings of 4, R = 9, raw bits", BYTES, {"lanes": 8, "table_log": 9}, BLOCK),
    TansyDesign("Tansy, logic, 8 lanes in rings of 4, R = 7, raw bits", BYTES, {"lanes": 8, "table_log": 7},
                {"ring": 4}),
    TansyDesign("Tansy, logic, 8 lanes, R = 7, raw bits", BYTES, ALONE | {"lanes": 8, "table_log": 7}, seeds=1),
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
    seeds: int | None = None


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
