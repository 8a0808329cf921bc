"""Designs for the tests: emitted and compiled once each."""

import os
from pathlib import Path

import pytest

from golden.container import stream_bytes
from hw.build import build

from .harness import compile_design
from .simulators import find


@pytest.fixture(scope="session")
def simulator(request):
    """The simulator to test with."""
    return find(request.config.getoption("--simulator") or os.environ.get("TANSY_SIM"))


@pytest.fixture(scope="session")
def design_of(simulator, tmp_path_factory):
    """A function from configuration, and stream for style ROM, target and shell, to the compiled design."""
    ready = {}

    def design(config, stream=None, target=None, shell=None):
        key = config, stream and stream_bytes(stream), target, shell
        if key not in ready:
            folder = Path(tmp_path_factory.mktemp("build"))
            manifest = build(config, stream, folder, target, shell)
            ready[key] = compile_design(folder / "decoder.v", manifest["top"], simulator, target=target)
        return ready[key]

    return design
