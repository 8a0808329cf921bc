"""Tang Nano 9K by nextpnr's present program for Gowin; Amaranth 0.5 calls one that is gone."""

from amaranth_boards.tang_nano_9k import TangNano9kPlatform

__all__ = ["Platform"]

PLACE = """
{{invoke_tool("nextpnr-himbaechel-gowin")}}
    {{quiet("--quiet")}}
    {{get_override("nextpnr_opts")|options}}
    --log {{name}}.tim
    --device {{platform.part}}
    --vopt family={{platform._chipdb_device}}
    --vopt cst={{name}}.cst
    --json {{name}}.syn.json
    --write {{name}}.pnr.json
"""


class Platform(TangNano9kPlatform):
    """The same board."""

    required_tools = ["yosys", "nextpnr-himbaechel-gowin", "gowin_pack"]
    command_templates = [TangNano9kPlatform._apicula_command_templates[0], PLACE,
                         TangNano9kPlatform._apicula_command_templates[2]]
