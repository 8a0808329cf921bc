"""Co-simulation: cocotb on the emitted Verilog, held against the golden model."""
