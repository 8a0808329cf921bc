"""The conformance vectors: their bytes are those that were committed, and every decoder does with them as they say."""

import json
import subprocess
import sys

import pytest

from golden import codec, scalar
from golden.container import unpack
from golden.errors import FormatError
from golden.network import restore
from tests.second_decoder import Refused, decode_file
from tests.vectors.make import FOLDER, INDEX, index, readme, sha256
from tests.vectors.refused import REFUSED
from tests.vectors.valid import VALID

#: Changes when a vector is added. One that is there must never change: whatever an encoder wrote must decode for ever.
PINNED = "06404d32b85f7e26c63b1ff96383d400e784b332ed062266c4469ca0a22d985c"
KNOWN = index()
MAX_WEIGHTS = 1 << 20


def file(folder, name):
    return (FOLDER / folder / f"{name}.tsy").read_bytes()


def expected(name):
    return json.loads((FOLDER / "valid" / f"{name}.json").read_bytes())


def plain(tensors, coded):
    """Arrays as the JSON of a vector has them."""
    return {
        "coded": {name: {"shape": list(tensors[name].shape), "weights": tensors[name].ravel().tolist()}
                  for name, _ in coded},
        "raw": {name: {"type": array.dtype.str, "shape": list(array.shape), "bytes": array.tobytes().hex()}
                for name, array in tensors.items() if name not in dict(coded)}}


def test_bytes_are_those_that_were_committed():
    assert sha256(INDEX.read_bytes()) == PINNED
    for folder, vectors in (("valid", VALID), ("refused", REFUSED)):
        assert list(KNOWN[folder]) == [vector.name for vector in vectors]
        assert {path.stem for path in (FOLDER / folder).glob("*.tsy")} == set(KNOWN[folder])
        for name, known in KNOWN[folder].items():
            data = file(folder, name)
            assert (len(data), sha256(data)) == (known["bytes"], known["sha256"]), name
            if folder == "valid":
                assert sha256((FOLDER / folder / f"{name}.json").read_bytes()) == known["decoded"], name
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == readme(KNOWN)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc") < 150_000


@pytest.mark.parametrize("decode", [scalar.decode, codec.decode])
@pytest.mark.parametrize("name", [vector.name for vector in VALID])
def test_golden_decodes(name, decode):
    stream, directory = unpack(file("valid", name))
    assert plain(restore(directory, decode(stream)), directory.coded) == expected(name)


@pytest.mark.parametrize("name", [vector.name for vector in VALID])
def test_the_second_decoder_decodes(name):
    coded, raw = decode_file(file("valid", name))
    assert expected(name) == {
        "coded": {name: {"shape": shape, "weights": weights} for name, (shape, weights) in coded.items()},
        "raw": {name: {"type": kind, "shape": shape, "bytes": data.hex()} for name, (shape, kind, data) in raw.items()}}


@pytest.mark.parametrize("vector", REFUSED, ids=[vector.name for vector in REFUSED])
def test_refused(vector):
    data = file("refused", vector.name)
    with pytest.raises(FormatError, match=vector.error):
        codec.decode(unpack(data)[0], MAX_WEIGHTS)
    with pytest.raises(Refused):
        decode_file(data, MAX_WEIGHTS)


def test_the_vectors_reach_the_ends_of_every_range():
    """N, V, W, R, M, S and H at their least and greatest, kinds of tables, segments with and without restart."""
    streams = [unpack(file("valid", name))[0] for name in KNOWN["valid"]]
    for name, ends in {"lanes": {1, 64}, "vector": {1, 8}, "word_bits": {8, 16, 32, 64, 128}, "table_log": {1, 12},
                       "max_run": {1, 16}, "raw_bits": {0, 7}, "half": {1, 127}, "preload": {2, 256}}.items():
        assert ends <= {getattr(stream.config, name) for stream in streams}, name
    assert {table.slots is None for stream in streams for table in stream.tables} == {True, False}
    assert {segment.restart for stream in streams for segment in stream.segments} == {True, False}
    assert any(not len(words) for stream in streams for words in stream.words)


def test_what_is_there_is_not_made_again():
    before = {path: path.stat().st_mtime_ns for path in FOLDER.rglob("*.tsy")}
    command = [sys.executable, "-m", "tests.vectors.make"]
    done = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True)
    assert done.stdout == f"0 vectors written, {len(before)} left as they are\n"
    assert before == {path: path.stat().st_mtime_ns for path in FOLDER.rglob("*.tsy")}
    done = subprocess.run([*command, "--force", "x"], cwd=FOLDER.parents[1], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "tests.vectors.make: error: there is no vector x\n")
