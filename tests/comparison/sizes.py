"""Bits per weight of coders on the same networks, beside the entropy."""

import numpy as np

from golden.figures import entropy
from golden.header import header_bytes
from golden.network import encode_stream

from ..baselines.fixed_width import width_of
from ..baselines.huffman import code_lengths
from ..sources import laplacian, real_network, shared_folder
from .designs import SOURCES
from .software import run_constriction, run_zstd_literals, run_zstd_packed, zstd_size

__all__ = ["COLUMNS", "measure", "networks"]

BINS = (3, 7, 15)
SEARCH_ROUNDS = 20
COLUMNS = {  # key: head of the column
    "entropy": "entropy", "words": "Tansy, words", "stream": "Tansy, header and words", "huffman": "Huffman per layer",
    "ans": "constriction, ANS per layer", "zstd_entropy": "zstd, entropy stage", "zstd": "zstd -19",
    "fixed": "fixed width",
}


def networks(count, bins=BINS, sources=SOURCES):
    """(name, tensors) of the real networks, where they are, and of one layer from each Laplacian source."""
    folder = shared_folder()
    for name in ("resnet8", "kws"):
        if (folder / f"{name}.npz").is_file():
            for number in bins:
                yield f"{name}, {number} bins", real_network(folder, name, number)
    for source in sources:
        yield f"Laplacian, {source}", {"weights": laplacian(source.bins, source.bits, count)}


def _huffman_bits(weights, half):
    counts = np.bincount(weights.astype(np.int64) + half, minlength=2 * half + 1)
    return int(counts @ np.array(code_lengths(counts.tolist(), 16)))


def measure(tensors, rounds: int) -> dict:
    """Bits per weight by each coder. Only Tansy's header and zstandard's blocks pay for their tables."""
    flat = [np.asarray(tensor).reshape(-1).astype(np.int8) for tensor in tensors.values()]
    together = np.concatenate(flat)
    half = int(np.abs(together).max())
    halves = [max(1, int(np.abs(weights).max())) for weights in flat]
    stream, _ = encode_stream(tensors, search_rounds=rounds)
    words = 8 * sum(span.nbytes for span in stream.words)
    config = stream.config
    bits = {
        "entropy": sum(map(entropy, flat)),
        "words": words,
        "stream": words + 8 * len(header_bytes(stream)),
        "huffman": sum(map(_huffman_bits, flat, halves)),
        "ans": sum(run_constriction(weights, 1, own)["bits"] for weights, own in zip(flat, halves)),
        "zstd_entropy": (run_zstd_packed(together, 1, half) or run_zstd_literals(together, 1, half))["bits"],
        "zstd": 8 * zstd_size(together.tobytes()),
        "fixed": sum(width_of(own) * len(weights) for weights, own in zip(flat, halves)),
    }
    return {"weights": len(together), "table_log": config.table_log, "max_run": config.max_run,
            "tables": len(stream.tables)} | {name: value / len(together) for name, value in bits.items()}
