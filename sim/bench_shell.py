"""The bench of the shells inside the simulator: cocotbext-axi and cocotbext-wishbone play a program on a decoder.

A program is a list of steps, ``[name, *arguments]``, in the job of ``TANSY_JOB``; each step has one result.
"""

import itertools
import json
import os
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamSink, AxiStreamSource
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from golden.patterns import Pattern

__all__ = ["play"]

WISHBONE = {"cyc": "cyc", "stb": "stb", "we": "we", "adr": "adr", "datwr": "dat_w", "datrd": "dat_r", "sel": "sel",
            "ack": "ack", "err": "err"}  # what both kinds of masters know
POLLS, BETWEEN_POLLS = 1000, 8


class AxiLiteRegisters:
    """Registers over AXI4-Lite; a result is (fault, value)."""

    def __init__(self, dut):
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    async def read(self, offset):
        answer = await self.master.read(offset, 4)
        return [int(answer.resp) != 0, int.from_bytes(answer.data, "little")]

    async def write(self, offset, value, first, size):
        data = value.to_bytes(4, "little")[first:first + size]
        answer = await self.master.write(offset + first, data)  # the strobes are those of these bytes
        return [int(answer.resp) != 0, 0]


class ClassicMaster(WishboneMaster):
    """Does not know STALL."""

    _optional_signals = []


class WishboneRegisters:
    """The same over Wishbone."""

    def __init__(self, dut, master):
        self.master = master(dut, "wb", dut.clk, timeout=20, width=32, signals_dict=WISHBONE)

    async def read(self, offset):
        answer, = await self.master.send_cycle([WBOp(offset)])
        return [answer.ack != 1, int(answer.datrd)]

    async def write(self, offset, value, first, size):
        answer, = await self.master.send_cycle([WBOp(offset, value, sel=((1 << size) - 1) << first)])
        return [answer.ack != 1, 0]


class Bench:
    """A source, a sink, and the registers; each step is a method."""

    def __init__(self, dut):
        self.dut = dut
        self.sparse = hasattr(dut, "m_axis_tdest")
        if hasattr(dut, "s_axil_awaddr"):
            self.buses = {"axi-lite": AxiLiteRegisters(dut)}
        else:
            self.buses = {"classic": WishboneRegisters(dut, ClassicMaster),
                          "pipelined": WishboneRegisters(dut, WishboneMaster)}
        self.registers = next(iter(self.buses.values()))
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)

    async def reset(self):
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 3)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, 2)

    async def master(self, name):
        """Who makes the accesses from now on."""
        self.registers = self.buses[name]

    async def read(self, offset):
        return await self.registers.read(offset)

    async def write(self, offset, value, first=0, size=4):
        return await self.registers.write(offset, value, first, size)

    async def send(self, data):
        """Queue a stream; it goes when the gate opens."""
        self.source.send_nowait(bytes.fromhex(data))

    async def stall(self, source, sink):
        """Pause by patterns from now on."""
        for side, text in (self.source, source), (self.sink, sink):
            pattern = Pattern.parse(text)
            side.set_pause_generator(not pattern(cycle) for cycle in itertools.count())

    async def wait(self, offset, mask):
        """Until a register has a bit of a mask; its value, or None if that does not happen."""
        for _ in range(POLLS):
            _, value = await self.registers.read(offset)
            if value & mask:
                return value
            await ClockCycles(self.dut.clk, BETWEEN_POLLS)
        return None

    async def cycles(self, count):
        await ClockCycles(self.dut.clk, count)

    async def taken(self):
        """What has come in whole frames since the last time: [data, keep, dest, last] of each transfer."""
        transfers = []
        width = len(self.sink.bus.tkeep)
        while not self.sink.empty():
            frame = self.sink.recv_nowait(compact=False)
            for first in range(0, len(frame.tdata), width):
                data = int.from_bytes(frame.tdata[first:first + width], "little")
                keep = sum(kept << place for place, kept in enumerate(frame.tkeep[first:first + width]))
                transfers.append([data, keep, frame.tdest[first] if self.sparse else 0,
                                  int(first + width >= len(frame.tdata))])
        return transfers

    async def drop(self):
        """Reset source and sink, as a user does with a clear in mid-stream."""
        for side in self.source, self.sink:
            side.clear_pause_generator()
            side.assert_reset(True)
            await ClockCycles(self.dut.clk, 2)
            side.assert_reset(False)
            side.clear()


@cocotb.test()
async def play(dut):
    """Play the program of the job, write the results."""
    job = json.loads(Path(os.environ["TANSY_JOB"]).read_text())
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    bench = Bench(dut)
    await bench.reset()
    results = [await getattr(bench, name)(*arguments) for name, *arguments in job["program"]]
    Path(job["result"]).write_text(json.dumps(results))
