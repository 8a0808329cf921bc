"""Memories in block RAM behind one interface, rendered for the primitives of several families.

`block_memory` makes one; `models_for` names the Verilog models of the primitives, for simulation.
"""

from pathlib import Path

from golden.errors import ConfigError

from .ecp5 import Ecp5Memory
from .gowin import GowinMemory
from .ice40 import Ice40Memory
from .interface import LATENCY, BlockMemory
from .portable import PortableMemory

__all__ = ["LATENCY", "TARGETS", "BlockMemory", "block_memory", "models_for"]

TARGETS = {None: PortableMemory, "ecp5": Ecp5Memory, "ice40": Ice40Memory, "gowin": GowinMemory}
MODELS = Path(__file__).with_name("models")


def block_memory(target: str | None, width: int, depth: int, init=(), ports: int = 1,
                 writable: bool = False) -> BlockMemory:
    """A memory in block RAM. All targets behave the same.

    Parameters
    ----------
    target : str or None
        ``"ecp5"``, ``"ice40"`` or ``"gowin"``: made of that family's primitives. ``None``: of what any tool knows.
    width, depth, init, ports, writable
        As of `BlockMemory`.

    Raises
    ------
    ConfigError
        If there is no such target, or it can have no such memory.
    """
    kind, init = _rendering(target), tuple(init)
    kind.check(width, depth, init, ports)
    return kind(width, depth, init, ports, writable)


def models_for(target: str | None) -> list[Path]:
    """The Verilog files that a simulation of `block_memory` for the target needs besides the emitted one."""
    _rendering(target)
    return [] if target is None else [MODELS / f"{target}.v"]


def _rendering(target):
    if target not in TARGETS:
        raise ConfigError(f"target must be one of {', '.join(filter(None, TARGETS))} or none, not {target!r}")
    return TARGETS[target]
