"""FPGA boards: blocks of the board design so far; what is to come is under "Not yet" in the README."""
