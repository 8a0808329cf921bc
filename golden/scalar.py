"""The scalar codec: one bit field at a time in plain Python, slow and obviously right.

It shares nothing with the vectorized codec of `golden.codec` but the configuration and the tables: lanes, tokens, bits
and words are worked out here once more, straight from ``docs/format.md``. Tests hold the two against each other.
"""

from typing import NamedTuple

import numpy as np

from .errors import FormatError, InputError
from .stream import lane_counts, spans_of, word_dtype, words_of

__all__ = ["TraceToken", "decode", "encode", "lane_tokens", "trace"]


class TraceToken(NamedTuple):
    """What a cycle model needs to know of a token."""

    segment: int  #: number of the segment, counted over the whole stream
    first: int  #: position of the token's first weight in its lane's sequence of that segment
    length: int  #: weights it covers before cutting: run + 1
    bits: int  #: bits it reads: nbits + s


def encode(config, tables, segments, weights) -> tuple[np.ndarray, ...]:
    """Encode the weights of all segments.

    Parameters
    ----------
    config : Config
    tables : sequence of Table
    segments : sequence of Segment
    weights : sequence of int arrays
        Per segment its weights, each within -half .. half of the segment's table.

    Returns
    -------
    tuple of ndarray
        Per span its words in need order, as `golden.stream.Stream` holds them.

    Raises
    ------
    InputError
        If a segment has another number of weights than it says, or a weight has no slot in its table.
    """
    if len(weights) != len(segments):
        raise InputError(f"{len(segments)} segments need as many arrays of weights, not {len(weights)}")
    sequences = []
    for number, (segment, values) in enumerate(zip(segments, weights)):
        values = np.asarray(values).tolist()
        if len(values) != segment.weights:
            raise InputError(f"segment {number} must be given {segment.weights} weights, not {len(values)}")
        sequences.append(_split(values, config))
    return tuple(_encode_span(config, tables, segments[first:last], sequences[first:last])
                 for first, last in spans_of(segments))


def _split(values, config):
    """Each lane's weights: weight i is of lane (i // V) % N."""
    lanes = [[] for _ in range(config.lanes)]
    for i, value in enumerate(values):
        lanes[i // config.vector % config.lanes].append(value)
    return lanes


def _tokens(sequence, table):
    """Cover a sequence by tokens: a list of (position of the first weight, token number, raw bits)."""
    alphabet = table.alphabet
    longest, s = alphabet.max_run, alphabet.raw_bits
    tokens, position = [], 0
    while position < len(sequence):
        run = 0
        while run < longest and position + run < len(sequence) and sequence[position + run] >> s == 0:
            run += 1
        end = position + run
        if run == longest or end == len(sequence):
            token, last = (longest - 1, 0), end - 1  # "M zeros", cut where the sequence ends
        else:
            token, last = (run, sequence[end] >> s), end
        number = alphabet.index.get(token)
        if number is None or table.counts[number] == 0 or abs(sequence[last]) > alphabet.half:
            raise InputError(f"weight {sequence[last]} has no slot in its table")
        tokens.append((position, number, sequence[last] & (1 << s) - 1))
        position = last + 1
    return tokens


def _encode_span(config, tables, segments, sequences):
    """The words of one span, in need order."""
    fields, events = [], []
    for lane in range(config.lanes):
        tokens, event, start = [], [], 1  # event 0 is the reading of the start states
        for segment, lanes in zip(segments, sequences):
            for position, number, raw in _tokens(lanes[lane], tables[segment.table]):
                tokens.append((tables[segment.table], number, raw))
                event.append(start + position // config.vector)
            start += -(-segment.weights // config.beat_weights)
        fields.append(_encode_lane(config, tokens))
        events.append([0, *event])
    return _need_order(config, fields, events)


def _encode_lane(config, tokens):
    """The bit fields of one lane, in reading order: the start state, then each token's. A field is (bits, count)."""
    size = 1 << config.table_log
    slots = {}
    state = 0
    fields = []
    for table, number, raw in reversed(tokens):
        if id(table) not in slots:
            slots[id(table)] = [[] for _ in table.counts]
            for slot, token in enumerate(table.slot_tokens):
                slots[id(table)][token].append(slot)
        count, y = table.counts[number], state + size
        n = 0
        while y >> n >= 2 * count:
            n += 1
        s = table.alphabet.raw_bits
        fields.append((y & (1 << n) - 1 | raw << n, n + s))
        state = slots[id(table)][number][(y >> n) - count]
    fields.append((state, config.table_log))
    return fields[::-1]


def _need_order(config, fields, events):
    """Cut each lane's fields into words and put the words of all lanes into the order of need."""
    width, sequence, asked = config.word_bits, [], []
    for lane in range(config.lanes):
        words, buffer, taken = [], 0, 0
        for event, (bits, count) in zip(events[lane], fields[lane]):
            buffer |= bits << taken % width
            if taken % width + count >= width:
                words.append(buffer & (1 << width) - 1)
                buffer >>= width
                asked.append((event, lane))
            taken += count
        words += [buffer] + [0] * config.preload
        sequence += words[:config.preload]
        fields[lane] = iter(words[config.preload:])
    sequence += [next(fields[lane]) for _, lane in sorted(asked)]
    while sequence and sequence[-1] == 0:
        sequence.pop()
    data = b"".join(word.to_bytes(width // 8, "little") for word in sequence)
    words = np.frombuffer(data, dtype=word_dtype(width))
    return words.reshape(-1, 2) if width == 128 else words


def decode(stream) -> list[np.ndarray]:
    """Decode a stream.

    Parameters
    ----------
    stream : Stream

    Returns
    -------
    list of ndarray
        Per segment its weights, int8, shape (weights,).

    Raises
    ------
    FormatError
        If a lane does not end in state 0, stored words are left over, or a weight is outside its table's bins.
    """
    config, weights = stream.config, []
    for (first, last), words in zip(stream.spans, stream.words):
        lanes = _decode_span(stream, first, last, words)
        lanes = [iter(tokens) for tokens in lanes]
        for number in range(first, last):
            segment = stream.segments[number]
            half = stream.tables[segment.table].alphabet.half
            sequences = [_expand(lane, count) for lane, count in zip(lanes, _counts(segment, config))]
            values = _merge(sequences, segment.weights, config)
            if values.max() > half or values.min() < -half:
                raise FormatError(f"segment {number} holds a weight outside -{half} to {half}")
            weights.append(values)
    return weights


def trace(stream, spans=None) -> list[list[list[TraceToken]]]:
    """The tokens of a stream with what they cost, for the cycle model.

    Parameters
    ----------
    stream : Stream
    spans : iterable of int or None
        Numbers of the spans that are wanted, in order; ``None``: all.

    Returns
    -------
    list of list of list of TraceToken
        Per span, per lane, the tokens in order. The start state is not among them: it takes R bits.

    Raises
    ------
    FormatError
        As `decode`.
    """
    spans = range(len(stream.spans)) if spans is None else spans
    return [[[TraceToken._make(token[:4]) for token in lane]
             for lane in _decode_span(stream, *stream.spans[span], stream.words[span])] for span in spans]


def lane_tokens(stream) -> list[list[list[tuple[int, int]]]]:
    """The tokens of a stream as a sparse output hands them out.

    Parameters
    ----------
    stream : Stream

    Returns
    -------
    list of list of list of (int, int)
        Per segment, per lane, the tokens (run, value) in order: so many zeros, then the value. The last token of a lane
        may go on past its last weight.

    Raises
    ------
    FormatError
        As `decode`.
    """
    tokens = [[[] for _ in range(stream.config.lanes)] for _ in stream.segments]
    for (first, last), words in zip(stream.spans, stream.words):
        for index, lane in enumerate(_decode_span(stream, first, last, words)):
            for number, _, length, _, value in lane:
                tokens[number][index].append((length - 1, value))
    return tokens


class _Lane:
    """One lane's bits: what it holds, least significant first, and how many it has read."""

    def __init__(self):
        self.state = 0
        self.bits = 0
        self.held = 0
        self.taken = 0


def _decode_span(stream, first, last, words):
    """Per lane, the list of its tokens (segment, position, length, bits, value) in one span."""
    config = stream.config
    width, size, vector = config.word_bits, config.slots, config.vector
    words = _Words(words, width)
    lanes = [_Lane() for _ in range(config.lanes)]
    tokens = [[] for _ in lanes]
    for lane in lanes:
        for _ in range(config.preload):
            words.hand_out(lane)
    for lane in lanes:
        lane.state = lane.bits & size - 1
        lane.bits >>= config.table_log
        lane.held -= config.table_log
        lane.taken = config.table_log
        words.refill(lane, 0)
    for number in range(first, last):
        segment = stream.segments[number]
        table = stream.tables[segment.table]
        counts = _counts(segment, config)
        covered = [0] * len(lanes)
        for beat in range(-(-segment.weights // config.beat_weights)):
            for index, lane in enumerate(lanes):
                end = min((beat + 1) * vector, counts[index])
                before = lane.taken
                while covered[index] < end:
                    token = _read_token(lane, table, number, covered[index])
                    tokens[index].append(token)
                    covered[index] += token[2]
                words.refill(lane, before)
    span = f"the span of segments {first} to {last - 1}"
    for index, lane in enumerate(lanes):
        if lane.state:
            raise FormatError(f"lane {index} must end {span} in state 0, not {lane.state}")
    words.check_used(span)
    return tokens


def _read_token(lane, table, number, position):
    """Take one token from a lane: (segment, position, length, bits, value)."""
    entry = table.entries[lane.state]
    s = table.alphabet.raw_bits
    lane.state = entry.base | lane.bits & (1 << entry.nbits) - 1
    raw = lane.bits >> entry.nbits & (1 << s) - 1
    bits = entry.nbits + s
    lane.bits >>= bits
    lane.held -= bits
    lane.taken += bits
    if lane.held < 0:
        raise AssertionError("a lane has read beyond the words that it was handed")
    return number, position, entry.run + 1, bits, (entry.value << s) + raw


class _Words:
    """The word sequence of a span: stored words in order, then zeros."""

    def __init__(self, words, width):
        self.words = words_of(np.ascontiguousarray(words).tobytes(), width)
        self.width = width
        self.next = 0

    def hand_out(self, lane):
        """Give the next word of the sequence to a lane."""
        if self.next < len(self.words):
            lane.bits |= self.words[self.next] << lane.held
        lane.held += self.width
        self.next += 1

    def refill(self, lane, before):
        """One word for every boundary between ``before`` bits and what the lane has read now."""
        for _ in range(lane.taken // self.width - before // self.width):
            self.hand_out(lane)

    def check_used(self, what):
        if self.next < len(self.words):
            raise FormatError(f"{what} must use all of its {len(self.words)} words, not {self.next}")


def _counts(segment, config):
    return lane_counts(segment.weights, config.lanes, config.vector).tolist()


def _expand(tokens, count):
    """The weights of one lane in one segment, cut to their number."""
    sequence = []
    while len(sequence) < count:
        _, _, length, _, value = next(tokens)
        sequence += [0] * (length - 1) + [value]
    return sequence[:count]


def _merge(sequences, weights, config):
    """The weights of a segment in order, from the lanes' sequences: the inverse of `_split`."""
    sequences = [iter(sequence) for sequence in sequences]
    values = [next(sequences[i // config.vector % config.lanes]) for i in range(weights)]
    return np.array(values, dtype=np.int8)
