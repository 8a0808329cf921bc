"""The cycle model: in which clock cycle each transfer is taken, in and out, equal to the RTL to the cycle.

The model knows no bits, only how many: it runs on the tokens' lengths and costs (`golden.scalar.trace`). Each step of
`_Span` is one clock cycle of ``hw``: first what follows from the registers, then what they become. A lane's step is
made at once when its turn begins, for nothing that happens during the turn changes it; what comes of it shows later.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import accumulate

from .config import LOOKOUT_RINGS, REQUEST_QUEUE, SELECT_CYCLES, Config, OutputMode
from .errors import ConfigError
from .header_time import header_program
from .lane_cycles import Lane, LaneAlone
from .outputs import BeatOutput, TokenOutput
from .patterns import ALWAYS
from .scalar import trace
from .selection import EVERYTHING, Selection, chosen_spans, selected_words
from .stream import Stream, lane_counts

__all__ = ["CAUSES", "Timing", "simulate"]

CAUSES = {
    "beats": "a transfer of weights was taken",
    "header": "the header was being read",
    "preload": "a span was being started",
    "sink": "a transfer was on offer, the sink did not take it",
    "words": "a lane waited for a word",
    "tokens": "a lane needed more tokens for its part of the beat, or a first one",
    "requests": "the queue of requests for words was full",
    "check": "the last transfer of a span waited for the check of the span",
}


@dataclass
class Timing:
    """What happened when. Cycle 0 is that of the first clock edge without reset.

    Parameters
    ----------
    inputs : list of int
        Cycle in which each transfer of the stream was taken.
    beats : list of int
        Dense: cycle in which each transfer of weights was taken; there are up to C in a beat.
    tokens : list of list of int
        Sparse: for each ring the cycle in which each of its transfers was taken.
    causes : Counter
        Cycles from the start by what they went to, up to that of the last transfer, or of the last turn without weights
        behind it; the keys are those of `CAUSES`. Sparse: a transfer of any ring counts, once in a cycle.
    end : int
        The first cycle in which the decoder is done: the one after the last transfer, or the next where that was taken
        in the first cycle in which it was on offer, and always in sparse ones; later by the last beat's turns without
        weights, for these always the next.
    """

    inputs: list[int] = field(default_factory=list)
    beats: list[int] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    causes: Counter = field(default_factory=Counter)
    end: int = 0


def simulate(stream: Stream, config: Config | None = None, source=ALWAYS, sink=ALWAYS, start: int = 0,
             selection: Selection = EVERYTHING) -> Timing:
    """The timing of one stream through the decoder.

    Parameters
    ----------
    stream : Stream
    config : Config or None
        The decoder's, if it is another than the stream's: its table style decides how long the header takes, its rings
        and its queue how lanes take turns, its output what is handed out.
    source, sink : callable of int
        Whether the source may put a new transfer on offer in a cycle (once on offer it stays), and whether the sink
        takes a transfer of weights in a cycle (sparse: one of each ring). See `golden.patterns.Pattern`.
    start : int
        The first cycle in which the decoder waits for the stream.
    selection : Selection
        What is decoded, if the decoder is one that can be told so (`Config.select`).

    Returns
    -------
    Timing

    Raises
    ------
    ConfigError
        If the selection is not one of the stream, or the decoder has none.
    FormatError
        If the stream cannot be decoded.
    """
    config = config or stream.config
    if selection != EVERYTHING and not config.select:
        raise ConfigError("a decoder without select decodes all segments")
    chosen = chosen_spans(stream, selection)
    timing = Timing(end=start)
    feed = _Source(source, start, selected_words(stream, selection), timing.inputs)
    if selection.keep:
        _await_words(feed, timing)
    else:
        _read_header(header_program(stream, config.table_style), stream.config.word_bits // 4, feed, timing)
    if config.select and chosen:
        timing.causes["preload"] += SELECT_CYCLES
        timing.end += SELECT_CYCLES
    swept = max(timing.end, config.ring * config.parts_ahead)  # the sweep after a reset
    timing.causes["preload"] += swept - timing.end
    timing.end = swept
    output = (BeatOutput if config.output is OutputMode.DENSE else TokenOutput)(config, sink, timing)
    for span, lanes in zip(chosen, trace(stream, chosen)):
        segments = stream.segments[slice(*stream.spans[span])]
        _Span(config, segments, len(stream.words[span]), lanes, output).run(feed, timing)
    _drain(output, timing)
    return timing


def _drain(output, timing):
    """Wait until the last transfer has been taken."""
    left = True
    while left:
        cause = output.cause(timing.end)
        if cause:
            timing.causes[cause] += 1
        left = output.step(timing.end, None)
        timing.end += 1


class _Source:
    """The input: offers one transfer after the other, which goes into a register as soon as that is free."""

    def __init__(self, pattern, start, transfers, taken):
        self.pattern = pattern
        self.left = transfers
        self.taken = taken
        self.full = False  # whether the register holds a transfer
        self.offered = start  # the first cycle in which the transfer can be on offer
        self.load(start)

    def load(self, free):
        """The register is free in the cycle ``free``; the next transfer goes into it in that cycle or later."""
        self.full = self.left > 0
        if self.full:
            while not self.pattern(self.offered):
                self.offered += 1
            self.since = max(self.offered, free)
            self.taken.append(self.since)
            self.offered = self.since + 1
            self.left -= 1

    def valid(self, cycle):
        """Whether the register holds a transfer."""
        return self.full and self.since < cycle

    def take(self, cycle):
        """The transfer in the register is used; the next can come in the same cycle."""
        self.load(cycle)


def _read_header(program, nibbles_per_word, feed, timing):
    """Go through the header: for each entry of the program read so many nibbles, then let so many cycles pass."""
    cycle, held = timing.end, 0
    for nibbles, others in program:
        while nibbles:
            if held == 0:
                while not feed.valid(cycle):
                    cycle += 1
                feed.take(cycle)
                held = nibbles_per_word
                cycle += 1
            step = min(nibbles, held)
            nibbles -= step
            held -= step
            cycle += step
        cycle += others
    timing.causes["header"] += cycle - timing.end
    timing.end = cycle


def _await_words(feed, timing):
    """There is no header: the first transfer has come."""
    cycle = timing.end
    while not feed.valid(cycle):
        cycle += 1
    timing.causes["preload"] += cycle + 1 - timing.end
    timing.end = cycle + 1


def _parts(config, segments, index):
    """What lane ``index`` owns in each beat of a span: (need, whether the beat is the segment's last)."""
    parts = []
    for segment in segments:
        count = int(lane_counts(segment.weights, config.lanes, config.vector)[index])
        beats = -(-segment.weights // config.beat_weights)
        parts += [(config.vector, False)] * (beats - 1) + [(count - (beats - 1) * config.vector, True)]
    return parts


@dataclass
class _Head:
    """The parts of one turn of a beat, taken together."""

    shown: bool  # there are weights
    held: bool  # they wait for the check of the span
    end: bool  # they are a segment's last
    request: list  # lanes that ask for words, as often as they do, in orders


class _Sequencer:
    """Announces beats: a number that rises to the end of each segment, and is seen a cycle later."""

    def __init__(self, beats, most):
        self.most = most
        self.beats = iter(beats)
        self.end = sum(beats)  # number after the span's last beat
        self.last = next(self.beats)  # number after the segment's last beat
        self.parts = self.told = 0
        self.ripe = 0  # cycles for which the beat to be announced has been the segment's last, up to 2
        self.retired = 0  # as of a cycle ago

    def step(self, retired, loading):
        """One cycle; ``loading``: the next segment is to be gone on with from the next cycle on."""
        self.told = self.parts
        final = self.parts == self.last - 1
        if self.parts < self.last and self.parts - self.retired < self.most and (self.ripe == 2 or not final):
            self.parts += 1
        self.ripe = min(self.ripe + 1, 2) if final else 0
        self.retired = retired
        if loading:
            self.last += next(self.beats)


class _Lookout:
    """Looks ahead of the join, for some rings, which turns have all their parts in the queues."""

    def __init__(self, lanes):
        self.lanes = lanes  # by turn
        self.number = self.turn = 0  # where it looks
        self.ahead = 0  # turns that it has found and the join has not fetched

    def step(self, cycle, advance):
        """One cycle; ``advance``: the join fetches a turn."""
        found = self.ahead < 3 and all(
            len(lane.done) > self.number and lane.done[self.number][0] <= cycle + 1 for lane in self.lanes[self.turn])
        self.ahead += found - advance
        if found:
            self.turn += 1
            if self.turn == len(self.lanes):
                self.turn, self.number = 0, self.number + 1


class _Span:
    """The decoder during one span."""

    def __init__(self, config, segments, words, lanes, output):
        self.config = config
        self.output = output
        self.lanes = [(LaneAlone if config.ring == 1 else Lane)(config, _parts(config, segments, i), tokens)
                      for i, tokens in enumerate(lanes)]
        beats = [-(-segment.weights // config.beat_weights) for segment in segments]
        self.ends = {end: segment.weights - (count - 1) * config.beat_weights
                     for end, count, segment in zip(accumulate(beats), beats, segments)}
        self.sequencer = _Sequencer(beats, config.beats_ahead)
        self.words_left = words
        self.coming = None  # the lane whose word is in the register
        self.order = deque()  # the lanes whose words are the next
        self.pending = deque()  # the orders that are left of the request that is being served
        self.requests = deque()
        self.popped = False  # whether a request was taken from the queue a cycle ago
        self.sent = []  # the request in the register
        self.room = False  # whether there was room for requests a cycle ago
        self.number = self.turn = 0  # of which beat and which turn the parts are wanted
        self.lookouts = [_Lookout([self._lanes_of(turn)[ring:ring + LOOKOUT_RINGS] for turn in range(config.ring)])
                         for ring in range(0, config.rings, LOOKOUT_RINGS)]
        self.there = False  # the parts wanted are there
        self.head = None
        self.loading = self.over = False  # a segment ended a cycle ago; the span did
        self.settled = self.passed = False
        self.quiet = deque([False] * 3, 3)  # whether nothing was asked for in each of the last cycles
        self.rested = deque([False] * config.ring, config.ring)
        self.at_rest = False  # whether all lanes had come to the segment's end a cycle ago

    def run(self, feed, timing):
        """From the cycle that begins the span to that after the last of its turns has been taken."""
        first = cycle = self._preload(feed, timing)
        while not self.over:
            timing.causes[self._step(feed, cycle, (cycle - first) % self.config.ring)] += 1
            cycle += 1
        timing.causes[self._aside(cycle)] += 1
        self.output.end_span()
        timing.end = cycle + 1

    def _preload(self, feed, timing):
        """The begin, the words of the preload, and a turn of each lane for its start state."""
        cycle = timing.end
        for _ in range(2):
            timing.causes[self._aside(cycle)] += 1
            cycle += 1
        self._wait(cycle, timing)
        for _ in range(len(self.lanes) * self.config.preload):
            cycle += 1
            while self.words_left and not feed.valid(cycle):
                self._wait(cycle, timing)
                cycle += 1
            self._take_word(feed, cycle)
            self._wait(cycle, timing)
        for left in reversed(range(2 + self.config.ring)):
            cycle += 1
            self._wait(cycle, timing, starting=left == 0)
        return cycle + 1

    def _wait(self, cycle, timing, starting=False):
        """A cycle of the preload; ``starting``: the last one."""
        timing.causes[self._aside(cycle)] += 1
        if self.config.ring == 1:
            for ring, lane in enumerate(self.lanes):
                lane.fresh = True
                lane.step(cycle, self.sequencer, 0, starting and self.output.room(ring))
        self.sequencer.step(0, False)

    def _aside(self, cycle):
        """What goes on at the output in a cycle without a turn; returns what the cycle went to."""
        cause = self.output.cause(cycle) or "preload"
        self.output.step(cycle, None)
        return cause

    def _take_word(self, feed, cycle):
        if self.words_left:
            feed.take(cycle)
            self.words_left -= 1

    def _step(self, feed, cycle, begins):
        """One cycle, in which the turns numbered ``begins`` begin; returns what it went to."""
        cause = self._cause(cycle)
        retired, loading, arriving = self.number, self.loading, self.coming
        request = self._join(cycle)
        self.coming = self._serve(feed, cycle)
        if self.sent:
            self.requests.append(self.sent)
        self.sent = request
        self._begin_turns(cycle, begins, retired)
        if arriving is not None:
            arriving.arrive()
        self.sequencer.step(retired, loading)
        return cause

    def _cause(self, cycle):
        cause = self.output.cause(cycle)
        if cause:
            return cause
        if self.head is not None:
            return "check" if self.head.held and not self.passed else "tokens"
        if not self.room and all(lookout.ahead for lookout in self.lookouts):
            return "requests"
        missing = (lane for lane in self._lanes_of(self.turn) if lane.part <= self.number)
        return "words" if any(lane.starved for lane in missing) else "tokens"

    def _lanes_of(self, turn):
        return self.lanes[turn * self.config.rings:(turn + 1) * self.config.rings]

    def _join(self, cycle):
        """Head and output; returns the request for words that is sent."""
        head, held = self.head, self.head is not None and self.head.held
        move = head is not None and (self.passed or not held) and self.output.free(cycle)
        room, self.room = self.room, len(self.requests) + self.popped < REQUEST_QUEUE - 4
        self.passed = self.settled
        quiet = not (self.order or self.pending or self.requests or self.sent)
        self.settled = held and self.at_rest and quiet and all(self.quiet)
        self.at_rest = all(self.rested)
        self.quiet.append(quiet)
        self.loading = self.over = False
        if move and head.end:
            self.over = self.number == self.sequencer.end
            self.loading = not self.over
        self.output.step(cycle, head.shown if move else None)
        free = move or head is None
        if free:
            self.head = self._fetch() if self.there else None
        advance = free and self.there
        self.there = room and all(lookout.ahead > advance for lookout in self.lookouts)
        for lookout in self.lookouts:
            lookout.step(cycle, advance)
        return head.request if move else []

    def _fetch(self):
        """The next head."""
        lanes = self._lanes_of(self.turn)
        per_turn = self.config.transfer_weights
        left = self.ends.get(self.number + 1, self.config.beat_weights) - self.turn * per_turn
        final = self.number + 1 in self.ends
        silent = self.number + 1 == self.sequencer.end
        head = _Head(shown=left > 0, held=silent and 0 < left <= per_turn,
                     end=final and self.turn == self.config.ring - 1,
                     request=[] if silent else self._orders(lanes))
        self.turn += 1
        if self.turn == self.config.ring:
            self.turn, self.number = 0, self.number + 1
        return head

    def _orders(self, lanes):
        """The request of these lanes, which are to be fetched: order by order the lanes that ask for words."""
        orders = {}
        for ring, lane in enumerate(lanes):
            for place in range(lane.done[self.number][1]):
                number = (ring * self.config.words_per_beat + place) // self.config.order_words
                orders.setdefault(number, []).append(lane)
        return list(orders.values())

    def _serve(self, feed, cycle):
        """Hand out a word if one is asked for and there; returns the lane that gets it, or None."""
        receiver = None
        if self.order and not (self.words_left and not feed.valid(cycle)):
            self._take_word(feed, cycle)
            receiver = self.order.popleft()
        if not self.order and self.pending:
            self.order.extend(self.pending.popleft())
        self.popped = bool(not self.pending and self.requests)
        if self.popped:
            self.pending.extend(self.requests.popleft())
        return receiver

    def _begin_turns(self, cycle, turn, number):
        """In each ring the turn of one lane begins."""
        sequencer, lanes = self.sequencer, self._lanes_of(turn)
        self.rested.append(sequencer.told == sequencer.last and all(lane.part == sequencer.told for lane in lanes))
        if self.config.ring == 1:
            for ring, lane in enumerate(lanes):
                if lane.step(cycle, sequencer, number, self.output.room(ring)):
                    self.output.tell(cycle, ring)
            return
        for ring, lane in enumerate(lanes):
            allowed = lane.part < sequencer.told and self.output.room(ring)
            if allowed and lane.turn(cycle, lane.part - number == self.config.parts_ahead):
                self.output.tell(cycle, ring)
