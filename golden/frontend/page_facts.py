"""What a page shows of a file, as numbers: the figures of `golden.figures`, and what charts need besides."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..codec import MAX_WEIGHTS, decode_measured
from ..container import unpack
from ..errors import InputError
from ..figures import report
from ..table import Table
from ..tokens import histograms, split_lanes
from ..tune import coding_cost, exact_rate

__all__ = ["Facts", "FloatLayer", "Layer", "TableFill", "gather"]

FLOAT_COLUMNS = 73  #: of a histogram of float weights; an odd number, so that one is around zero
SHOWN = 0.999  #: share of the float weights that a histogram must show, where they reach beyond the bins


class FloatLayer(NamedTuple):
    """The float weights of a layer beside its bins. Positions are in units of the weights, or of their steps."""

    edges: np.ndarray  #: of the histogram's columns
    density: np.ndarray  #: share of the weights per unit, by column
    step: float  #: from bin to bin; 1 where positions are in steps, since there are several
    steps: int  #: number of scales
    least: float  #: of the float weights
    most: float
    snr_db: float | None  #: of the quantized weights; None where they are exact, or all float weights are 0


@dataclass(frozen=True)
class Layer:
    """One coded layer that holds a weight."""

    number: int  #: 1 for the first of the file
    name: str
    shape: tuple[int, ...]
    figures: dict  #: its row in `golden.figures.report`
    counts: np.ndarray  #: how many weights are -half .. half
    float: FloatLayer | None = None

    @property
    def half(self) -> int:
        """The greatest magnitude of a weight, 1 at least."""
        return len(self.counts) // 2

    @property
    def bins(self) -> int:
        """The least odd number of bins around zero that holds the weights."""
        return len(self.counts)

    @property
    def used(self) -> int:
        """How many of them occur."""
        return int(np.count_nonzero(self.counts))

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.figures["weights"]

    @property
    def zeros(self) -> float:
        """The share of weights that are 0."""
        return float(self.counts[self.half]) / self.weights

    @property
    def before(self) -> int:
        """Bytes as float32."""
        return 4 * self.weights

    @property
    def after(self) -> float:
        """Bytes of the tokens and their raw bits."""
        return self.figures["coded_bits"] / 8


@dataclass(frozen=True)
class TableFill:
    """One table, and the tokens that it codes."""

    number: int
    table: Table
    figures: dict  #: its row in `golden.figures.report`
    frequencies: np.ndarray  #: how often each token occurs
    layers: list[str]

    @property
    def excess_percent(self) -> float | None:
        """Of the exact rate over the entropy of the tokens; ``None`` where that is 0."""
        least = coding_cost(self.frequencies, self.frequencies)
        if not least:
            return None
        return 100 * (float(self.frequencies.sum()) * exact_rate(self.table, self.frequencies.tolist()) / least - 1)


@dataclass(frozen=True)
class Facts:
    """A file, for the page."""

    figures: dict
    layers: list[Layer]
    tables: list[TableFill]
    scale_bytes: int  #: raw arrays that are the scale of a coded one
    other_bytes: int  #: all other raw arrays: biases, norms
    empty: list[str] = field(default_factory=list)  #: layers without a weight

    @property
    def before(self) -> int:
        """Bytes of the network as it came: float32 weights, and the raw arrays that are no scales."""
        return 4 * self.figures["total"]["weights"] + self.other_bytes

    @property
    def ratio(self) -> float:
        """How many times smaller the whole file is."""
        return self.before / self.figures["total"]["file_bytes"]


def gather(data, floats=None, max_weights=MAX_WEIGHTS) -> Facts:
    """Decode a file and count.

    Parameters
    ----------
    data : bytes
        Of a ``.tsy`` file.
    floats : dict of str to ndarray or None
        The float weights that it was quantized from, by name.
    max_weights : int
        The most weights to take on.

    Raises
    ------
    FormatError
        If the file is not sound.
    InputError
        If ``floats`` lacks a layer, or has it with another shape, or with weights that are not finite floats; or if
        the file has no scale that fits it.
    """
    stream, directory = unpack(data)
    if floats is not None:
        for name, shape in directory.coded:
            _check_float(name, shape, floats, directory.raw)
    decoded = decode_measured(stream, max_weights)
    figures = report(stream, directory, decoded)
    ranges = directory.segments([segment.weights for segment in stream.segments])
    layers = []
    for number, ((name, shape), (first, last), row) in enumerate(zip(directory.coded, ranges, figures["layers"]), 1):
        if last > first:
            weights = np.concatenate([values for values, _ in decoded[first:last]])
            layers.append(_layer(number, name, shape, row, weights, floats, directory.raw))
    scales = {f"{name}.scale" for name, _ in directory.coded}
    sizes = [sum(array.nbytes for name, array in directory.raw.items() if (name in scales) == wanted)
             for wanted in (True, False)]
    tables = _tables(stream, decoded, figures["tables"], [layer.name for layer in layers],
                     [layer.figures["table"] for layer in layers])
    return Facts(figures, layers, tables, *sizes, [row["name"] for row in figures["layers"] if not row["weights"]])


def _check_float(name, shape, floats, raw):
    if name not in floats:
        raise InputError(f"there must be a float array {name}, as the encoded network has a layer of this name")
    array, scale = floats[name], raw.get(f"{name}.scale")
    if array.dtype.kind != "f":
        raise InputError(f"{name} must be an array of floats, not of {array.dtype}")
    if array.shape != tuple(shape):
        raise InputError(f"{name} must have the shape {tuple(shape)} of the encoded layer, not {array.shape}")
    if not np.isfinite(array).all():
        index = tuple(map(int, np.unravel_index(np.argmin(np.isfinite(array)), array.shape)))
        raise InputError(f"{name} must be finite, not {array[index]} at index {index}")
    if scale is None:
        raise InputError(f"the encoded network must have a raw array {name}.scale, or its bins have no places")
    try:
        fits = np.broadcast_shapes(scale.shape, array.shape) == array.shape
    except ValueError:
        fits = False
    if not fits or scale.dtype.kind != "f" or not (np.isfinite(scale) & (scale > 0)).all():
        raise InputError(f"{name}.scale of the encoded network must be floats above 0 that broadcast against "
                         f"{array.shape}, not {scale.dtype} of shape {scale.shape}")


def _layer(number, name, shape, row, weights, floats, raw):
    half = max(1, int(np.abs(weights.astype(np.int16)).max()))
    counts = np.bincount(weights.astype(np.int64) + half, minlength=2 * half + 1)
    beside = None
    if floats is not None:
        beside = _beside(floats[name], weights.reshape(shape), raw[f"{name}.scale"], half)
    return Layer(number, name, tuple(shape), row, counts, beside)


def _beside(values, weights, scale, half):
    """The histogram of float weights, around zero; as wide as the bins are, or as all but few of the weights."""
    step = float(scale.reshape(-1)[0]) if scale.size == 1 else 1.0
    noise = float(np.square(values - weights * scale.astype(np.float64)).sum())
    power = float(np.square(values, dtype=np.float64).sum())
    values = values.reshape(-1).astype(np.float64) if scale.size == 1 else (values / scale).reshape(-1)
    reach = max(float(np.quantile(np.abs(values), SHOWN, method="higher")), (half + 0.5) * step)
    columns, edges = np.histogram(values, FLOAT_COLUMNS, (-reach, reach))
    density = columns / (len(values) * (edges[1] - edges[0]))
    snr_db = float(10 * np.log10(power / noise)) if power and noise else None
    return FloatLayer(edges, density, step, scale.size, float(values.min()), float(values.max()), snr_db)


def _tables(stream, decoded, rows, names, tables_of):
    """Each table with the tokens of its segments."""
    config = stream.config
    frequencies = [np.zeros(table.alphabet.size, dtype=np.int64) for table in stream.tables]
    for segment, (weights, _) in zip(stream.segments, decoded):
        alphabet = stream.tables[segment.table].alphabet
        sequences = [weights] if alphabet.max_run == 1 else split_lanes(weights, config.lanes, config.vector)
        frequencies[segment.table] += np.asarray(histograms(sequences, [alphabet])[0], dtype=np.int64)
    return [TableFill(number, table, row, frequencies[number],
                      [name for name, used in zip(names, tables_of) if used == number])
            for number, (table, row) in enumerate(zip(stream.tables, rows))]
