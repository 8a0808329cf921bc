"""Model files of every format, opened so that one tensor is read at a time."""

from pathlib import Path

from ..errors import InputError
from ..formats import TensorFile, open_tensors
from .onnx_file import OnnxFile
from .tflite_file import TfliteFile

__all__ = ["SUFFIXES", "open_model"]

SUFFIXES = (".npz", ".safetensors", ".onnx", ".tflite")


def open_model(path, fold: bool = True) -> TensorFile:
    """Open a model; the suffix says what it is.

    Parameters
    ----------
    path : str or Path
    fold : bool
        Fold batch normalizations of an ONNX graph into the weights before them.

    Returns
    -------
    TensorFile
        A context manager. `tensors` has the tensors in order: for a file with a graph in that of execution, with the
        reason why each is a weight or not, the axis of its output channels, and scale and zero point of integers.

    Raises
    ------
    InputError
        If the file is damaged or of another format, its data are missing, or the package that reads it is.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: a model must be a file {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, not "
                         f"{suffix or 'without suffix'!r}")
    if suffix == ".onnx":
        return OnnxFile(path, fold)
    return TfliteFile(path) if suffix == ".tflite" else open_tensors(path)
