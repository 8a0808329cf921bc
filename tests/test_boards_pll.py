# amaranth: UnusedElaboratable=no
"""PLL settings: never above what is wanted, never outside the vendor's limits, and what the vendors' tools say."""

import re
from fractions import Fraction

import pytest
from amaranth.hdl import Signal

from boards.catalogue import BOARDS
from boards.pll import PLLS, Ecp5Pll, GowinPll, Ice40Pll, PllSetting, XilinxPll, best_setting
from golden.errors import ConfigError
from hw.tools import run_tool

MHZ = 10 ** 6
MULTIPLIERS = {"ecp5": range(1, 129), "ice40": range(1, 129), "gowin": range(1, 65), "xilinx": range(2, 65)}
WANTED = (17, 33.3, 48, 62.4, 79.99, 101.7, 123.456, 150, 187, 201.3)


def parameters(kind, setting):
    """The parameters that the primitive is given, as numbers where they are."""
    instance = kind(setting).instance(Signal())
    return {name: getattr(value, "value", value) for name, value in instance.parameters.items()}


def legal(kind, source, r, m, q):
    """The limits once more, as inequalities."""
    pfd = source / r
    pairs = ((source, kind.INPUT), (pfd, kind.PFD), (pfd * m, kind.VCO), (pfd * m / q, kind.OUTPUT))
    return all(low * MHZ <= value <= high * MHZ for value, (low, high) in pairs)


@pytest.mark.parametrize("name", ["ecp5", "ice40", "gowin", "xilinx"])
def test_no_legal_setting_is_nearer(name):
    kind = PLLS[name]
    for source in {int(board.oscillator) for board in BOARDS.values() if board.pll.startswith(name)}:
        pairs = {(m * q if name == "gowin" else m, q) for q in kind.Q for m in MULTIPLIERS[name]}
        rates = [r for r in kind.R if kind.PFD[0] * MHZ <= source / r <= kind.PFD[1] * MHZ]
        outputs = {Fraction(source * m, r * q) for r in rates for m, q in pairs if legal(kind, source, r, m, q)}
        for wanted in WANTED:
            nearest = max(output for output in outputs if output <= Fraction(wanted * MHZ))
            assert best_setting(kind, source, wanted * MHZ).output == nearest


@pytest.mark.parametrize("name", PLLS)
@pytest.mark.parametrize("wanted", WANTED)
def test_every_setting_is_within_the_limits(name, wanted):
    kind = PLLS[name]
    for board in BOARDS.values():
        if board.pll == name:
            setting = best_setting(kind, board.oscillator, wanted * MHZ)
            assert legal(kind, setting.input, setting.r, setting.m, setting.q)
            assert kind.legal(setting)
            assert setting.output <= wanted * MHZ


@pytest.mark.parametrize("wanted", [20, 48, 75.5, 99])
def test_ice40_does_as_icepll(wanted):
    told = run_tool("icepll", "-i", "12", "-o", str(wanted))
    achieved = float(re.search(r"F_PLLOUT: +([\d.]+) MHz \(achieved\)", told)[1])
    setting = best_setting(Ice40Pll, 12e6, achieved * MHZ + 500)
    assert float(setting.output) == pytest.approx(achieved * MHZ, abs=500)
    found = parameters(Ice40Pll, setting)
    assert 12 * (found["DIVF"] + 1) / 2 ** found["DIVQ"] / (found["DIVR"] + 1) == pytest.approx(achieved, abs=5e-4)
    assert found["FILTER_RANGE"] == int(re.search(r"FILTER_RANGE: (\d)", told)[1])


@pytest.mark.parametrize("pfd, filters", [(10, 1), (17, 1), (17.5, 2), (26, 2), (44, 3), (66, 4), (101, 5), (133, 6)])
def test_ice40_has_the_filter_of_its_phase_detector(pfd, filters):
    setting = PllSetting(Fraction(pfd * MHZ), 1, 8, 8)
    assert parameters(Ice40Pll, setting)["FILTER_RANGE"] == filters


@pytest.mark.parametrize("wanted", [50, 112.5, 130, 142.85])
def test_ecp5_is_at_least_as_near_as_ecppll(wanted):
    told = run_tool("ecppll", "-i", "25", "-o", str(wanted), "--highres")
    vco = float(re.search(r"VCO frequency: ([\d.]+)", told)[1])
    setting = best_setting(Ecp5Pll, 25e6, wanted * MHZ)
    found = parameters(Ecp5Pll, setting)
    assert 400 <= vco <= 800
    output = 25 / found["CLKI_DIV"] * found["CLKFB_DIV"] * found["CLKOP_DIV"] / found["CLKOS_DIV"]
    assert output == pytest.approx(float(setting.output) / MHZ)
    assert wanted - 2 < output <= wanted


@pytest.mark.parametrize("wanted, dividers", [(54, (0, 1, 16)), (108, (0, 3, 8)), (702 / 7, (6, 25, 8))])
def test_gowin_has_the_dividers_of_its_formula(wanted, dividers):
    found = parameters(GowinPll, best_setting(GowinPll, 27e6, wanted * MHZ))
    r, feedback, q = found["IDIV_SEL"], found["FBDIV_SEL"], found["ODIV_SEL"]
    assert 27 * (feedback + 1) / (r + 1) == pytest.approx(wanted)
    assert 400 <= 27 * (feedback + 1) / (r + 1) * q <= 1200
    assert (r, feedback, q) == dividers


def test_xilinx_has_the_dividers_of_its_formula():
    found = parameters(XilinxPll, best_setting(XilinxPll, 100e6, 137e6))
    output = 100 / found["DIVCLK_DIVIDE"] * found["CLKFBOUT_MULT"] / found["CLKOUT0_DIVIDE"]
    assert 136 < output <= 137


@pytest.mark.parametrize("name, source, most", [("ice40", 12, 15.9), ("gowin", 27, 3.1), ("ecp5", 25, 3),
                                                ("ecp5", 5, 90), ("xilinx", 100, 6.2), ("ice40", 8, 50)])
def test_what_a_pll_cannot_make_is_refused(name, source, most):
    with pytest.raises(ConfigError, match=r"the PLL makes .* MHz, none of it from"):
        best_setting(PLLS[name], source * MHZ, most * MHZ)


@pytest.mark.parametrize("name, r, m, q", [("ecp5", 3, 60, 4), ("ecp5", 1, 15, 4), ("ecp5", 1, 33, 4),
                                           ("gowin", 1, 17, 16), ("ice40", 1, 44, 2), ("ice40", 1, 64, 3),
                                           ("ice40", 2, 100, 8), ("ice40", 1, 89, 2)])
def test_what_the_vendor_forbids_is_not_legal(name, r, m, q):
    source = {"ecp5": 25, "gowin": 27, "ice40": 12}[name]
    assert not PLLS[name].legal(PllSetting(Fraction(source * MHZ), r, m, q))
