"""Weights to tokens and back: the lanes' sequences, the cut of runs, and histograms over an alphabet.

The rules are those of ``docs/format.md``, "Weights to lanes, tokens, bits".
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from .errors import FormatError, InputError
from .stream import lane_counts
from .table import Alphabet

__all__ = ["Tokens", "detokenize", "histogram", "histograms", "merge_lanes", "split_lanes",
           "token_columns", "token_lengths", "token_numbers", "tokenize"]

_BLOCK = 1 << 20  # bytes counted at a time, so that temporaries stay small


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of one sequence.

    Parameters
    ----------
    index : ndarray
        Token numbers in the alphabet: int32, shape (k,).
    raw : ndarray
        Raw bits of each token: int32, shape (k,); read-only zeros where the alphabet has no raw bits.
    alphabet : Alphabet
    """

    index: np.ndarray
    raw: np.ndarray
    alphabet: Alphabet

    @cached_property
    def first(self) -> np.ndarray:
        """Position of each token's first weight in the sequence: int64, shape (k,)."""
        return _first(self.index, self.alphabet)


@lru_cache(maxsize=256)
def token_columns(alphabet: Alphabet) -> tuple[np.ndarray, np.ndarray]:
    """Runs and values by token number, as `Alphabet.tokens` has them: two int64 arrays of shape (alphabet.size,), which
    are read-only."""
    width = alphabet.value_max - alphabet.value_min
    number = np.arange(alphabet.size)
    runs = np.minimum(number // width, alphabet.max_run - 1)
    values = number - runs * width + alphabet.value_min
    values = values + ((values >= 0) & (runs < alphabet.max_run - 1))
    runs.flags.writeable = values.flags.writeable = False
    return runs, values


def token_numbers(runs, values, alphabet: Alphabet) -> np.ndarray:
    """Numbers of the tokens of these runs and values, all of them of the alphabet: the inverse of `token_columns`."""
    numbers = runs * (alphabet.value_max - alphabet.value_min) + values - alphabet.value_min
    return numbers - ((values > 0) & (runs < alphabet.max_run - 1))


def token_lengths(alphabet: Alphabet) -> np.ndarray:
    """Weights that each token of the alphabet covers, ``run + 1``: int64, shape (alphabet.size,)."""
    return token_columns(alphabet)[0] + 1


def _first(index, alphabet):
    if alphabet.max_run == 1:
        return np.arange(len(index), dtype=np.int64)
    length = token_lengths(alphabet)[index]
    return np.cumsum(length) - length


def split_lanes(weights, lanes: int, vector: int) -> list[np.ndarray]:
    """Deal the weights of one segment to the lanes.

    Parameters
    ----------
    weights : ndarray
        Shape (n,).
    lanes, vector : int
        N and V.

    Returns
    -------
    list of ndarray
        Each lane's sequence, in order, of the type of ``weights``; shapes as `golden.stream.lane_counts` says.
    """
    weights = np.asarray(weights)
    full, rest = divmod(len(weights), lanes * vector)
    dealt = np.empty((lanes, full + 1, vector), dtype=weights.dtype)
    body = len(weights) - rest
    dealt[:, :full] = weights[:body].reshape(full, lanes, vector).transpose(1, 0, 2)
    last = np.zeros(lanes * vector, dtype=weights.dtype)
    last[:rest] = weights[body:]
    dealt[:, full] = last.reshape(lanes, vector)
    counts = lane_counts(len(weights), lanes, vector).tolist()
    return [lane.reshape(-1)[:count] for lane, count in zip(dealt, counts)]


def merge_lanes(sequences, vector: int) -> np.ndarray:
    """Put the lanes' sequences of one segment together again: the inverse of `split_lanes`.

    Parameters
    ----------
    sequences : list of ndarray
        Each lane's sequence, all of one type.
    vector : int
        V.

    Returns
    -------
    ndarray
        The weights, shape (n,).

    Raises
    ------
    InputError
        If no segment deals sequences of these lengths.
    """
    lanes = len(sequences)
    lengths = [len(sequence) for sequence in sequences]
    total = sum(lengths)
    if lengths != lane_counts(total, lanes, vector).tolist():
        raise InputError(f"the lanes' sequences must have the lengths of {total} dealt weights, not {lengths}")
    full = total // (lanes * vector)
    merged = np.empty((full + 1, lanes, vector), dtype=sequences[0].dtype)
    for lane, sequence in enumerate(sequences):
        merged[:full, lane] = sequence[:full * vector].reshape(full, vector)
        rest = sequence[full * vector:]
        merged[full, lane, :len(rest)] = rest
    return merged.reshape(-1)[:total]


def _checked(weights, half):
    """The weights as an integer array that lies within -half..half."""
    weights = np.asarray(weights)
    if weights.dtype.kind not in "iu":
        raise InputError(f"weights must be integers, not {weights.dtype}")
    if weights.size:
        low, high = int(weights.min()), int(weights.max())
        if low < -half or high > half:
            raise InputError(f"weights must be {-half} to {half}, not {low if low < -half else high}")
    return weights


def tokenize(sequence, alphabet: Alphabet) -> Tokens:
    """Cover one lane's sequence with tokens.

    A run of zeros becomes as many "m zeros" as it holds, and what is left goes with the next value. Zeros at the end
    that do not fill an "m zeros" are one all the same, cut.

    Parameters
    ----------
    sequence : ndarray of integers
        Shape (n,), each within -half..half.
    alphabet : Alphabet

    Returns
    -------
    Tokens

    Raises
    ------
    InputError
        If a weight is no integer or out of range.
    """
    sequence = _checked(sequence, alphabet.half)
    if alphabet.max_run > 1:
        index = _tokenize_runs(sequence, alphabet)
    elif alphabet.raw_bits:
        values = sequence.astype(np.int32)
        index = (values >> alphabet.raw_bits) - alphabet.value_min
        return Tokens(index, values & ((1 << alphabet.raw_bits) - 1), alphabet)
    else:
        index = np.add(sequence, alphabet.half, dtype=np.int32, casting="unsafe")
    return Tokens(index, np.broadcast_to(np.int32(0), index.shape), alphabet)


def _runs(sequence):
    """Zeros before each nonzero weight, these weights, and the number of zeros at the end."""
    places = np.flatnonzero(sequence != 0)
    gaps = np.diff(places, prepend=-1) - 1
    return gaps, sequence[places], len(sequence) - 1 - int(places[-1]) if len(places) else len(sequence)


def _tokenize_runs(sequence, alphabet):
    gaps, values, trailing = _runs(sequence)
    whole = gaps // alphabet.max_run
    ends = np.cumsum(whole + 1)
    total = (int(ends[-1]) if len(ends) else 0) - (-trailing // alphabet.max_run)
    index = np.full(total, alphabet.index[alphabet.max_run - 1, 0], dtype=np.int32)
    index[ends - 1] = token_numbers(gaps - whole * alphabet.max_run, values.astype(np.int64), alphabet)
    return index


def detokenize(index, raw, count: int, alphabet: Alphabet) -> np.ndarray:
    """The weights that tokens stand for: the inverse of `tokenize`.

    Parameters
    ----------
    index, raw : ndarray of integers
        Token numbers and raw bits, shape (k,).
    count : int
        Length of the sequence; the last token is cut there.
    alphabet : Alphabet

    Returns
    -------
    ndarray
        int16, shape (count,).

    Raises
    ------
    FormatError
        If the tokens do not end where the sequence does.
    """
    index = np.asarray(index)
    if alphabet.max_run > 1:
        return _detokenize_runs(index, count, alphabet)
    if len(index) != count:
        raise FormatError(f"{count} weights need as many tokens, not {len(index)}")
    values = np.add(index, alphabet.value_min, dtype=np.int16, casting="unsafe")
    if alphabet.raw_bits:
        values = (values << alphabet.raw_bits) | np.asarray(raw).astype(np.int16)
    return values


def _detokenize_runs(index, count, alphabet):
    runs, values = token_columns(alphabet)
    first = _first(index, alphabet)
    places = first + runs[index]
    if (int(places[-1]) + 1 if len(places) else 0) < count or (len(first) and first[-1] >= count):
        raise FormatError(f"tokens must end with the {count} weights of the sequence, not before or beyond them")
    kept = len(places) - (len(places) > 0 and places[-1] >= count)
    weights = np.zeros(count, dtype=np.int16)
    weights[places[:kept]] = values.astype(np.int16)[index[:kept]]
    return weights


def histogram(sequences, alphabet: Alphabet) -> np.ndarray:
    """How often each token occurs in the sequences, as `tokenize` cuts them: int64, shape (alphabet.size,).

    Parameters
    ----------
    sequences : iterable of ndarray of integers
        The lanes' sequences.
    alphabet : Alphabet

    Raises
    ------
    InputError
        If a weight is no integer or out of range.
    """
    return histograms(sequences, [alphabet])[0]


def histograms(sequences, alphabets) -> list[np.ndarray]:
    """The `histogram` over each of several alphabets of the same half, in one pass over the weights."""
    half = alphabets[0].half
    plain = np.zeros(256, dtype=np.int64)
    period = math.lcm(*(alphabet.max_run for alphabet in alphabets))
    by_run = np.zeros((period, 256), dtype=np.int64)
    periods, trailing = 0, []
    for sequence in sequences:
        sequence = _checked(sequence, half).astype(np.int8, copy=False)
        if period == 1:
            plain += _byte_histogram(np.ascontiguousarray(sequence))
            continue
        gaps, values, rest = _runs(sequence)
        whole = gaps // period
        keys = ((gaps - whole * period) << 8) | values.view(np.uint8)
        by_run += np.bincount(keys, minlength=256 * period).reshape(period, 256)
        plain[0] += int(gaps.sum()) + rest
        periods += int(whole.sum())
        trailing.append(rest)
    plain += by_run.sum(axis=0)
    trailing = np.array(trailing, dtype=np.int64)
    return [_fold(plain, alphabet) if alphabet.max_run == 1 else _refold(by_run, periods, trailing, alphabet)
            for alphabet in alphabets]


def _byte_histogram(weights):
    """Occurrences of each byte of a contiguous int8 array: int64, shape (256,); counts pairs, for speed."""
    pairs = np.zeros(1 << 16, dtype=np.int64)
    even = weights[:len(weights) & ~1].view(np.uint16)
    for start in range(0, len(even), _BLOCK):
        pairs += np.bincount(even[start:start + _BLOCK], minlength=1 << 16)
    square = pairs.reshape(256, 256)
    counts = square.sum(axis=0) + square.sum(axis=1)
    if len(weights) & 1:
        counts[weights[-1:].view(np.uint8)] += 1
    return counts


def _signed(count_of_byte, half):
    """Occurrences of -half..half from occurrences of bytes; ``[..., half]`` is that of 0."""
    return count_of_byte[..., np.arange(-half, half + 1) & 255]


def _fold(plain, alphabet):
    values = np.arange(-alphabet.half, alphabet.half + 1)
    counts = np.zeros(alphabet.size, dtype=np.int64)
    np.add.at(counts, (values >> alphabet.raw_bits) - alphabet.value_min, _signed(plain, alphabet.half))
    return counts


def _refold(by_run, periods, trailing, alphabet):
    """The histogram over ``max_run`` from that over a multiple of it."""
    period, max_run = len(by_run), alphabet.max_run
    by_value = _signed(by_run, alphabet.half)
    whole, rest = np.divmod(np.arange(period), max_run)
    folded = np.zeros((max_run, by_value.shape[1]), dtype=np.int64)
    np.add.at(folded, rest, by_value)
    folded[max_run - 1, alphabet.half] = (periods * (period // max_run) + int(whole @ by_value.sum(axis=1))
                                          - int((-trailing // max_run).sum()))
    runs, values = token_columns(alphabet)
    return folded[runs, values + alphabet.half]
