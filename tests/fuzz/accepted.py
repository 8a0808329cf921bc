"""What every reader must do with any bytes: refuse them by a typed error of one line, or read them in silence."""

import contextlib
import warnings

from golden.errors import InputError, TansyError

__all__ = ["Difference", "one_line", "refused"]


class Difference(Exception):
    """What was read is not what it should be."""


def one_line(error):
    """Complain of an error whose message is not one line."""
    if not str(error) or len(str(error).splitlines()) != 1:
        raise Difference(f"a message that is not one line: {error!r}")


@contextlib.contextmanager
def refused(kind=InputError):
    """Let a block end in an error of this kind; a warning is a finding."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    except TansyError as error:
        if not isinstance(error, kind):
            raise
        one_line(error)
