// SDPB and SDPX9B, the semi-dual-port forms of Gowin's BSRAM, for simulation: a port to write and one to read.
//
// Any of their widths, unequal ones too; output register; block select; synchronous resets. A simulation that asks for
// asynchronous resets stops at its start.

module SDPB (
  input CLKA, input CEA, input CLKB, input CEB, input OCE, input RESETA, input RESETB, input [13:0] ADA, input [13:0] ADB,
  input [31:0] DI, input [2:0] BLKSELA, input [2:0] BLKSELB, output [31:0] DO
);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 32;
  parameter BIT_WIDTH_1 = 32;
  parameter BLK_SEL_0 = 3'b000;
  parameter BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [255:0] INIT_RAM_00 = 0;
  parameter [255:0] INIT_RAM_01 = 0;
  parameter [255:0] INIT_RAM_02 = 0;
  parameter [255:0] INIT_RAM_03 = 0;
  parameter [255:0] INIT_RAM_04 = 0;
  parameter [255:0] INIT_RAM_05 = 0;
  parameter [255:0] INIT_RAM_06 = 0;
  parameter [255:0] INIT_RAM_07 = 0;
  parameter [255:0] INIT_RAM_08 = 0;
  parameter [255:0] INIT_RAM_09 = 0;
  parameter [255:0] INIT_RAM_0A = 0;
  parameter [255:0] INIT_RAM_0B = 0;
  parameter [255:0] INIT_RAM_0C = 0;
  parameter [255:0] INIT_RAM_0D = 0;
  parameter [255:0] INIT_RAM_0E = 0;
  parameter [255:0] INIT_RAM_0F = 0;
  parameter [255:0] INIT_RAM_10 = 0;
  parameter [255:0] INIT_RAM_11 = 0;
  parameter [255:0] INIT_RAM_12 = 0;
  parameter [255:0] INIT_RAM_13 = 0;
  parameter [255:0] INIT_RAM_14 = 0;
  parameter [255:0] INIT_RAM_15 = 0;
  parameter [255:0] INIT_RAM_16 = 0;
  parameter [255:0] INIT_RAM_17 = 0;
  parameter [255:0] INIT_RAM_18 = 0;
  parameter [255:0] INIT_RAM_19 = 0;
  parameter [255:0] INIT_RAM_1A = 0;
  parameter [255:0] INIT_RAM_1B = 0;
  parameter [255:0] INIT_RAM_1C = 0;
  parameter [255:0] INIT_RAM_1D = 0;
  parameter [255:0] INIT_RAM_1E = 0;
  parameter [255:0] INIT_RAM_1F = 0;
  parameter [255:0] INIT_RAM_20 = 0;
  parameter [255:0] INIT_RAM_21 = 0;
  parameter [255:0] INIT_RAM_22 = 0;
  parameter [255:0] INIT_RAM_23 = 0;
  parameter [255:0] INIT_RAM_24 = 0;
  parameter [255:0] INIT_RAM_25 = 0;
  parameter [255:0] INIT_RAM_26 = 0;
  parameter [255:0] INIT_RAM_27 = 0;
  parameter [255:0] INIT_RAM_28 = 0;
  parameter [255:0] INIT_RAM_29 = 0;
  parameter [255:0] INIT_RAM_2A = 0;
  parameter [255:0] INIT_RAM_2B = 0;
  parameter [255:0] INIT_RAM_2C = 0;
  parameter [255:0] INIT_RAM_2D = 0;
  parameter [255:0] INIT_RAM_2E = 0;
  parameter [255:0] INIT_RAM_2F = 0;
  parameter [255:0] INIT_RAM_30 = 0;
  parameter [255:0] INIT_RAM_31 = 0;
  parameter [255:0] INIT_RAM_32 = 0;
  parameter [255:0] INIT_RAM_33 = 0;
  parameter [255:0] INIT_RAM_34 = 0;
  parameter [255:0] INIT_RAM_35 = 0;
  parameter [255:0] INIT_RAM_36 = 0;
  parameter [255:0] INIT_RAM_37 = 0;
  parameter [255:0] INIT_RAM_38 = 0;
  parameter [255:0] INIT_RAM_39 = 0;
  parameter [255:0] INIT_RAM_3A = 0;
  parameter [255:0] INIT_RAM_3B = 0;
  parameter [255:0] INIT_RAM_3C = 0;
  parameter [255:0] INIT_RAM_3D = 0;
  parameter [255:0] INIT_RAM_3E = 0;
  parameter [255:0] INIT_RAM_3F = 0;

  tansy_bsram #(
    .BYTE(8), .READ_MODE(READ_MODE), .WRITE_WIDTH(BIT_WIDTH_0), .READ_WIDTH(BIT_WIDTH_1), .WRITE_BLOCK(BLK_SEL_0),
    .READ_BLOCK(BLK_SEL_1), .SYNCHRONOUS(RESET_MODE == "SYNC"), .INIT({
      INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38,
      INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30,
      INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
      INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20,
      INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
      INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
      INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
      INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00
    })
  ) bsram (
    .write_clock(CLKA), .write_enable(CEA), .write_block(BLKSELA), .write_address(ADA), .write_data(DI),
    .write_reset(RESETA), .read_clock(CLKB), .read_enable(CEB), .read_block(BLKSELB), .read_address(ADB),
    .read_reset(RESETB), .output_enable(OCE), .read_data(DO)
  );
endmodule

module SDPX9B (
  input CLKA, input CEA, input CLKB, input CEB, input OCE, input RESETA, input RESETB, input [13:0] ADA, input [13:0] ADB,
  input [35:0] DI, input [2:0] BLKSELA, input [2:0] BLKSELB, output [35:0] DO
);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 36;
  parameter BIT_WIDTH_1 = 36;
  parameter BLK_SEL_0 = 3'b000;
  parameter BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  parameter [287:0] INIT_RAM_00 = 0;
  parameter [287:0] INIT_RAM_01 = 0;
  parameter [287:0] INIT_RAM_02 = 0;
  parameter [287:0] INIT_RAM_03 = 0;
  parameter [287:0] INIT_RAM_04 = 0;
  parameter [287:0] INIT_RAM_05 = 0;
  parameter [287:0] INIT_RAM_06 = 0;
  parameter [287:0] INIT_RAM_07 = 0;
  parameter [287:0] INIT_RAM_08 = 0;
  parameter [287:0] INIT_RAM_09 = 0;
  parameter [287:0] INIT_RAM_0A = 0;
  parameter [287:0] INIT_RAM_0B = 0;
  parameter [287:0] INIT_RAM_0C = 0;
  parameter [287:0] INIT_RAM_0D = 0;
  parameter [287:0] INIT_RAM_0E = 0;
  parameter [287:0] INIT_RAM_0F = 0;
  parameter [287:0] INIT_RAM_10 = 0;
  parameter [287:0] INIT_RAM_11 = 0;
  parameter [287:0] INIT_RAM_12 = 0;
  parameter [287:0] INIT_RAM_13 = 0;
  parameter [287:0] INIT_RAM_14 = 0;
  parameter [287:0] INIT_RAM_15 = 0;
  parameter [287:0] INIT_RAM_16 = 0;
  parameter [287:0] INIT_RAM_17 = 0;
  parameter [287:0] INIT_RAM_18 = 0;
  parameter [287:0] INIT_RAM_19 = 0;
  parameter [287:0] INIT_RAM_1A = 0;
  parameter [287:0] INIT_RAM_1B = 0;
  parameter [287:0] INIT_RAM_1C = 0;
  parameter [287:0] INIT_RAM_1D = 0;
  parameter [287:0] INIT_RAM_1E = 0;
  parameter [287:0] INIT_RAM_1F = 0;
  parameter [287:0] INIT_RAM_20 = 0;
  parameter [287:0] INIT_RAM_21 = 0;
  parameter [287:0] INIT_RAM_22 = 0;
  parameter [287:0] INIT_RAM_23 = 0;
  parameter [287:0] INIT_RAM_24 = 0;
  parameter [287:0] INIT_RAM_25 = 0;
  parameter [287:0] INIT_RAM_26 = 0;
  parameter [287:0] INIT_RAM_27 = 0;
  parameter [287:0] INIT_RAM_28 = 0;
  parameter [287:0] INIT_RAM_29 = 0;
  parameter [287:0] INIT_RAM_2A = 0;
  parameter [287:0] INIT_RAM_2B = 0;
  parameter [287:0] INIT_RAM_2C = 0;
  parameter [287:0] INIT_RAM_2D = 0;
  parameter [287:0] INIT_RAM_2E = 0;
  parameter [287:0] INIT_RAM_2F = 0;
  parameter [287:0] INIT_RAM_30 = 0;
  parameter [287:0] INIT_RAM_31 = 0;
  parameter [287:0] INIT_RAM_32 = 0;
  parameter [287:0] INIT_RAM_33 = 0;
  parameter [287:0] INIT_RAM_34 = 0;
  parameter [287:0] INIT_RAM_35 = 0;
  parameter [287:0] INIT_RAM_36 = 0;
  parameter [287:0] INIT_RAM_37 = 0;
  parameter [287:0] INIT_RAM_38 = 0;
  parameter [287:0] INIT_RAM_39 = 0;
  parameter [287:0] INIT_RAM_3A = 0;
  parameter [287:0] INIT_RAM_3B = 0;
  parameter [287:0] INIT_RAM_3C = 0;
  parameter [287:0] INIT_RAM_3D = 0;
  parameter [287:0] INIT_RAM_3E = 0;
  parameter [287:0] INIT_RAM_3F = 0;

  tansy_bsram #(
    .BYTE(9), .READ_MODE(READ_MODE), .WRITE_WIDTH(BIT_WIDTH_0), .READ_WIDTH(BIT_WIDTH_1), .WRITE_BLOCK(BLK_SEL_0),
    .READ_BLOCK(BLK_SEL_1), .SYNCHRONOUS(RESET_MODE == "SYNC"), .INIT({
      INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38,
      INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30,
      INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28,
      INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20,
      INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18,
      INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10,
      INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08,
      INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00
    })
  ) bsram (
    .write_clock(CLKA), .write_enable(CEA), .write_block(BLKSELA), .write_address(ADA), .write_data(DI),
    .write_reset(RESETA), .read_clock(CLKB), .read_enable(CEB), .read_block(BLKSELB), .read_address(ADB),
    .read_reset(RESETB), .output_enable(OCE), .read_data(DO)
  );
endmodule

// 512 rows of four bytes of 8 or 9 bits.
module tansy_bsram #(
  parameter BYTE = 8,
  parameter [0:0] READ_MODE = 0,
  parameter WRITE_WIDTH = 32,
  parameter READ_WIDTH = 32,
  parameter [2:0] WRITE_BLOCK = 0,
  parameter [2:0] READ_BLOCK = 0,
  parameter SYNCHRONOUS = 1,
  parameter [512*4*BYTE-1:0] INIT = 0
) (
  input write_clock, input write_enable, input [2:0] write_block, input [13:0] write_address,
  input [4*BYTE-1:0] write_data, input write_reset,
  input read_clock, input read_enable, input [2:0] read_block, input [13:0] read_address, input read_reset,
  input output_enable, output [4*BYTE-1:0] read_data
);
  localparam ROW = 4 * BYTE;

  // The lowest bit of a word in its row, by the low address bits.
  function integer first(input integer width, input [4:0] low);
    if (width >= 4 * BYTE) first = 0;
    else if (width >= 2 * BYTE) first = low[4] ? 2 * BYTE : 0;
    else if (width >= BYTE) first = BYTE * low[4:3];
    else first = BYTE * low[4:3] + (low[2:0] & ~(width - 1));
  endfunction

  // Which bits of a row a write changes: words of more than one byte have an enable for each in the low address bits.
  function [ROW-1:0] changed(input integer width, input [4:0] low);
    if (width >= 4 * BYTE) changed = {{BYTE{low[3]}}, {BYTE{low[2]}}, {BYTE{low[1]}}, {BYTE{low[0]}}};
    else if (width >= 2 * BYTE) changed = {{2*BYTE{1'b0}}, {BYTE{low[1]}}, {BYTE{low[0]}}} << first(width, low);
    else changed = ~({ROW{1'b1}} << width) << first(width, low);
  endfunction

  reg [ROW-1:0] memory [0:511];
  reg [ROW-1:0] latch = 0, register = 0;
  wire [ROW-1:0] change = write_enable & write_block == WRITE_BLOCK ? changed(WRITE_WIDTH, write_address[4:0]) : 0;
  wire [ROW-1:0] write = write_data << first(WRITE_WIDTH, write_address[4:0]);

  integer i, w;
  initial begin
    for (i = 0; i < 512; i = i + 1) memory[i] = INIT[ROW*i +: ROW];
    if (!SYNCHRONOUS) begin
      $display("BSRAM: this model knows no asynchronous reset");
      $finish;
    end
  end

  always @(posedge write_clock)
    for (w = 0; w < ROW; w = w + 1) if (change[w]) memory[write_address[13:5]][w] <= write[w];

  always @(posedge read_clock) begin
    if (read_enable & read_block == READ_BLOCK)
      latch <= memory[read_address[13:5]] >> first(READ_WIDTH, read_address[4:0]) & ~({ROW{1'b1}} << READ_WIDTH);
    if (output_enable) register <= latch;
    if (read_reset) {latch, register} <= 0;
  end

  assign read_data = READ_MODE ? register : latch;
endmodule
