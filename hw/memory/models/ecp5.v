// DP16KD, the block RAM of Lattice ECP5, for simulation: two ports on 1024 words of 18 bits.
//
// Any widths of 1, 2, 4, 9 and 18, unequal ones too; output registers; all three write modes; chip selects; synchronous
// resets. Not here: width 36, asynchronous resets, inverted clocks. A simulation that asks for these stops at its start.

module DP16KD (
  input DIA17, input DIA16, input DIA15, input DIA14, input DIA13, input DIA12, input DIA11, input DIA10, input DIA9,
  input DIA8, input DIA7, input DIA6, input DIA5, input DIA4, input DIA3, input DIA2, input DIA1, input DIA0,
  input ADA13, input ADA12, input ADA11, input ADA10, input ADA9, input ADA8, input ADA7,
  input ADA6, input ADA5, input ADA4, input ADA3, input ADA2, input ADA1, input ADA0,
  input CEA, input OCEA, input CLKA, input WEA, input RSTA, input CSA2, input CSA1, input CSA0,
  output DOA17, output DOA16, output DOA15, output DOA14, output DOA13, output DOA12, output DOA11, output DOA10,
  output DOA9, output DOA8, output DOA7, output DOA6, output DOA5, output DOA4, output DOA3, output DOA2, output DOA1,
  output DOA0,
  input DIB17, input DIB16, input DIB15, input DIB14, input DIB13, input DIB12, input DIB11, input DIB10, input DIB9,
  input DIB8, input DIB7, input DIB6, input DIB5, input DIB4, input DIB3, input DIB2, input DIB1, input DIB0,
  input ADB13, input ADB12, input ADB11, input ADB10, input ADB9, input ADB8, input ADB7,
  input ADB6, input ADB5, input ADB4, input ADB3, input ADB2, input ADB1, input ADB0,
  input CEB, input OCEB, input CLKB, input WEB, input RSTB, input CSB2, input CSB1, input CSB0,
  output DOB17, output DOB16, output DOB15, output DOB14, output DOB13, output DOB12, output DOB11, output DOB10,
  output DOB9, output DOB8, output DOB7, output DOB6, output DOB5, output DOB4, output DOB3, output DOB2, output DOB1,
  output DOB0
);
  parameter DATA_WIDTH_A = 18;
  parameter DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG";
  parameter REGMODE_B = "NOREG";
  parameter WRITEMODE_A = "NORMAL";
  parameter WRITEMODE_B = "NORMAL";
  parameter CSDECODE_A = "0b000";
  parameter CSDECODE_B = "0b000";
  parameter CLKAMUX = "CLKA";
  parameter CLKBMUX = "CLKB";
  parameter RESETMODE = "SYNC";
  // verilator lint_off UNUSEDPARAM
  parameter ASYNC_RESET_RELEASE = "SYNC";  // of asynchronous resets
  parameter GSR = "ENABLED";  // the global reset, of which Verilog knows nothing
  // verilator lint_on UNUSEDPARAM
  parameter [319:0] INITVAL_00 = 0;
  parameter [319:0] INITVAL_01 = 0;
  parameter [319:0] INITVAL_02 = 0;
  parameter [319:0] INITVAL_03 = 0;
  parameter [319:0] INITVAL_04 = 0;
  parameter [319:0] INITVAL_05 = 0;
  parameter [319:0] INITVAL_06 = 0;
  parameter [319:0] INITVAL_07 = 0;
  parameter [319:0] INITVAL_08 = 0;
  parameter [319:0] INITVAL_09 = 0;
  parameter [319:0] INITVAL_0A = 0;
  parameter [319:0] INITVAL_0B = 0;
  parameter [319:0] INITVAL_0C = 0;
  parameter [319:0] INITVAL_0D = 0;
  parameter [319:0] INITVAL_0E = 0;
  parameter [319:0] INITVAL_0F = 0;
  parameter [319:0] INITVAL_10 = 0;
  parameter [319:0] INITVAL_11 = 0;
  parameter [319:0] INITVAL_12 = 0;
  parameter [319:0] INITVAL_13 = 0;
  parameter [319:0] INITVAL_14 = 0;
  parameter [319:0] INITVAL_15 = 0;
  parameter [319:0] INITVAL_16 = 0;
  parameter [319:0] INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0;
  parameter [319:0] INITVAL_19 = 0;
  parameter [319:0] INITVAL_1A = 0;
  parameter [319:0] INITVAL_1B = 0;
  parameter [319:0] INITVAL_1C = 0;
  parameter [319:0] INITVAL_1D = 0;
  parameter [319:0] INITVAL_1E = 0;
  parameter [319:0] INITVAL_1F = 0;
  parameter [319:0] INITVAL_20 = 0;
  parameter [319:0] INITVAL_21 = 0;
  parameter [319:0] INITVAL_22 = 0;
  parameter [319:0] INITVAL_23 = 0;
  parameter [319:0] INITVAL_24 = 0;
  parameter [319:0] INITVAL_25 = 0;
  parameter [319:0] INITVAL_26 = 0;
  parameter [319:0] INITVAL_27 = 0;
  parameter [319:0] INITVAL_28 = 0;
  parameter [319:0] INITVAL_29 = 0;
  parameter [319:0] INITVAL_2A = 0;
  parameter [319:0] INITVAL_2B = 0;
  parameter [319:0] INITVAL_2C = 0;
  parameter [319:0] INITVAL_2D = 0;
  parameter [319:0] INITVAL_2E = 0;
  parameter [319:0] INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0;
  parameter [319:0] INITVAL_31 = 0;
  parameter [319:0] INITVAL_32 = 0;
  parameter [319:0] INITVAL_33 = 0;
  parameter [319:0] INITVAL_34 = 0;
  parameter [319:0] INITVAL_35 = 0;
  parameter [319:0] INITVAL_36 = 0;
  parameter [319:0] INITVAL_37 = 0;
  parameter [319:0] INITVAL_38 = 0;
  parameter [319:0] INITVAL_39 = 0;
  parameter [319:0] INITVAL_3A = 0;
  parameter [319:0] INITVAL_3B = 0;
  parameter [319:0] INITVAL_3C = 0;
  parameter [319:0] INITVAL_3D = 0;
  parameter [319:0] INITVAL_3E = 0;
  parameter [319:0] INITVAL_3F = 0;

  wire [17:0] di_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                      DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [13:0] ad_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [17:0] di_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                      DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  wire [13:0] ad_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [17:0] do_a, do_b;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
          DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = do_a;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
          DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = do_b;

  // The last character of a chip select's decode string belongs to its pin 0; of "0" and "1" the lowest bit differs.
  wire on_a = CEA & {CSA2, CSA1, CSA0} == {CSDECODE_A[16], CSDECODE_A[8], CSDECODE_A[0]};
  wire on_b = CEB & {CSB2, CSB1, CSB0} == {CSDECODE_B[16], CSDECODE_B[8], CSDECODE_B[0]};

  // The lowest bit of a word in its 18-bit row, by the low address bits. Narrow words skip bits 8 and 17.
  function [4:0] first(input integer width, input [3:0] low);
    case (width)
      18: first = 0;
      9: first = low[3] ? 9 : 0;
      4: first = (low[3] ? 9 : 0) + (low[2] ? 4 : 0);
      2: first = (low[3] ? 9 : 0) + {2'b0, low[2:1], 1'b0};
      default: first = (low[3] ? 9 : 0) + {2'b0, low[2:0]};
    endcase
  endfunction

  // Which bits of a row a write changes. Words of 18 bits have an enable for each half in the low address bits.
  function [17:0] changed(input integer width, input [3:0] low);
    changed = width == 18 ? {{9{low[1]}}, {9{low[0]}}} : ~(18'h3FFFF << width) << first(width, low);
  endfunction

  reg [17:0] memory [0:1023];
  reg [17:0] latch_a = 0, latch_b = 0, register_a = 0, register_b = 0;
  wire [17:0] change_a = on_a & WEA ? changed(DATA_WIDTH_A, ad_a[3:0]) : 18'b0;
  wire [17:0] change_b = on_b & WEB ? changed(DATA_WIDTH_B, ad_b[3:0]) : 18'b0;
  wire [17:0] write_a = di_a << first(DATA_WIDTH_A, ad_a[3:0]);
  wire [17:0] write_b = di_b << first(DATA_WIDTH_B, ad_b[3:0]);
  wire [17:0] old_a = memory[ad_a[13:4]], old_b = memory[ad_b[13:4]];
  wire [17:0] new_a = WRITEMODE_A == "WRITETHROUGH" ? old_a & ~change_a | write_a & change_a : old_a;
  wire [17:0] new_b = WRITEMODE_B == "WRITETHROUGH" ? old_b & ~change_b | write_b & change_b : old_b;
  wire [17:0] read_a = new_a >> first(DATA_WIDTH_A, ad_a[3:0]) & ~(18'h3FFFF << DATA_WIDTH_A);
  wire [17:0] read_b = new_b >> first(DATA_WIDTH_B, ad_b[3:0]) & ~(18'h3FFFF << DATA_WIDTH_B);

  localparam [64*320-1:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };
  integer i, a, b;
  initial begin
    for (i = 0; i < 1024; i = i + 1) memory[i] = INIT[20*i +: 18];
    if (DATA_WIDTH_A == 36 || DATA_WIDTH_B == 36 || CLKAMUX == "INV" || CLKBMUX == "INV") begin
      $display("DP16KD: this model knows no width 36, no inverted clock");
      $finish;
    end
  end

  always @(posedge RSTA, posedge RSTB) if (RESETMODE != "SYNC") begin
    $display("DP16KD: this model knows no asynchronous reset");
    $finish;
  end

  always @(posedge CLKA) begin
    for (a = 0; a < 18; a = a + 1) if (change_a[a]) memory[ad_a[13:4]][a] <= write_a[a];
    if (on_a & (!WEA | WRITEMODE_A != "NORMAL")) latch_a <= read_a;
    if (OCEA) register_a <= latch_a;
    if (RSTA) {latch_a, register_a} <= 0;
  end

  always @(posedge CLKB) begin
    for (b = 0; b < 18; b = b + 1) if (change_b[b]) memory[ad_b[13:4]][b] <= write_b[b];
    if (on_b & (!WEB | WRITEMODE_B != "NORMAL")) latch_b <= read_b;
    if (OCEB) register_b <= latch_b;
    if (RSTB) {latch_b, register_b} <= 0;
  end

  assign do_a = REGMODE_A == "OUTREG" ? register_a : latch_a;
  assign do_b = REGMODE_B == "OUTREG" ? register_b : latch_b;
endmodule
