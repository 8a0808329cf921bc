"""What is sent for a choice of segments, and what cannot be chosen."""

from dataclasses import replace

import pytest

from golden.config import Config
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError
from golden.header import header_bytes
from golden.patterns import Pattern
from golden.plan import cut
from golden.selection import EVERYTHING, Selection, chosen_spans, selected_bytes, selected_words, spans_in_file
from golden.table import Alphabet
from sim.streams import Layer, make_stream

CONFIG = Config(lanes=2, word_bits=16, table_log=4, bins=5)


@pytest.fixture(scope="module")
def stream():
    """Spans of the segments 0 and 1, of 2, which has no words, and of 3 and 4."""
    sizes = (20, 9, 12, 5, 31)
    return make_stream(CONFIG, [Layer(size, Alphabet(2), 0 if number == 2 else 1, restart=number in (0, 2, 3))
                                for number, size in enumerate(sizes)])[0]


def test_spans_are_where_they_are_said_to_be(stream):
    data = stream_bytes(stream)
    spans = spans_in_file(stream)
    assert [(span.segment, span.segments, span.weights) for span in spans] == [(0, 2, 29), (2, 1, 12), (3, 2, 36)]
    assert spans[0].offset == len(header_bytes(stream)) and spans[-1].offset + spans[-1].size == len(data)
    for span, words in zip(spans, stream.words, strict=True):
        assert data[span.offset:span.offset + span.size] == words.tobytes()


@pytest.mark.parametrize("first, count, spans", [(0, 0, [0, 1, 2]), (0, 5, [0, 1, 2]), (0, 2, [0]), (0, 3, [0, 1]),
                                                 (2, 0, [1, 2]), (2, 1, [1]), (3, 2, [2])])
def test_what_is_sent(stream, first, count, spans):
    """The words of the spans chosen, in order, behind the header unless that is kept; a transfer at least."""
    words = b"".join(stream.words[span].tobytes() for span in spans)
    assert list(chosen_spans(stream, Selection(first, count))) == spans
    assert selected_bytes(stream, Selection(first, count)) == header_bytes(stream) + words
    assert selected_bytes(stream, Selection(first, count, keep=True)) == (words or bytes(2))


def test_the_header_alone(stream):
    """``load`` leaves out all words, whatever the segments; ``keep`` comes before it."""
    assert selected_bytes(stream, Selection(1, load=True)) == header_bytes(stream)
    assert selected_bytes(stream, Selection(3, keep=True, load=True)) == stream.words[2].tobytes()


@pytest.mark.parametrize("first, count, message", [
    (1, 0, "the first segment must be one of 0, 2, 3, not 1"),
    (5, 0, "the first segment must be one of 0, 2, 3, not 5"),
    (0, 1, "the past-the-last segment must be one of 2, 3, 5, not 1"),
    (3, 3, "the past-the-last segment must be one of 2, 3, 5, not 6"),
])
def test_what_cannot_be_chosen(stream, first, count, message):
    with pytest.raises(ConfigError, match=message):
        selected_bytes(stream, Selection(first, count))


@pytest.mark.parametrize("word_bits", [8, 16, 128])
@pytest.mark.parametrize("choice", [EVERYTHING, Selection(1, load=True), Selection(2, 1), Selection(1, 1, keep=True)])
def test_words_are_counted(word_bits, choice):
    config = replace(CONFIG, word_bits=word_bits)
    stream = make_stream(config, [Layer(size, Alphabet(2), int(size != 60), restart=True) for size in (20, 60, 12)])[0]
    assert 8 * len(selected_bytes(stream, choice)) == word_bits * selected_words(stream, choice)


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize("choice", [EVERYTHING, Selection(2), Selection(0, 2), Selection(3, keep=True)])
@pytest.mark.parametrize("sink", ["always", "alternate", "burst:2:3", "random:0.3:4"])
def test_causes_add_up_to_the_last_transfer(stream, start, choice, sink):
    timing = simulate(stream, replace(CONFIG, select=True), sink=Pattern.parse(sink), start=start, selection=choice)
    assert sum(timing.causes.values()) == timing.beats[-1] + 1 - start
    assert timing.end - timing.beats[-1] in (1, 2)


def test_negative_numbers():
    with pytest.raises(ConfigError, match="first and count must be 0 or more, not 3 and -1"):
        Selection(3, -1)


def test_a_decoder_that_cannot_be_told(stream):
    with pytest.raises(ConfigError, match="a decoder without select decodes all segments"):
        simulate(stream, selection=Selection(2))


def test_a_span_for_each_layer():
    """Besides the restarts within long layers."""
    assert [segment.restart for segment in cut([5, 20, 3], [0, 0, 1], 8, own_spans=True)] == [1, 1, 1, 1, 1]
    assert [segment.restart for segment in cut([5, 20, 3], [0, 0, 1], 0, own_spans=True)] == [1, 1, 1]
    assert [segment.restart for segment in cut([5, 20, 3], [0, 0, 1], 0)] == [1, 0, 0]
