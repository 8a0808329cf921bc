"""How long the decoder takes over a header: the cycle model of the header reader and the loaders."""

from .config import TableStyle
from .header import header_nibbles, preamble_nibbles, vint

__all__ = ["header_program"]

SLOT_CYCLES = 9  #: of the spread, for each slot, beyond two per token
STORE_CYCLES = 8  #: after the last segment
INDEX_CYCLES = 4  #: of a slot list, from an index to the next field


def header_program(stream, style: TableStyle) -> list[tuple[int, int]]:
    """What the header costs, as a list of (nibbles to read, further cycles).

    Parameters
    ----------
    stream : Stream
    style : TableStyle
        Style ROM reads over tables and segments, style RAM loads them.

    Returns
    -------
    list of (int, int)
        A nibble takes a cycle, and the transfer that brings it another; a field begins a cycle after it is asked for.
    """
    fields = _split_vints(preamble_nibbles(stream))
    program = [(8, 1), (2, 1), *((size, 1) for size in fields)]
    program += _recognize(stream) if style is TableStyle.ROM else _load(stream)
    program += [(8, 1), (0, 2)]  # the CRC, the comparison, and the cycle in which the header is done
    return [step for nibbles, others in program for step in [(0, 1)] * (nibbles > 0) + [(nibbles, others)]]


def _split_vints(nibbles):
    """Sizes of the vints in a sequence of nothing but vints."""
    sizes, size = [], 0
    for nibble in nibbles:
        size += 1
        if not nibble & 8:
            sizes.append(size)
            size = 0
    return sizes


def _recognize(stream):
    """Style ROM: blocks of eight nibbles, what is left of them, the comparison."""
    blocks, rest = divmod(len(header_nibbles(stream)) - len(preamble_nibbles(stream)), 8)
    program = [(8, 1)] * blocks
    if rest:
        program.append((rest, 1))
    return program + [(0, 1)]


def _load(stream):
    """Style RAM: tables, segments, padding."""
    program = []
    for table in stream.tables:
        program += _load_table(table)
    words = iter(stream.words)
    for segment in stream.segments:
        program += [(len(vint(segment.weights)), 1), (len(vint(2 * segment.table + segment.restart)), 1)]
        if segment.restart:
            program += [(len(vint(len(next(words)))), 1), (8, 1)]
        program.append((0, 1))
    odd = sum(nibbles for nibbles, _ in program) + len(preamble_nibbles(stream))
    return program + [(0, STORE_CYCLES), (odd % 2, 1)]


def _load_table(table):
    """Alphabet, counts, spread or slot list."""
    slots, present = 1 << table.table_log, sum(count > 0 for count in table.counts)
    alphabet = table.alphabet
    kind = 0 if table.slots is None else 1
    program = [(len(vint(number)), 1) for number in (kind, alphabet.half, alphabet.raw_bits, alphabet.max_run)]
    program.append((0, 1))
    token = 0
    while token < len(table.counts):
        count = table.counts[token]
        token += 1
        if count:
            program.append((len(vint(count)), 3))
        else:
            end = token
            while end < len(table.counts) and table.counts[end] == 0:
                end += 1
            program += [(1, 2), (len(vint(end - token)), 2 + end - token + 2)]
            token = end
    program.append((0, 3))
    if kind == 0 or present == 1:
        program.append((0, slots * (2 * present + SLOT_CYCLES)))
    else:
        program += [(1 if present <= 16 else 2, 1 + INDEX_CYCLES)] * slots
    return program + [(0, 2)]
