"""The long runs, short: the compiled bench, corrupted streams, a soak, and faults that they must find."""

import json
from collections import Counter

import numpy as np
import pytest

from golden.codec import decode
from golden.config import Config, TableStyle
from golden.container import stream_bytes
from golden.cycles import simulate
from golden.errors import ConfigError, FormatError, InputError
from golden.patterns import Pattern
from golden.table import Alphabet
from hw.errors import ErrorCode
from hw.simulators import SimulatorError, find_simulator

from . import fuzz, soak
from .bounds import cycle_bound
from .corrupt import KINDS
from .decoders import pattern
from .fast import NONE, Begin, Broken, End, Job, Sent, compile_fast
from .faults import FAULTS, faulty_verilog
from .records import Record
from .streams import Layer, make_stream
from .tally import COLUMNS, table, upper_bound
from .verdicts import expectation, judge
from .wrong import CASES

CONFIG = Config(lanes=2, vector=2, word_bits=16, table_log=5, max_run=2, raw_bits=1, bins=15, max_tables=8,
                max_segments=48, table_style=TableStyle.RAM)
PATTERNS = [("always", "always"), ("random:0.5:1", "always"), ("always", "random:0.25:20000000"),
            ("alternate", "burst:1:6"), ("burst:9:40", "burst:30:11")]


@pytest.fixture(scope="module")
def decoder():
    """One decoder for all tests; a fault can be planted in it."""
    try:
        find_simulator("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    return compile_fast(CONFIG, faulty_verilog(CONFIG), optimize="-O1")


class Planted:
    """The decoder with a fault."""

    def __init__(self, decoder, fault):
        self.config = decoder.config
        self._decoder = decoder
        self._fault = fault

    def run(self, streams, jobs, seed=0):
        return self._decoder.run(streams, jobs, seed, [f"+fault={self._fault}"])


@pytest.fixture(scope="module")
def right():
    """A stream of every kind of table in two spans, and its weights."""
    return make_stream(CONFIG, [
        Layer(90, Alphabet(7), 2, pieces=3), Layer(101, Alphabet(1, 0, 2), 0.5, listed=True),
        Layer(150, Alphabet(7, 1), 3, restart=True, listed=True, pieces=2), Layer(1, Alphabet(3), 1)], 5)


def sent(stream, weights):
    return Sent(stream_bytes(stream), stream.segments, np.concatenate(weights))


def bound_of(stream, data=None):
    size = CONFIG.word_bits // 8
    return cycle_bound(CONFIG, -(-len(data or stream_bytes(stream)) // size), stream.segments)


def test_cycles_are_those_of_the_cycle_model(decoder, right):
    """And so are the patterns, whose code is written twice."""
    pairs = [tuple(map(Pattern.parse, pair)) for pair in PATTERNS]
    jobs = [Job(0, bound_of(right[0]), *pair, begin) for pair in pairs for begin in (Begin.CLEAR, Begin.RESET)]
    for job, result in zip(jobs, decoder.run([sent(*right)], jobs, 7), strict=True):
        timing = simulate(right[0], CONFIG, job.source, job.sink)
        assert (result.ended, result.error, result.wrong, result.broken) == (End.DONE, 0, NONE, Broken.FINE)
        assert (result.cycles, result.inputs, result.transfers) == (timing.end, len(timing.inputs), len(timing.beats))
        assert (result.weights, result.spans, result.late) == (right[0].weights, len(right[0].spans), 0)
        assert (result.stalled > 0, result.stalled) == (job.sink.name != "always", timing.causes["sink"])


def test_a_wrong_weight_is_seen(decoder, right):
    """Each place of the comparison, the first and last weights too."""
    places = [0, 1, 89, 90, 191, right[0].weights - 1]
    streams = []
    for place in places:
        streams.append(sent(*right))
        streams[-1].expected[place] ^= 4
    jobs = [Job(number, bound_of(right[0])) for number in range(len(places))]
    assert [result.wrong for result in decoder.run(streams, jobs)] == places


def test_error_codes(decoder):
    """The wrong streams of `sim.wrong` end in their codes here as well."""
    stream, weights = make_stream(CONFIG, [
        Layer(60, Alphabet(7), 2), Layer(61, Alphabet(1, 0, 2), 0.5, listed=True),
        Layer(50, Alphabet(7, 1), 3, restart=True), Layer(102, Alphabet(3), 1, listed=True)], 5)
    streams = [Sent(case.make(stream), (), np.zeros(0, np.int8)) for case in CASES] + [sent(stream, weights)]
    jobs = [job for number in range(len(CASES))
            for job in (Job(number, bound_of(stream, streams[number].data)), Job(len(CASES), bound_of(stream)))]
    results = list(decoder.run(streams, jobs))
    assert [ErrorCode(result.error) for result in results[::2]] == [case.code for case in CASES]
    assert {(result.ended, result.late, result.broken) for result in results[::2]} == {(End.ERROR, 0, Broken.FINE)}
    assert {(result.ended, result.wrong, result.broken) for result in results[1::2]} == {(End.DONE, NONE, Broken.FINE)}


def test_corrupted_streams(decoder):
    """Every kind, with every check that catches it; nothing undetected, nothing that the decoder may not do."""
    tally = fuzz.Tally()
    fuzz.batch(decoder, 0, tally, size=10 * len(KINDS))
    assert tally.findings == [] and tally.streams == 10 * len(KINDS) and 0 < tally.slowest < 1
    plain = sum((counts for name, counts in tally.rows.items() if "mended" not in name), Counter())
    mended = sum((counts for name, counts in tally.rows.items() if "mended" in name), Counter())
    assert plain["other"] == plain["hang"] == mended["hang"] == 0
    assert plain.keys() >= {"WORDS_CRC", "HEADER_CRC", "TRUNCATED", "MAGIC", "right"}
    assert mended.keys() >= {"END_STATE", "WORDS_LEFT", "COUNTS", "SEGMENT", "right", "other"}
    assert mended["WORDS_CRC"] < sum(mended.values()) / 10


@pytest.mark.parametrize("fault, found", [
    ("weight", "is not the golden model's"), ("withdrawn", "the rule CHANGED was broken"),
    ("late", "transfers were offered after the error"), ("last", "SHAPE"), ("keep", "SHAPE"),
    ("silent", "the rule INCOMPLETE was broken"), ("deadlock", "no end after"),
    ("cheerful", "the rule VERDICT was broken"), ("mute", "decoded, but"),
])
def test_planted_faults_are_found(decoder, fault, found):
    tally = fuzz.Tally()
    fuzz.batch(Planted(decoder, fault), 0, tally, size=2 * len(KINDS))
    assert any(found in finding["what"] for finding in tally.findings), tally.findings


def test_what_nothing_detects_is_counted(decoder):
    """Without the comparison of the words' CRC-32 the end states catch most changed words, and others come through."""
    tally = fuzz.Tally()
    fuzz.batch(Planted(decoder, "deaf"), 0, tally, size=4 * len(KINDS))
    assert "deaf" in FAULTS and tally.rows["1 bit of the words"]["WORDS_CRC"] == 0
    plain = sum((counts for name, counts in tally.rows.items() if "mended" not in name), Counter())
    assert plain["other"] > 0 and plain["END_STATE"] > 0


def test_words_that_nothing_reads(decoder):
    """Words stored beyond those of an encoder: where golden drops one the decoder may end in WORDS_LEFT, no more."""
    stream, weights = make_stream(CONFIG, [Layer(40, Alphabet(7), 2)], 2)
    streams, refused = [], []
    for count in range(7):
        words = np.concatenate([stream.words[0], np.full(count, 0x5A5A, stream.words[0].dtype)])
        longer = type(stream)(CONFIG, stream.tables, stream.segments, (words,))
        try:
            refused.append(not np.array_equal(decode(longer)[0], weights[0]))
        except FormatError:
            refused.append(True)
        streams.append(sent(longer, weights))
    assert refused[0] is False and refused[-1] is True
    results = list(decoder.run(streams, [Job(number, bound_of(stream)) for number in range(len(streams))]))
    stricter = 0
    for one, result, golden in zip(streams, results, refused):
        said = expectation(one.data, CONFIG)
        assert bool(said.refused) == golden and judge(result, CONFIG, said, weights[0], True).finding == ""
        stricter += result.error == ErrorCode.WORDS_LEFT.value and not golden
    assert results[0].ended == End.DONE and stricter > 0


@pytest.fixture
def small(monkeypatch):
    """A soak of few and short streams."""
    monkeypatch.setattr(soak, "LARGEST", 3000)
    monkeypatch.setattr(soak, "STREAMS", 8)


def test_soak(decoder, small):
    tally = soak.Tally()
    while tally.weights < 100_000:
        soak.batch(decoder, tally.batches, tally, weights=100_000 - tally.weights)
    assert tally.findings == [] and tally.weights >= 100_000 and tally.streams > tally.made > 1
    assert tally.segments > tally.tables > tally.made and tally.starved and tally.stalled
    assert 0 < tally.free_cycles < tally.cycles


@pytest.mark.parametrize("fault", ["weight", "keep", "silent", "deadlock"])
def test_a_soak_finds_faults(decoder, small, fault):
    tally = soak.Tally()
    soak.batch(Planted(decoder, fault), 0, tally)
    assert len(tally.findings) == 1


def test_progress_is_recorded_and_gone_on_from(decoder, tmp_path, monkeypatch, capsys):
    """A run in two goes counts what one in one go does; the file of another seed or kind is refused."""
    monkeypatch.setattr(fuzz, "compile_fast", lambda config: decoder)
    monkeypatch.setattr(fuzz, "BATCH", len(KINDS))
    tables, records = [], []
    for name, goes in (("one", (2,)), ("two", (1, 2))):
        for go in goes:
            fuzz.main(["--decoders", "alone", "--streams", str(go * len(KINDS)), "-o", str(tmp_path / name)])
        tables.append(capsys.readouterr().out.split("| corrupted |")[-1].split("\nalone")[0])
        tally = Record(tmp_path / name, 1, fuzz.Tally).of("alone")
        records.append((tally.streams, tally.cycles, tally.rows))
    assert tables[0] == tables[1] and records[0] == records[1] and records[0][0] == 2 * len(KINDS)
    with pytest.raises(InputError, match="was begun with seed 1, not 2"):
        Record(tmp_path / "one", 2, fuzz.Tally)
    with pytest.raises(FormatError, match="is not a record of this kind of run"):
        Record(tmp_path / "one", 1, soak.Tally)
    wrong = json.loads((tmp_path / "one").read_text())
    wrong["decoders"]["alone"]["streams"] = "many"
    for content in (b"\xff[", b"[1]", json.dumps(wrong).encode()):
        (tmp_path / "none").write_bytes(content)
        with pytest.raises(FormatError, match="is not a record of this kind of run"):
            Record(tmp_path / "none", 1, fuzz.Tally)


@pytest.mark.parametrize("module, run", [(fuzz, ["--streams", "40"]), (soak, ["--weights", "3e3"])])
def test_a_command_with_findings_ends_in_one_line(decoder, small, monkeypatch, tmp_path, capsys, module, run):
    monkeypatch.setattr(module, "compile_fast", lambda config: Planted(decoder, "keep"))
    with pytest.raises(SimulatorError, match="SHAPE was broken"):
        module.main(["--decoders", "alone", *run, "-o", str(tmp_path / "record")])
    assert "| alone" in (out := capsys.readouterr().out) or "alone  " in out
    assert json.loads((tmp_path / "record").read_text())["decoders"]["alone"]["findings"]


@pytest.mark.parametrize("module, arguments, complaint", [
    (fuzz, ["--streams", "0"], "streams must be at least 1, not 0"),
    (fuzz, ["--decoders", "alone,z80"], "decoders must be of alone, block, sparse, not 'z80'"),
    (fuzz, ["-o", "/nowhere/record"], "/nowhere/record: cannot be written"),
    (fuzz, ["-o", "/"], "/: cannot be read"),
    (soak, ["--seed", "-1"], "seed must be at least 0, not -1"),
    (soak, ["--weights", "many"], "weights must be a number, not 'many'"),
    (soak, ["--weights", "inf"], "weights must be a number, not 'inf'"),
    (soak, ["--weights", "0.5"], "weights must be at least 1, not 0.5"),
    (soak, ["--decoders", ""], "decoders must be of alone, block, sparse, not ''"),
])
def test_bad_input(module, arguments, complaint):
    with pytest.raises(InputError, match=complaint):
        module.main(arguments)


def test_patterns_are_all_drawn():
    random = np.random.default_rng(1)
    drawn = [pattern(random) for _ in range(200)]
    assert {each.name for each in drawn} == {"always", "alternate", "random", "burst"}
    assert len(set(drawn)) > 100 and "never" not in {each.name for each in drawn}


def test_what_does_not_compile():
    with pytest.raises(SimulatorError, match="verilator refuses the decoder: .*rror"):
        compile_fast(CONFIG, "module decoder(; endmodule\n")


def test_a_pattern_that_the_bench_does_not_know(decoder, right):
    with pytest.raises(ConfigError, match="pattern must be one of always, alternate, burst, random here, not never"):
        next(decoder.run([sent(*right)], [Job(0, 100, Pattern("never"))]))


@pytest.mark.parametrize("found, of, bound", [  # by hand, and by scipy.stats.beta.ppf(0.95, found + 1, of - found)
    (0, 1, 0.95), (0, 100, 1 - 0.05 ** 0.01), (1, 10, 0.394163), (50, 1000, 0.0628634), (10, 10, 1.0)])
def test_upper_bound(found, of, bound):
    assert upper_bound(found, of) == pytest.approx(bound, rel=1e-5)


def test_table_of_counts():
    rows = {"one": Counter(MAGIC=2, COUNTS=1, right=4), "two": Counter(END_STATE=3, other=1), "none": Counter()}
    lines = table("kind", rows).splitlines()
    assert lines[0] == ("| kind | streams | header | cut | words' CRC | end state | words left | right | left | other "
                        "| other, at most |")
    assert lines[2] == "| one | 7 | 3 | 0 | 0 | 0 | 0 | 4 | 0 | 0 | 35 % |"
    assert lines[3].startswith("| two | 4 | 0 | 0 | 0 | 3 | 0 | 0 | 0 | 1 |")
    assert lines[-1].startswith("| together | 11 | 3 | 0 | 0 | 3 | 0 | 4 | 0 | 1 |") and len(lines) == 5


def test_every_error_has_a_column():
    names = set.union(*COLUMNS.values())
    others = {ErrorCode.NONE, ErrorCode.STREAM, ErrorCode.SELECTION, ErrorCode.NOT_LOADED, ErrorCode.PARITY}
    assert {code.name for code in set(ErrorCode) - others} <= names
