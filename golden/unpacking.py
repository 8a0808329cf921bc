"""Words to weights, for the lanes of many spans at once: the decoder behind `golden.codec`.

The chains (lanes of all spans of a block, the longest span first) go beat by beat. A look-up ``entry[offset + state]``,
``offset`` being where the chain's table begins, yields all there is to know of a token:

    bits 0..27 offset + base, 28..32 bits to read (nbits + s), 33..36 run, 37..45 (value << s) + 256,
    46..57 mask of nbits bits

A phase is a run of beats within which no span's segment begins, ends, or comes to its partial beat.
"""

import numpy as np

from .config import MAX_RUN
from .errors import FormatError
from .reservoir import Supply, reservoir
from .stream import lane_counts

__all__ = ["decode_block"]

_NEXT = (1 << 28) - 1
_CHUNK = 64  # steps whose weights are written out at a time


def decode_block(stream, spans) -> list[list[tuple[np.ndarray, int]]]:
    """Decode some spans of a stream.

    Parameters
    ----------
    stream : Stream
    spans : sequence of int
        Numbers of the spans.

    Returns
    -------
    list of list of (ndarray, int)
        Per span, per segment, its weights, int8, and the bits that its tokens read.

    Raises
    ------
    FormatError
        If a lane does not end in state 0, stored words are left over, or a weight is outside its table's bins.
    """
    config = stream.config
    bounds = stream.spans
    layouts = [_layout(stream, bounds[span]) for span in spans]
    order = sorted(range(len(layouts)), key=lambda i: -layouts[i][-1].end)  # so that those at work are the first ones
    layouts = [layouts[i] for i in order]
    supply = Supply(config, [stream.words[spans[i]] for i in order])
    lanes = _Lanes(config, supply, *_look_up(stream, layouts), layouts)
    marks = sorted({mark for layout in layouts for part in layout for mark in part.marks})
    ends = np.array([-layout[-1].end for layout in layouts])
    starts = _starts(layouts)
    read = [[] for _ in layouts]
    for first, last in zip(marks, marks[1:]):
        for span, part in starts.get(first, ()):
            lanes.begin(span, part)
            read[span].append(lanes.read(span))
        lanes.run(first, last, int(np.searchsorted(ends, -first)))
    stuck = np.flatnonzero(lanes.states())
    if len(stuck):
        raise FormatError(f"lane {stuck[0] % config.lanes} must end a span in state 0, not {lanes.states()[stuck[0]]}")
    supply.check_used()
    found = [[]] * len(layouts)
    for span, layout in enumerate(layouts):
        bits = np.diff([*read[span], lanes.read(span)]).tolist()
        found[order[span]] = [(_weights(config, lanes.weights, span, part), each) for part, each in zip(layout, bits)]
    return found


class _Part:
    """A segment in its span: number, table, weights, and its beats, counted over the span."""

    def __init__(self, config, number, segment, table, start):
        self.number = number
        self.table = table
        self.weights = segment.weights
        self.start = start
        self.end = start - (-segment.weights // config.beat_weights)
        whole = start + segment.weights // config.beat_weights
        self.marks = {start, whole, self.end}


def _layout(stream, bounds):
    layout, start = [], 0
    for number in range(*bounds):
        segment = stream.segments[number]
        layout.append(_Part(stream.config, number, segment, stream.tables[segment.table], start))
        start = layout[-1].end
    return layout


def _starts(layouts):
    """Which parts begin at a beat: lists of (span, part), by beat."""
    starts = {}
    for span, layout in enumerate(layouts):
        for part in layout:
            starts.setdefault(part.start, []).append((span, part))
    return starts


def _look_up(stream, layouts):
    """The look-ups of all tables of a block, one after the other, and where each begins, by identity of the table."""
    parts, offsets = [], {}
    for layout in layouts:
        for part in layout:
            if id(part.table) not in offsets:
                offsets[id(part.table)] = len(parts) << stream.config.table_log
                parts.append(_entries(part.table, offsets[id(part.table)]))
    return np.concatenate(parts), offsets


def _entries(table, offset):
    run, value, nbits, base = np.array(list(table.each_entry()), dtype=np.int64).T
    s = table.alphabet.raw_bits
    return offset + base | nbits + s << 28 | run << 33 | (value << s) + 256 << 37 | (1 << nbits) - 1 << 46


class _Lanes:
    """The chains of a block: states, bits held, and the weights found so far."""

    def __init__(self, config, supply, entry, offsets, layouts):
        chains = config.lanes * len(layouts)
        self.config = config
        self.entry = entry
        self.offsets = offsets
        self.reservoir = reservoir(config, supply)
        self.state = self.reservoir.window(slice(None)) & config.slots - 1  # plus the offset of the chain's table
        self.reservoir.skip(slice(None), config.table_log)
        self.reservoir.refill(chains)
        self.offset = np.zeros(chains, dtype=np.int64)
        self.raw_bits = np.zeros(chains, dtype=np.int64)
        self.max_run = np.ones(len(layouts), dtype=np.int64)
        self.covered = np.zeros(chains, dtype=np.int64)  # weights of the span that the chain's tokens cover, as below
        self.limit = np.zeros(chains, dtype=np.int64)  # where the chain's weights of its segment end
        # Row (beat in the span) * V + (weight in the beat); the rows at the end are for runs that are cut.
        self.weights = np.zeros((layouts[0][-1].end * config.vector + MAX_RUN, chains), dtype=np.int8)

    def states(self):
        return self.state - self.offset

    def read(self, span):
        """Bits that the lanes of a span have read so far."""
        return int(self.reservoir.read(slice(span * self.config.lanes, (span + 1) * self.config.lanes)).sum())

    def begin(self, span, part):
        """Start a segment: another table, another limit."""
        config, alphabet = self.config, part.table.alphabet
        mine = slice(span * config.lanes, (span + 1) * config.lanes)
        if self.max_run[span] > 1:  # what a cut token wrote beyond its segment
            rows = self.limit[mine, None] + np.arange(MAX_RUN)
            self.weights[rows, np.arange(mine.start, mine.stop)[:, None]] = 0
        offset = self.offsets[id(part.table)]
        self.state[mine] += offset - self.offset[mine]
        self.offset[mine] = offset
        self.raw_bits[mine] = alphabet.raw_bits
        self.max_run[span] = alphabet.max_run
        first = part.start * config.vector
        self.covered[mine] = first
        self.limit[mine] = first + lane_counts(part.weights, config.lanes, config.vector)

    def run(self, first, last, spans):
        """Go through the beats of a phase, in the first ``spans`` spans."""
        active, vector = spans * self.config.lanes, self.config.vector
        ragged = np.any(self.limit[:active] < last * vector)
        if ragged or np.any(self.max_run[:spans] > 1):
            for beat in range(first, last):
                self._beat(beat, active, ragged)
            return
        for beat in range(first, last, _CHUNK):
            self._plain_beats(beat, min(beat + _CHUNK, last), active)
        self.covered[:active] = last * vector

    def _plain_beats(self, first, last, active):
        """Beats in which every chain takes V tokens, each of one weight."""
        vector, chains = self.config.vector, slice(0, active)
        raw_bits = self.raw_bits[:active] if self.raw_bits[:active].any() else None
        rows = np.empty(((last - first) * vector, active), dtype=np.int64)
        raw = None if raw_bits is None else np.empty_like(rows)
        state = self.state[:active]
        for step, row in enumerate(rows):
            self.entry.take(state, out=row, mode="clip")
            window = self.reservoir.window(chains)
            count = row >> 28
            count &= 31
            self.reservoir.skip(chains, count)
            if raw is not None:
                raw[step] = window >> count - raw_bits
            np.bitwise_and(row, _NEXT, out=state)
            window &= row >> 46
            state |= window
            if (step + 1) % vector == 0:
                self.reservoir.refill(active)
        value = (rows >> 37 & 511) - 256
        if raw is not None:
            value += raw & (1 << raw_bits) - 1
        self.weights[first * vector:last * vector, :active] = value

    def _beat(self, beat, active, ragged):
        """One beat in which a chain takes as many tokens as begin in it."""
        bound = (beat + 1) * self.config.vector
        if ragged:
            bound = np.minimum(self.limit[:active], bound)
        for _ in range(self.config.vector):
            chains = (self.covered[:active] < bound).nonzero()[0]
            if not len(chains):
                break
            self._token(chains)
        self.reservoir.refill(active)

    def _token(self, chains):
        """One token for each of the chains."""
        entry = self.entry.take(self.state.take(chains))
        window = self.reservoir.window(chains)
        count = entry >> 28 & 31
        self.reservoir.skip(chains, count)
        self.state[chains] = entry & _NEXT | window & entry >> 46
        raw_bits = self.raw_bits.take(chains)
        place = self.covered.take(chains) + (entry >> 33 & 15)
        value = (entry >> 37 & 511) - 256
        value += window >> count - raw_bits & (1 << raw_bits) - 1
        self.weights[place, chains] = value
        self.covered[chains] = place + 1


def _weights(config, weights, span, part):
    """The weights of one segment, in order, checked."""
    lanes, vector = config.lanes, config.vector
    rows = weights[part.start * vector:part.end * vector, span * lanes:(span + 1) * lanes]
    values = rows.reshape(-1, vector, lanes).transpose(0, 2, 1).reshape(-1)[:part.weights]
    half = part.table.alphabet.half
    if values.max() > half or values.min() < -half:
        raise FormatError(f"segment {part.number} holds a weight outside -{half} to {half}")
    return values
