"""The decoder in its shells, against masters, sources and sinks that others wrote."""

import numpy as np
import pytest

from golden.config import Config, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.header import VERSION
from golden.table import Alphabet
from hw.register_map import offset_of
from hw.shell import SHELLS

from .streams import Layer, make_stream
from .wrong import CASES

CONFIG = Config(lanes=3, word_bits=16, table_log=5, raw_bits=2, max_run=4, bins=31, max_tables=4, max_segments=4,
                table_style=TableStyle.RAM)
IDLE, BUSY, DONE, FAILED = 1, 2, 4, 8
START, CLEAR = 1, 2
BAD_ADDRESS, BAD_START = 1, 2


@pytest.fixture(scope="module")
def right():
    """A stream with every kind of table in two spans, its bytes as whole words, and its weights."""
    stream, weights = make_stream(CONFIG, [
        Layer(60, Alphabet(7, 0, 1), 2),
        Layer(91, Alphabet(1, 0, 4), 0.5, listed=True),
        Layer(50, Alphabet(15, 2), 6, restart=True),
        Layer(32, Alphabet(3, 0, 2), 1, listed=True),
    ], 5)
    return stream, weights


@pytest.fixture(params=SHELLS)
def shell(request, design_of):
    return design_of(CONFIG, shell=request.param)


def words(data):
    size = CONFIG.word_bits // 8
    return (data + bytes(-len(data) % size)).hex()


def read(name):
    return ["read", offset_of(name)]


def write(name, value, *part):
    return ["write", offset_of(name), value, *part]


def wait(mask):
    return ["wait", offset_of("STATUS"), mask]


def decode(data):
    """Start, then the stream; what follows is status, error, counters, weights."""
    return [["send", words(data)], write("CONTROL", START), wait(DONE | FAILED), read("ERROR"), read("CYCLES"),
            read("WEIGHTS"), read("STARVED"), read("BLOCKED"), wait(IDLE), ["beats"]]


def weights_of(frames):
    return [np.frombuffer(bytes.fromhex(frame), np.int8).tolist() for frame in frames]


def assert_right(results, right):
    """What `decode` of the right stream gives; returns the values of the counters."""
    _, started, status, error, *counters, idle, beats = results
    assert started == [False, 0] and status & (DONE | FAILED | BUSY) == DONE and error == [False, 0] and idle & IDLE
    assert weights_of(beats) == [layer.tolist() for layer in right[1]]
    assert not any(fault for fault, _ in counters)
    return [value for _, value in counters]


def test_identity_and_faults(shell):
    """What cannot be done has no effect but a fault that stays until it is cleared, byte by byte."""
    names = ("MAGIC", "VERSION", "LANES", "VECTOR", "WORD_BITS", "PRELOAD", "TABLE_LOG", "MAX_RUN", "STYLE")
    results = shell.run_program([
        *map(read, names), ["read", 0x44], ["write", 0xFC, 1], write("CYCLES", 1), read("FAULTS"),
        write("FAULTS", BAD_ADDRESS << 8, 1, 1), read("FAULTS"), write("FAULTS", BAD_ADDRESS), read("FAULTS"),
        write("CONTROL", START << 8, 1, 1), read("STATUS"),
    ])
    values = [int.from_bytes(b"TNSY", "little"), VERSION, 3, CONFIG.vector, 16, CONFIG.preload, 5, 4, 1]
    assert results[:9] == [[False, value] for value in values]
    assert [fault for fault, _ in results[9:12]] == [True] * 3
    assert results[12:] == [[False, 1], [False, 0], [False, 1], [False, 0], [False, 0], [False, 0], [False, IDLE]]


def test_streams_one_after_the_other(shell, right):
    """Three in a row: the counters are those of the cycle model."""
    data = stream_bytes(right[0])
    results = shell.run_program(3 * decode(data))
    model, weights = simulate(right[0], CONFIG), sum(map(len, right[1]))
    for first in range(0, len(results), 10):
        cycles, counted, starved, blocked = assert_right(results[first:first + 10], right)
        assert (cycles, counted, starved, blocked) == (model.end, weights, 0, 0)


def test_stalls(shell, right):
    """Source and sink stutter: the weights are the same, and the counters say for whom the decoder waited."""
    results = shell.run_program([["stall", "random:0.3:1", "random:0.4:2"], *decode(stream_bytes(right[0]))])
    cycles, _, starved, blocked = assert_right(results[1:], right)
    assert cycles > simulate(right[0], CONFIG).end and starved > 0 and blocked > 0


def test_start_while_busy_and_clear(shell, right):
    """A second start is refused and changes nothing; a clear ends it all, and the next start works."""
    data = stream_bytes(right[0])
    results = shell.run_program([
        ["send", words(data)], write("CONTROL", START), ["cycles", 40], write("CONTROL", START), read("FAULTS"),
        wait(DONE | FAILED), wait(IDLE), ["beats"], ["send", words(data)], write("CONTROL", START), ["cycles", 60],
        read("STATUS"), write("CONTROL", CLEAR), ["drop"], wait(IDLE), read("CYCLES"), *decode(data),
    ])
    assert results[3:5] == [[True, 0], [False, BAD_START]] and results[5] & DONE
    assert weights_of(results[7]) == [layer.tolist() for layer in right[1]]
    assert results[11] == [False, BUSY] and results[14] == IDLE and results[15] == [False, 0]
    assert_right(results[16:], right)


def test_every_error_code(design_of, right):
    """A wrong stream ends in its code, and the next start decodes the right one. Behind the bus all shells are one."""
    shell, data = design_of(CONFIG, shell="axi-lite"), stream_bytes(right[0])
    program = []
    for case in CASES:
        program += [["send", words(case.make(right[0]))], write("CONTROL", START), wait(DONE | FAILED), read("ERROR"),
                    wait(IDLE), ["drop"], *decode(data)]
    results = shell.run_program(program)
    for first, case in zip(range(0, len(results), 16), CASES, strict=True):
        _, _, status, error, idle, _, *rest = results[first:first + 16]
        assert (status & (DONE | FAILED | BUSY), error, idle is not None) == (FAILED, [False, case.code.value], True)
        assert_right(rest, right)
