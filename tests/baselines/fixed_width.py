"""Weights in a fixed number of bits each, two's complement, first weight lowest: the golden coder of `Unpacker`."""

import numpy as np

__all__ = ["decode", "encode", "width_of"]


def width_of(half: int) -> int:
    """Bits of a weight -half .. half: ceil(log2(2 half + 1))."""
    return (2 * half).bit_length()


def encode(weights, half: int) -> np.ndarray:
    """Weights to 32-bit words, with two words of padding."""
    width = width_of(half)
    bits = np.asarray(weights).astype(np.int64)[:, None] >> np.arange(width) & 1
    packed = np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little")
    return np.frombuffer(packed.tobytes() + bytes(-len(packed) % 4 + 8), dtype="<u4")


def decode(words, half: int, count: int) -> np.ndarray:
    """The weights, int8."""
    width = width_of(half)
    bits = np.unpackbits(np.asarray(words, dtype="<u4").view(np.uint8), bitorder="little")[:count * width]
    values = bits.reshape(count, width).astype(np.int64) @ (1 << np.arange(width))
    return np.where(values >> width - 1, values - (1 << width), values).astype(np.int8)
