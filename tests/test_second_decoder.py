"""The second decoder, written from the format page alone, against golden: the same files accepted, the same weights."""

import ast
import tracemalloc
from pathlib import Path
from random import Random

import pytest

from golden.codec import decode
from golden.container import pack, unpack
from golden.errors import FormatError
from tests.cases import random_case
from tests.fuzz.change import bytes_changed
from tests.fuzz.mutate import MUTATORS
from tests.fuzz.seeds import made
from tests.fuzz.targets import Difference, check_tsy
from tests.parts import put_together, take_apart
from tests.second_decoder import Refused, decode_file, decode_stream
from tests.vectors.make import FOLDER

SOURCE = Path(__file__).with_name("second_decoder.py")


def test_it_shares_nothing_with_golden():
    names = set()
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else node.module)
    assert names == {"json", "zlib", "collections", "dataclasses", "functools", "itertools", "math", "struct"}


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed):
    """Any configuration, by tables of counts and of slot lists, with restarts."""
    case = random_case(1000 + seed, most=150)
    segments = decode_stream(pack(case.stream()))
    assert segments == [values.tolist() for values in case.weights]


@pytest.mark.parametrize("seed", range(8))
def test_changed_files(seed):
    """Files with wrong fields, words and directories under right CRC-32s: refused by both, or read alike."""
    random, accepted, files = Random(seed), 0, made("tsy")
    for _ in range(100):
        data = MUTATORS["tsy"](random.choice(files), random)
        accepted += check_tsy(bytes_changed(data, random) if not random.randrange(8) else data, None)
    assert 0 < accepted < 100


def test_what_is_compared():
    """A decoder that gives other weights, or takes what it must not, is seen."""
    data = (FOLDER / "valid" / "restarts.tsy").read_bytes()
    assert check_tsy(data, None)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Difference, match="other weights"):
        patch.setattr("tests.fuzz.targets.decode", lambda stream, most: [-weights for weights in decode(stream, most)])
        check_tsy(data, None)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Difference, match="golden refuses"):
        patch.setattr("tests.fuzz.targets.MAX_WEIGHTS", 0)
        patch.setattr("tests.fuzz.targets.decode_file", lambda data, _: decode_file(data))
        check_tsy(data, None)


def test_pieces_go_together_again():
    for path in sorted((FOLDER / "valid").glob("*.tsy")):
        data = path.read_bytes()
        assert put_together(take_apart(data)) == data or path.stem in ("example-9", "directory-compressed"), path.stem


def test_two_to_the_40_weights_take_no_room():
    """1,625 bytes that announce 2^40 weights are refused within a few hundred kilobytes, by both."""
    data = (FOLDER / "refused" / "two-to-the-40-weights.tsy").read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="must hold at most 2147483648 weights, not 1103806594815"):
            decode(unpack(data)[0])
        with pytest.raises(Refused, match="1103806594815 weights are more than 16777216"):
            decode_file(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 19
    finally:
        tracemalloc.stop()
