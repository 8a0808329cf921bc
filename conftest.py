"""What `tests/` and `sim/` share."""

from pathlib import Path

import pytest

from tests.sources import shared_folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real networks: ``TANSY_SHARED``, or ``../shared/data`` beside the repository."""
    folder = shared_folder()
    if not (folder / "resnet8.npz").is_file():
        pytest.skip(f"no real networks in {folder}; TANSY_SHARED may name their folder")
    return folder


def pytest_addoption(parser):
    """The simulator may be forced."""
    parser.addoption("--simulator", help="verilator or icarus; otherwise TANSY_SIM, otherwise what is there")
