"""Bits per weight of coders on the same networks, beside the entropy: with all they pay for, and without models."""

import lzma
from pathlib import Path

import numpy as np

from golden.cli import naming, read_bytes
from golden.container import pack
from golden.errors import InputError
from golden.figures import entropy
from golden.formats import read_tensors
from golden.header import header_bytes
from golden.network import decode_network, encode_stream

from ..baselines import fixed_width
from ..sources import laplacian, real_network, shared_folder
from .designs import SOURCES
from .models import constriction_bits, huffman_bits, layer_bits, model_bits
from .software import PER_BYTE, huff0_size, zstd_size

__all__ = ["BINS", "COLUMNS", "FREE", "TRAINED", "measure", "networks", "read_network"]

BINS = (3, 7, 15, 31, 63, 127, 255)
SEARCH_ROUNDS = 20
TRAINED = "trained networks"
COLUMNS = {  # key: head of the column; all that a coder pays for is in it
    "words": "Tansy, words", "stream": "Tansy, header and words", "file": "Tansy, file", "plain": "plain packing",
    "huffman": "Huffman", "huff0": "zstd, entropy stage", "zstd": "zstd -19", "xz": "xz",
    "range": "constriction, range coder", "ans": "constriction, ANS",
}
FREE = ("huffman", "range", "ans")  # those that have a second figure, with models for nothing


def networks(count, bins=BINS, sources=SOURCES, files=()):
    """(family, name, tensors) of the real networks, where they are, of the files, and of each Laplacian source."""
    folder = shared_folder()
    for name in ("resnet8", "kws"):
        if (folder / f"{name}.npz").is_file():
            for number in bins:
                yield name, f"{name}, {number} bins", real_network(folder, name, number)
    for file in files:
        yield TRAINED, Path(file).stem, read_network(file)
    for source in sources:
        yield "Laplacian", f"Laplacian, {source}", {"weights": laplacian(source.bins, source.bits, count)}


def read_network(path) -> dict[str, np.ndarray]:
    """The arrays of a quantized network, ``.npz`` or ``.safetensors``, or of an encoded one, ``.tsy``.

    Raises
    ------
    InputError, FormatError
        If the file is not sound, or no array of it holds integers.
    """
    if Path(path).suffix.lower() == ".tsy":
        with naming(path):
            tensors = decode_network(read_bytes(path))
    else:
        tensors = read_tensors(path)
    if not any(array.size and array.dtype.kind in "iu" for array in tensors.values()):
        raise InputError(f"{path}: a quantized network must hold an array of integers; golden.quantize makes one")
    return tensors


def _smallest(layers, size):
    """Bits of a coder of bytes, in the form of the weights that it makes smallest: layer by layer, or all at once."""
    together = np.concatenate(layers)
    return 8 * min(sum(min(map(size, _forms(weights))) for weights in layers), min(map(size, _forms(together))))


def _forms(weights):
    """The weights as bytes: one each; where they are small, 2 or 4 each, or five of three bins."""
    half = max(1, int(np.abs(weights).max()))
    shifted = (weights.astype(np.int16) + half).astype(np.uint8)
    yield shifted.tobytes()
    width = fixed_width.width_of(half)
    if width <= 4:
        per = 4 if width <= 2 else 2
        padded = np.append(shifted, np.zeros(-len(shifted) % per, np.uint8)).reshape(-1, per)
        yield (padded << (8 // per * np.arange(per, dtype=np.uint8))).sum(axis=1, dtype=np.uint8).tobytes()
    if half == 1:
        padded = np.append(shifted, np.zeros(-len(shifted) % PER_BYTE, np.uint8)).reshape(-1, PER_BYTE)
        yield (padded * 3 ** np.arange(PER_BYTE, dtype=np.uint8)).sum(axis=1, dtype=np.uint8).tobytes()


def _xz_size(data):
    """Bytes of ``xz -9e`` without a checksum, with its usual contexts or with none, whichever is shorter."""
    # A dictionary longer than the data would only cost memory and time.
    usual = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": max(4096, len(data))}
    return min(len(lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=[usual | contexts]))
               for contexts in ({}, {"lc": 0, "pb": 0}))


def _tansy(tensors, rounds):
    """Tansy's sizes in bits, the stream, and the layers that share a table."""
    stream, directory = encode_stream(tensors, search_rounds=rounds)
    words = 8 * sum(span.nbytes for span in stream.words)
    raw = sum(array.nbytes for array in directory.raw.values())
    groups = {}
    ranges = directory.segments([segment.weights for segment in stream.segments])
    for layer, first in enumerate(first for first, last in ranges if last > first):
        groups.setdefault(stream.segments[first].table, []).append(layer)
    sizes = {"words": words, "stream": words + 8 * len(header_bytes(stream)),
             "file": 8 * (len(pack(stream, directory)) - raw)}
    return sizes, stream, list(groups.values())


def measure(tensors, rounds: int) -> dict:
    """Bits per weight by each coder, with all it pays for; ``NAME_free`` is without models and numbers of weights."""
    layers = [array.reshape(-1).astype(np.int8) for array in map(np.asarray, tensors.values())
              if array.size and array.dtype.kind in "iu"]
    weights = sum(map(len, layers))
    bits, stream, shared = _tansy(tensors, rounds)
    alone, numbers = [[i] for i in range(len(layers))], layer_bits(layers)
    plain = sum(fixed_width.width_of(max(1, int(np.abs(layer).max()))) * len(layer) for layer in layers)
    bits |= {"entropy": sum(map(entropy, layers)), "plain": -(-plain // 8) * 8 + 8 * len(layers) + numbers,
             "huff0": _smallest(layers, huff0_size) + numbers, "zstd": _smallest(layers, zstd_size) + numbers,
             "xz": _smallest(layers, _xz_size) + numbers,
             "huffman_free": huffman_bits(layers, alone)[0],
             "huffman": min(sum(huffman_bits(layers, groups)) for groups in (alone, shared)) + numbers}
    bits |= {f"{name}_free": found for name, found in constriction_bits(layers, alone).items()}
    charged = []
    for groups in (alone, shared):
        models, cost = model_bits(layers, groups)
        charged.append({name: found + cost for name, found in constriction_bits(layers, groups, models).items()})
    bits |= {name: min(each[name] for each in charged) + numbers for name in charged[0]}
    config = stream.config
    return {"weights": weights, "layers": len(layers), "table_log": config.table_log, "max_run": config.max_run,
            "tables": len(stream.tables)} | {name: value / weights for name, value in bits.items()}
