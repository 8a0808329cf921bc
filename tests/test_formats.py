"""Files of named arrays: what goes in comes out, equal bytes for equal arrays, one line for a bad file."""

import builtins
import io
import json
import zipfile

import numpy as np
import pytest

from golden.errors import InputError
from golden.formats import read_tensors, write_npz

ARRAYS = {"conv.weight": np.arange(-3, 3, dtype=np.int8).reshape(1, 2, 3),
          "conv.weight.scale": np.float32(0.5).reshape(()),
          "empty": np.zeros((0, 4), np.float32), "long": np.array([1 / 3]), "big": np.array([2 ** 40])}


@pytest.fixture
def save_safetensors():
    return pytest.importorskip("safetensors.numpy", reason="needs the extra 'safetensors'").save_file


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert np.array_equal(found[name], array), name


def assert_refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_npz_round_trip(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    assert_same(read_tensors(tmp_path / "a.npz"), ARRAYS)
    with np.load(tmp_path / "a.npz") as plain:
        assert_same(dict(plain), ARRAYS)


def test_npz_bytes_depend_on_the_arrays_alone(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", ARRAYS)
    monkeypatch.setattr("time.time", lambda: 2e9)
    transposed = dict(ARRAYS, **{"conv.weight": np.asfortranarray(ARRAYS["conv.weight"])})
    swapped = dict(transposed, big=ARRAYS["big"].astype(">i8"))
    write_npz(tmp_path / "b.npz", swapped)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_failed_write_leaves_the_old_file(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    before = (tmp_path / "a.npz").read_bytes()
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(tmp_path / "a.npz", {"x": np.arange(3), "y": np.array([None])})
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_half_floats_are_widened(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.array([1.5, -2], np.float16), y=np.array([3], ">i2"))
    assert_same(read_tensors(tmp_path / "a.npz"), {"x": np.array([1.5, -2], np.float32), "y": np.array([3], np.int16)})


def test_half_floats_stay_where_asked(tmp_path, save_safetensors):
    arrays = {"x": np.array([1.5, -2], np.float16), "y": np.array([0.1], np.float32)}
    np.savez(tmp_path / "a.npz", **arrays)
    save_safetensors(arrays, tmp_path / "a.safetensors")
    assert_same(read_tensors(tmp_path / "a.npz", widen=False), arrays)
    found = read_tensors(tmp_path / "a.safetensors", widen=False)
    assert_same({name: found[name] for name in arrays}, arrays)


def test_safetensors_in_the_order_of_the_data(tmp_path, save_safetensors):
    arrays = {f"layer{i}": np.full((2, 3), i, np.float32) for i in range(20)}
    save_safetensors(dict(arrays, half=np.array([0.25], np.float16)), tmp_path / "a.safetensors")
    found = read_tensors(tmp_path / "a.safetensors")
    half = found.pop("half")
    assert half.dtype == np.float32 and half == 0.25
    assert_same(found, {name: arrays[name] for name in sorted(arrays)})


def test_bfloat16_is_widened(tmp_path, save_safetensors):
    values = np.array([1.0, -2.5, 2 ** 100], np.float32)
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = b'{"w":{"dtype":"BF16","shape":[3,1],"data_offsets":[0,6]}}'
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    assert_same(read_tensors(tmp_path / "a.safetensors"), {"w": values.reshape(3, 1)})


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_every_truncation_is_refused(tmp_path, save_safetensors, suffix):
    arrays = {"w": np.arange(7, dtype=np.float32)}
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    write_npz(whole, arrays) if suffix == ".npz" else save_safetensors(arrays, whole)
    data = whole.read_bytes()
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        assert_refused(cut, "not a sound")


def test_a_flipped_bit_never_ends_in_another_error(tmp_path):
    write_npz(tmp_path / "whole.npz", {"w": np.arange(7, dtype=np.float32)})
    data = (tmp_path / "whole.npz").read_bytes()
    refused = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "flipped.npz").write_bytes(flipped)
        try:
            read_tensors(tmp_path / "flipped.npz")
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 8 * 28  # At least each bit of the data.


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    assert_refused(tmp_path / "a.npz", "allow_pickle")


@pytest.mark.parametrize(("value", "kind"), [("a", "<U1"), (1j, "complex128"), (True, "bool")])
def test_only_numbers(tmp_path, value, kind):
    np.savez(tmp_path / "a.npz", x=np.array([value]))
    assert_refused(tmp_path / "a.npz", f"x must be an array of integers or floats, not of {kind}")


def test_foreign_members_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert_refused(tmp_path / "a.npz", "readme.txt is not an array")


def test_two_arrays_of_one_name_are_refused(tmp_path):
    data = io.BytesIO()
    np.save(data, np.arange(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", data.getvalue())
        archive.writestr("x.npy", data.getvalue())
    assert_refused(tmp_path / "a.npz", "two arrays of one name")


@pytest.mark.parametrize("shape, match", [
    ((1 << 40,), r"array x of shape \[1099511627776\] does not fit in its"),
    ((1 << 62, 0, 3), "x must have a shape that an array can have"),
    ((8,), "not a sound .npz file: .* expected 8 bytes got 7"),
])
def test_an_array_larger_than_its_member_is_refused_before_there_is_room_for_it(tmp_path, shape, match):
    header = str({"descr": "|i1", "fortran_order": False, "shape": shape}).encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(7))
    assert_refused(tmp_path / "a.npz", match)


@pytest.mark.parametrize("place, method", [(20, zipfile.ZIP_STORED), (24, zipfile.ZIP_STORED),
                                           (24, zipfile.ZIP_DEFLATED)])
def test_sizes_that_a_member_cannot_have(tmp_path, place, method):
    """Compressed or not, a gigabyte: zipfile and NumPy would make room for it."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("x.npy", bytes(100))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + place:directory + place + 4] = (1 << 30).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(data)
    assert_refused(tmp_path / "a.npz", "member x.npy has sizes that it cannot have")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_compressed_as_numpy_does_it(tmp_path, method):
    """Others can hold a million times their size."""
    write_npz(tmp_path / "a.npz", ARRAYS)
    with zipfile.ZipFile(tmp_path / "a.npz") as plain, zipfile.ZipFile(tmp_path / "b.npz", "w", method) as other:
        for name in plain.namelist():
            other.writestr(name, plain.read(name))
    assert_refused(tmp_path / "b.npz", "conv.weight.npy is compressed in another way than NumPy does it")


def test_want_of_memory_is_no_damage(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", ARRAYS)

    def full(*_, **__):
        raise MemoryError
    monkeypatch.setattr(np.lib.format, "read_array", full)
    with pytest.raises(MemoryError):
        read_tensors(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [[1] * 65, [0, 1 << 63], [0] * 70])
def test_shapes_that_no_array_can_have(tmp_path, save_safetensors, shape):
    """The package takes them; NumPy does not."""
    size = int(0 not in shape)
    header = json.dumps({"w": {"dtype": "U8", "shape": shape, "data_offsets": [0, size]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    assert_refused(tmp_path / "a.safetensors", "w must have a shape that an array can have")


@pytest.mark.parametrize(("pairs", "match"), [
    ([("x", 1), ("y", 2), ("x", 3)], "there would be two of name x"), ([("x\0y", 1)], "without zero characters"),
    ([("é" * 32766, 1)], "at most 65531 bytes")])
def test_names_that_would_get_lost_are_refused(tmp_path, pairs, match):
    with pytest.raises(InputError, match=match):
        write_npz(tmp_path / "a.npz", ((name, np.int8(value)) for name, value in pairs))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.txt", "a"])
def test_other_suffixes_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert_refused(tmp_path / name, "must be in a file .npz or .safetensors")


def test_a_missing_file_is_named(tmp_path):
    assert_refused(tmp_path / "a.npz", "cannot be read: No such file")


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    def no_safetensors(name, *rest, _import=builtins.__import__):
        if name == "safetensors":
            raise ImportError(name)
        return _import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_safetensors)
    assert_refused(tmp_path / "a.safetensors", r"pip install 'tansy\[safetensors\]'")
