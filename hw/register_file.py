"""The register file: identity, commands, status and counters behind a simple bus."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, OutputMode, TableStyle
from golden.header import MAGIC, VERSION

from .errors import ErrorCode
from .layouts import select_port
from .register_map import ADDRESS_BITS, REGISTERS, Access

__all__ = ["BUS", "RegisterFile"]

BUS = wiring.Signature({  #: as the side that asks sees it; the answer comes in the next cycle, always
    "valid": Out(1),
    "write": Out(1),
    "address": Out(ADDRESS_BITS),
    "data": Out(32),
    "select": Out(4),
    "answered": In(1),
    "failed": In(1),
    "read": In(32),
})


class RegisterFile(wiring.Component):
    """Starts streams, says how they went, and counts. The registers are those of `hw.register_map`.

    Latency: an answer comes one cycle after its request; a request may come in every cycle. A start resets the
    decoder in the cycle after the request, and the stream may come from the next one on. Reset: idle, all counters 0.

    Members
    -------
    bus : In(`BUS`)
    input_valid, input_ready, input_last : In(1)
        The decoder's input, behind the gate.
    output_waits : In(1)
        An output transfer is refused.
    output_valid : In(1)
        An output transfer is on offer.
    handed_out : In
        Weights or tokens that are taken in this cycle.
    done, error, loaded : In(1), In(ErrorCode), In(1)
        The decoder's.
    select : Out(`select_port`)
        What the stream that was started last is to be decoded for; it changes with a start alone.
    clear : Out(1)
        Reset the decoder.
    gate : Out(1)
        The input is open: from a start to the last transfer.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({
            "bus": In(BUS),
            "input_valid": In(1),
            "input_ready": In(1),
            "input_last": In(1),
            "output_waits": In(1),
            "output_valid": In(1),
            "handed_out": In(range(max(config.transfer_weights, config.rings) + 1)),
            "done": In(1),
            "error": In(ErrorCode),
            "loaded": In(1),
            "select": Out(select_port(config)),
            "clear": Out(1),
            "gate": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        counters = self._counters(m)
        idle, busy = Signal(), Signal()
        failed = self.error != ErrorCode.NONE
        m.d.comb += [busy.eq(self._started & ~self.done & ~failed),
                     idle.eq(~busy & ~self.gate & ~self.output_valid & ~self.clear)]
        faults = Signal(3)
        self._first, self._count = Signal(32, name="first"), Signal(32, name="count")
        config = self._config
        values = {
            "MAGIC": int.from_bytes(MAGIC, "little"), "VERSION": VERSION, "LANES": config.lanes,
            "VECTOR": config.vector, "WORD_BITS": config.word_bits, "PRELOAD": config.preload,
            "TABLE_LOG": config.table_log, "MAX_RUN": config.max_run,
            "STYLE": (config.table_style is TableStyle.RAM) | (config.output is OutputMode.SPARSE) << 1,
            "CONTROL": 0, "STATUS": Cat(idle, busy, self._started & self.done, self._started & failed, self.loaded),
            "ERROR": self.error.as_value(), "FAULTS": faults, "FIRST": self._first, "COUNT": self._count,
            **counters,
        }
        self._answer(m, values, idle, faults)
        return m

    def _counters(self, m):
        """Whether a stream was started, the gate, and the counters, by the names of their registers."""
        self._started, self._start = Signal(), Signal()
        names = ("CYCLES", "WEIGHTS", "STARVED", "BLOCKED")
        counters = {name: Signal(32, name=name.lower()) for name in names}
        going = self._started & ~self.done & (self.error == ErrorCode.NONE)
        steps = (1, self.handed_out, self.gate & self.input_ready & ~self.input_valid, self.output_waits)
        with m.If(self.clear):
            m.d.sync += [self.clear.eq(0), self.gate.eq(self._start), self._started.eq(self._start), self._start.eq(0)]
            m.d.sync += [counter.eq(0) for counter in counters.values()]
        with m.Else():
            with m.If(self.gate & self.input_valid & self.input_ready & self.input_last):
                m.d.sync += self.gate.eq(0)
            with m.If(going):
                m.d.sync += [counter.eq(counter + step) for counter, step in zip(counters.values(), steps)]
        return counters

    def _answer(self, m, values, idle, faults):
        """Reads, writes, and what is wrong with them."""
        bus = self.bus
        address = bus.address & ~3
        hit = {register.name: Signal(name=f"at_{register.name.lower()}") for register in REGISTERS}
        m.d.comb += [hit[register.name].eq(address == register.offset) for register in REGISTERS]
        writable = [hit[register.name] for register in REGISTERS if register.access != Access.READ]
        written = bus.valid & bus.write
        wrong, refused = Signal(), Signal(2)
        m.d.comb += [
            wrong.eq(bus.valid & ~Mux(bus.write, Cat(writable).any(), Cat(hit.values()).any())),
            refused.eq(self._command(m, written & hit["CONTROL"] & bus.select[0], idle)),
        ]
        m.d.sync += [bus.answered.eq(bus.valid), bus.failed.eq(wrong | refused.any()), bus.read.eq(0)]
        for name, value in values.items():
            with m.If(~bus.write & hit[name]):
                m.d.sync += bus.read.eq(value)
        cleared = bus.data[:3] & (written & hit["FAULTS"] & bus.select[0]).replicate(3)
        m.d.sync += faults.eq((faults & ~cleared) | Cat(wrong, refused))
        self._numbers(m, written, hit)

    def _command(self, m, command, idle):
        """A write of CONTROL. Returns why a start is refused: something is going on; there is no header to keep."""
        start, clear, keep, load = (self.bus.data[bit] for bit in range(4))
        asked, begin = Signal(), Signal()
        refused = Cat(asked & ~idle, asked & keep & ~self.loaded)
        m.d.comb += [asked.eq(command & start & ~clear), begin.eq(asked & ~refused.any())]
        with m.If(begin | (command & clear)):
            m.d.sync += [self.clear.eq(1), self._start.eq(begin)]
        with m.If(begin):
            m.d.sync += [self.select.keep.eq(keep), self.select.load.eq(load)]
            for port, number in (self.select.first, self._first), (self.select.count, self._count):
                m.d.sync += port.eq(number[:len(port)] | number[len(port):].any().replicate(len(port)))
        return refused

    def _numbers(self, m, written, hit):
        """The registers that hold what is written, byte by byte."""
        for name, number in ("FIRST", self._first), ("COUNT", self._count):
            for byte in range(4):
                with m.If(written & hit[name] & self.bus.select[byte]):
                    m.d.sync += number.word_select(byte, 8).eq(self.bus.data.word_select(byte, 8))
