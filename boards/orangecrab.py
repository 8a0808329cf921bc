"""OrangeCrab r0.2 with a serial line: the board has none over USB, so it is on the pins marked 0 (in) and 1 (out)."""

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import UARTResource

__all__ = ["Platform"]


class Platform(OrangeCrabR0_2_25FPlatform):
    """Without the suffix that dfu-util's own tool puts behind a bitstream: the loader takes it as it is."""

    resources = [
        *OrangeCrabR0_2_25FPlatform.resources,
        UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]
    required_tools = OrangeCrabR0_2_25FPlatform._trellis_required_tools_ecp5
    command_templates = OrangeCrabR0_2_25FPlatform._trellis_command_templates
