"""After synthesis, the same answers: the netlists of three families against the golden model, bit for bit and cycle for
cycle, with what their memories and registers hold at power-up.

With ``--simulator icarus`` every value is 0, 1 or unknown, and an unknown one at a port of the decoder is a failure.
"""

import re

import numpy as np
import pytest

from golden import digits
from golden.config import TableStyle
from golden.errors import ConfigError
from hw.build import build

from .harness import compile_design
from .netlist import FAMILIES, write_netlist
from .test_networks import check

SMALL = {"w": np.random.default_rng(0).integers(-2, 3, 400).astype(np.int8)}


@pytest.fixture
def netlist_of(simulator, tmp_path):
    """A function from a family to a function from configuration and stream to the compiled netlist."""
    def design_of(family, change=str):
        def design(config, stream):
            top = build(config, stream, tmp_path, family)["top"]
            write_netlist(tmp_path / "decoder.v", top, family, tmp_path / "netlist.v")
            text = (tmp_path / "netlist.v").read_text()
            (tmp_path / "netlist.v").write_text(change(text))
            return compile_design(tmp_path / "netlist.v", top, simulator, target=family)
        return design
    return design_of


def test_a_small_network(netlist_of):
    """Four lanes in a ring, tables in the block RAM of ECP5."""
    check(netlist_of("ecp5"), SMALL, TableStyle.ROM, 4, lanes=4, table_log=5)


@pytest.mark.slow
@pytest.mark.parametrize("style", TableStyle)
@pytest.mark.parametrize("family", FAMILIES)
def test_digits(netlist_of, family, style):
    """The embedded network, tables in block RAM: as its contents at power-up, or written by the loader."""
    check(netlist_of(family), digits.load(), style, 4, lanes=4, vector=2)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_digits_in_logic(netlist_of, family):
    check(netlist_of(family), digits.load(), TableStyle.ROM, lanes=2, vector=2)


@pytest.mark.slow
def test_a_damaged_netlist_is_seen(netlist_of):
    """One bit of what the block RAM holds at power-up is another."""
    def change(text):
        changed = re.sub(r"(\.INITVAL_00\(320'h[0-9a-f]*)([0-9a-f])\)", lambda found: f"{found[1]}"
                         f"{int(found[2], 16) ^ 1:x})", text)
        assert changed != text
        return changed

    with pytest.raises(AssertionError):
        check(netlist_of("ecp5", change), SMALL, TableStyle.ROM, 4, lanes=4, table_log=5)


def test_an_unknown_family(tmp_path):
    with pytest.raises(ConfigError, match="family must be one of ecp5, gowin, ice40, not 'max10'"):
        write_netlist(tmp_path / "decoder.v", "decoder", "max10", tmp_path / "netlist.v")
