"""The harness and the checks, on a design so simple that one can see what must come out."""

from dataclasses import replace

import numpy as np
import pytest

from golden.config import Config
from golden.cycles import Timing
from golden.patterns import ALWAYS, Pattern

from .checks import difference
from .harness import compile_design
from .jobs import Episode, Steps
from .simulators import SimulatorError

CONFIG = Config(lanes=2, vector=1, word_bits=16, bins=255)
REGISTER = """
module decoder(input clk, input rst, input clear,
               input [15:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready, input s_axis_tlast,
               output reg [15:0] m_axis_tdata, output [1:0] m_axis_tkeep, output m_axis_tvalid, input m_axis_tready,
               output reg m_axis_tlast, output busy, output reg done, output [7:0] error);
  reg full;
  assign m_axis_tvalid = full;
  assign s_axis_tready = !full | m_axis_tready;
  assign m_axis_tkeep = 3;
  assign busy = full;
  assign error = 0;
  always @(posedge clk) begin
    if (s_axis_tready) begin
      full <= s_axis_tvalid;
      m_axis_tdata <= s_axis_tdata;
      m_axis_tlast <= s_axis_tlast;
    end
    if (s_axis_tvalid & s_axis_tready) done <= 0;
    if (full & m_axis_tready & m_axis_tlast) done <= 1;
    if (rst | clear) begin
      full <= 0;
      done <= 0;
    end
  end
endmodule
"""
DATA = bytes(range(200))


@pytest.fixture(scope="module")
def built(simulator, tmp_path_factory):
    """A function from Verilog to a compiled design."""
    shared = tmp_path_factory.mktemp("cache")

    def build(text, cache=shared, waves=None):
        file = tmp_path_factory.mktemp("verilog") / "decoder.v"
        file.write_text(text)
        return compile_design(file, "decoder", simulator, waves, cache)
    return build


def test_one_register(built):
    """Transfer k is taken at edge k and leaves at edge k + 1."""
    episode, = built(REGISTER).run(Steps().stream(DATA), 16)
    assert list(episode.inputs) == list(range(100))
    assert list(episode.outputs) == list(range(1, 101))
    assert [data for data, _, _ in episode.beats] == np.frombuffer(DATA, "<u2").tolist()
    assert [last for _, _, last in episode.beats] == [0] * 99 + [1]
    assert episode.status == [(0, 0, 0, 0), (1, 1, 0, 0), (101, 0, 1, 0)]
    assert np.array_equal(episode.weights(CONFIG), [np.frombuffer(DATA, np.int8)])


def test_patterns(built):
    """A transfer is offered where the source is willing and stays; a beat leaves where the sink is."""
    source, sink = Pattern("burst", (1, 3)), Pattern("burst", (2, 5))
    episode, = built(REGISTER).run(Steps().stream(DATA, source, sink), 16)
    full = offered = False
    inputs, outputs = [], []
    for edge in range(len(episode.trace)):
        offered = offered or (source(edge) and len(inputs) < 100)
        leaves = full and sink(edge)
        taken = offered and (leaves or not full)
        inputs += [edge] * taken
        outputs += [edge] * leaves
        full = taken or (full and not leaves)
        offered = offered and not taken
    assert (list(episode.inputs), list(episode.outputs)) == (inputs, outputs)


def test_steps(built):
    """A stop, a clear, two streams in a row, a reset: each clear or reset begins an episode at edge 0."""
    steps = Steps().stream(DATA, stop=7).clear(3).stream(DATA, settle=None).stream(DATA).reset().stream(DATA[:2])
    stopped, twice, short = built(REGISTER).run(steps, 16)
    assert (len(stopped.trace), len(stopped.beats)) == (7, 6)
    assert list(twice.inputs) == list(range(200))
    assert [edge for edge, _, done, _ in twice.status if done] == [101, 201]
    assert (list(short.inputs), list(short.outputs), short.done) == ([0], [1], True)


def test_one_design_is_compiled_once(built, tmp_path):
    assert built(REGISTER, tmp_path) == built(REGISTER, tmp_path)
    assert built(REGISTER, tmp_path) != built(REGISTER + "\n", tmp_path)


@pytest.mark.parametrize("wrong, message", [
    (("assign m_axis_tvalid = full;", "assign m_axis_tvalid = full & m_axis_tready;"), None),
    (("assign m_axis_tvalid = full;", "reg t = 0; always @(posedge clk) t <= !t; assign m_axis_tvalid = full & t;"),
     "the beat on offer was withdrawn at edge"),
    (("if (s_axis_tready) begin", "m_axis_tdata <= m_axis_tdata + 1; if (s_axis_tready) begin"),
     "the beat on offer changed at edge"),
], ids=["right", "withdrawn", "changed"])
def test_a_beat_on_offer_stays(built, wrong, message):
    design = built(REGISTER.replace(*wrong))
    steps = Steps().stream(DATA, ALWAYS, Pattern("burst", (1, 6)))
    if message is None:
        design.run(steps, 16)
    else:
        with pytest.raises(SimulatorError, match=message):
            design.run(steps, 16)


def test_what_does_not_compile(built):
    with pytest.raises(SimulatorError, match=r"refuses .*decoder.v; its log is .*rror"):
        built("module decoder(; endmodule\n")


def test_waves(built, simulator, tmp_path):
    suffix = "vcd" if simulator.name == "verilator" else "fst"
    file = tmp_path / f"waves.{suffix}"
    built(REGISTER, waves=suffix).run(Steps().stream(DATA), 16, file)
    assert file.stat().st_size > 1000


def test_unknown_waves(built):
    with pytest.raises(SimulatorError, match="waves must be .fst or .vcd, not 'gif'"):
        built(REGISTER, waves="gif")


EPISODE = Episode(bytes([15, 15, 3, 12, 0]), [(0x0201, 3, 0), (0x0003, 1, 1), (0x0504, 3, 1)],
                  [(0, 1, 0, 0), (4, 0, 1, 0)])
WEIGHTS = [np.array([1, 2, 3], np.int8), np.array([4, 5], np.int8)]
TIMING = Timing(inputs=[0, 1, 2], beats=[0, 1, 3])


def test_no_difference():
    assert difference(EPISODE, WEIGHTS, TIMING, CONFIG) is None


@pytest.mark.parametrize("episode, weights, timing, found", [
    (replace(EPISODE, status=[(0, 0, 0, 2)]), WEIGHTS, TIMING, "the decoder ended with error MAGIC, done 0"),
    (replace(EPISODE, status=[(0, 1, 0, 0)]), WEIGHTS, TIMING, "the decoder ended with error NONE, done 0"),
    (EPISODE, WEIGHTS[:1], TIMING, "there are 2 segments, not 1"),
    (EPISODE, [WEIGHTS[0], WEIGHTS[0]], TIMING, "segment 1 has 2 weights, not 3"),
    (EPISODE, [WEIGHTS[0], -WEIGHTS[1]], TIMING, "weight 0 of segment 1 is 4, not -4"),
    (EPISODE, WEIGHTS, Timing(inputs=[0, 1], beats=[0, 1, 3]),
     "the count of input transfers is 3, in the cycle model 2"),
    (EPISODE, WEIGHTS, Timing(inputs=[0, 1, 2], beats=[0, 1, 2]),
     "beat 2 was taken at edge 3, in the cycle model at 2"),
])
def test_differences(episode, weights, timing, found):
    assert difference(episode, weights, timing, CONFIG) == found


@pytest.mark.parametrize("beat", [(0x0001, 2, 1), (0x0001, 1, 0), (0, 0, 1)])
def test_wrong_keep(beat):
    with pytest.raises(ValueError, match="a beat has keep"):
        replace(EPISODE, beats=[beat]).weights(CONFIG)
