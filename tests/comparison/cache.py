"""Results on disk, so that an interrupted comparison goes on where it stopped."""

import hashlib
import json
from pathlib import Path

from golden.cli import atomic_write

__all__ = ["Cache"]


class Cache:
    """A folder of JSON files, each named by the hash of what it is the result of.

    Parameters
    ----------
    folder : path or None
        Made when first written to; ``None`` keeps nothing.
    """

    def __init__(self, folder):
        self._folder = None if folder is None else Path(folder)

    def get(self, key, compute):
        """The result for a key (plain values), from the folder or else by ``compute()``, which gives plain values."""
        if self._folder is None:
            return compute()
        text = json.dumps(key, sort_keys=True)
        path = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))["result"]
        result = compute()
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "w") as file:
            json.dump({"key": key, "result": result}, file, indent=1)
        return result
