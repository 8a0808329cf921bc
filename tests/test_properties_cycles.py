"""What holds of the cycle model for whatever it is given; that it is the RTL's is shown by running both."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from golden import scalar
from golden.codec import decode
from golden.config import TOKEN_QUEUE, Config, OutputMode, TableStyle
from golden.cycles import CAUSES, Timing, simulate
from golden.errors import ConfigError
from golden.header import MAGIC, VERSION, header_bytes, header_nibbles
from golden.header_time import header_program
from golden.lane_cycles import Lane, LaneAlone
from golden.offers import Offers
from golden.outputs import BeatOutput, TokenOutput
from golden.patterns import Pattern
from golden.selection import Selection, selected_words
from golden.stream import lane_counts
from tests.properties import LIMITS, about, examples, refused
from tests.strategies import cases, seeds, small_case

patterns = st.one_of(st.sampled_from(("always", "never", "alternate")).map(Pattern),
                     st.builds(lambda on, off: Pattern("burst", (on, off)), st.integers(1, 9), st.integers(0, 9)),
                     st.builds(lambda p, seed: Pattern("random", (p, seed)), st.floats(0.01, 1), st.integers(0, 99)))
sides = st.sampled_from(("always", "alternate", "burst:2:3", "random:0.5:1", "burst:1:4")).map(Pattern.parse)


@about(Pattern)
@LIMITS
@given(patterns)
def test_patterns_are_their_text(pattern):
    again = Pattern.parse(str(pattern))
    assert again == pattern and [again(k) for k in range(50)] == [pattern(k) for k in range(50)]


@about(Pattern)
@examples(200)
@given(st.sampled_from(("always", "burst", "random", "sometimes")),
       st.lists(st.sampled_from((-1, 0, 1, 2, 3, 0.5, 1.5)), max_size=3)
       | st.tuples(st.integers(0, 2), st.integers(-1, 2)))
def test_a_pattern_is_refused_or_valid(name, arguments):
    whole = all(isinstance(each, int) for each in arguments)
    valid = {"always": not arguments,
             "burst": whole and len(arguments) == 2 and arguments[0] >= 1 and arguments[1] >= 0,
             "random": len(arguments) == 2 and 0 < arguments[0] <= 1 and isinstance(arguments[1], int)}.get(name, False)
    text = ":".join((name, *map(str, arguments)))
    if not valid:
        with refused(ConfigError):
            Pattern.parse(text)
        return
    pattern = Pattern.parse(text)
    willing = [pattern(cycle) for cycle in range(60)]
    if name == "burst":
        assert willing == [
            each for _ in range(60) for each in [True] * arguments[0] + [False] * arguments[1]][:60]
    elif name == "always" or arguments[0] == 1:
        assert all(willing)


@about(simulate, Timing)
@settings(examples(6), phases=[Phase.generate])
@given(seeds, st.sampled_from(("always", "alternate", "burst:2:3", "random:0.5:1")),
       st.sampled_from(("always", "burst:1:4", "random:0.3:2")))
def test_cycles_of_slower_sides(seed, source, sink):
    """Everything is taken, in order, and no earlier than by sides that never pause."""
    stream = small_case(seed).stream()
    swift = simulate(stream)
    slow = simulate(stream, source=Pattern.parse(source), sink=Pattern.parse(sink))
    assert sum(len(weights) for weights in decode(stream)) == stream.weights
    for timing in (swift, slow):
        assert len(timing.beats) == sum(-(-s.weights // 4) for s in stream.segments)
        assert timing.inputs == sorted(set(timing.inputs)) and timing.beats == sorted(set(timing.beats))
        assert sum(timing.causes.values()) == timing.beats[-1] + 1  # up to the last transfer
        assert timing.end - timing.beats[-1] in (1, 2)
    assert swift.end == swift.beats[-1] + 2
    assert slow.end >= swift.end and len(slow.inputs) == len(swift.inputs)
    assert all(late >= early for late, early in zip(slow.beats, swift.beats))


@about(simulate, Timing)
@examples(12)
@given(seeds, st.sampled_from((1, 2, 4)), st.sampled_from(OutputMode), st.sampled_from(TableStyle), sides, sides)
def test_cycles_are_all_accounted_for(seed, ring, output, style, source, sink):
    """Each transfer is taken when its side is willing, there are as many as the words and the weights ask for, and each
    cycle up to the last went to something, and so did the turns of the last beat that have no weights."""
    stream = small_case(seed, lanes=4).stream()
    config = replace(stream.config, ring=ring, output=output, table_style=style)
    timing = simulate(stream, config, source, sink)
    assert len(timing.inputs) == selected_words(stream, Selection()) and timing.inputs == sorted(set(timing.inputs))
    taken = timing.tokens if output is OutputMode.SPARSE else [timing.beats]
    assert all(sink(cycle) for cycles in taken for cycle in cycles)
    assert all(cycles == sorted(set(cycles)) for cycles in taken)
    assert set(timing.causes) <= set(CAUSES) and min(timing.causes.values()) >= 0
    per_transfer = config.transfer_weights
    empty = 0 if output is OutputMode.SPARSE else -stream.segments[-1].weights % config.beat_weights // per_transfer
    assert sum(timing.causes.values()) == max(map(max, taken)) + 1 + empty
    assert timing.end - sum(timing.causes.values()) in ((1,) if empty or output is OutputMode.SPARSE else (0, 1))
    if output is OutputMode.DENSE:
        assert len(timing.beats) == sum(-(-segment.weights // per_transfer) for segment in stream.segments)
        assert timing.causes["beats"] == len(timing.beats)
        return
    tokens = [sum(len(segment[lane]) for segment in scalar.lane_tokens(stream)) for lane in range(4)]
    assert len(taken) == config.rings
    assert timing.causes["beats"] == len({cycle for cycles in taken for cycle in cycles})
    for ring_number, cycles in enumerate(taken):
        least = sum(tokens[ring_number::config.rings])
        assert least < len(cycles) <= least + ring * len(stream.segments)


@about(simulate)
@examples(8)
@given(seeds, st.integers(1, 50), st.sampled_from(TableStyle))
def test_a_later_start_moves_everything(seed, start, style):
    stream = small_case(seed).stream()
    config = replace(stream.config, table_style=style)
    early, late = simulate(stream, config), simulate(stream, config, start=start)
    assert [cycle + start for cycle in early.inputs] == late.inputs
    assert [cycle + start for cycle in early.beats] == late.beats
    assert late.causes == early.causes and late.end == early.end + start


@about(simulate)
@examples(8)
@given(seeds, st.booleans(), st.booleans())
def test_a_selection_takes_the_cycles_of_its_spans(seed, keep, load):
    stream = small_case(seed).stream()
    config = replace(stream.config, select=True)
    first, last = stream.spans[-1]
    selection = Selection(first, 0, keep, load)
    timing = simulate(stream, config, selection=selection)
    weights = 0 if load and not keep else sum(-(-segment.weights // 4) for segment in stream.segments[first:last])
    assert len(timing.beats) == weights and len(timing.inputs) == selected_words(stream, selection)
    assert (timing.causes["header"] == 0) == keep
    if selection != Selection():
        with refused(ConfigError):
            simulate(stream, selection=selection)


@about(header_program, simulate)
@examples(12)
@given(cases(20), st.sampled_from(TableStyle))
def test_a_header_takes_its_nibbles(case, style):
    """All of them are read, of both styles; a word of the stream takes a cycle more, and so the model counts them."""
    stream = case.stream()
    program = header_program(stream, style)
    read = len(header_nibbles(stream))
    assert sum(nibbles for nibbles, _ in program) == 2 * len(MAGIC) + 2 + read + 8 and VERSION < 256
    assert all(before == (0, 1) for before, step in zip(program, program[1:]) if step[0])
    words = len(header_bytes(stream)) // (stream.config.word_bits // 8)
    config = replace(stream.config, table_style=style)
    cycles = simulate(stream, config).causes["header"]
    assert cycles == words + sum(nibbles + others for nibbles, others in program)
    if style is TableStyle.RAM:
        least = sum(table.counts.count(0) + 2 * (1 << table.table_log) for table in stream.tables)
        assert sum(others for _, others in program) > least
    else:
        assert len([step for step in program if step[0] == 8]) >= (read - 20) // 8


def owned(config, segments, index):
    """Per beat of some segments: weights that a lane owns, and whether the beat is the segment's last."""
    parts = []
    for segment in segments:
        left = int(lane_counts(segment.weights, config.lanes, config.vector)[index])
        for beat in range(-(-segment.weights // config.beat_weights), 0, -1):
            parts.append((config.vector if beat > 1 else left, beat == 1))
            left -= config.vector
    return parts


def words_asked(stream, span, tokens, index):
    """Per beat, the word boundaries that a lane's tokens reach in it: each is asked for again."""
    config, asked, read, at = stream.config, [], stream.config.table_log, 0
    for number in range(*span):
        weights = stream.segments[number].weights
        count = int(lane_counts(weights, config.lanes, config.vector)[index])
        for beat in range(-(-weights // config.beat_weights)):
            before, end = read, min((beat + 1) * config.vector, count)
            while at < len(tokens) and tokens[at].segment == number and tokens[at].first < end:
                read += tokens[at].bits
                at += 1
            asked.append(read // config.word_bits - before // config.word_bits)
    return asked


def run(lane, step, parts):
    """Step a lane through its parts, handing over the words that each asks for as it is done; what it told."""
    told, handed, cycle = 0, 0, 0
    while lane.part < len(parts):
        told += step(cycle)
        if handed < sum(words for _, words in lane.done):
            lane.arrive()
            handed += 1
        cycle += 1
        assert cycle < 3000, "the lane stands still"
    return told


@about(Lane)
@LIMITS
@given(seeds)
def test_a_lane_of_a_ring_completes_its_parts(seed):
    """Each part once, and none while there is no room, with the words that its tokens read across. It tells of each
    token once, and of each segment's end but the last, which may be in one turn with a token."""
    stream, random = small_case(seed, lanes=6).stream(), np.random.default_rng(seed)
    config = replace(stream.config, ring=3)
    for span, lanes in zip(stream.spans, scalar.trace(stream)):
        segments = stream.segments[slice(*span)]
        for index, tokens in enumerate(lanes):
            parts = owned(config, segments, index)
            lane = Lane(config, parts, tokens)

            def turn(cycle, lane=lane):
                full, before = random.random() < 0.3, lane.part
                told = lane.turn(cycle, full)
                assert not full or lane.part == before
                assert lane.starved <= (lane.level < 2)
                return told

            told = run(lane, turn, parts)
            assert [words for _, words in lane.done] == words_asked(stream, span, tokens, index)
            assert len(tokens) <= told <= len(tokens) + len(segments) - 1
            assert [cycle for cycle, _ in lane.done] == sorted({cycle for cycle, _ in lane.done})


@about(LaneAlone)
@LIMITS
@given(seeds, st.sampled_from((2, 4, 16)))
def test_a_lane_alone_completes_its_parts(seed, queue):
    """As a lane of a ring does, whatever the room ahead of it and whenever it may run."""
    stream, random = small_case(seed).stream(), np.random.default_rng(seed)
    config = replace(stream.config, queue=queue)
    for span, lanes in zip(stream.spans, scalar.trace(stream)):
        segments = stream.segments[slice(*span)]
        for index, tokens in enumerate(lanes):
            parts = owned(config, segments, index)
            ends = [number + 1 for number, (_, final) in enumerate(parts) if final]
            lane, beats = LaneAlone(config, parts, tokens), SimpleNamespace(told=0, last=ends.pop(0))

            def step(cycle, lane=lane, beats=beats, ends=ends):
                lane.fresh = cycle < 12  # the words of the preload are on their way
                oldest = max(0, lane.part - int(random.integers(0, queue)))
                told = lane.step(cycle, beats, oldest, cycle >= 11 and random.random() < 0.8)
                if lane.part == beats.last and ends:
                    beats.last = ends.pop(0)
                beats.told = min(beats.told + 1, beats.last, oldest + config.beats_ahead)
                return told

            told = run(lane, step, parts)
            assert [words for _, words in lane.done] == words_asked(stream, span, tokens, index)
            assert len(tokens) <= told <= len(tokens) + len(segments) - 1


@about(BeatOutput)
@LIMITS
@given(seeds, patterns)
def test_a_transfer_waits_until_it_is_taken(seed, sink):
    """Against a register in plain words."""
    random, timing = np.random.default_rng(seed), Timing()
    output, waiting, taken = BeatOutput(Config(), sink, timing), False, []
    for cycle in range(80):
        willing = sink(cycle)
        assert output.cause(cycle) == (None if not waiting else "beats" if willing else "sink")
        assert output.free(cycle) == (willing or not waiting) and output.room(0)
        shown = random.choice([True, True, False, None]) if output.free(cycle) else None
        if waiting and willing:
            taken.append(cycle)
            waiting = False
        waiting = waiting if shown is None else bool(shown)
        assert bool(output.step(cycle, shown)) == waiting
    assert timing.beats == taken


@about(TokenOutput)
@LIMITS
@given(seeds, patterns.filter(lambda pattern: pattern.name != "never"), st.sampled_from(((4, 1), (4, 2), (6, 3))))
def test_records_wait_for_the_sink_and_never_overflow(seed, sink, shape):
    """Those told of while there is room, and a mark for each lane at the span's end, are taken in order, each when it
    has come."""
    config = Config(lanes=shape[0], ring=shape[1], output=OutputMode.SPARSE)
    random, timing = np.random.default_rng(seed), Timing()
    output, told, left = TokenOutput(config, sink, timing), [[] for _ in range(config.rings)], True
    for cycle in range(9000):
        cause = output.cause(cycle)
        assert (cause == "beats") <= sink(cycle) and (cause == "sink") <= (not sink(cycle))
        left = output.step(cycle, None)
        assert max(output.levels) <= TOKEN_QUEUE and output.free(cycle)
        for ring in range(config.rings):
            if cycle < 120 and output.room(ring) and random.random() < 0.7:
                output.tell(cycle, ring)
                told[ring].append(cycle)
        if cycle == 130:
            output.end_span()
        if cycle > 131 and not left:
            break
    assert not left and min(map(len, told)) > 0
    for cycles, begun in zip(timing.tokens, told, strict=True):
        assert len(cycles) == len(begun) + config.ring and all(map(sink, cycles))
        assert cycles == sorted(set(cycles))
        assert all(late > early + config.token_latency for early, late in zip([*begun, *[130] * config.ring], cycles)
                   if early < 130)


@about(Offers)
@LIMITS
@given(seeds, st.integers(1, 4), st.integers(1, 6))
def test_offers_are_taken_once_and_must_stay(seed, rings, dest_bits):
    random = np.random.default_rng(seed)
    offers, waiting, taken, wanted = Offers(rings, dest_bits), [None] * rings, [], []
    for cycle in range(40):
        for ring in range(rings):
            if waiting[ring] is None and random.random() < 0.6:
                waiting[ring] = (int(random.integers(1 << 16)), int(random.integers(4)),
                                 int(random.integers(1 << dest_bits)), int(random.integers(2)))
        ready = bool(random.random() < 0.5)
        ports = [sum((1 if field is None else offer[field]) << width * ring
                     for ring, offer in enumerate(waiting) if offer is not None)
                 for field, width in ((None, 1), (0, 16), (1, 2), (2, dest_bits), (3, 1))]
        taken += offers.look(cycle, ready, *ports)
        if ready:
            wanted += [(cycle, ring, *offer) for ring, offer in enumerate(waiting) if offer is not None]
            waiting = [None] * rings
    assert taken == wanted
    held = [ring for ring, offer in enumerate(offers.waiting) if offer is not None]
    if held:
        with refused(AssertionError):
            offers.look(40, True, 0, *ports[1:])
        changed = ports[:1] + [ports[1] ^ 1 << 16 * held[0]] + ports[2:]
        with refused(AssertionError):
            offers.look(40, True, *changed)
