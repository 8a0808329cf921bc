"""The worked example of ``docs/format.md``: the page's own tables against the codec, both ways."""

import re
from pathlib import Path

import numpy as np
import pytest

from golden import codec, scalar
from golden.config import Config
from golden.container import Directory, pack, stream_bytes, unpack
from golden.stream import Segment, Stream
from golden.table import Alphabet, Table

PAGE = Path(__file__).parents[1] / "docs" / "format.md"
CONFIG = Config(lanes=2, vector=1, word_bits=8, preload=2, table_log=3, max_run=2, bins=3)
TABLE = Table(Alphabet(half=1, raw_bits=0, max_run=2), 3, (1, 2, 1, 1, 3))


def example():
    return PAGE.read_text(encoding="utf-8").split("## 8. Worked example")[1]


def rows(first_column):
    """The rows of the page's table with this first column, as lists of cells."""
    lines = example().split(f"| {first_column} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def page_bytes():
    return bytes.fromhex("".join(row[1].strip("`") for row in rows("offset")))


def page_weights():
    return [int(number) for number in re.search(r"\n\n    ([-0-9 ]+)\n\n", example()).group(1).split()]


@pytest.mark.parametrize("encode", [scalar.encode, codec.encode])
def test_weights_give_the_bytes_of_the_page(encode):
    segments = (Segment(21, 0, True),)
    words = encode(CONFIG, (TABLE,), segments, [np.array(page_weights())])
    assert pack(Stream(CONFIG, (TABLE,), segments, words), Directory((("w", (21,)),))) == page_bytes()


@pytest.mark.parametrize("decode", [scalar.decode, codec.decode])
def test_bytes_give_the_weights_of_the_page(decode):
    stream, directory = unpack(page_bytes())
    assert stream.config == CONFIG
    assert directory.coded == (("w", (21,)),) and directory.raw == {}
    assert decode(stream)[0].tolist() == page_weights()


def test_offsets_and_nibbles():
    offset = 0
    for at, data, coded, _ in rows("offset"):
        data = bytes.fromhex(data.strip("`"))
        assert int(at) == offset
        offset += len(data)
        if coded.startswith("nibbles"):
            assert [half for byte in data for half in (byte & 15, byte >> 4)] == [int(n) for n in coded[8:].split(",")]
        elif coded:
            assert coded.strip("`").encode() == data
    assert offset == 71


def test_slots():
    for (slot, token, pair, nbits, base), entry, number in zip(rows("slot x"), TABLE.entries, TABLE.slot_tokens):
        assert (int(token), pair) == (number, f"({entry.run}, {entry.value})")
        assert (int(nbits), int(base)) == (entry.nbits, entry.base)
        assert TABLE.entries[int(slot)] is entry


def test_walk():
    """The order of the reads, their bits and the words they ask for."""
    stream, _ = unpack(page_bytes())
    tokens = [iter(lane) for lane in scalar.trace(stream)[0]]
    read, asked, state = [0, 0], 4, [0, 0]
    for event, lane, before, pair, bits, total, after, word in rows("event"):
        lane = int(lane)
        if event != "start":
            token, entry = next(tokens[lane]), TABLE.entries[int(before)]
            assert int(before) == state[lane] and pair == f"({entry.run}, {entry.value})"
            assert (event, len(bits)) == (f"beat {token.first}", token.bits)
            assert int(after) == entry.base + int(bits, 2)
        reached = (read[lane] + len(bits)) // 8 - read[lane] // 8
        read[lane] += len(bits)
        state[lane] = int(after)
        assert int(total) == read[lane]
        assert word.startswith(f"number {asked}:") if reached else word == ""
        if reached:
            value = stream.words[0][asked] if asked < len(stream.words[0]) else 0
            assert f"`{value:02X}`" in word and ("not stored" in word) == (asked >= len(stream.words[0]))
        asked += reached
    assert state == [0, 0] and [next(lane, None) for lane in tokens] == [None, None]


def second_example():
    """Bytes and weights of the page's second example."""
    text = PAGE.read_text(encoding="utf-8").split("## 9. A second example")[1]
    data = bytes.fromhex("".join(re.findall(r"^    [0-9a-f]{2}: ([0-9a-f ]+)$", text, re.MULTILINE)))
    weights = [[int(number) for number in re.search(rf"^    {name}: ([-0-9 ]+)$", text, re.MULTILINE)[1].split()]
               for name in "ab"]
    return data, weights


@pytest.mark.parametrize("codec_at_hand", [scalar, codec])
def test_second_example(codec_at_hand):
    data, weights = second_example()
    config = Config(lanes=2, vector=2, word_bits=16, preload=2, table_log=4, max_run=2, raw_bits=1, bins=7)
    tables = (Table(Alphabet(3, 1), 4, (1, 5, 7, 3), (2, 1, 2, 3, 2, 1, 2, 1, 2, 3, 1, 2, 1, 2, 3, 0)),
              Table(Alphabet(2, 0, 2), 4, (0, 2, 3, 0, 0, 2, 8, 1, 0)))
    segments = (Segment(15, 0, True), Segment(19, 1, True))
    words = codec_at_hand.encode(config, tables, segments, [np.array(values) for values in weights])
    sent = stream_bytes(Stream(config, tables, segments, words))
    assert data.startswith(sent) and [len(span) for span in words] == [4, 3]
    stream, directory = unpack(data)
    assert (stream.config, stream.tables, stream.segments) == (config, tables, segments)
    assert [values.tolist() for values in codec_at_hand.decode(stream)] == weights
    assert directory.coded == (("a", (3, 5)), ("b", (19,)))
    assert {name: (array.dtype, array.tolist()) for name, array in directory.raw.items()} == {
        "a.scale": (np.dtype("<f4"), 0.5)}
