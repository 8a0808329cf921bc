"""FPGA boards: platforms, board tops and the host tool. Nothing is here yet; see "Not yet" in the README."""
