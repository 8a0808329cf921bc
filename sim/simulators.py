"""Find a simulator that cocotb 2 can drive."""

import importlib.util

from hw.simulators import NAMES, Simulator, SimulatorError, find_simulator

__all__ = ["NAMES", "Simulator", "SimulatorError", "find"]


def find(wanted: str | None = None) -> Simulator:
    """The simulator to use; as `find_simulator`, and cocotb must be there.

    Raises
    ------
    SimulatorError
        If there is none, or not the one wanted, or no cocotb.
    """
    if importlib.util.find_spec("cocotb_tools") is None:
        raise SimulatorError("cocotb must be installed: pip install 'tansy[sim]'")
    return find_simulator(wanted)
