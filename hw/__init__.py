"""The decoder in Amaranth. ``python -m hw.build`` writes it as Verilog."""

from .axis import AxisDecoder
from .contents import contents_of, rom_config
from .decoder import Contents, Decoder
from .errors import ErrorCode

__all__ = ["AxisDecoder", "Contents", "Decoder", "ErrorCode", "contents_of", "rom_config"]
