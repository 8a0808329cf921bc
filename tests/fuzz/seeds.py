"""What fuzzing starts from: the conformance vectors, small random networks, files of arrays, models."""

import io
import zipfile
from pathlib import Path
from random import Random

import numpy as np

from golden.cli import atomic_write
from golden.config import WORD_BITS, Config
from golden.container import pack
from golden.formats import ZIP_DATE
from tests.cases import random_case

from .seeds_onnx import onnx_models
from .seeds_tflite import tflite_models

__all__ = ["CORPUS", "keep", "kept", "made", "seeds"]

CORPUS = Path(__file__).parent / "corpus"  #: an archive for each target
VECTORS = Path(__file__).parents[1] / "vectors"


def seeds(name) -> list[bytes]:
    """The inputs that a target starts from: those made here, always the same, and those that the corpus keeps."""
    return made(name) + kept(name)


def made(name) -> list[bytes]:
    """Sound inputs for a target."""
    return {"tsy": _tsy, "npz": _npz, "safetensors": _safetensors, "onnx": onnx_models, "tflite": tflite_models}[name]()


def kept(name) -> list[bytes]:
    """What runs have found worth keeping for a target: inputs that reach something which no other one reaches."""
    with zipfile.ZipFile(CORPUS / f"{name}.zip") as archive:
        return [archive.read(member) for member in archive.namelist()]


def keep(name, folder) -> int:
    """Put the inputs of a folder into the corpus, and return how many they are; equal bytes for equal inputs."""
    inputs = sorted({path.read_bytes() for path in Path(folder).iterdir()})
    with atomic_write(CORPUS / f"{name}.zip") as file, zipfile.ZipFile(file, "w") as archive:
        for number, data in enumerate(inputs):
            archive.writestr(zipfile.ZipInfo(f"{number:04}", ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return len(inputs)


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
