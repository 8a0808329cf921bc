"""What coders pay for that need a model of the weights beside their words: Huffman codes, constriction's coders.

A model is for a layer, or for all layers that share a table of Tansy's: of these two, each coder gets the one that
makes it smaller. It is charged what a compact header would take for it: for a Huffman code 4 bits for each length, as
Huff0 has them at most; for frequencies the record that Tansy's header has for a table of such counts, with the table
log that is best for this model, 5 to 12.
"""

import constriction
import numpy as np

from golden.header import vint
from golden.normalize import coding_cost, normalize
from golden.table import Alphabet, Table
from golden.tune import record_bits

from ..baselines.huffman import code_lengths

__all__ = ["constriction_bits", "huffman_bits", "layer_bits", "model_bits"]

LONGEST_CODE = 15  #: what a length of 4 bits can say
TABLE_LOGS = range(5, 13)
STREAM = constriction.stream
CODERS = ("ans", "range")


def layer_bits(layers) -> int:
    """What every coder pays to say how many weights each layer has, in the nibbles of Tansy's header."""
    return sum(4 * len(vint(len(weights))) for weights in layers)


def _counts(layers, members):
    """Half and histogram of the layers of a group together."""
    weights = np.concatenate([layers[i] for i in members]).astype(np.int64)
    half = max(1, int(np.abs(weights).max()))
    return half, np.bincount(weights + half, minlength=2 * half + 1)


def _name_bits(layers, groups):
    """To name the group of each layer."""
    return len(layers) * (len(groups) - 1).bit_length() if len(groups) < len(layers) else 0


def huffman_bits(layers, groups) -> tuple[int, int]:
    """Bits of the codes of all weights, and of the models."""
    payload, models = 0, _name_bits(layers, groups)
    for members in groups:
        half, counts = _counts(layers, members)
        payload += int(counts @ np.array(code_lengths(counts.tolist(), LONGEST_CODE)))
        models += 8 + 4 * len(counts)
    return -(-payload // 8) * 8, models


def _charged(half, counts):
    """(bits of the record, table log, counts) of the frequencies that make weights and record least."""
    def cost(log):
        shares = normalize(counts, log)
        record = record_bits(Table(Alphabet(half), log, shares)) + 4
        return coding_cost(counts, shares) + record, record, shares

    logs = [log for log in TABLE_LOGS if np.count_nonzero(counts) <= 1 << log]
    return min(map(cost, logs))[1:]


def model_bits(layers, groups) -> tuple[list, int]:
    """Per group its (half, shares), and the bits of all of them."""
    models, bits = [], _name_bits(layers, groups)
    for members in groups:
        half, counts = _counts(layers, members)
        record, shares = _charged(half, counts)
        models.append((half, shares))
        bits += record
    return models, bits


def constriction_bits(layers, groups, models=None) -> dict[str, int]:
    """Bits of each of constriction's coders, one for all layers; ``models=None`` is each group's exact histogram.

    Raises
    ------
    AssertionError
        If a coder does not give back what it was given.
    """
    models = models or [_counts(layers, members) for members in groups]
    model_of = {i: _categorical(*model) for members, model in zip(groups, models) for i in members}
    symbols = [(weights.astype(np.int32) + model_of[i][0], model_of[i][1]) for i, weights in enumerate(layers)]
    ans, queue = STREAM.stack.AnsCoder(), STREAM.queue.RangeEncoder()
    for values, model in reversed(symbols):
        ans.encode_reverse(values, model)
    for values, model in symbols:
        queue.encode(values, model)
    words = {"ans": ans.get_compressed(), "range": queue.get_compressed()}
    decoders = {"ans": STREAM.stack.AnsCoder(words["ans"]), "range": STREAM.queue.RangeDecoder(words["range"])}
    for values, model in symbols:
        for decoder in decoders.values():
            assert np.array_equal(decoder.decode(model, len(values)), values)
    return {name: 8 * words[name].nbytes for name in CODERS}


def _categorical(half, shares):
    shares = np.asarray(shares, dtype=np.float64)
    return half, STREAM.model.Categorical(shares / shares.sum(), perfect=False)
