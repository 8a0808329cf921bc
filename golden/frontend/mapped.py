"""A file as bytes in memory, of which the system reads what is looked at, and drops what is let go."""

import mmap

__all__ = ["forget", "map_file"]


def map_file(file) -> mmap.mmap:
    """The bytes of an open file. Raises ``ValueError`` if there are none."""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def forget(data) -> None:
    """Let go of what was read so far: looking at the head of a tensor can bring the whole of it. It stays readable."""
    if hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED)
