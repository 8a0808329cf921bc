"""What holds of whole streams for whatever they are of: codec, traces, the file around them, and choices of spans."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from golden import codec, scalar
from golden.config import Config
from golden.container import file_parts, header_bytes, pack, parse_stream, stream_bytes, unpack
from golden.errors import ConfigError, FormatError, InputError
from golden.packing import encode_block
from golden.reservoir import Supply, reservoir
from golden.scalar import TraceToken
from golden.selection import (
    EVERYTHING,
    Selection,
    Span,
    chosen_spans,
    selected_bytes,
    selected_words,
    spans_in_file,
)
from golden.stream import Segment, Stream, lane_counts
from golden.table import Alphabet, Table
from golden.tail import Directory, tail_bytes
from golden.tokens import split_lanes, tokenize
from golden.unpacking import decode_block
from tests.cases import random_case
from tests.properties import LIMITS, about, flipped, refused
from tests.strategies import cases, seeds


def lists(arrays):
    return [array.tolist() for array in arrays]


@about(codec.encode, codec.decode, scalar.encode, scalar.decode)
@LIMITS
@given(cases(200))
def test_both_codecs_give_the_same_words_and_the_weights_back(case):
    words, stream = codec.encode(*case), case.stream()
    assert lists(words) == lists(stream.words) and [w.dtype for w in words] == [w.dtype for w in stream.words]
    assert lists(codec.decode(stream)) == lists(scalar.decode(stream)) == lists(case.weights)
    assert all(weights.dtype == np.int8 for weights in codec.decode(stream))


@about(codec.encode, scalar.encode)
@LIMITS
@given(cases(40), st.data())
def test_weights_that_do_not_fit_are_refused_by_both(case, data):
    """One too examples, one array too examples, or one beyond the bins of its table."""
    number = data.draw(st.integers(0, len(case.weights) - 1))
    half = case.tables[case.segments[number].table].alphabet.half
    beyond = case.weights[number].copy()
    beyond[data.draw(st.integers(0, len(beyond) - 1))] = data.draw(st.sampled_from((half + 1, -half - 1)))
    for changed in ([case.weights[number][1:]], [], [beyond]):
        weights = case.weights[:number] + changed + case.weights[number + 1:]
        for encode in (codec.encode, scalar.encode):
            with refused(InputError):
                encode(case.config, case.tables, case.segments, weights)


@about(encode_block, decode_block)
@LIMITS
@given(cases(100), st.data())
def test_blocks_of_spans_are_coded_as_if_alone(case, data):
    """Whichever spans are worked on together, and in whatever order."""
    stream = case.stream()
    spans = data.draw(st.lists(st.integers(0, len(stream.spans) - 1), min_size=1, max_size=4, unique=True))
    parts = [[(case.tables[case.segments[i].table], case.weights[i]) for i in range(*stream.spans[span])]
             for span in spans]
    assert lists(encode_block(case.config, parts)) == lists(stream.words[span] for span in spans)
    traced = scalar.trace(stream, spans)
    for span, segments, lanes in zip(spans, decode_block(stream, spans), traced, strict=True):
        numbers = range(*stream.spans[span])
        assert lists(weights for weights, _ in segments) == lists(case.weights[i] for i in numbers)
        assert [bits for _, bits in segments] == [
            sum(token.bits for lane in lanes for token in lane if token.segment == i) for i in numbers]


@about(codec.decode_each, codec.decode_measured)
@LIMITS
@given(cases(60))
def test_segments_are_decoded_one_after_the_other(case):
    """With the bits that their tokens take, which are those of the trace; and no more weights than allowed."""
    stream = case.stream()
    found = codec.decode_measured(stream)
    each = list(codec.decode_each(stream))
    tokens = [token for lanes in scalar.trace(stream) for lane in lanes for token in lane]
    assert lists(weights for weights, _ in found) == lists(weights for weights, _ in each) == lists(case.weights)
    assert [bits for _, bits in found] == [bits for _, bits in each] == [
        sum(token.bits for token in tokens if token.segment == i) for i in range(len(case.segments))]
    assert len(codec.decode_measured(stream, stream.weights)) == len(case.segments)
    for refuse in (codec.decode, codec.decode_measured, lambda *of: next(codec.decode_each(*of))):
        with refused(FormatError):
            refuse(stream, stream.weights - 1)


@about(scalar.trace, scalar.lane_tokens, TraceToken)
@LIMITS
@given(cases(60))
def test_traces_are_the_tokens_of_the_weights(case):
    """Lane by lane; all bits of a lane, cut into words, are the words that there are."""
    stream, config = case.stream(), case.config
    traced, handed_out = scalar.trace(stream), scalar.lane_tokens(stream)
    for span, lanes in zip(stream.spans, traced, strict=True):
        for index, lane in enumerate(lanes):
            wanted = []
            for number in range(*span):
                table = case.tables[case.segments[number].table]
                sequence = split_lanes(case.weights[number], config.lanes, config.vector)[index]
                tokens = tokenize(sequence, table.alphabet)
                pairs = [table.alphabet.tokens[i] for i in tokens.index.tolist()]
                wanted += [(number, first, run + 1) for first, (run, _) in zip(tokens.first.tolist(), pairs)]
                assert handed_out[number][index] == [
                    (run, (value << table.alphabet.raw_bits) + raw) for (run, value), raw in zip(pairs, tokens.raw)]
            assert [token[:3] for token in lane] == wanted
        asked = sum((config.table_log + sum(token.bits for token in lane)) // config.word_bits for lane in lanes)
        assert len(stream.words[stream.spans.index(span)]) <= config.lanes * config.preload + asked
    some = range(len(traced))[::-2]
    assert scalar.trace(stream, some) == [traced[span] for span in some]


class Lane:
    """One lane's bits as a plain number: what it was handed, and how many bits of it are read."""

    def __init__(self):
        self.bits = self.held = self.read = 0


@about(Supply, reservoir)
@LIMITS
@given(seeds, st.booleans())
def test_a_reservoir_holds_what_its_lanes_were_handed(seed, small):
    """Beat by beat, against plain numbers; bits of words beyond the last are zeros."""
    rng = np.random.default_rng(seed)
    config = random_case(seed, most=5).config
    if small:
        config = type(config)(lanes=config.lanes, word_bits=max(16, min(config.word_bits, 32)),
                              table_log=config.table_log)
    words = [rng.integers(0, 256, (int(rng.integers(0, 60)), config.word_bits // 8), np.uint8) for _ in range(2)]
    spans = [w.view(f"<u{min(config.word_bits, 64) // 8}").reshape((-1, 2) if config.word_bits == 128 else -1)
             for w in words]
    supply = Supply(config, spans)
    found = reservoir(config, supply)
    lanes = [[Lane() for _ in range(config.lanes)] for _ in spans]
    left = [iter([int.from_bytes(row.tobytes(), "little") for row in w]) for w in words]

    def hand(span, lane):
        lane.bits |= next(left[span], 0) << lane.held
        lane.held += config.word_bits

    flat = lanes[0] + lanes[1]
    for number in range(len(flat) * config.preload):
        hand(number // config.preload // config.lanes, flat[number // config.preload])
    mask = (1 << config.token_bits) - 1
    for _ in range(12):
        before = [lane.read for lane in flat]
        for _ in range(config.vector):
            window = found.window(slice(None))
            assert [int(bits) & mask for bits in window] == [lane.bits >> lane.read & mask for lane in flat]
            counts = rng.integers(0, config.token_bits + 1, len(flat))
            found.skip(slice(None), counts)
            for lane, count in zip(flat, counts.tolist()):
                lane.read += count
        found.refill(len(flat))
        for number, lane in enumerate(flat):
            for _ in range(lane.read // config.word_bits - before[number] // config.word_bits):
                hand(number // config.lanes, lane)
        assert found.read(slice(None)).tolist() == [lane.read for lane in flat]
    if any(next(rest, None) is not None for rest in left):
        with refused(FormatError):
            supply.check_used()
    else:
        supply.check_used()


@about(pack, file_parts, stream_bytes, parse_stream, unpack, header_bytes)
@LIMITS
@given(cases(30), st.booleans())
def test_files_are_their_parts(case, named):
    stream = case.stream()
    names = [f"layer {i}" if named else str(i) for i in range(len(stream.segments))]
    directory = Directory(tuple((name, (s.weights,)) for name, s in zip(names, stream.segments)))
    data = pack(stream, directory if named else None)
    parts = list(file_parts(stream, directory))
    assert b"".join(parts) == data
    assert parts[:1 + len(stream.words)] == [header_bytes(stream), *(words.tobytes() for words in stream.words)]
    sent = stream_bytes(stream)
    assert data == sent + tail_bytes(directory) and len(sent) % (stream.config.word_bits // 8) == 0
    for found, end in (parse_stream(data), parse_stream(sent)):
        assert end == len(sent) and lists(found.words) == lists(stream.words)
        assert (found.config, found.tables, found.segments) == (stream.config, stream.tables, stream.segments)
    again, listed = unpack(data)
    assert listed.coded == directory.coded and pack(again, listed) == data


@about(unpack, parse_stream)
@LIMITS
@given(seeds, st.integers(0, 1 << 24), st.integers(0, 1 << 24))
def test_a_damaged_file_is_refused(seed, bit, cut):
    data = pack(random_case(seed, most=30).stream())
    for damaged in (flipped(data, bit), data[:cut % len(data)], data + bytes(1)):
        with refused(FormatError):
            unpack(damaged)
    sent = stream_bytes(random_case(seed, most=30).stream())
    for damaged in (flipped(sent, bit), sent[:cut % len(sent)]):
        with refused(FormatError):
            parse_stream(damaged)


@about(pack, file_parts)
@LIMITS
@given(seeds, st.integers(1, 3))
def test_a_directory_of_other_sizes_is_not_packed(seed, more):
    stream = random_case(seed, most=20).stream()
    with refused(FormatError):
        pack(stream, Directory((("all", (stream.weights + more,)),)))


@about(Selection, chosen_spans, selected_bytes, selected_words)
@LIMITS
@given(cases(20), st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans())
def test_a_selection_is_whole_spans_or_refused(case, first, count, keep, load):
    stream = case.stream()
    selection = Selection(first, count, keep, load)
    wanted = [span for span, (start, end) in enumerate(stream.spans)
              if start >= first and (not count or end <= first + count)]
    covered = [i for span in wanted for i in range(*stream.spans[span])]
    end = first + count if count else len(stream.segments)
    if load and not keep:
        wanted = []
    elif not covered or covered != list(range(first, end)):
        for refuse in (chosen_spans, selected_bytes, selected_words):
            with refused(ConfigError):
                refuse(stream, selection)
        return
    assert list(chosen_spans(stream, selection)) == wanted
    sent = (b"" if keep else header_bytes(stream)) + b"".join(stream.words[span].tobytes() for span in wanted)
    size = stream.config.word_bits // 8
    assert selected_bytes(stream, selection) == (sent or bytes(size))
    assert selected_words(stream, selection) * size == len(sent or bytes(size))


@about(selected_bytes, selected_words)
@LIMITS
@given(st.integers(1, 9), st.sampled_from((8, 16, 64, 128)), st.integers(1, 50), st.booleans())
def test_where_there_is_nothing_to_send_a_word_is_sent(lanes, word_bits, count, load):
    """The words of weights that a table knows are none, and the header is kept."""
    config = Config(lanes=lanes, word_bits=word_bits, table_log=4)
    table, segments, weights = Table(Alphabet(1), 4, (0, 16, 0)), [Segment(count, 0, True)], [np.zeros(count, np.int8)]
    stream = Stream(config, (table,), tuple(segments), codec.encode(config, [table], segments, weights))
    assert selected_bytes(stream, Selection(keep=True, load=load)) == bytes(word_bits // 8)
    assert selected_words(stream, Selection(keep=True, load=load)) == 1


@about(Selection)
@LIMITS
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_a_selection_of_negative_numbers_is_refused(first, count):
    if first >= 0 and count >= 0:
        assert (Selection(first, count) == EVERYTHING) == (first == count == 0)
        return
    with refused(ConfigError):
        Selection(first, count)


@about(Span, spans_in_file)
@LIMITS
@given(cases(30))
def test_spans_in_a_file_are_where_they_are_said_to_be(case):
    """The words at a span's place, with their segments alone, decode to its weights."""
    stream = case.stream()
    data, spans = pack(stream), spans_in_file(stream)
    assert [span.segment for span in spans] == [first for first, _ in stream.spans]
    assert sum(span.segments for span in spans) == len(stream.segments)
    for number, span in enumerate(spans):
        segments = stream.segments[span.segment:span.segment + span.segments]
        words = np.frombuffer(data[span.offset:span.offset + span.size], stream.words[number].dtype)
        alone = Stream(stream.config, stream.tables, segments, (words.reshape(stream.words[number].shape),))
        assert lists(codec.decode(alone)) == lists(case.weights[span.segment:span.segment + span.segments])
        assert span.weights == alone.weights
    ends = [span.offset + span.size for span in spans]
    assert [span.offset for span in spans] == [len(header_bytes(stream)), *ends[:-1]]


@about(lane_counts)
@LIMITS
@given(st.integers(0, 300), st.integers(1, 64), st.integers(1, 8))
def test_lanes_own_what_they_are_dealt(weights, lanes, vector):
    wanted = [len([i for i in range(weights) if i // vector % lanes == lane]) for lane in range(lanes)]
    assert lane_counts(weights, lanes, vector).tolist() == wanted
    assert all(a >= b for a, b in itertools.pairwise(wanted))
