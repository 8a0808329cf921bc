"""What every command shares: errors as one line with exit code 2, output files that appear whole or not at all."""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from .errors import FormatError, InputError, TansyError

__all__ = ["OneLineParser", "atomic_write", "naming", "read_bytes", "run"]


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line on standard error, with exit code 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def run(main, prog: str) -> None:
    """Call ``main()``; for an error that Tansy or the system names, leave with code 2 and one line."""
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except TansyError as error:
        sys.exit(_complain(prog, str(error)))
    except OSError as error:
        sys.exit(_complain(prog, f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")))
    except MemoryError:
        sys.exit(_complain(prog, "out of memory"))
    except KeyboardInterrupt:
        sys.exit(130)


def _complain(prog, message):
    print(f"{prog}: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def atomic_write(path, mode="wb"):
    """Open a temporary file beside ``path``; rename it to ``path`` when the block ends well, remove it when not."""
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, mode, **text) as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


@contextlib.contextmanager
def naming(path):
    """Put the name of a file before what a `FormatError` says of its content."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def read_bytes(path) -> bytes:
    """The bytes of a file, or an `InputError` that names it."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
