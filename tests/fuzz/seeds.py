"""What fuzzing starts from: the conformance vectors, small random networks, and small files of arrays."""

import io
from pathlib import Path
from random import Random

import numpy as np

from golden.config import WORD_BITS, Config
from golden.container import pack
from tests.cases import random_case

__all__ = ["CORPUS", "seeds"]

CORPUS = Path(__file__).parent / "corpus"
VECTORS = Path(__file__).parents[1] / "vectors"


def seeds(name) -> list[bytes]:
    """The inputs that a target starts from: those made here, always the same, and those that the corpus keeps."""
    made = {"tsy": _tsy, "npz": _npz, "safetensors": _safetensors}[name]()
    return made + [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def _tsy():
    vectors = [path.read_bytes() for path in sorted(VECTORS.rglob("*.tsy")) if path.stat().st_size <= 300]
    return vectors + [pack(random_case(seed, _small(Random(seed)), most=20).stream()) for seed in range(16)]


def _small(random):
    """A configuration of few lanes and short tables: what takes long to decode is seldom executed."""
    return Config(lanes=random.choice((1, 2, 3)), vector=random.choice((1, 1, 2)), bins=255,
                  word_bits=random.choice(WORD_BITS), table_log=random.randint(1, 5),
                  max_run=random.choice((1, 2, 5)), raw_bits=random.choice((0, 0, 1, 3)))


def _arrays():
    yield {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "a.scale": np.float32(0.5)}
    yield {"x": np.arange(3, dtype=np.float16), "y": np.array([[1e300]]), "empty": np.zeros((0, 4), np.uint8)}
    yield {"é": np.arange(4, dtype=np.int64), "n": np.array(7, dtype=np.uint16), "f": np.ones((1, 1, 2), np.float32)}


def _npz():
    files = []
    for arrays in _arrays():
        for save in (np.savez, np.savez_compressed):
            files.append(io.BytesIO())
            save(files[-1], **arrays)
    return [file.getvalue() for file in files]


def _safetensors():
    from safetensors.numpy import save

    return [save({name: np.asarray(array) for name, array in arrays.items()}) for arrays in _arrays()]
