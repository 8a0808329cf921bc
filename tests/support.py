"""What the tests of `hw` share: running a component in amaranth.sim, ready/valid streams, a bench for the decoder."""

from dataclasses import asdict, replace

from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from golden.config import Config, TableStyle
from golden.offers import Offers
from golden.patterns import ALWAYS
from golden.stream import words_of
from hw.axis import AxisDecoder
from hw.contents import contents_of, rom_config
from sim.jobs import Episode

__all__ = ["AxisBench", "as_ints", "collect", "decoder_config", "decoder_for", "feeder", "play", "run_bench"]


PERIOD = 1e-6
LIMIT = 100_000  # cycles


async def _watchdog(ctx):
    """No test waits for ever."""
    await ctx.delay(LIMIT * PERIOD)
    raise AssertionError(f"the test goes on after {LIMIT} cycles")


def run_bench(dut, testbench, *others):
    """Simulate until ``testbench(ctx)`` returns, at most so many cycles; the others run beside it."""
    top = Module()
    top.domains.sync = ClockDomain()  # a component may be combinational
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(PERIOD)
    for other in (_watchdog, *others):
        simulator.add_testbench(other, background=True)
    simulator.add_testbench(testbench)
    simulator.run()


def as_ints(record) -> dict:
    """The fields of a structure read with ``ctx.get``, as a dict of ints."""
    return {name: int(record[name]) for name, _ in record.shape()}


def feeder(port, payloads, random, idle=0.0):
    """A testbench that offers payloads on a stream, each after a random pause."""
    async def testbench(ctx):
        for payload in payloads:
            while random.random() < idle:
                await ctx.tick()
            ctx.set(port.payload, payload)
            ctx.set(port.valid, 1)
            taken = False
            while not taken:
                *_, taken = await ctx.tick().sample(port.ready)
            ctx.set(port.valid, 0)

    return testbench


async def collect(ctx, port, count, random, stall=0.0):
    """Take so many payloads from a stream, refusing it in random cycles."""
    taken = []
    while len(taken) < count:
        ready = random.random() >= stall
        ctx.set(port.ready, ready)
        *_, valid, payload = await ctx.tick().sample(port.valid, port.payload)
        if valid and ready:
            taken.append(payload)
    ctx.set(port.ready, 0)
    return taken


def decoder_config(stream, style: TableStyle) -> Config:
    """The configuration of a decoder that takes the stream."""
    return rom_config(stream) if style is TableStyle.ROM else replace(stream.config, table_style=style)


def decoder_for(stream, style: TableStyle) -> AxisDecoder:
    """A decoder that takes the stream."""
    return AxisDecoder(decoder_config(stream, style), contents_of(stream) if style is TableStyle.ROM else None)


class AxisBench:
    """An `AxisDecoder` in amaranth.sim, cycle by cycle; cycles are counted from the first, or from the last `clear`.

    Of a sparse one all streams are taken from together.
    """

    def __init__(self, ctx, dut, word_bits):
        self.ctx, self.dut, self.word_bits = ctx, dut, word_bits
        self._begin()

    def _begin(self):
        self.trace, self.beats, self.status, self.tokens = bytearray(), [], [], []
        self._offers = None
        if hasattr(self.dut, "m_axis_tdest"):
            rings = len(self.dut.m_axis_tvalid)
            self._offers = Offers(rings, len(self.dut.m_axis_tdest) // rings)
        self._waiting = None  # the beat on offer that was refused

    @property
    def episode(self) -> Episode:
        """What happened since the beginning."""
        return Episode(bytes(self.trace), self.beats, self.status, self.tokens)

    async def clear(self):
        """Reset the decoder, not the system."""
        self.ctx.set(self.dut.s_axis_tvalid, 0)
        self.ctx.set(self.dut.clear, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.clear, 0)
        self._begin()

    async def send(self, data: bytes, source=ALWAYS, sink=ALWAYS, stop=20000, settle=4, selection=None):
        """Send a stream and take what comes, until the decoder is done or has failed, and ``settle`` cycles more."""
        ctx, dut = self.ctx, self.dut
        if selection is not None:
            for name, value in asdict(selection).items():
                ctx.set(getattr(dut, f"select_{name}"), int(value))
        transfers = words_of(data, self.word_bits)
        offered, sent = False, 0
        while len(self.trace) < stop and settle >= 0:
            cycle = len(self.trace)
            if not offered and sent < len(transfers) and source(cycle):
                offered = True
                ctx.set(dut.s_axis_tdata, transfers[sent])
                ctx.set(dut.s_axis_tlast, sent == len(transfers) - 1)
            ctx.set(dut.s_axis_tvalid, offered)
            ctx.set(dut.m_axis_tready, -int(sink(cycle)))
            taken, finished = self._look(offered, sink(cycle))
            await ctx.tick()
            if offered and taken:
                offered = False
                sent += 1
            elif sent == len(transfers) and finished:
                settle -= 1

    def _look(self, offered, willing):
        """Record the cycle. Returns whether the input is ready and whether the decoder is done or has failed."""
        get, dut = self.ctx.get, self.dut
        ready, valid = get(dut.s_axis_tready), get(dut.m_axis_tvalid)
        self.trace.append(offered | ready << 1 | (valid != 0) << 2 | willing << 3)
        if self._offers:
            ports = (dut.m_axis_tdata, dut.m_axis_tkeep, dut.m_axis_tdest, dut.m_axis_tlast)
            self.tokens += self._offers.look(len(self.trace) - 1, willing, valid, *(get(port) for port in ports))
        else:
            self._look_at_beat(valid, willing)
        status = (get(dut.busy), get(dut.done), get(dut.error).value)
        if not self.status or self.status[-1][1:] != status:
            self.status.append((len(self.trace) - 1, *status))
        return ready, status[1] or status[2]

    def _look_at_beat(self, valid, willing):
        get, dut = self.ctx.get, self.dut
        beat = (get(dut.m_axis_tdata), get(dut.m_axis_tkeep), get(dut.m_axis_tlast)) if valid else None
        assert self._waiting in (None, beat), f"the beat on offer changed in cycle {len(self.trace) - 1}"
        self._waiting = None if willing else beat
        if valid and willing:
            self.beats.append(beat)


def play(dut, word_bits, *steps) -> list[Episode]:
    """Play steps on a decoder, each a dict of arguments of `AxisBench.send`; a `clear` stands between two."""
    episodes = []

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, word_bits)
        for step in steps:
            await bench.send(**step)
            episodes.append(bench.episode)
            await bench.clear()

    run_bench(dut, testbench)
    return episodes
