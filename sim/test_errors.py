"""Wrong streams: the right error code, a clean stop, and the next stream decoded after a clear."""

import numpy as np
import pytest

from golden.codec import decode
from golden.config import Config, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.header import header_nibbles
from golden.patterns import Pattern
from golden.table import Alphabet
from hw.errors import ErrorCode

from .checks import difference, wrong_weights
from .jobs import Steps
from .streams import Layer, make_stream
from .wrong import CASES

CONFIG = Config(lanes=4, word_bits=16, table_log=6, max_run=4, raw_bits=2, bins=31, max_tables=8, max_segments=12,
                table_style=TableStyle.RAM)
SETTLE = 30
STOP = 20_000


@pytest.fixture(scope="module")
def right():
    """A stream with every kind of table in two spans, and its weights."""
    return make_stream(CONFIG, [
        Layer(200, Alphabet(7, 0, 1), 2),
        Layer(301, Alphabet(1, 0, 4), 0.5, listed=True),
        Layer(50, Alphabet(15, 2), 6, restart=True),
        Layer(402, Alphabet(3, 0, 2), 1, listed=True),
    ], 5)


def test_every_code_has_a_case():
    others = {ErrorCode.NONE, ErrorCode.STREAM, ErrorCode.SELECTION, ErrorCode.NOT_LOADED, ErrorCode.PARITY}
    assert {case.code for case in CASES} | others == set(ErrorCode)


@pytest.fixture(scope="module", params=[("always", "always"), ("random:0.4:1", "random:0.6:2")], ids=["swift", "slow"])
def played(request, design_of, right):
    """Per case what the decoder did with the wrong stream, and after a clear with the right one."""
    source, sink = map(Pattern.parse, request.param)
    steps = Steps()
    for case in CASES:
        steps.clear().stream(case.make(right[0]), source, sink, STOP, SETTLE).clear().stream(stream_bytes(right[0]))
    episodes = design_of(CONFIG).run(steps, CONFIG.word_bits)[1:]
    return {case.name: pair for case, pair in zip(CASES, zip(episodes[::2], episodes[1::2]))}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_wrong_stream(played, right, case):
    stream, weights = right
    bad, good = played[case.name]
    assert (ErrorCode(bad.error), bad.done) == (case.code, False)
    assert len(bad.inputs) == -(-len(case.make(stream)) // (CONFIG.word_bits // 8))
    beats = [-(-segment.weights // CONFIG.beat_weights) for segment in stream.segments]
    assert len(bad.beats) < sum(beats)
    if case.code.value >= ErrorCode.WORDS_CRC.value:
        assert len(bad.beats) >= sum(beats[:2])
    if case.code is not ErrorCode.END_STATE:
        found = np.concatenate([np.zeros(0, np.int8), *bad.weights(CONFIG)])
        assert np.array_equal(found, np.concatenate(weights)[:len(found)])
    raised = next(edge for edge, _, _, error in bad.status if error)
    assert bad.status[-1][0] == raised and len(bad.trace) >= raised + SETTLE
    offered = [edge & 12 for edge in bad.trace[raised:]]
    waited = offered.index(12) + 1 if offered[0] & 4 and 12 in offered else 0
    assert not any(edge & 4 for edge in offered[waited:])
    assert difference(good, weights, simulate(stream, CONFIG), CONFIG) is None


def test_the_error_holds_until_cleared(design_of, right):
    """A second stream after an error is not decoded, and the code stays."""
    stream, weights = right
    bad = next(case for case in CASES if case.code is ErrorCode.VERSION).make(stream)
    steps = Steps().stream(bad, settle=SETTLE).stream(stream_bytes(stream), stop=3000).reset()
    steps.stream(stream_bytes(stream))
    failed, good = design_of(CONFIG).run(steps, CONFIG.word_bits)
    assert (ErrorCode(failed.error), failed.beats) == (ErrorCode.VERSION, [])
    assert wrong_weights(good.weights(CONFIG), weights) is None


@pytest.mark.parametrize("count", [30, pytest.param(150, marks=pytest.mark.slow)])
def test_flipped_bits(design_of, right, count):
    """Whatever bit of header or words is flipped: an error, except in the fill between them; never a last beat."""
    stream, weights = right
    data = stream_bytes(stream)
    random = np.random.default_rng(6)
    bits = sorted(random.choice(8 * len(data), count, replace=False).tolist())
    end = 5 + len(header_nibbles(stream)) // 2 + 4
    fill = range(8 * end, 8 * (end + -end % (CONFIG.word_bits // 8)))
    steps = Steps()
    for bit in bits:
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        steps.clear().stream(bytes(wrong), stop=STOP)
    episodes = design_of(CONFIG).run(steps.clear().stream(data), CONFIG.word_bits)[1:]
    for bit, episode in zip(bits, episodes):
        assert (bit, bool(episode.error), episode.done) == (bit, bit not in fill, bit in fill)
    assert wrong_weights(episodes[-1].weights(CONFIG), weights) is None


def test_another_stream_in_rom(design_of, right):
    """A decoder with tables in ROM knows its stream from others of the same configuration."""
    config = Config(lanes=2, table_log=5, bins=7, max_tables=1, max_segments=1)
    layer = Layer(90, Alphabet(3), 1, listed=True)
    (mine, weights), (other, _) = (make_stream(config, [layer], seed) for seed in (1, 2))
    assert wrong_weights(decode(mine), weights) is None
    shorter = make_stream(config, [Layer(90, Alphabet(3), 0.2)], 3)[0]
    cases = [(stream_bytes(other), ErrorCode.STREAM), (stream_bytes(shorter), ErrorCode.STREAM)]
    cases += [(case.make(mine), case.code) for case in CASES
              if case.code in (ErrorCode.MAGIC, ErrorCode.VERSION, ErrorCode.LANES, ErrorCode.HEADER_CRC)]
    data = stream_bytes(mine)
    cases += [(data[:-4], ErrorCode.TRUNCATED), (data[:-1] + bytes([data[-1] ^ 1]), ErrorCode.WORDS_CRC)]
    steps = Steps()
    for data, _ in cases:
        steps.clear().stream(data, stop=STOP)
    episodes = design_of(config, mine).run(steps.clear().stream(stream_bytes(mine)), config.word_bits)[1:]
    assert [ErrorCode(episode.error) for episode in episodes[:-1]] == [code for _, code in cases]
    assert wrong_weights(episodes[-1].weights(config), weights) is None
