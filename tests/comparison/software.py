"""Software coders on one core: size and speed of each on the same weights.

All are timed from weights in the type that they want to words, and back; choosing a table or a model is not in it. They
get the weights' own frequencies as their model, but for zstandard, which finds them itself, block by block.
"""

import time

import constriction
import numpy as np
import zstandard

from golden import codec
from golden.plan import plan
from golden.stream import Stream

__all__ = ["CODERS", "huff0_size", "measure", "run_constriction", "run_range", "run_tansy", "run_zstd",
           "run_zstd_literals", "run_zstd_packed", "timed", "zstd_size"]

# No compressor of zstandard leaves its search for matches out. This one all but finds none: 64 places of memory for
# sequences of at least 7. The windows are 128 KiB, for a block is no larger than that.
LITERALS = {"strategy": zstandard.STRATEGY_FAST, "window_log": 17, "hash_log": 6, "min_match": 7, "target_length": 0}
PER_BYTE = 5  # weights of three bins: 3 ** 5 = 243


def timed(repeat, function, *arguments):
    """The last result of a function and the shortest of its times, in seconds."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        result = function(*arguments)
        best = min(best, time.perf_counter() - start)
    return result, best


def _round_trip(coder, repeat, encode, decode, expected, size=len, whole=np.asarray):
    """Sizes and times of a coder that gives back what it was given."""
    words, encoding = timed(repeat, encode)
    decoded, decoding = timed(repeat, decode, words)
    assert np.array_equal(whole(decoded), expected)
    return {"coder": coder, "bits": 8 * size(words), "encode_s": encoding, "decode_s": decoding, "plan_s": None}


def run_tansy(weights, repeat, options):
    """Sizes and times of Tansy."""
    chosen, planning = timed(1, lambda: plan({"weights": weights}, **options))
    parts = np.split(weights, np.cumsum([segment.weights for segment in chosen.segments])[:-1])

    def encode():
        return codec.encode(chosen.config, chosen.tables, chosen.segments, parts)

    def decode(words):
        return codec.decode(Stream(chosen.config, chosen.tables, chosen.segments, words))

    config = chosen.config
    name = f"Tansy, {config.lanes} lanes, R = {config.table_log}, M = {config.max_run}"
    row = _round_trip(name, repeat, encode, decode, weights, lambda words: sum(span.nbytes for span in words),
                      np.concatenate)
    return row | {"plan_s": planning}


def _model(weights, half):
    """The weights as constriction wants them, and its model with their frequencies."""
    symbols = weights.astype(np.int32) + half
    probabilities = np.bincount(symbols, minlength=2 * half + 1) / len(symbols)
    return symbols, constriction.stream.model.Categorical(probabilities, perfect=False)


def run_constriction(weights, repeat, half):
    """Sizes and times of constriction's ANS coder."""
    symbols, model = _model(weights, half)

    def encode():
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model)
        return coder.get_compressed()

    def decode(words):
        return constriction.stream.stack.AnsCoder(words).decode(model, len(symbols))

    return _round_trip("constriction, ANS", repeat, encode, decode, symbols, lambda words: words.nbytes)


def run_range(weights, repeat, half):
    """Sizes and times of constriction's range coder."""
    symbols, model = _model(weights, half)

    def encode():
        coder = constriction.stream.queue.RangeEncoder()
        coder.encode(symbols, model)
        return coder.get_compressed()

    def decode(words):
        return constriction.stream.queue.RangeDecoder(words).decode(model, len(symbols))

    return _round_trip("constriction, range coder", repeat, encode, decode, symbols, lambda words: words.nbytes)


def _bytes_of(weights, half):
    return (weights.astype(np.int16) + half).astype(np.uint8)


def _zstd(coder, compressor, repeat, symbols, before=np.ndarray.tobytes, after=None):
    """Sizes and times of a compressor of zstandard on bytes, with what is done to them before and after."""
    def decode(compressed):
        found = np.frombuffer(zstandard.ZstdDecompressor().decompress(compressed), dtype=np.uint8)
        return after(found) if after else found

    return _round_trip(coder, repeat, lambda: compressor.compress(before(symbols)), decode, symbols)


def run_zstd(weights, repeat, half, level=19):
    """Sizes and times of all of zstandard, one byte per weight."""
    compressor = zstandard.ZstdCompressor(level=level)
    return _zstd(f"zstd -{level}", compressor, repeat, _bytes_of(weights, half))


def _literals():
    return zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(**LITERALS))


def run_zstd_literals(weights, repeat, half):
    """Sizes and times of zstandard's entropy stage, Huff0 on literals, one byte per weight."""
    return _zstd("zstd, entropy stage", _literals(), repeat, _bytes_of(weights, half))


def run_zstd_packed(weights, repeat, half):
    """The same with five weights of three bins in a byte, which takes Huff0 below one bit per weight.

    Putting five weights in a byte and back is timed with it.
    """
    if half != 1:
        return None
    powers = 3 ** np.arange(PER_BYTE, dtype=np.uint8)
    table = (np.arange(3 ** PER_BYTE)[:, None] // powers % 3).astype(np.uint8)

    def pack(symbols):
        padded = np.append(symbols, np.ones(-len(symbols) % PER_BYTE, dtype=np.uint8)).reshape(-1, PER_BYTE)
        packed = padded[:, 0].copy()
        for place in range(1, PER_BYTE):
            packed += padded[:, place] * powers[place]
        return packed.tobytes()

    return _zstd("zstd, entropy stage, 5 weights per byte", _literals(), repeat, _bytes_of(weights, half), pack,
                 lambda found: table[found].reshape(-1)[:len(weights)])


def huff0_size(data: bytes) -> int:
    """Bytes of zstandard's entropy stage."""
    return len(_literals().compress(data))


def zstd_size(data: bytes, level: int = 19) -> int:
    """Bytes of ``zstd`` at a level."""
    return len(zstandard.ZstdCompressor(level=level).compress(data))


CODERS = (run_constriction, run_range, run_zstd_literals, run_zstd_packed, run_zstd)


def measure(weights, half, repeat, plans) -> list[dict]:
    """One row per coder, and per options of a plan, for weights -half .. half: bits, weights per second in and out."""
    found = [run_tansy(weights, repeat, options) for options in plans]
    found += [row for run in CODERS if (row := run(weights, repeat, half))]
    return [row | {"bits_per_weight": row["bits"] / len(weights), "encode_per_s": len(weights) / row["encode_s"],
                   "decode_per_s": len(weights) / row["decode_s"]} for row in found]
