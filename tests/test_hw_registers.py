# amaranth: UnusedElaboratable=no
"""The register map, its renderings, and the register file."""

import re
import runpy
import shutil
import subprocess

import pytest

from golden.config import Config, TableStyle
from hw.errors import ErrorCode
from hw.register_file import RegisterFile
from hw.register_map import ADDRESS_BITS, REGISTERS, Access, offset_of
from hw.registers import c_header, markdown, python_constants

from .support import run_bench
from .test_layering import ROOT

CONFIG = Config(lanes=2, word_bits=16, table_log=4, bins=3, table_style=TableStyle.RAM)


def test_the_map_is_sound():
    """Offsets and fields are apart and within bounds, names are unique."""
    offsets = [register.offset for register in REGISTERS]
    assert len(set(offsets)) == len({register.name for register in REGISTERS}) == len(REGISTERS)
    assert all(offset % 4 == 0 and offset < 1 << ADDRESS_BITS for offset in offsets)
    for register in REGISTERS:
        bits = [bit for field in register.fields for bit in range(field.low, field.low + field.width)]
        assert len(set(bits)) == len(bits) and all(bit < 32 for bit in bits)


@pytest.mark.parametrize("name, render", [("registers.md", markdown), ("tansy.h", c_header),
                                          ("tansy.py", python_constants)])
def test_the_committed_renderings(name, render):
    """``python -m hw.registers`` would change nothing."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == render()


def test_the_constants_are_the_same_in_c_and_python():
    constants = runpy.run_path(str(ROOT / "docs" / "tansy.py"))
    python = {name: value for name, value in constants.items() if name.isupper() and isinstance(value, int)}
    assert {name: int(value, 16) for name, value in
            re.findall(r"#define TANSY_(\w+) (0x[0-9A-F]+)u", c_header())} == python
    assert python["CYCLES"] == offset_of("CYCLES") and python["STATUS_DONE"] == 4
    assert python["ERROR_WORDS_LEFT"] == ErrorCode.WORDS_LEFT.value


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C compiler")
def test_the_header_compiles(tmp_path):
    (tmp_path / "use.c").write_text('#include "tansy.h"\n#include "tansy.h"\nint a[TANSY_CYCLES == 52u ? 1 : -1];\n')
    subprocess.run(["g++", "-x", "c", "-Wall", "-Werror", "-c", "use.c", "-o", "use.o", "-I", ROOT / "docs"],
                   cwd=tmp_path, check=True)


class Bus:
    """The side of the bus that asks."""

    def __init__(self, ctx, dut):
        self.ctx, self.bus = ctx, dut.bus

    async def access(self, address, data=None, select=15):
        """(fault, value) of a read, or of a write if there are data."""
        bus, ctx = self.bus, self.ctx
        for port, value in ((bus.valid, 1), (bus.write, data is not None), (bus.address, address),
                            (bus.data, data or 0), (bus.select, select)):
            ctx.set(port, value)
        await ctx.tick()
        ctx.set(bus.valid, 0)
        assert ctx.get(bus.answered)
        return ctx.get(bus.failed), ctx.get(bus.read)


def test_every_address():
    """Reads answer where there is a register, writes where it can be written."""
    dut = RegisterFile(CONFIG)
    access = {register.offset: register.access for register in REGISTERS}

    async def testbench(ctx):
        bus = Bus(ctx, dut)
        for address in range(0, 1 << ADDRESS_BITS, 4):
            assert (await bus.access(address))[0] == (address not in access)
            assert (await bus.access(address, 0))[0] == (access.get(address, Access.READ) == Access.READ)
        assert await bus.access(offset_of("MAGIC") + 3) == (0, int.from_bytes(b"TNSY", "little"))
        await ctx.tick()
        assert not ctx.get(dut.bus.answered)

    run_bench(dut, testbench)


def test_start_gate_counters_and_clear():
    """The gate is open from a start to the last transfer; counters stop at the end; a clear takes all back."""
    dut = RegisterFile(CONFIG)
    control, status = offset_of("CONTROL"), offset_of("STATUS")

    async def testbench(ctx):
        bus = Bus(ctx, dut)
        assert await bus.access(control, 1, select=14) == (0, 0) and not ctx.get(dut.clear)
        await bus.access(control, 1)
        assert ctx.get(dut.clear) and not ctx.get(dut.gate)
        await ctx.tick()
        assert not ctx.get(dut.clear) and ctx.get(dut.gate)
        ctx.set(dut.input_ready, 1)
        ctx.set(dut.handed_out, 2)
        await ctx.tick().repeat(3)
        for port in dut.input_valid, dut.input_last, dut.output_waits:
            ctx.set(port, 1)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.gate)
        assert await bus.access(status) == (0, 2)
        assert (await bus.access(control, 1))[0] and (await bus.access(offset_of("FAULTS"))) == (0, 2)
        ctx.set(dut.done, 1)
        ctx.set(dut.output_waits, 0)
        assert await bus.access(status) == (0, 5)
        ctx.set(dut.output_valid, 1)
        assert await bus.access(status) == (0, 4)
        assert [(await bus.access(offset_of(name)))[1] for name in ("CYCLES", "WEIGHTS", "STARVED", "BLOCKED")] == [
            8, 16, 3, 5]
        await bus.access(control, 3)
        await ctx.tick()
        assert (await bus.access(offset_of("CYCLES")))[1] == 0 and not ctx.get(dut.gate)
        ctx.set(dut.done, 0)
        ctx.set(dut.output_valid, 0)
        assert await bus.access(status) == (0, 1)

    run_bench(dut, testbench)


def test_choice_of_segments():
    """FIRST and COUNT are written byte by byte and taken over by a start; KEEP wants a header; no number is cut."""
    dut = RegisterFile(CONFIG)
    control, first, count = map(offset_of, ("CONTROL", "FIRST", "COUNT"))
    select = dut.select

    async def testbench(ctx):
        bus = Bus(ctx, dut)

        async def start(command):
            answer = await bus.access(control, command)
            await ctx.tick()
            return answer, [ctx.get(port) for port in (select.first, select.count, select.keep, select.load)]

        most = (1 << len(select.first)) - 1
        await bus.access(first, 0x12345678)
        await bus.access(first, 0xABCDEF05, select=5)
        assert await bus.access(first) == (0, 0x12CD5605)
        await bus.access(count, 3)
        assert await start(9) == ((0, 0), [most, 3, 0, 1])
        await bus.access(first, 64)
        assert ctx.get(select.first) == most and most > CONFIG.max_segments
        assert (await start(1))[0] == (1, 0), "a stream is going on"
        await bus.access(control, 2)
        await ctx.tick()
        assert await start(5) == ((1, 0), [most, 3, 0, 1]), "there is no header"
        assert await bus.access(offset_of("FAULTS")) == (0, 6)
        ctx.set(dut.loaded, 1)
        assert await bus.access(offset_of("STATUS")) == (0, 17)
        assert await start(5) == ((0, 0), [64, 3, 1, 0])

    run_bench(dut, testbench)
