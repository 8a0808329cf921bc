"""How the readers of model files say that one is damaged, whoever found it: they themselves or a library."""

import contextlib

from ..formats import one_line

__all__ = ["Unsound", "library"]


class Unsound(Exception):
    """What is wrong with a file. The readers say which file that is, in an `InputError`."""


@contextlib.contextmanager
def library():
    """Around a library's reading of what it does not check: what a damaged file makes it raise is an open set."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise Unsound(one_line(error)) from None
