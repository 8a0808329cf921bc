"""Results of synthesis on disk, by everything that they depend on: the Verilog, the device, the seeds, the tools."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from golden.cli import atomic_write
from golden.errors import InputError

from ..targets import find_target
from ..tools import tool_version

__all__ = ["Cache", "key_of"]

FORM = 1  #: of a stored result; another number makes all older ones unknown


def key_of(digest: str, target: str, seeds, registered: bool, tools: dict) -> str:
    """The name of a result.

    Parameters
    ----------
    digest : str
        Of the Verilog.
    target : str
        Name of the device; all that is written of it in `hw.targets` counts.
    seeds : sequence of int
    registered : bool
    tools : dict of str to str
        Versions.
    """
    parts = [FORM, digest, asdict(find_target(target)), list(seeds), registered, tools]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Cache:
    """A folder of results, one file each. Files appear whole or not at all; one that cannot be read is no result.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    """

    def __init__(self, folder):
        self._folder = Path(folder)
        self._versions = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror}") from None

    def versions(self, target: str) -> dict[str, str]:
        """Of the tools for a device, as they are here."""
        tools = [tool for tool in ("yosys", find_target(target).pnr) if tool]
        for tool in tools:
            if tool not in self._versions:
                self._versions[tool] = tool_version(tool)
        return {tool: self._versions[tool] for tool in tools}

    def key(self, digest: str, target: str, seeds, registered: bool) -> str:
        """`key_of` with the versions of the tools that are here."""
        return key_of(digest, target, seeds, registered, self.versions(target))

    def get(self, key: str) -> dict | None:
        """A result, or ``None``."""
        try:
            return json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, key: str, result: dict) -> None:
        """Store a result."""
        with atomic_write(self._folder / f"{key}.json") as file:
            file.write(json.dumps(result).encode())
