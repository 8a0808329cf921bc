"""The cycle model: in which clock cycle each transfer is taken and each beat handed out, equal to the RTL to the cycle.

The model knows no bits, only how many: it runs on the tokens' lengths and costs (`golden.scalar.trace`). Each step of
`_Span` is one clock cycle of ``hw``: first what follows from the registers, then what they become.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from .config import REQUEST_QUEUE, Config
from .header import header_bytes
from .header_time import header_program
from .patterns import ALWAYS
from .scalar import trace
from .stream import Stream, lane_counts

__all__ = ["CAUSES", "Timing", "simulate"]

CAUSES = {
    "beats": "a beat was taken",
    "header": "the header was being read",
    "preload": "a span was being started",
    "sink": "a beat was on offer, the sink did not take it",
    "words": "a lane waited for a word",
    "tokens": "a lane needed more than one token for its part of the beat, or a first one",
    "requests": "the queue of requests for words was full",
    "check": "the last beat of a span waited for the check of the span",
}


@dataclass
class Timing:
    """What happened when. Cycle 0 is that of the first clock edge without reset.

    Parameters
    ----------
    inputs : list of int
        Cycle in which each transfer of the stream was taken.
    beats : list of int
        Cycle in which each beat was taken.
    causes : Counter
        Cycles by what they went to, up to the last beat; the keys are those of `CAUSES`.
    end : int
        Cycle after that of the last beat: the first in which the decoder can be done.
    """

    inputs: list[int] = field(default_factory=list)
    beats: list[int] = field(default_factory=list)
    causes: Counter = field(default_factory=Counter)
    end: int = 0


def simulate(stream: Stream, config: Config | None = None, source=ALWAYS, sink=ALWAYS, start: int = 0) -> Timing:
    """The timing of one stream through the decoder.

    Parameters
    ----------
    stream : Stream
    config : Config or None
        The decoder's, if it is another than the stream's: its table style decides how long the header takes.
    source, sink : callable of int
        Whether the source may put a new transfer on offer in a cycle (once on offer it stays), and whether the sink
        takes a beat in a cycle. See `golden.patterns.Pattern`.
    start : int
        The first cycle in which the decoder waits for the stream.

    Returns
    -------
    Timing

    Raises
    ------
    FormatError
        If the stream cannot be decoded.
    """
    config = config or stream.config
    timing = Timing(end=start)
    size = len(header_bytes(stream)) + sum(words.nbytes for words in stream.words)
    transfers = size // (stream.config.word_bits // 8)
    feed = _Source(source, start, transfers, timing.inputs)
    _read_header(header_program(stream, config.table_style), stream.config.word_bits // 4, feed, timing)
    for (first, last), words, lanes in zip(stream.spans, stream.words, trace(stream)):
        segments = stream.segments[first:last]
        _Span(stream.config, segments, len(words), lanes).run(feed, sink, timing)
    return timing


class _Source:
    """The input: offers one transfer after the other."""

    def __init__(self, pattern, start, transfers, taken):
        self.pattern = pattern
        self.left = transfers
        self.taken = taken
        self.on_offer = False
        self.looked = start - 1  # the last cycle in which it could have put a transfer on offer

    def valid(self, cycle):
        """Whether a transfer is on offer."""
        while not self.on_offer and self.left and self.looked < cycle:
            self.looked += 1
            self.on_offer = self.pattern(self.looked)
        return self.on_offer

    def take(self, cycle):
        """The transfer is taken; the next can be offered in the next cycle."""
        self.taken.append(cycle)
        self.on_offer = False
        self.left -= 1
        self.looked = cycle


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


class _Lane:
    """One lane: reservoir and expander."""

    def __init__(self, config, segments, tokens, index):
        self.width = config.word_bits
        self.most = config.word_bits - config.token_bits
        self.level = 0  # words in the reservoir
        self.pointer = 0  # bits of the first of them that have been used
        self.tokens = iter([(token.length, token.bits) for token in tokens])
        self.parts = _parts(config, segments, index)  # per beat: need, final
        self.beat = 0  # number of the beat it fills, or has on offer
        self.valid = False  # whether it is on offer
        self.ended = False
        self.fill = 0
        self.asked = 0
        self.held = 0  # weights of the token at hand that are still to come
        self.crossed = 0
        self.starved = False  # whether it had to wait for a word since its last full beat

    def enough(self):
        return self.level > 1 or (self.level == 1 and self.pointer <= self.most)

    def read(self, bits):
        """Take bits, return how many word boundaries that reaches."""
        self.pointer += bits
        if self.pointer < self.width:
            return 0
        self.pointer -= self.width
        self.level -= 1
        return 1

    def step(self, retire):
        """One cycle."""
        filling = not self.valid or retire
        if retire:
            self.valid, self.fill, self.asked = False, 0, 0
            self.beat += 1
        if self.beat + (not filling) >= len(self.parts):
            return
        may_fetch = not self.ended
        if filling:
            need, final = self.parts[self.beat]
            if self.held:
                self.asked += self.crossed
                self.crossed = 0
            step = min(self.held, need - self.fill)
            self.held -= step
            self.fill += step
            self.ended = final
            self.valid = self.fill == need
            self.starved &= not self.valid
            may_fetch = not (self.valid and final)
            if not may_fetch:
                self.held = 0
        if self.held or not may_fetch:
            return
        if self.enough():
            self.held, bits = next(self.tokens)
            self.crossed = self.read(bits)
        else:
            self.starved = True


def _parts(config, segments, index):
    """What lane ``index`` owns in each beat of a span: (need, final)."""
    parts = []
    for segment in segments:
        count = int(lane_counts(segment.weights, config.lanes, config.vector)[index])
        for beat in range(-(-segment.weights // config.beat_weights)):
            before = beat * config.vector
            parts.append((min(max(count - before, 0), config.vector), count <= before + config.vector))
    return parts


class _Span:
    """The decoder during one span."""

    def __init__(self, config, segments, words, lanes):
        self.config = config
        self.lanes = [_Lane(config, segments, tokens, i) for i, tokens in enumerate(lanes)]
        self.beats_left = len(self.lanes[0].parts)
        self.words_left = words
        self.pending = deque()  # lanes of the request that is being served
        self.queue = deque()
        self.settled = False

    def run(self, feed, sink, timing):
        """From the cycle that begins the span to that in which its last beat is taken."""
        begin = timing.end
        cycle = self._preload(feed, begin + 1)
        timing.causes["preload"] += cycle - begin
        while self.beats_left:
            timing.causes[self._step(feed, sink, cycle, timing)] += 1
            cycle += 1
        timing.end = cycle

    def _preload(self, feed, cycle):
        for lane in self.lanes:
            for _ in range(self.config.preload):
                while self.words_left and not feed.valid(cycle):
                    cycle += 1
                self._take_word(feed, cycle)
                lane.level += 1
                cycle += 1
        for lane in self.lanes:
            lane.read(self.config.table_log)
        return cycle + 1

    def _take_word(self, feed, cycle):
        if self.words_left:
            feed.take(cycle)
            self.words_left -= 1

    def _step(self, feed, sink, cycle, timing):
        """One cycle; returns what it went to."""
        filled = all(lane.valid for lane in self.lanes)
        last = self.beats_left == 1
        room = len(self.queue) < REQUEST_QUEUE
        offered = filled and room and (self.settled or not last)
        retire = offered and sink(cycle)
        self.settled = filled and last and not self.pending and not self.queue and not retire
        request = self._request() if retire and not last else ()
        receiver = self._serve(feed, cycle)
        starved = any(lane.starved and not lane.valid for lane in self.lanes)
        for lane in self.lanes:
            lane.step(retire)
        if receiver is not None:
            receiver.level += 1
        if request:
            self.queue.append(request)
        if retire:
            timing.beats.append(cycle)
            self.beats_left -= 1
            return "beats"
        if offered:
            return "sink"
        if filled:
            return "check" if room else "requests"
        return "words" if starved else "tokens"

    def _request(self):
        return [lane for lane in self.lanes for _ in range(lane.asked)]

    def _serve(self, feed, cycle):
        """Hand out a word if one is asked for and there; returns the lane that gets it, or None."""
        receiver = None
        if self.pending and (not self.words_left or feed.valid(cycle)):
            self._take_word(feed, cycle)
            receiver = self.pending.popleft()
        if not self.pending and self.queue:
            self.pending.extend(self.queue.popleft())
        return receiver
