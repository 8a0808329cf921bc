"""The decoder in its shells, against masters, sources and sinks that others wrote.

Each bus is tested with one kind of decoder, dense with tables loaded or sparse with tables in ROM, and by ``-m slow``
with the other.
"""

from dataclasses import dataclass, replace

import pytest

from golden.config import Config, OutputMode, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.header import VERSION
from golden.scalar import lane_tokens
from golden.selection import EVERYTHING, Selection, chosen_spans, selected_bytes
from golden.stream import Stream
from golden.table import Alphabet
from hw.contents import rom_config
from hw.errors import ErrorCode
from hw.register_map import offset_of

from .checks import wrong_tokens, wrong_weights
from .harness import Design
from .jobs import Episode
from .streams import Layer, make_stream
from .wrong import CASES

CODED = Config(lanes=3, word_bits=16, table_log=4, raw_bits=2, max_run=4, bins=31, max_tables=4, max_segments=4,
               table_style=TableStyle.RAM)
DECODER = replace(CODED, select=True)  # in a shell they all are
CONFIGS = {"dense, ram": DECODER, "sparse, rom": replace(DECODER, table_style=TableStyle.ROM, ring=3, queue=2,
                                                         output=OutputMode.SPARSE)}
LAYERS = [Layer(30, Alphabet(7, 0, 1), 2), Layer(41, Alphabet(1, 0, 4), 0.5, listed=True),
          Layer(26, Alphabet(15, 2), 6, restart=True), Layer(17, Alphabet(3, 0, 2), 1, listed=True)]
IDLE, BUSY, DONE, FAILED, LOADED = 1, 2, 4, 8, 16
START, CLEAR, KEEP, LOAD = 1, 2, 4, 8
BAD_ADDRESS, BAD_START, BAD_KEEP = 1, 2, 4
SIZE = CODED.word_bits // 8


@dataclass(frozen=True)
class Shell:
    """A decoder in its shell, a stream with every kind of table in two spans, and its weights."""

    bus: str
    design: Design
    config: Config
    stream: Stream
    weights: list

    def run(self, program):
        return self.design.run_program(program)

    @property
    def masters(self):
        """Who can be asked to make the accesses."""
        return ["axi-lite"] if self.bus == "axi-lite" else ["classic", "pipelined"]

    @property
    def in_rom(self):
        return self.config.table_style is TableStyle.ROM

    def assert_right(self, results, selection=EVERYTHING):
        """What `decode` of the stream gives; returns the values of the counters."""
        *started, _, status, error, cycles, counted, starved, blocked, idle, taken = results
        assert all(answer == [False, 0] for answer in started[-3:])
        assert (status & (DONE | FAILED | BUSY), error) == (DONE, [False, 0]) and idle & IDLE
        spans = chosen_spans(self.stream, selection)
        segments = slice(self.stream.spans[spans[0]][0], self.stream.spans[spans[-1]][1]) if spans else slice(0)
        count = sum(transfer[1].bit_count() for transfer in taken)
        if self.config.output is OutputMode.DENSE:
            beats = Episode(b"", [(data, keep, last) for data, keep, _, last in taken], [])
            assert wrong_weights(beats.weights(self.config), self.weights[segments]) is None
        else:
            tokens = Episode(b"", [], [], [(0, 0, *transfer) for transfer in taken])
            assert wrong_tokens(tokens, lane_tokens(self.stream)[segments], self.config) is None
            count //= 2  # both bytes of a token are kept
        assert counted == [False, count]
        assert not (cycles[0] or starved[0] or blocked[0])
        return cycles[1], starved[1], blocked[1]

    def end(self, selection=EVERYTHING):
        """Cycles by the cycle model."""
        return simulate(self.stream, self.config, selection=selection).end


@pytest.fixture(scope="module", params=[
    ("axi-lite", "dense, ram"), ("wishbone", "sparse, rom"),
    pytest.param(("axi-lite", "sparse, rom"), marks=pytest.mark.slow),
    pytest.param(("wishbone", "dense, ram"), marks=pytest.mark.slow),
], ids=" ".join)
def shell(request, design_of):
    bus, name = request.param
    stream, weights = make_stream(CODED, LAYERS, 5)
    config, known = CONFIGS[name], None
    if config.table_style is TableStyle.ROM:
        config, known = rom_config(stream, config), stream
    return Shell(bus, design_of(config, known, shell=bus), config, stream, weights)


def words(data):
    return (data + bytes(-len(data) % SIZE)).hex()


def read(name):
    return ["read", offset_of(name)]


def write(name, value, *part):
    return ["write", offset_of(name), value, *part]


def wait(mask):
    return ["wait", offset_of("STATUS"), mask]


def start(data, selection=EVERYTHING):
    """The stream, then what is to be decoded of it."""
    command = START | KEEP * selection.keep | LOAD * selection.load
    return [["send", words(data)], write("FIRST", selection.first), write("COUNT", selection.count),
            write("CONTROL", command)]


def decode(data, selection=EVERYTHING):
    """Thirteen steps: `start`; status, error, counters, idle, and what came."""
    return [*start(data, selection), ["cycles", 1], wait(DONE | FAILED), *map(read, (
        "ERROR", "CYCLES", "WEIGHTS", "STARVED", "BLOCKED")), wait(IDLE), ["taken"]]


def fail(data, selection=EVERYTHING):
    """Eight steps: `start`, status, error, idle; then the ends of the streams are reset."""
    return [*start(data, selection), wait(DONE | FAILED), read("ERROR"), wait(IDLE), ["drop"]]


def assert_failed(results, code):
    status, error, idle, _ = results[4:8]
    assert (status & (DONE | FAILED | BUSY), error, idle & IDLE) == (FAILED, [False, code.value], IDLE)


def test_identity_and_faults(shell):
    """What cannot be done has no effect but a fault that stays until it is cleared, byte by byte."""
    names = ("MAGIC", "VERSION", "LANES", "VECTOR", "WORD_BITS", "PRELOAD", "TABLE_LOG", "MAX_RUN", "STYLE")
    steps = [
        *map(read, names), ["read", 0x4C], ["write", 0xFC, 1], write("CYCLES", 1), read("FAULTS"),
        write("FAULTS", BAD_ADDRESS << 8, 1, 1), read("FAULTS"), write("FAULTS", BAD_ADDRESS), read("FAULTS"),
        write("CONTROL", START << 8, 1, 1), read("STATUS"), write("COUNT", 0x12345678), write("COUNT", 0xAB0000, 2, 1),
        read("COUNT"), read("FIRST"),
    ]
    results = shell.run([step for master in shell.masters for step in (["master", master], *steps)])
    values = [int.from_bytes(b"TNSY", "little"), VERSION, 3, 1, 16, CODED.preload, 4, 4, 2 if shell.in_rom else 1]
    for first in range(1, len(results), len(steps) + 1):
        found = results[first:first + len(steps)]
        assert found[:9] == [[False, value] for value in values]
        assert [fault for fault, _ in found[9:12]] == [True] * 3
        assert found[12:] == [[False, value] for value in (
            1, 0, 1, 0, 0, 0, IDLE | LOADED * shell.in_rom, 0, 0, 0x12AB5678, 0)]


def test_streams_one_after_the_other(shell):
    """The counters are those of the cycle model; stalls show for whom the decoder waited; all masters can do it."""
    data, runs = stream_bytes(shell.stream), []
    for master in (*shell.masters, shell.masters[0]):
        runs += [["master", master], *decode(data)]
    results = shell.run([*runs, ["stall", "random:0.3:1", "random:0.4:2"], *decode(data)])
    for first in range(1, len(runs), 14):
        assert shell.assert_right(results[first:first + 13]) == (shell.end(), 0, 0)
    cycles, starved, blocked = shell.assert_right(results[-13:])
    assert cycles > shell.end() and starved > 0 and blocked > 0


def test_start_while_busy_and_clear(shell):
    """A second start is refused and changes nothing; a clear ends it all, and the next start works."""
    data = stream_bytes(shell.stream)
    busy = [*start(data), ["cycles", 20], write("FIRST", 2), write("CONTROL", START), read("FAULTS")]
    results = shell.run([
        *busy, wait(DONE | FAILED), wait(IDLE), ["taken"], *start(data), ["cycles", 30], read("STATUS"),
        write("CONTROL", CLEAR), ["drop"], wait(IDLE), read("CYCLES"), *decode(data),
    ])
    assert results[6:8] == [[True, 0], [False, BAD_START]] and results[8] & DONE
    count = sum(transfer[1].bit_count() for transfer in results[10])
    assert count == (2 * sum(len(lane) for segment in lane_tokens(shell.stream) for lane in segment) if shell.in_rom
                     else shell.stream.weights)
    assert results[16] == [False, BUSY | LOADED * shell.in_rom] and results[19] & IDLE and results[20] == [False, 0]
    shell.assert_right(results[21:])


def test_choices(shell):
    """Segments by number, one table load for all of them; what cannot be chosen is an error and no more."""
    choices = [Selection(load=True), Selection(2, 2, keep=True), Selection(0, 2, keep=True), Selection(2),
               Selection(keep=True)]
    wrong = [Selection(1, keep=True), Selection(0, 3, keep=True), Selection(0, 1), Selection(2, 3),
             Selection(4, keep=True), Selection(0x80000002, 2), Selection(2, 0xFFFFFFFE, keep=True)]
    data = stream_bytes(shell.stream)
    program = [write("CONTROL", START | KEEP), read("FAULTS"), write("CONTROL", CLEAR), wait(IDLE)]
    for choice in choices:
        program += decode(selected_bytes(shell.stream, choice), choice)
    for choice in wrong:
        program += [*fail(data, choice), *decode(selected_bytes(shell.stream, choices[1]), choices[1])]
    results = shell.run(program)
    assert results[:2] == ([[False, 0], [False, 0]] if shell.in_rom else [[True, 0], [False, BAD_KEEP]])
    results = results[4:]
    for choice in choices:
        assert shell.assert_right(results[:13], choice)[0] == shell.end(choice)
        del results[:13]
    for _ in wrong:
        assert_failed(results, ErrorCode.SELECTION)
        shell.assert_right(results[8:21], choices[1])
        del results[:21]
    assert results == []


def test_damaged_words(shell):
    """Spans of a loaded stream that are cut, too long by what is in them, or flipped: the header outlasts it all."""
    kept = Selection(2, 2, keep=True)
    data = selected_bytes(shell.stream, kept)
    flipped, early = bytearray(data), shell.stream.words[0].tobytes()
    flipped[-SIZE] ^= 1
    cases = [(data[:-SIZE], {ErrorCode.TRUNCATED}), (data[:SIZE], {ErrorCode.TRUNCATED}),
             (bytes(flipped), {ErrorCode.WORDS_CRC, ErrorCode.WORDS_LEFT, ErrorCode.TRUNCATED}),
             (early + data, {ErrorCode.WORDS_CRC, ErrorCode.WORDS_LEFT, ErrorCode.END_STATE})]
    program = decode(selected_bytes(shell.stream, Selection(load=True)), Selection(load=True))
    for wrong, _ in cases:
        program += [*fail(wrong, kept), *decode(data, kept)]
    results = shell.run(program)[13:]
    for first, (_, codes) in zip(range(0, len(results), 21), cases, strict=True):
        code = ErrorCode(results[first + 5][1])
        assert code in codes
        assert_failed(results[first:], code)
        shell.assert_right(results[first + 8:first + 21], kept)


def wrong_streams(shell):
    """(bytes, code): each error that the decoder can raise. What is wrong behind the preamble is another stream for one
    of style ROM, whose words then fail by their CRC-32 alone."""
    if not shell.in_rom:
        return [(case.make(shell.stream), case.code) for case in CASES]
    strange = {ErrorCode.TABLE, ErrorCode.COUNTS, ErrorCode.SEGMENT}
    beyond = {ErrorCode.WORDS_CRC, ErrorCode.END_STATE, ErrorCode.WORDS_LEFT}
    cases = [(case.make(shell.stream), ErrorCode.STREAM if case.code in strange else case.code) for case in CASES
             if case.code not in beyond]
    flipped = bytearray(stream_bytes(shell.stream))
    flipped[-len(shell.stream.words[-1]) * SIZE] ^= 16
    other, _ = make_stream(CODED, LAYERS, 6)
    return [*cases, (stream_bytes(other), ErrorCode.STREAM), (bytes(flipped), ErrorCode.WORDS_CRC)]


def test_every_error_code(shell):
    """A wrong stream ends in its code, and the next start decodes the right one."""
    data, cases = stream_bytes(shell.stream), wrong_streams(shell)
    results = shell.run([step for wrong, _ in cases for step in (*fail(wrong), *decode(data))])
    for first, (_, code) in zip(range(0, len(results), 21), cases, strict=True):
        assert_failed(results[first:], code)
        shell.assert_right(results[first + 8:first + 21])
