# amaranth: UnusedElaboratable=no
"""A decoder's Verilog with faults that can be planted while it runs, to see that the long runs find them."""

from hw.axis import AxisDecoder
from hw.build import ports_of

from .fast import verilog_for

__all__ = ["FAULTS", "faulty_verilog"]

FAULTS = {  # name: what an output of the decoder becomes instead; `count` is that of transfers since the last clear
    "weight": {"m_axis_tdata": "sound_m_axis_tdata ^ (count == 5)"},
    "withdrawn": {"m_axis_tvalid": "sound_m_axis_tvalid & toggle"},
    "late": {"m_axis_tvalid": "sound_m_axis_tvalid | (sound_error != 0)"},
    "last": {"m_axis_tlast": "sound_m_axis_tlast ^ (count == 2)"},
    "keep": {"m_axis_tkeep": "sound_m_axis_tkeep & ~(count == 3)"},
    "silent": {"m_axis_tvalid": "sound_m_axis_tvalid & (count < 3)"},
    "deadlock": {"s_axis_tready": "sound_s_axis_tready & (count < 2)"},
    "cheerful": {"done": "sound_done | (sound_error != 0)"},
    "mute": {"done": "sound_done | (sound_error != 0)", "error": "8'd0"},
    "deaf": {},  # inside: the CRC-32 of the words always fits
}
FITS = "assign fits = & same;"  #: in the distribution's Verilog


def faulty_verilog(config) -> str:
    """The Verilog of a decoder of style RAM with a dense output, which has a fault when ``+fault=NAME`` is given."""
    text = verilog_for(config)
    if text.count(FITS) != 1:
        raise ValueError("the comparison of the words' CRC-32 is not where it was")
    text = text.replace(FITS, 'reg deaf = 0; initial deaf = $test$plusargs("fault=deaf"); '
                              "assign fits = (& same) | deaf;").replace("module decoder(", "module sound(")
    ports = ports_of(AxisDecoder(config))
    declared = [f"{port['direction']} [{port['width'] - 1}:0] {port['name']}" for port in ports]
    outputs = [port for port in ports if port["direction"] == "output"]
    names = {port["name"]: f"sound_{port['name']}" for port in outputs}
    lines = [f"module decoder({', '.join(declared)});",
             "  reg toggle = 0; reg [31:0] count = 0;",
             "  always @(posedge clk) begin",
             "    toggle <= !toggle;",
             "    if (rst | clear) count <= 0; else if (m_axis_tvalid & m_axis_tready) count <= count + 1;",
             "  end",
             *(f"  reg {name}; initial {name} = $test$plusargs(\"fault={name}\");" for name in FAULTS),
             *(f"  wire [{port['width'] - 1}:0] {names[port['name']]};" for port in outputs)]
    for port in outputs:
        value = names[port["name"]]
        for fault, changes in FAULTS.items():
            if port["name"] in changes:
                value = f"{fault} ? {changes[port['name']]} : {value}"
        lines.append(f"  assign {port['name']} = {value};")
    wired = [f".{port['name']}({names.get(port['name'], port['name'])})" for port in ports]
    return "\n".join([text, *lines, f"  sound sound({', '.join(wired)});", "endmodule", ""])
