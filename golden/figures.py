"""What a file holds and what it costs, layer by layer: the figures of ``golden.inspect`` and of ``golden.encode``."""

from typing import NamedTuple

from .header import header_bytes, table_nibbles
from .tail import tail_parts
from .tokens import split_lanes, tokenize
from .zeropoint import entropy_bits

__all__ = ["entropy", "report"]


def entropy(weights) -> float:
    """Shannon entropy of int8 weights by their own histogram: bits, of all of them together."""
    return entropy_bits(weights) * len(weights)


def report(stream, directory, decoded) -> dict:
    """The figures of a file.

    Parameters
    ----------
    stream : Stream
    directory : Directory
    decoded : iterable of (ndarray, int)
        Per segment its weights and the bits of its tokens, from `golden.codec.decode_each`; none is kept.

    Returns
    -------
    dict
        Members ``"configuration"``, ``"layers"``, ``"tables"`` and ``"total"``. Entropies and rates are in bits per
        weight. An excess is over the summed entropy of the segments, in percent; ``None`` where that is 0. The bits of
        a layer are those of its tokens; the words hold the start states and the last, partly filled words as well.
    """
    config = stream.config
    names = ("lanes", "vector", "word_bits", "preload", "table_log", "max_run", "raw_bits", "bins")
    ranges = directory.segments([segment.weights for segment in stream.segments])
    measured = [_Measured(len(values), bits, _tokens(stream, number, values), entropy(values))
                for number, (values, bits) in enumerate(decoded)]
    layers = [{"name": name, "shape": list(shape)} | _layer(stream, first, measured[first:last])
              for (name, shape), (first, last) in zip(directory.coded, ranges)]
    tables = [{"bins": 2 * table.alphabet.half + 1, "max_run": table.alphabet.max_run,
               "raw_bits": table.alphabet.raw_bits, "kind": "counts" if table.slots is None else "slots",
               "bytes": len(table_nibbles(table)) / 2} for table in stream.tables]
    return {"configuration": {name: getattr(config, name) for name in names}, "layers": layers, "tables": tables,
            "total": _total(stream, directory, measured, tables)}


class _Measured(NamedTuple):
    """The figures of a segment."""

    weights: int
    bits: int  #: of its tokens
    tokens: int
    entropy: float  #: bits of all its weights together


def _layer(stream, first, measured):
    """The figures of one layer: of its segments, from the first one on."""
    if not measured:
        return {"weights": 0, "segments": 0} | _rate("coded", 0, 0, 0)
    table = stream.segments[first].table
    alphabet = stream.tables[table].alphabet
    weights = sum(segment.weights for segment in measured)
    tokens = sum(segment.tokens for segment in measured)
    total = sum(segment.entropy for segment in measured)
    return {"weights": weights, "segments": len(measured), "table": table, "bins": 2 * alphabet.half + 1,
            "max_run": alphabet.max_run, "raw_bits": alphabet.raw_bits, "weights_per_token": weights / tokens,
            "entropy": total / weights} | _rate("coded", sum(segment.bits for segment in measured), weights, total)


def _tokens(stream, number, weights):
    """Number of tokens of a segment."""
    alphabet = stream.tables[stream.segments[number].table].alphabet
    if alphabet.max_run == 1:
        return len(weights)
    sequences = split_lanes(weights, stream.config.lanes, stream.config.vector)
    return sum(len(tokenize(sequence, alphabet).index) for sequence in sequences)


def _rate(name, bits, weights, least):
    """Bits as a rate and as an excess over the entropy."""
    return {f"{name}_bits": bits, f"{name}_bits_per_weight": bits / weights if weights else 0.0,
            f"{name}_excess_percent": 100 * (bits / least - 1) if least else None}


def _total(stream, directory, measured, tables):
    """The figures of the whole: tokens, words, stream (header and words), and file without the raw arrays' bytes."""
    weights, least = stream.weights, sum(segment.entropy for segment in measured)
    coded = sum(segment.bits for segment in measured)
    header, tail = len(header_bytes(stream)), sum(map(len, tail_parts(directory)))
    words = sum(span.nbytes for span in stream.words)
    raw = sum(array.nbytes for array in directory.raw.values())
    return {"weights": weights, "segments": len(stream.segments), "spans": len(stream.spans),
            "entropy": least / weights, **_rate("coded", coded, weights, least),
            **_rate("words", 8 * words, weights, least), **_rate("stream", 8 * (header + words), weights, least),
            **_rate("file", 8 * (header + words + tail - raw), weights, least),
            "table_bytes": sum(table["bytes"] for table in tables), "header_bytes": header,
            "words_bytes": words, "tail_bytes": tail,
            "raw_bytes": raw, "file_bytes": header + words + tail,
            "ratio_to_float32": 4 * weights / (header + words)}
