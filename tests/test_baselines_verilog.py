"""The baselines made of ECP5's own block RAM and multiplier, as Verilog, with models of these: the same weights."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hw.memory import models_for
from hw.verilog import verilog_of
from sim.simulators import SimulatorError, find

from .baselines import huffman, rans
from .baselines.huffman import HuffmanCode
from .baselines.huffman_decoder import HuffmanDecoder
from .baselines.rans import RansModel
from .baselines.rans_decoder import STATES, RansDecoder
from .sources import laplacian

MULTIPLIER = Path(__file__).with_name("baselines") / "multiplier.v"
BENCH = """
module bench;
  reg clk = 0, rst = 1;
  reg [31:0] words [0:{words} - 1];
  reg [31:0] random = 1;
  integer next = 0, taken = 0, file;
  reg offered = 0, ready = 0;
  wire take, valid;
  wire [7:0] weight;
  decoder decoder_ (.clk(clk), .rst(rst), .words__payload(next < {words} ? words[next] : 0), .words__valid(offered),
                    .words__ready(take), .weights__payload(weight), .weights__valid(valid), .weights__ready(ready));
  always #1 clk = ~clk;
  initial begin
    $readmemh("words.hex", words);
    file = $fopen("weights.hex", "w");
    repeat (4) @(negedge clk);
    rst = 0;
    repeat ({cycles}) begin
      @(negedge clk);
      random = {{random[30:0], random[31] ^ random[21] ^ random[1] ^ random[0]}};
      if (!offered) offered = next < {words} && random[3:0] != 0;
      ready = random[9:8] != 0;
      #0.5;
      if (valid && ready && taken < {count}) begin
        $fdisplay(file, "%h", weight);
        taken = taken + 1;
      end
      if (offered && take) begin
        @(posedge clk); #0.1;
        next = next + 1;
        offered = 0;
      end
    end
    $fclose(file);
    $finish;
  end
endmodule
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["huffman", "rans"])
def test_ecp5(name, tmp_path):
    weights = laplacian(15, 3.0, 3000)
    if name == "huffman":
        code = HuffmanCode.of(weights, 7, 10)
        dut, words = HuffmanDecoder(code, 5, 10, ecp5=True), huffman.encode(weights, code, 5)
    else:
        model = RansModel.of(weights, 7, 10)
        dut, words = RansDecoder(model, ecp5=True), rans.encode(weights, model, STATES)
    (tmp_path / "decoder.v").write_text(verilog_of(dut, "decoder"), encoding="utf-8")
    (tmp_path / "words.hex").write_text("".join(f"{word:08x}\n" for word in words.tolist()), encoding="utf-8")
    (tmp_path / "bench.v").write_text(BENCH.format(words=len(words), count=len(weights), cycles=9000), encoding="utf-8")
    try:
        simulator = find("verilator")
    except SimulatorError as error:
        pytest.skip(str(error))
    with simulator.environment():
        sources = ["decoder.v", "bench.v", MULTIPLIER, *models_for("ecp5")]
        subprocess.run([shutil.which("verilator"), "--binary", "-Wno-fatal", "--timing", "--timescale", "1ns/1ps",
                        "--top", "bench", "-CFLAGS", "-O0 -std=c++20 -fcoroutines", "--Mdir", "build",
                        *map(str, sources)], cwd=tmp_path, check=True, capture_output=True, text=True)
        subprocess.run([tmp_path / "build" / "Vbench"], cwd=tmp_path, check=True, capture_output=True, text=True)
    found = np.array([int(line, 16) for line in (tmp_path / "weights.hex").read_text().split()], dtype=np.uint8)
    assert np.array_equal(found.view(np.int8), weights)
