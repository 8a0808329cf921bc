"""A short run of the fuzzer, and that it sees what it is there to see. Long runs are by `python -m tests.fuzz`."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.fuzz.change import bytes_changed
from tests.fuzz.flat import put_together, take_apart
from tests.fuzz.mutate import MUTATORS
from tests.fuzz.seeds import CORPUS, keep, kept, made
from tests.fuzz.targets import TARGETS, Difference, check_npz, check_safetensors

ROOT = Path(__file__).parents[1]


#: The targets that need a package, which is also the name of the extra that brings it.
PACKAGES = ("safetensors", "onnx", "tflite")


@pytest.fixture
def package(name):
    """The package that a target needs, if it needs one."""
    return pytest.importorskip(name, reason=f"needs the extra {name!r}") if name in PACKAGES else None


@pytest.mark.parametrize(("name", "executions"), [("npz", 600), ("safetensors", 600), ("onnx", 300), ("tflite", 500)])
def test_structured_mutation(name, executions, tmp_path, package):
    """Without coverage and without Atheris: members, headers, shapes and types changed; read right or refused."""
    random, accepted, files = Random(1), 0, made(name)
    for _ in range(executions):
        data = MUTATORS[name](random.choice(files), random)
        accepted += TARGETS[name](bytes_changed(data, random) if not random.randrange(8) else data, tmp_path)
    assert 0 < accepted < executions


@pytest.mark.parametrize("name", TARGETS)
def test_corpus(name, tmp_path, package):
    """What earlier runs found worth keeping; it is small."""
    assert (CORPUS / f"{name}.zip").stat().st_size < 100_000
    outcomes = {TARGETS[name](data, tmp_path) for data in kept(name)}
    assert outcomes == {True, False}


def test_keep(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.fuzz.seeds.CORPUS", tmp_path)
    (tmp_path / "work").mkdir()
    for name, data in (("b", b"2"), ("a", b"1"), ("c", b"2")):
        (tmp_path / "work" / name).write_bytes(data)
    assert keep("npz", tmp_path / "work") == 2
    assert kept("npz") == [b"1", b"2"]


@pytest.mark.parametrize("name", TARGETS)
def test_mutation_is_seeded(name, package):
    def changed():
        random = Random(3)
        return [MUTATORS[name](data, random) for data in made(name) * 5]
    assert changed() == changed() and len(set(changed())) > len(made(name))


def test_coverage_guided(tmp_path):
    """The command, with few executions; what it did is recorded."""
    pytest.importorskip("atheris", reason="needs the extra 'fuzz'")
    names = [name for name in TARGETS if name not in PACKAGES or importlib.util.find_spec(name)]
    options = ["--targets", ",".join(names), "--executions", str(300 * len(names)), "--work", tmp_path / "work"]
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(" executions, nothing found\n")
    rows = [row.split(",") for row in (tmp_path / "work" / "executions.csv").read_text().splitlines()]
    assert [row[:2] for row in rows] == [[name, str(seed)] for seed, name in enumerate(names, 1)]
    assert all(int(executions) >= 300 for _, _, executions, _ in rows)  # more where the corpus is larger


def test_memory_is_limited():
    """In a process of 64 MiB more than at rest there is no room for 128."""
    code = "from tests.fuzz.limits import limit_memory\nlimit_memory(1 << 26)\nbytes(1 << {})"
    for size, ends_well in ((25, True), (27, False)):
        done = subprocess.run([sys.executable, "-c", code.format(size)], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode == 0) == ends_well and ("MemoryError" in done.stderr) != ends_well


@pytest.mark.parametrize("check, name", [(check_npz, "npz"), (check_safetensors, "safetensors")])
def test_what_is_compared(check, name, tmp_path, monkeypatch, package):
    data = made(name)[0]
    assert check(data, tmp_path)
    monkeypatch.setattr("tests.fuzz.targets.read_tensors", lambda path, widen: {"a": np.zeros((2, 3), np.int8),
                                                                               "a.scale": np.float32(0.5)})
    with pytest.raises(Difference, match="other values in 'a'"):
        check(data, tmp_path)


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_what_is_compared_of_models(name, tmp_path, monkeypatch, package):
    """One number of one tensor, for each kind of model."""
    target = importlib.import_module(f"tests.fuzz.{name}")
    read = target.read_model

    def other(*arguments, **options):
        tensors, arrays = read(*arguments, **options)
        changed = next(name for name in arrays if "normalization" not in tensors[name].reason)
        arrays[changed] = arrays[changed] + 7  # what no other tensor of that name has
        return tensors, arrays

    for data in made(name):
        assert TARGETS[name](data, tmp_path)
        with monkeypatch.context() as patched, pytest.raises(Difference, match="another tensor"):
            patched.setattr(target, "read_model", other)
            TARGETS[name](data, tmp_path)


@pytest.mark.parametrize("name", ["tflite"])
def test_tables_are_put_together_as_they_were(name, tmp_path, package):
    """The target compares its own walk with the library's reader: both must find the same in what is put together."""
    for data in made(name):
        tables = take_apart(data)
        again, offsets = put_together(tables)
        assert TARGETS[name](again, tmp_path) and len(offsets) > 20
        assert {**take_apart(again), 4: None} == {**tables, 4: None}  # Buffers have places, which are others.
