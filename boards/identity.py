"""What a board says of itself in its answer to IDENTIFY."""

from dataclasses import dataclass

from golden.config import Config, TableMemory, TableStyle
from golden.errors import ConfigError, FormatError
from golden.header import VERSION as FORMAT

from .protocol import IDENTITY, VERSION, pack_fields, unpack_fields

__all__ = ["Identity"]

RAM, BLOCK = 1, 2  #: bits of ``style``


@dataclass(frozen=True)
class Identity:
    """A board.

    Parameters
    ----------
    name : str
    config : Config
        Of its decoder, dense, with its queue as a number.
    stream : int
        Style ROM: the CRC-32 of the header of the one stream that it decodes; style RAM: 0.
    depth : int
        Words of its stream memory.
    frequency : int
        Of the decoder's clock, in hertz.
    design : int
        32 bits that tell the design from others.
    """

    name: str
    config: Config
    stream: int
    depth: int
    frequency: int
    design: int

    def to_bytes(self) -> bytes:
        """As the board sends it."""
        config = self.config
        style = RAM * (config.table_style is TableStyle.RAM) | BLOCK * (config.table_memory is TableMemory.BLOCK)
        values = {**config.as_dict(), "protocol": VERSION, "format": FORMAT, "style": style,
                  "stream": self.stream, "depth": self.depth, "frequency": self.frequency,
                  "design": self.design}
        return pack_fields(IDENTITY, values) + self.name.encode("ascii")

    @classmethod
    def from_bytes(cls, content: bytes) -> "Identity":
        """The inverse.

        Raises
        ------
        FormatError
            If the board speaks another version of the protocol, decodes another version of the format, or says what
            cannot be.
        """
        values = unpack_fields(IDENTITY, content)
        for name, ours in (("protocol", VERSION), ("format", FORMAT)):
            if content and values[name] != ours:
                raise FormatError(f"the board knows version {values[name]} of the {name}, this program version {ours}")
        style = values["style"]
        try:
            config = Config(
                table_style=TableStyle.RAM if style & RAM else TableStyle.ROM,
                table_memory=TableMemory.BLOCK if style & BLOCK else TableMemory.LOGIC,
                **{name: values[name] for name in ("lanes", "vector", "word_bits", "preload", "table_log", "max_run",
                                                   "raw_bits", "bins", "ring", "queue", "count_bits", "max_tables",
                                                   "max_segments")})
            name = content[sum(size for _, size in IDENTITY):].decode("ascii")
        except (ConfigError, UnicodeError) as error:
            raise FormatError(f"the board says of itself what cannot be: {error}") from None
        return cls(name, config, values["stream"], values["depth"], values["frequency"], values["design"])
