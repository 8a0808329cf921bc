// SB_RAM40_4K, the block RAM of Lattice iCE40, for simulation: 256 rows of 16 bits, a port to write and one to read.
//
// In mode m a row holds 2^m words, their bits interleaved; the address bits above the row choose among them.

module SB_RAM40_4K (
  output [15:0] RDATA,
  input RCLK, input RCLKE, input RE, input [10:0] RADDR,
  input WCLK, input WCLKE, input WE, input [10:0] WADDR, input [15:0] MASK, input [15:0] WDATA
);
  parameter READ_MODE = 0;
  parameter WRITE_MODE = 0;
  parameter [255:0] INIT_0 = 0;
  parameter [255:0] INIT_1 = 0;
  parameter [255:0] INIT_2 = 0;
  parameter [255:0] INIT_3 = 0;
  parameter [255:0] INIT_4 = 0;
  parameter [255:0] INIT_5 = 0;
  parameter [255:0] INIT_6 = 0;
  parameter [255:0] INIT_7 = 0;
  parameter [255:0] INIT_8 = 0;
  parameter [255:0] INIT_9 = 0;
  parameter [255:0] INIT_A = 0;
  parameter [255:0] INIT_B = 0;
  parameter [255:0] INIT_C = 0;
  parameter [255:0] INIT_D = 0;
  parameter [255:0] INIT_E = 0;
  parameter [255:0] INIT_F = 0;

  // Which of the words in a row.
  function [2:0] column(input integer mode, input [2:0] high);
    column = high & ~(3'b111 << mode);
  endfunction

  // The lowest pin that carries data; the others follow in steps of 2^m.
  function integer pin(input integer mode);
    pin = mode == 3 ? 3 : mode == 2 ? 1 : 0;
  endfunction

  reg [15:0] memory [0:255];
  reg [15:0] row = 0;
  reg [2:0] chosen = 0;
  reg [15:0] word;
  wire [2:0] at = column(WRITE_MODE, WADDR[10:8]);

  localparam [16*256-1:0] INIT = {
    INIT_F, INIT_E, INIT_D, INIT_C, INIT_B, INIT_A, INIT_9, INIT_8,
    INIT_7, INIT_6, INIT_5, INIT_4, INIT_3, INIT_2, INIT_1, INIT_0
  };
  integer i, w, r;
  initial for (i = 0; i < 256; i = i + 1) memory[i] = INIT[16*i +: 16];

  // Bit w of a row is bit (w >> mode) of word (w mod 2^mode).
  always @(posedge WCLK) if (WCLKE & WE)
    for (w = 0; w < 16; w = w + 1)
      if (WRITE_MODE == 0 ? !MASK[w] : w[2:0] % (1 << WRITE_MODE) == at)
        memory[WADDR[7:0]][w] <= WDATA[(w >> WRITE_MODE << WRITE_MODE) + pin(WRITE_MODE)];

  always @(posedge RCLK) if (RCLKE & RE) begin
    row <= memory[RADDR[7:0]];
    chosen <= column(READ_MODE, RADDR[10:8]);
  end

  always @* begin
    word = 0;
    for (r = 0; r < 16; r = r + (1 << READ_MODE)) word[r + pin(READ_MODE)] = row[r + chosen];
  end
  assign RDATA = word;
endmodule
