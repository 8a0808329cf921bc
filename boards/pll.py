"""The clock of a board's design: a PLL of the device's family, as fast as wanted and not faster.

A PLL divides its input by R, compares it with what comes back from its oscillator divided by M, and divides the
oscillator by Q: ``pfd = input / R``, ``vco = pfd M``, ``output = vco / Q``. What each family allows is in its class,
with the vendor's page it was taken from.
"""

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import Out

from golden.errors import ConfigError

__all__ = ["PLLS", "Ecp5Pll", "GowinPll", "Ice40PadPll", "Ice40Pll", "Pll", "PllSetting", "XilinxPll", "best_setting"]


@dataclass(frozen=True)
class PllSetting:
    """What a PLL is told.

    Parameters
    ----------
    input : Fraction
        Hz.
    r, m, q : int
        Its dividers, see above.
    """

    input: Fraction
    r: int
    m: int
    q: int

    @property
    def pfd(self) -> Fraction:
        """Hz at the phase detector."""
        return self.input / self.r

    @property
    def vco(self) -> Fraction:
        """Hz of the PLL's own oscillator."""
        return self.pfd * self.m

    @property
    def output(self) -> Fraction:
        """Hz of the clock that comes out."""
        return self.vco / self.q


class Pll(wiring.Component):
    """A PLL from the board's oscillator.

    Parameters
    ----------
    setting : PllSetting

    Members
    -------
    clock : Out(1)
    locked : Out(1)
        The clock is what it should be. Not synchronous to it.
    """

    INPUT = PFD = VCO = OUTPUT = (0, 0)  #: MHz, least and most
    R = M = Q = range(0)  #: values of the dividers
    SETTLE = 0.0  #: seconds of reset that the family needs after the PLL has locked

    clock: Out(1)
    locked: Out(1)

    def __init__(self, setting: PllSetting):
        self.setting = setting
        super().__init__()

    @classmethod
    def multiplier(cls, most: int, q: int) -> int:
        """The largest M that the family has, not above the given one; 0 if there is none."""
        return min(most, cls.M[-1]) if most >= cls.M[0] else 0

    @classmethod
    def legal(cls, setting: PllSetting) -> bool:
        """Whether the vendor allows it."""
        inside = [low <= value / 10 ** 6 <= high for value, (low, high) in (
            (setting.input, cls.INPUT), (setting.pfd, cls.PFD), (setting.vco, cls.VCO), (setting.output, cls.OUTPUT))]
        known = setting.r in cls.R and setting.q in cls.Q and cls.multiplier(setting.m, setting.q) == setting.m
        return known and all(inside)

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
        m.submodules.pll = self.instance(buffer.i)
        return m

    @abstractmethod
    def instance(self, source) -> Instance:
        """The family's primitive."""


def best_setting(kind: type[Pll], source: float, most: float) -> PllSetting:
    """The setting with the highest output that is not above a frequency; of several, that with the fastest phase
    detector, then that with the fastest oscillator.

    Parameters
    ----------
    kind : subclass of Pll
    source, most : float
        Hz of the board's oscillator, and of the clock at the most.

    Raises
    ------
    ConfigError
        If the PLL can make no such clock.
    """
    source, most = Fraction(source), Fraction(most)
    found = []
    for r in kind.R:
        for q in kind.Q if kind.PFD[0] * 10 ** 6 <= source / r else ():
            top = min(most * q, Fraction(kind.VCO[1] * 10 ** 6)) * r // source
            setting = PllSetting(source, r, max(1, kind.multiplier(top, q)), q)
            if setting.output <= most and kind.legal(setting):
                found.append(setting)
    if not found:
        raise ConfigError(f"the PLL makes {kind.OUTPUT[0]} to {kind.OUTPUT[1]} MHz, none of it from "
                          f"{float(source) / 1e6:g} MHz and at most {float(most) / 1e6:.3f} MHz")
    return max(found, key=lambda setting: (setting.output, setting.pfd, setting.vco))


class Ecp5Pll(Pll):
    """Lattice ECP5: EHXPLLL. The loop is closed over CLKOP, which nothing else uses and whose divider is M; the clock
    is CLKOS. So the output is finer than multiples of what the phase detector sees.

    Limits: FPGA-DS-02012, sysCLOCK PLL timing; dividers: FPGA-TN-02200.
    """

    INPUT, PFD, VCO, OUTPUT = (8, 400), (10, 400), (400, 800), (3.125, 400)
    R = M = Q = range(1, 129)

    def instance(self, source):
        loop, closing = self.setting.m, Signal()
        return Instance(
            "EHXPLLL", a_ICP_CURRENT="12", a_LPF_RESISTOR="8", a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            a_FREQUENCY_PIN_CLKI=_mhz(self.setting.input), a_FREQUENCY_PIN_CLKOS=_mhz(self.setting.output),
            p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA", p_OUTDIVIDER_MUXB="DIVB", p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=self.setting.r, p_CLKFB_DIV=1,
            p_CLKOP_ENABLE="ENABLED", p_CLKOP_DIV=loop, p_CLKOP_CPHASE=loop - 1, p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED", p_CLKOS_DIV=self.setting.q, p_CLKOS_CPHASE=self.setting.q - 1, p_CLKOS_FPHASE=0,
            i_CLKI=source, i_CLKFB=closing, o_CLKOP=closing, o_CLKOS=self.clock, o_LOCK=self.locked,
            i_RST=Const(0), i_STDBY=Const(0), i_PHASESEL0=Const(0), i_PHASESEL1=Const(0), i_PHASEDIR=Const(0),
            i_PHASESTEP=Const(0), i_PHASELOADREG=Const(0), i_PLLWAKESYNC=Const(0), i_ENCLKOP=Const(0))


class Ice40Pll(Pll):
    """Lattice iCE40: SB_PLL40_CORE, its loop closed inside.

    Limits: FPGA-DS-02029 (LP/HX) and FPGA-DS-02008 (UltraPlus), sysCLOCK PLL timing; dividers: FPGA-TN-02052.
    Block RAM reads as zero for the first microseconds after configuration, so that the reset has to last (see
    `amaranth.vendor.SiliconBluePlatform.create_missing_domain`, of which the margin is).
    """

    INPUT, PFD, VCO, OUTPUT = (10, 133), (10, 133), (533, 1066), (16, 275)
    R = range(1, 17)
    M = range(1, 129)
    Q = (2, 4, 8, 16, 32, 64)
    SETTLE = 15e-6
    FILTERS = (17, 26, 44, 66, 101, 133)  #: MHz at the phase detector, up to which FILTER_RANGE is 1, 2 ..
    PRIMITIVE, SOURCE = "SB_PLL40_CORE", "i_REFERENCECLK"

    def instance(self, source):
        filters = 1 + next(i for i, most in enumerate(self.FILTERS) if self.setting.pfd <= most * 10 ** 6)
        return Instance(
            self.PRIMITIVE, p_FEEDBACK_PATH="SIMPLE", p_PLLOUT_SELECT="GENCLK", p_DIVR=Const(self.setting.r - 1, 4),
            p_DIVF=Const(self.setting.m - 1, 7), p_DIVQ=Const(self.setting.q.bit_length() - 1, 3),
            p_FILTER_RANGE=Const(filters, 3), i_RESETB=Const(1), i_BYPASS=Const(0), o_PLLOUTGLOBAL=self.clock,
            o_LOCK=self.locked, **{self.SOURCE: source})


class Ice40PadPll(Ice40Pll):
    """The same where the oscillator is at the pad of the PLL, which then takes it from there: SB_PLL40_PAD."""

    PRIMITIVE, SOURCE = "SB_PLL40_PAD", "io_PACKAGEPIN"

    def elaborate(self, platform):
        m = Module()
        m.submodules.pll = self.instance(platform.request(platform.default_clk, dir="-").io)
        return m


class GowinPll(Pll):
    """Gowin GW1NR-9C, speed grade C6/I5: rPLL. The loop is closed behind the output's divider, so M is a multiple of Q.

    Limits: DS117E, PLL switching characteristics; dividers: SUG286E.
    """

    INPUT, PFD, VCO, OUTPUT = (3, 400), (3, 400), (400, 1200), (3.125, 600)
    R = range(1, 65)
    M = range(1, 64 * 128 + 1)
    Q = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
    FEEDBACK = range(1, 65)

    @classmethod
    def multiplier(cls, most, q):
        return min(most // q, cls.FEEDBACK[-1]) * q

    def instance(self, source):
        off = {f"p_{name}": "false" for name in ("DYN_IDIV_SEL", "DYN_FBDIV_SEL", "DYN_ODIV_SEL", "DYN_DA_EN",
                                                 "CLKOUT_BYPASS", "CLKOUTP_BYPASS", "CLKOUTD_BYPASS")}
        idle = {f"i_{name}": Const(0, bits) for name, bits in (
            ("CLKFB", 1), ("RESET", 1), ("RESET_P", 1), ("FBDSEL", 6), ("IDSEL", 6), ("ODSEL", 6), ("PSDA", 4),
            ("DUTYDA", 4), ("FDLY", 4))}
        return Instance(
            "rPLL", p_FCLKIN=_mhz(self.setting.input), p_DEVICE="GW1NR-9C", p_IDIV_SEL=self.setting.r - 1,
            p_FBDIV_SEL=self.setting.m // self.setting.q - 1, p_ODIV_SEL=self.setting.q, p_PSDA_SEL="0000",
            p_DUTYDA_SEL="1000", p_CLKOUT_FT_DIR=Const(1, 1), p_CLKOUTP_FT_DIR=Const(1, 1), p_CLKOUT_DLY_STEP=0,
            p_CLKOUTP_DLY_STEP=0, p_DYN_SDIV_SEL=2, p_CLKFB_SEL="internal", p_CLKOUTD_SRC="CLKOUT",
            p_CLKOUTD3_SRC="CLKOUT", **off, i_CLKIN=source, o_CLKOUT=self.clock, o_LOCK=self.locked, **idle)


class XilinxPll(Pll):
    """Xilinx 7 series, speed grade -1: PLLE2_BASE, then a global buffer.

    Limits: DS181, PLL specification; dividers: UG472.
    """

    INPUT, PFD, VCO, OUTPUT = (19, 800), (19, 450), (800, 1600), (6.25, 800)
    R = range(1, 57)
    M = range(2, 65)
    Q = range(1, 129)

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.submodules.global_buffer = Instance("BUFG", i_I=self._fast, o_O=self.clock)
        return m

    def instance(self, source):
        self._fast, closing = Signal(), Signal()
        return Instance(
            "PLLE2_BASE", p_CLKIN1_PERIOD=float(10 ** 9 / self.setting.input), p_DIVCLK_DIVIDE=self.setting.r,
            p_CLKFBOUT_MULT=self.setting.m, p_CLKOUT0_DIVIDE=self.setting.q, i_CLKIN1=source, i_CLKFBIN=closing,
            o_CLKFBOUT=closing, o_CLKOUT0=self._fast, o_LOCKED=self.locked, i_RST=Const(0), i_PWRDWN=Const(0))


PLLS = {"ecp5": Ecp5Pll, "ice40": Ice40Pll, "ice40-pad": Ice40PadPll, "gowin": GowinPll, "xilinx": XilinxPll}


def _mhz(frequency):
    """A frequency as the vendors' tools write it."""
    return f"{float(frequency) / 1e6:g}"
