"""What holds of files and commands for whatever names, arrays and texts they are given."""

import contextlib
import io
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.cli import OneLineParser, atomic_write, naming, read_bytes, run
from golden.errors import ConfigError, FormatError, InputError, TansyError
from golden.formats import (
    Stored,
    TensorFile,
    TensorInfo,
    check_shape,
    missing_extra,
    one_line,
    open_tensors,
    owner_of,
    read_tensors,
    write_npz,
)
from golden.options import add_plan_options, plan_options
from tests.properties import LIMITS, about, flipped, refused
from tests.strategies import names, shapes

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILE_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", ".."))
DIMENSIONS = 64 if int(np.__version__.split(".")[0]) > 1 else 32  #: of an array of NumPy, at most
contents = st.dictionaries(names, hnp.arrays(st.sampled_from(["i1", "u2", "i8", "f2", "f4", "f8"]), shapes), max_size=4)


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def shown(text):
    """A text as an error of Tansy has it."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def leaving(main):
    """The code with which a command leaves, and what it says on standard error."""
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        try:
            run(main, "prog")
            code = 0
        except SystemExit as end:
            code = end.code
    return code, said.getvalue()


@about(atomic_write, read_bytes)
@LIMITS
@given(FILE_NAMES, st.binary(max_size=50), st.binary(max_size=50), st.booleans())
def test_a_file_appears_whole_or_not_at_all(name, before, after, fails):
    with folder() as path:
        (path / name).write_bytes(before)
        with contextlib.suppress(KeyError), atomic_write(path / name) as file:
            file.write(after[:len(after) // 2])
            file.flush()
            assert (path / name).read_bytes() == before
            if fails:
                raise KeyError
            file.write(after[len(after) // 2:])
        assert read_bytes(path / name) == (before if fails else after)
        assert [each.name for each in path.iterdir()] == [name]


@about(atomic_write, read_bytes)
@LIMITS
@given(FILE_NAMES, texts)
def test_a_folder_that_is_not_there_is_refused(name, text):
    with folder() as path:
        with refused(InputError):
            read_bytes(path / "none" / "file")
        with refused(InputError), atomic_write(path / "none" / "file") as file:
            file.write(b"")
        with atomic_write(path / name, "w") as file:
            file.write(text)
        assert (path / name).read_bytes().decode() == text


@about(naming)
@LIMITS
@given(texts, texts, st.sampled_from((FormatError, ConfigError, InputError, KeyError)))
def test_a_file_is_named_before_what_is_wrong_with_its_format(path, text, kind):
    with pytest.raises(kind) as caught, naming(path):
        raise kind(text)
    assert str(caught.value) == (shown(f"{path}: {text}") if kind is FormatError else str(kind(text)))
    with naming(path):
        pass


@about(run)
@LIMITS
@given(texts, texts, st.sampled_from((FormatError, ConfigError, TansyError, OSError, MemoryError, KeyboardInterrupt)))
def test_every_error_is_one_line_and_code_2(text, path, kind):
    """What is said is the words of the error and the name of its file."""
    def main():
        raise OSError(2, text, path) if kind is OSError else kind(text)

    code, said = leaving(main)
    if kind is KeyboardInterrupt:
        assert (code, said) == (130, "")
        return
    words = f"{path}: {text or OSError(2, text, path)}" if kind is OSError else shown(text)
    assert code == 2 and said.startswith("prog: error: ") and said.splitlines() == [said[:-1]] and said[-1] == "\n"
    if kind is not MemoryError and text and path:
        assert said[13:-1] == " ".join(words.split())
    assert leaving(lambda: None) == (0, "")


@about(OneLineParser)
@LIMITS
@given(st.lists(texts, max_size=3))
@example(["word", "of two\nlines"])
@example(["--number=1\r2", "word"])
def test_arguments_are_taken_or_refused_in_one_line(arguments):
    parser = OneLineParser(prog="prog", add_help=False)
    parser.add_argument("--number", type=int)
    parser.add_argument("word")
    code, said = leaving(lambda: parser.parse_args(arguments))
    assert code in (0, 2)
    if code == 2:
        assert said.startswith("prog: error: ") and said.splitlines() == [said[:-1]] and said[-1] == "\n"
    else:
        assert said == "" and [each for each in arguments if not each.startswith("-")]


@about(add_plan_options, plan_options)
@LIMITS
@given(st.fixed_dictionaries({}, optional={
    "lanes": st.integers(-5, 99), "vector": st.integers(-5, 99), "word_bits": st.integers(0, 200),
    "preload": st.integers(0, 9), "table_log": st.integers(0, 20), "max_run": st.integers(0, 20),
    "raw_bits": st.integers(0, 9), "search_rounds": st.integers(-3, 300), "restart_every": st.integers(0, 1 << 20),
    "own_tables": st.just(True), "own_spans": st.just(True)}), st.booleans())
def test_options_are_what_was_given(options, automatic):
    """As many as were given, under the names of `golden.plan.plan`; "auto" is none."""
    parser = OneLineParser(prog="prog")
    add_plan_options(parser)
    words = []
    for name, value in options.items():
        flag = "--search" if name == "search_rounds" else f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [f"{flag}={value}"]
    if automatic:
        words += [f"--{name}=auto" for name in ("table-log", "max-run", "raw-bits")]
        options = {name: value for name, value in options.items() if name not in ("table_log", "max_run", "raw_bits")}
    found = parser.parse_args(words)
    if options.get("search_rounds", 0) < 0:
        with refused(ConfigError):
            plan_options(found)
    else:
        assert plan_options(found) == options


def equal(found, wanted):
    return (found.shape, found.dtype) == (wanted.shape, wanted.dtype) and found.tobytes() == wanted.tobytes()


def widened(array, widen):
    """An array as the readers hand it over."""
    short = array.dtype.kind == "f" and array.dtype.itemsize == 2 and widen
    return array.astype(np.float32) if short else array


@about(read_tensors, write_npz, open_tensors)
@LIMITS
@given(contents, st.booleans())
def test_archives_come_back(arrays, widen):
    with folder() as path:
        write_npz(path / "a.npz", arrays)
        found = read_tensors(path / "a.npz", widen)
        write_npz(path / "b.npz", iter(arrays.items()))
        assert (path / "a.npz").read_bytes() == (path / "b.npz").read_bytes()
        with np.load(path / "a.npz") as plain:
            assert plain.files == list(arrays)
    assert list(found) == list(arrays)
    assert all(equal(found[name], widened(array, widen)) for name, array in arrays.items())


@about(write_npz)
@LIMITS
@given(names, names)
def test_two_arrays_of_a_name_are_refused(name, bad):
    with folder() as path:
        for wrong in ([(name, np.zeros(1)), (name, np.ones(1))], [(bad + "\0", np.zeros(1))]):
            with refused(InputError):
                write_npz(path / "a.npz", wrong)
        assert list(path.iterdir()) == []


@about(open_tensors, TensorFile, TensorInfo, Stored)
@LIMITS
@given(contents, st.booleans(), st.booleans())
def test_an_open_file_says_what_it_holds_before_it_is_read(arrays, widen, safe):
    """Of either format; what is stored is read by NumPy when it is asked for, in the type asked for."""
    if safe:
        save = pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'").save_file
        arrays = {name: array for name, array in arrays.items() if name != "__metadata__"}
    with folder() as path:
        file = path / f"a.{'safetensors' if safe else 'npz'}"
        save(arrays, file) if safe else write_npz(file, arrays)
        with open_tensors(file, widen) as opened:
            stored = opened.stored()
            assert set(opened.tensors) == set(arrays) and list(stored) == list(opened.tensors)
            for name, array in arrays.items():
                wanted, info = widened(array, widen), opened.tensors[name]
                assert (info.shape, info.dtype) == (stored[name].shape, stored[name].dtype) == (
                    wanted.shape, wanted.dtype)
                assert info[2:] == TensorInfo((), None)[2:]
                assert equal(opened.read(name), wanted) and equal(np.asarray(stored[name]), wanted)
                assert np.asarray(stored[name], np.float64).dtype == np.float64
        assert opened.path == file


@about(open_tensors, read_tensors)
@LIMITS
@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20), st.sampled_from(("", ".txt", ".npy", ".NPZ.gz")))
def test_damaged_files_and_other_suffixes_are_refused(bit, cut, suffix):
    """A flipped bit may fall where nothing is said, as in a date; a cut never does."""
    arrays = {"a": np.arange(6.0), "b": np.ones((2, 3), np.int8)}
    with folder() as path:
        file = path / "a.npz"
        write_npz(file, arrays)
        data = file.read_bytes()
        file.write_bytes(flipped(data, bit))
        try:
            found = read_tensors(file)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert all(equal(found[name], arrays[name]) for name in found if name in arrays)
        file.write_bytes(data[:cut % len(data)])
        with refused(InputError):
            read_tensors(file)
        with refused(InputError):
            open_tensors(path / f"a{suffix}")


@about(owner_of)
@LIMITS
@given(st.sets(st.sampled_from(("a", "b", "a.scale", "b.bias", ""))), st.sampled_from(("a", "b", "a.scale", "")),
       st.sampled_from((".scale", ".offset", ".zero_point", ".bias", "")))
def test_owners(others, name, suffix):
    """The array whose name this one is but for the end, where there is one."""
    wanted = [each for each in others for end in (".scale", ".offset", ".zero_point") if each + end == name + suffix]
    assert owner_of(name + suffix, others) == (wanted[0] if wanted else None)


@about(check_shape)
@LIMITS
@given(st.lists(st.integers(-2, 3) | st.integers(0, 1 << 65) | st.sampled_from((1 << 31, 1 << 60)), max_size=4)
       | st.integers(30, 70).map(lambda count: [1] * count), st.sampled_from(("i1", "<f2", "<f8")).map(np.dtype))
def test_shapes_are_those_that_an_array_can_have(shape, dtype):
    """Of no more bytes than an address counts, dimensions of 0 aside, and as many dimensions as NumPy has."""
    bytes_of_all = math.prod(size for size in shape if size) * dtype.itemsize
    possible = len(shape) <= DIMENSIONS and min(shape, default=0) >= 0 and bytes_of_all < 1 << 63
    with contextlib.nullcontext() if possible else refused(InputError):
        check_shape(Path("a.npz"), "w", tuple(shape), dtype)


@about(one_line, missing_extra)
@LIMITS
@given(texts, FILE_NAMES)
def test_what_others_say_is_cut_to_a_line(text, name):
    said = one_line(ValueError(text))
    assert len(said.splitlines()) == 1 and said in (*text.strip().splitlines(), "ValueError")
    assert (said == "ValueError") == (not text.strip()) or text.strip() == "ValueError"
    error = missing_extra(Path(name + ".onnx"), "onnx")
    assert type(error) is InputError and "tansy[onnx]" in str(error) and ".onnx" in str(error)


