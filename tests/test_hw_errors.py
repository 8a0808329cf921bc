"""Every error code on a small decoder of each style: a clean stop, and a decoder that is ready after ``clear``."""

from dataclasses import replace

import numpy as np
import pytest

from golden.config import Config, TableStyle
from golden.container import parse_stream, stream_bytes
from golden.patterns import ALWAYS, Pattern
from golden.stream import words_of
from golden.table import Alphabet
from hw.errors import ErrorCode
from sim.checks import wrong_weights
from sim.streams import Layer, make_stream
from sim.wrong import CASES
from tests.support import AxisBench, decoder_for, play, run_bench

ROM, RAM = TableStyle
CONFIG = Config(lanes=2, word_bits=16, table_log=4, max_run=2, raw_bits=1, bins=7, max_tables=3, max_segments=3)
STREAM, WEIGHTS = make_stream(CONFIG, [
    Layer(40, Alphabet(3, 0, 2), 1.0),
    Layer(9, Alphabet(3, 1), 1.5, listed=True),
    Layer(33, Alphabet(3, 0, 1), 1.0, restart=True),
], seed=4)
BEATS = [-(-segment.weights // CONFIG.beat_weights) for segment in STREAM.segments]
BY_NAME = {case.name: case for case in CASES}
IN_HEADER = {ErrorCode.TABLE, ErrorCode.COUNTS, ErrorCode.SEGMENT, ErrorCode.WORDS_CRC, ErrorCode.END_STATE,
             ErrorCode.WORDS_LEFT}  # what the cases change in the header, besides what a preamble says
SETTLE = 20


def expected_code(case, style):
    """A decoder of style ROM only sees that it is another header, where its CRC-32 fits."""
    return ErrorCode.STREAM if style is ROM and case.code in IN_HEADER else case.code


def check_stop(bad, data, code):
    """The decoder says why it stopped, has drained its input, and offers nothing more."""
    assert (ErrorCode(bad.error), bad.done) == (code, False)
    assert len(bad.inputs) == len(words_of(data, CONFIG.word_bits))
    raised, busy, *_ = bad.status[-1]
    assert not busy and len(bad.trace) > raised + SETTLE
    offered = [cycle & 12 for cycle in bad.trace[raised:]]
    waited = offered.index(12) + 1 if offered[0] & 4 else 0  # one that was on offer is not withdrawn
    assert not any(cycle & 4 for cycle in offered[waited:]), "a beat was offered after the error"


def check_good(good):
    """The stream after ``clear`` is decoded."""
    assert good.done and not good.error
    assert wrong_weights(good.weights(CONFIG), WEIGHTS) is None


@pytest.fixture(scope="module", params=[
    pytest.param(style, id=str(style), marks=pytest.mark.slow if style is RAM else ())  # RAM: sim/test_errors.py, too
    for style in TableStyle])
def played(request):
    """The style, and per case what the decoder did with the wrong stream, and then with the right one."""
    right = {"data": stream_bytes(STREAM)}
    steps = [step for case in CASES for step in ({"data": case.make(STREAM), "settle": SETTLE}, right)]
    episodes = play(decoder_for(STREAM, request.param), CONFIG.word_bits, *steps)
    return request.param, dict(zip(BY_NAME, zip(episodes[::2], episodes[1::2]), strict=True))


@pytest.mark.parametrize("name", BY_NAME)
def test_wrong_stream(played, name):
    style, episodes = played
    bad, good = episodes[name]
    code = expected_code(BY_NAME[name], style)
    check_stop(bad, BY_NAME[name].make(STREAM), code)
    if code in (ErrorCode.WORDS_CRC, ErrorCode.END_STATE, ErrorCode.WORDS_LEFT):
        assert len(bad.beats) == sum(BEATS) - 1, "all but the last beat of the span come out"
    elif code is not ErrorCode.TRUNCATED:
        assert not bad.beats
    check_good(good)


@pytest.mark.parametrize("sink", [ALWAYS, Pattern("burst", (1, 5))], ids=str)
def test_truncated_anywhere(sink):
    """However short the input: TRUNCATED, and what came out before is right; a beat on offer is not withdrawn."""
    data = stream_bytes(STREAM)
    sizes = [2 * k for k in range(1, len(data) // 2, 3)]
    steps = [{"data": data[:size], "sink": sink} for size in sizes]
    episodes = play(decoder_for(STREAM, ROM), CONFIG.word_bits, *steps)
    for episode in episodes:
        check = np.concatenate([np.zeros(0, np.int8), *episode.weights(CONFIG)])
        assert ErrorCode(episode.error) is ErrorCode.TRUNCATED and len(episode.beats) < sum(BEATS)
        assert np.array_equal(check, np.concatenate(WEIGHTS)[:len(check)])


@pytest.mark.parametrize("span, bit", [(0, 0), (0, -1), (1, 5), (1, -1)])
def test_flipped_word_in_rom(span, bit):
    """The header is the one expected, a word is not: WORDS_CRC at the end of that span."""
    data = bytearray(stream_bytes(STREAM))
    ends = np.cumsum([0, *(words.nbytes for words in STREAM.words)]) + len(data) - sum(w.nbytes for w in STREAM.words)
    place = ends[span] if bit >= 0 else ends[span + 1] - 1
    data[place] ^= 1 << bit % 8
    bad, good = play(decoder_for(STREAM, ROM), CONFIG.word_bits, {"data": bytes(data), "settle": SETTLE},
                     {"data": stream_bytes(STREAM)})
    check_stop(bad, data, ErrorCode.WORDS_CRC)
    assert len(bad.beats) == (sum(BEATS[:2]) if span == 0 else sum(BEATS)) - 1
    check_good(good)


@pytest.mark.parametrize("name", ["end state", "a word too many"])
def test_end_of_span_in_rom(name):
    """A decoder built with the header of a wrong stream is not content with that header."""
    case = BY_NAME[name]
    data = case.make(STREAM)
    wrong, _ = parse_stream(data)
    bad, again = play(decoder_for(wrong, ROM), CONFIG.word_bits, *({"data": data, "settle": SETTLE},) * 2)
    for episode in (bad, again):
        check_stop(episode, data, case.code)
        assert len(episode.beats) == sum(BEATS) - 1


def test_the_error_holds_until_clear():
    """A second stream is not decoded, not even taken."""
    dut = decoder_for(STREAM, RAM)

    async def testbench(ctx):
        bench = AxisBench(ctx, dut, CONFIG.word_bits)
        await bench.send(BY_NAME["version"].make(STREAM))
        before = len(bench.episode.inputs)
        await bench.send(stream_bytes(STREAM), stop=len(bench.trace) + 500)
        assert len(bench.episode.inputs) == before and not bench.beats
        assert ErrorCode(bench.episode.error) is ErrorCode.VERSION
        await bench.clear()
        await bench.send(stream_bytes(STREAM))
        check_good(bench.episode)

    run_bench(dut, testbench)


def test_a_stream_for_less_room():
    """Tables and segments are limited by the decoder's room, not by the stream's configuration."""
    dut = decoder_for(replace(STREAM, config=replace(CONFIG, max_tables=2)), RAM)
    bad, = play(dut, CONFIG.word_bits, {"data": stream_bytes(STREAM), "settle": SETTLE})
    check_stop(bad, stream_bytes(STREAM), ErrorCode.CAPACITY)
