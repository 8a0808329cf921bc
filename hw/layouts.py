"""The records that travel between the blocks, each defined once."""

from amaranth.hdl import signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.config import Config, OutputMode

__all__ = ["ahead_layout", "announcement_layout", "beat_layout", "entry_layout", "held_layout", "lane_layout",
           "lane_ports", "lookup_layout", "nibble_stream", "order_layout", "part_layout", "part_numbers",
           "place_layout", "record_layout", "record_write_layout", "request_layout", "segment_choices",
           "segment_numbers", "select_port", "sparse_layout", "table_numbers", "table_write_layout", "token_layout",
           "transfer_layout", "word_layout"]


def table_numbers(config: Config) -> range:
    """The numbers of tables; two at least, for Yosys warns of a memory that only constants address."""
    return range(max(config.max_tables, 2))


def segment_numbers(config: Config) -> range:
    """The numbers of segments; two at least, as of tables."""
    return range(max(config.max_segments, 2))


def segment_choices(config: Config) -> range:
    """What may be asked for as a number of a segment, or of segments: all that there can be, and as many that cannot
    be."""
    return range(2 << config.max_segments.bit_length())


def select_port(config: Config):
    """What of a stream is to be decoded, and what is sent; see `golden.selection.Selection`. To be held from the
    stream's first transfer on, until ``busy`` has fallen."""
    numbers = segment_choices(config)
    return wiring.Signature({"first": Out(numbers), "count": Out(numbers), "keep": Out(1), "load": Out(1)})


def transfer_layout(config: Config):
    """One transfer of the input: a word, and whether it is the stream's last."""
    return data.StructLayout({"data": config.word_bits, "last": 1})


def entry_layout(config: Config):
    """An entry of the symbol table. With ``config.protect`` it has an even number of ones."""
    return data.StructLayout({
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "nbits": range(config.table_log + 1),
        "base": config.table_log,
        **({"parity": 1} if config.protect else {}),
    })


def table_write_layout(config: Config):
    """A write to the symbol tables of all lanes: entry number ``state`` of table ``table``."""
    return data.StructLayout({
        "enable": 1,
        "table": table_numbers(config),
        "state": config.table_log,
        "entry": entry_layout(config),
    })


def lane_layout(config: Config):
    """What a lane keeps from one turn to the next.

    ``state``: x; ``pointer``: bits read of the word at hand; ``word``: place of that word among P, and ``lap``: the
    parity of the rounds through these places; ``fill``: weights in the part of a beat at hand; ``part``: that part's
    number; ``asked``: words that its tokens ask for; ``rest``: what is left of a token that covers more than one part;
    ``parity``: with ``config.protect``, that of the state.
    """
    return data.StructLayout({
        "state": config.table_log,
        "pointer": range(config.word_bits),
        "word": range(config.preload),
        "lap": 1,
        "fill": range(config.vector),
        "part": part_numbers(config),
        "asked": range(config.words_per_beat + 1),
        "rest": data.StructLayout({"length": range(config.max_run + 1), "value": signed(config.weight_bits)}),
        **({"parity": 1} if config.protect else {}),
    })


def held_layout(config: Config):
    """A token of a lane alone that has been looked up and not been placed: ``run``, less 1 weight, and ``value``;
    ``used``: a word was used up with it; ``again``: it is what is left of a token."""
    return data.StructLayout({
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "used": 1,
        "again": 1,
    })


def lane_ports(config: Config):
    """The ports that a ring and a lane alone have in common; see `hw.ring.Ring` and `hw.lane.Lane`."""
    return {
        "words": In(word_layout(config)),
        "announced": In(announcement_layout(config)),
        "oldest": In(part_numbers(config)),
        "starting": In(1),
        "running": In(1),
        "lookup": Out(lookup_layout(config)),
        "entry": In(entry_layout(config)),
        "token": Out(token_layout(config)),
        "resting": Out(1),
        "at_zero": Out(1),
        **({"upset": Out(1)} if config.protect else {}),
    }


def part_numbers(config: Config) -> range:
    """Numbers of parts and beats: two laps of the part queue, so that their order can be told."""
    return range(2 * config.parts_ahead)


def word_layout(config: Config):
    """A word on its way to the lane of turn ``turn`` in a ring; ``first``: it is the first of its span."""
    return data.StructLayout({"enable": 1, "turn": range(config.ring), "first": 1, "data": config.word_bits})


def lookup_layout(config: Config):
    """Which entry a ring wants."""
    return data.StructLayout({"state": config.table_log, "table": table_numbers(config)})


def announcement_layout(config: Config):
    """What a ring must know of the beats that its lanes may work on.

    ``parts``: the number after that of the last beat announced; ``ended``: that beat is the segment's last, ``need``:
    the weights that the lane whose turn it is owns in it; ``table``, ``raw_bits``: the segment's.
    """
    return data.StructLayout({
        "parts": part_numbers(config),
        "ended": 1,
        "need": range(config.vector + 1),
        "table": table_numbers(config),
        "raw_bits": range(config.raw_bits + 1),
    })


def token_layout(config: Config):
    """A token with its place in the lane's parts of beats.

    ``turn``: whose it is; ``place``: where its value goes in a part, as one bit of V; ``here``: its value, or 0 if it
    is not for the part at hand; ``kept``: its value, or 0 if it is not for the part that the lane then has at hand;
    ``complete``: the part at hand is complete with it, ``part``: that part's number, ``asked``: the words that its
    tokens ask for. ``taken``: it has been looked up in this turn, ``run`` and ``value``: it; ``over``: the lane has no
    more weights in the segment.
    """
    return data.StructLayout({
        "turn": range(config.ring),
        "place": config.vector,
        "here": signed(config.weight_bits),
        "kept": signed(config.weight_bits),
        "complete": 1,
        "part": part_numbers(config),
        "asked": range(config.words_per_beat + 1),
        "taken": 1,
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "over": 1,
    })


def part_layout(config: Config):
    """A lane's part of a beat as it waits: V weights (none if the output is sparse), the words that its tokens ask
    for."""
    dense = config.output is OutputMode.DENSE
    return data.StructLayout({
        "weights": data.ArrayLayout(signed(config.weight_bits), config.vector if dense else 0),
        "asked": range(config.words_per_beat + 1),
    })


def place_layout(config: Config):
    """Which parts: those of turn ``turn`` of beat ``number``."""
    return data.StructLayout({"number": part_numbers(config), "turn": range(config.ring)})


def ahead_layout():
    """Turns whose parts are there and have not been fetched: ``one`` of them at least, ``two`` at least."""
    return data.StructLayout({"one": 1, "two": 1})


def request_layout(config: Config):
    """Words asked for by the lanes of turn ``turn``: of each ring Q bits, ones first."""
    return data.StructLayout({"turn": range(config.ring), "mask": config.request_words})


def beat_layout(config: Config):
    """One output transfer: G x V weights in order, which of them there are, and whether the segment ends here."""
    return data.StructLayout({
        "weights": data.ArrayLayout(signed(config.weight_bits), config.transfer_weights),
        "keep": config.transfer_weights,
        "last": 1,
    })


def sparse_layout(config: Config):
    """One sparse transfer: a token of lane ``turn`` of the ring if ``keep``, and whether its lane's segment ends."""
    return data.StructLayout({
        "turn": range(config.ring),
        "run": range(config.max_run),
        "value": signed(config.weight_bits),
        "keep": 1,
        "last": 1,
    })


def order_layout(config: Config):
    """For whom the next words are: some bits of a request's mask, which ones (one bit of ``group``), the turn, and
    whether the word is the lane's first of the span."""
    return data.StructLayout({
        "group": -(-config.request_words // config.order_words),
        "mask": config.order_words,
        "turn": range(config.ring),
        "first": 1,
    })


def record_layout(config: Config):
    """A segment as the sequencer reads it; ``words`` and ``crc`` are those of the span, where it restarts."""
    return data.StructLayout({
        "weights": config.count_bits,
        "table": table_numbers(config),
        "raw_bits": range(config.raw_bits + 1),
        "restart": 1,
        "words": config.count_bits,
        "crc": 32,
    })


def record_write_layout(config: Config):
    """A write to the segment records."""
    return data.StructLayout({
        "enable": 1,
        "number": segment_numbers(config),
        "record": record_layout(config),
    })


def nibble_stream():
    """A stream of 4-bit nibbles of the header."""
    return stream.Signature(4)
