"""The front half of `golden.quantize` for a model file: opened, listed, every tensor read, the network quantized."""

from golden.errors import TansyError
from golden.frontend.models import open_model
from golden.rules import Quantizer, Rules, decide

from .accepted import refused

__all__ = ["read_model"]

MOST = 1 << 12  #: Networks of more weights are read, but not quantized.


def read_model(path, choice, fold=True):
    """What is read of a file.

    Parameters
    ----------
    path : Path
    choice : int
        Any number: one in four of them has the network quantized, too, and every other one of these per channel.
    fold : bool

    Returns
    -------
    tensors : dict of str to TensorInfo, or None
        ``None`` if the file is refused.
    arrays : dict of str to ndarray
        Those that are not refused when they are read.
    """
    tensors, arrays = None, {}
    with refused(), open_model(path, fold) as file:
        tensors = file.tensors
        for name, info in tensors.items():
            if info.dtype is not None:
                with refused():
                    arrays[name] = file.read(name)
        if not choice % 4 and sum(array.size for array in arrays.values()) <= MOST:
            for use in (decide, lambda *of: list(Quantizer(*of))):
                with refused(TansyError):
                    use(file, Rules(3, per_channel=not choice % 8))
    return tensors, arrays
