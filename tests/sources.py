"""Weights for tests and benchmarks: seeded Laplacian sources of any entropy, and the real networks where they are."""

import math
import os
from pathlib import Path

import numpy as np

from golden.table import Alphabet, Table
from golden.tokens import token_lengths
from golden.tune import coding_cost, normalize, spread_tuned
from golden.zeropoint import quantize_tensor

__all__ = ["laplacian", "laplacian_probabilities", "real_network", "shared_folder", "source",
           "token_probabilities", "tuned_table"]


def laplacian_probabilities(bins: int, bits: float) -> np.ndarray:
    """Probabilities of a Laplacian rounded to the bins, with the scale at which their entropy is ``bits``.

    Parameters
    ----------
    bins : int
        Odd, 3 to 255.
    bits : float
        Of entropy per weight: above 0 and below ``log2(bins)``, with some distance from both.

    Returns
    -------
    ndarray
        float64, shape (bins,), of the weights -(bins - 1) / 2 .. (bins - 1) / 2.

    Raises
    ------
    ValueError
        If no Laplacian over the bins has this entropy.
    """
    values = np.arange(bins) - bins // 2
    edges = np.append(values - 0.5, values[-1] + 0.5)
    low, high = 0.05, 50.0 * bins
    for _ in range(60):
        scale = (low + high) / 2
        tail = np.exp(-np.abs(edges) / scale) / 2
        p = np.diff(np.where(edges < 0, tail, 1 - tail))
        p = p / p.sum()
        low, high = (scale, high) if coding_cost(p, p) < bits else (low, scale)
    if not math.isclose(coding_cost(p, p), bits, abs_tol=1e-6):
        raise ValueError(f"bits of a Laplacian over {bins} bins must be above 0 and below {math.log2(bins):.3f}, "
                         f"not {bits}")
    return p


def laplacian(bins: int, bits: float, count: int, seed: int = 0) -> np.ndarray:
    """Independent weights of that distribution: int8, shape (count,); the same for the same seed."""
    below = np.cumsum(laplacian_probabilities(bins, bits))[:-1]
    random = np.random.default_rng(seed)
    return (np.searchsorted(below, random.random(count), side="right") - bins // 2).astype(np.int8)


def token_probabilities(p, alphabet: Alphabet) -> np.ndarray:
    """Of the tokens of long sequences of independent weights of probabilities p."""
    zero = p[alphabet.half]
    return np.array([zero ** run * p[alphabet.half + value] for run, value in alphabet.tokens])


def source(bins: int, bits: float, max_run: int) -> tuple[Alphabet, np.ndarray, float]:
    """The alphabet, its token probabilities and their entropy; the weights' entropy is checked on the way."""
    alphabet = Alphabet(bins // 2, 0, max_run)
    q = token_probabilities(laplacian_probabilities(bins, bits), alphabet)
    entropy = coding_cost(q, q)
    assert math.isclose(entropy / (q @ token_lengths(alphabet)), bits, abs_tol=2e-6)
    return alphabet, q, entropy


def tuned_table(alphabet: Alphabet, table_log: int, q) -> Table:
    """The best counts with the tuned spread."""
    counts = normalize(q, table_log)
    return Table(alphabet, table_log, counts, tuple(spread_tuned(counts, q)))


def shared_folder() -> Path:
    """The folder of real networks, whether it is there or not: ``TANSY_SHARED``, or ``../shared/data``."""
    return Path(os.environ.get("TANSY_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data"))


def real_network(folder: Path, name: str, bins: int) -> dict[str, np.ndarray]:
    """The weights of ``resnet8`` or ``kws``, quantized to so many bins in every layer."""
    with np.load(folder / f"{name}.npz") as arrays:
        return {key: quantize_tensor(arrays[key], bins).q for key in arrays.files if key.endswith("weight")}
