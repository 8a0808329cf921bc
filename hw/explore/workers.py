"""Where the jobs of a sweep run: in processes of this machine, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

from golden.errors import InputError, TansyError

__all__ = ["attempt", "workers"]

PATIENCE = 30  #: seconds in which a scheduler has to answer


def attempt(function, *arguments):
    """Call a function: (its result, ``None``), or (``None``, why there is none, in one line).

    A job may fail in any way, and is then a row that says so; the sweep goes on.
    """
    try:
        return function(*arguments), None
    except TansyError as error:
        return None, str(error)
    except Exception as error:
        return None, " ".join(f"{type(error).__name__}: {error}".split())


@contextlib.contextmanager
def workers(scheduler: str | None, processes: int | None = None):
    """An executor, as of `concurrent.futures`.

    Parameters
    ----------
    scheduler : str or None
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``; ``None`` for processes of this machine. Its
        workers must have Tansy and the tools of ``tansy[pnr]``.
    processes : int or None
        How many processes on this machine; ``None`` for one per core.

    Raises
    ------
    TansyError
        If Dask is not here.
    InputError
        If the scheduler does not answer.
    """
    if scheduler is None:
        pool = ProcessPoolExecutor(processes or os.cpu_count(), multiprocessing.get_context("spawn"),
                                   initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
        return
    try:
        from distributed import Client
    except ImportError:
        raise TansyError("a Dask cluster needs an extra: pip install tansy[dask]") from None
    try:
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{scheduler}: no Dask scheduler answers: {type(error).__name__}") from None
    with client, client.get_executor(pure=False) as pool:
        yield pool
