"""Damaged model files, each as fuzzing found it or as it was thought of: refused in one line, or read right."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from golden.errors import InputError
from golden.frontend.models import open_model
from golden.rules import Rules, decide, quantize_network
from tests.fuzz.flat import put_together, take_apart
from tests.onnx_models import model, saved
from tests.tflite_models import Constant, Node, build


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx", reason="needs the extra 'onnx'")


@pytest.fixture
def tflite():
    return pytest.importorskip("tflite", reason="needs the extra 'tflite'")


def held(path, tensor, kind="MatMul"):
    """The path of a model with one tensor, which an operator takes."""
    from onnx import helper

    path = path / "net.onnx"
    made = model([helper.make_node(kind, ["x", tensor.name], ["y"])], {tensor.name: tensor}, {"x": [1, 2]}, ["y"])
    path.write_bytes(made.SerializeToString())
    return path


def complaint(path, name=None):
    """What a file, or one tensor in it, is refused with."""
    with pytest.raises(InputError) as caught, open_model(path) as file:
        file.read(name)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def tensor(kind, dims, name="w", **fields):
    from onnx import TensorProto

    return TensorProto(name=name, data_type=TensorProto.DataType.Value(kind), dims=dims, **fields)


@pytest.mark.parametrize(("kind", "dims", "fields", "match"), [
    ("INT8", [2], {"int32_data": [1, 300]}, "must be from -128 to 127, not from 1 to 300"),
    ("UINT16", [2], {"int32_data": [-1, 3]}, "must be from 0 to 65535"),
    ("UINT32", [1], {"uint64_data": [1 << 32]}, "must be from 0 to 4294967295"),
    ("BFLOAT16", [1], {"int32_data": [1 << 16]}, "must be from -32768 to 65535"),
    ("INT4", [3], {"int32_data": [1, 2, 3]}, "must have 2 numbers, not 3"),
    ("UINT4", [1 << 40], {"int32_data": [1]}, "must have 549755813888 numbers, not 1"),
    ("INT4", [3], {"raw_data": b"abc"}, "must have 2 bytes of data, not 3"),
    ("INT8", [1 << 40], {"raw_data": b"abc"}, "must have 1099511627776 bytes of data, not 3"),
    ("INT8", [1], {"raw_data": b"a", "int32_data": [2]}, "data in two fields"),
    ("INT8", [4], {"float_data": [1]}, "must have 4 numbers, not 0"),
    ("INT8", [1] * 65, {"raw_data": b"a"}, "must have a shape that an array can have"),
    ("INT8", [1 << 62, 4, 0], {"raw_data": b""}, "must have a shape that an array can have"),
    ("FLOAT", [1], {"raw_data": b"abcd", "segment": {"begin": 0}}, "a part of a tensor")])
def test_tensors_of_onnx_that_the_library_does_not_check(tmp_path, onnx, kind, dims, fields, match):
    assert match in complaint(held(tmp_path, tensor(kind, dims, **fields)), "w")


@pytest.mark.parametrize("fields", [{"float_data": [0.5] * 2000}, {"raw_data": bytes(8000), "int32_data": [7]}])
def test_large_tensors_of_onnx_are_checked_like_small_ones(tmp_path, onnx, fields):
    """Whose data stay in the file: floats are no integers of their bytes."""
    assert "is damaged" in complaint(held(tmp_path, tensor("INT8", [8000], **fields)), "w")


def test_large_tensors_of_onnx_with_two_places(tmp_path, onnx):
    """What the model says of data beside it counts, not the data that it has as well."""
    both = tensor("INT8", [8000], raw_data=bytes(8000), data_location=onnx.TensorProto.EXTERNAL)
    both.external_data.add(key="location", value="net.data")
    (tmp_path / "net.data").write_bytes(b"\1" * 8000)
    with open_model(held(tmp_path, both)) as file:
        assert file.read("w").tolist() == [1] * 8000


@pytest.mark.parametrize(("entries", "match"), [
    ({}, "a file without a name"), ({"offset": "0", "length": "4"}, "a file without a name"),
    ({"location": ""}, "a file without a name"), ({"location": "a\0b"}, "embedded null"),
    ({"location": "."}, "must be beside the model"), ({"location": "x" * 3000}, "File name too long"),
    ({"location": "net.data", "length": "9" * 18}, "must have 4 bytes of data, not 5"),
    ({"location": "net.data", "offset": "9" * 18}, "must have 4 bytes of data, not 0"),
    ({"location": "net.data", "length": "-1"}, "must have a place in")])
def test_places_beside_a_model_of_onnx(tmp_path, onnx, entries, match):
    beside = tensor("INT8", [2, 2], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in entries.items():
        beside.external_data.add(key=key, value=value)
    (tmp_path / "net.data").write_bytes(b"12345")
    assert match in complaint(held(tmp_path, beside), "w")


def test_a_file_beside_is_not_read_for_nothing(tmp_path, onnx):
    """A tensor of four bytes in a file of 256 MB; the file has no blocks."""
    beside = tensor("INT8", [2, 2], data_location=onnx.TensorProto.EXTERNAL)
    beside.external_data.add(key="location", value="net.data")
    with open(tmp_path / "net.data", "wb") as file:
        file.truncate(1 << 28)
    path = held(tmp_path, beside)
    tracemalloc.start()
    try:
        assert "not 268435456" in complaint(path, "w")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_constants_of_onnx_that_are_lists(tmp_path, onnx):
    """Numbers of another type than the name says are refused; texts are left out, whatever they are."""
    constant = onnx.helper.make_node("Constant", [], ["c"], value_strings=["é", "x" * 5000, *"abc" * 500])
    use = onnx.helper.make_node("Add", ["x", "c"], ["y"])
    path = saved(tmp_path / "net.onnx", [constant, use], {}, {"x": [1]}, ["y"])
    with open_model(path) as file:
        assert file.tensors["c"].action == "left out" and file.tensors["c"].shape == (1502,)
    constant.attribute[0].CopyFrom(onnx.helper.make_attribute("value_ints", [1.5, 2.5]))
    path = saved(tmp_path / "net.onnx", [constant, use], {}, {"x": [1]}, ["y"])
    assert "value_ints of c is of another type" in complaint(path)


def test_a_tensor_in_two_pieces(tmp_path, onnx):
    """Protocol buffers merge the pieces of a message; so the field is the later one's, and dimensions add up."""
    constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor("INT8", [2], raw_data=b"ab"))
    data = model([constant, onnx.helper.make_node("Add", ["x", "c"], ["y"])], {}, {"x": [1]}, ["y"])
    attribute = data.graph.node[0].attribute[0].SerializeToString()
    longer = attribute + b"\x2a\x06\x08\x01\x4a\x02cd"
    node = data.graph.node[0].SerializeToString()
    whole = data.SerializeToString()
    grown = node.replace(_length(attribute) + attribute, _length(longer) + longer)
    graph = data.graph.SerializeToString()
    other = graph.replace(_length(node) + node, _length(grown) + grown)
    (tmp_path / "net.onnx").write_bytes(whole.replace(_length(graph) + graph, _length(other) + other))
    expected = onnx.load(tmp_path / "net.onnx").graph.node[0].attribute[0].t
    assert list(expected.dims) == [2, 1] and expected.raw_data == b"cd"
    with open_model(tmp_path / "net.onnx") as file:
        assert file.read("c").tolist() == [[99], [100]]


def _length(data):
    return bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])


@pytest.mark.parametrize("kind", [0, 5])
def test_fields_of_another_kind_are_no_messages(tmp_path, onnx, kind):
    """The library takes them for fields that it does not know."""
    data = held(tmp_path, tensor("INT8", [1, 2], raw_data=b"ab")).read_bytes()
    (tmp_path / "net.onnx").write_bytes(data + bytes([7 << 3 | kind]) + (b"\x05" if kind == 0 else b"\x0a\2\x2a\0"))
    with open_model(tmp_path / "net.onnx") as file:
        assert list(file.tensors) == ["w"]


@pytest.mark.parametrize("branches", [1, 2])
def test_long_and_many_ways_through_a_graph(tmp_path, onnx, branches):
    """3000 operators that hand a tensor on; where both branches have the same names, 2 to the power of that ways."""
    nodes = [onnx.helper.make_node("Identity", [f"t{number}"], [f"t{number + 1}"]) for number in range(3000)]
    nodes.append(onnx.helper.make_node("MatMul", ["x", "t3000"], ["y"]))
    inner = onnx.helper.make_graph(nodes, "branch", [], [])
    if branches == 2:
        nodes = [onnx.helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)]
    path = saved(tmp_path / "net.onnx", nodes, {"t0": np.ones((2, 3), np.float32)}, {"x": [1, 2]}, ["y"])
    start = time.process_time()
    with open_model(path) as file:
        assert file.tensors["t0"].reason == "weight of MatMul" and file.tensors["t0"].axis == 1
    assert time.process_time() - start < 20


@pytest.mark.parametrize("same", [False, True])
def test_weights_that_two_branches_round_under_one_name(tmp_path, onnx, same):
    """What follows is not known to be of this branch: they stay floats."""
    branches = []
    for number in range(2):
        rounded = "q" if same else f"q{number}"
        nodes = [onnx.helper.make_node("QuantizeLinear", [f"w{number}", "s", "z"], [rounded]),
                 onnx.helper.make_node("DequantizeLinear", [rounded, "s", "z"], [f"d{number}"]),
                 onnx.helper.make_node("MatMul", ["x", f"d{number}"], [f"y{number}"])]
        branches.append(onnx.helper.make_graph(nodes, "branch", [], []))
    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])
    constants = {"w0": np.eye(2, dtype=np.float32), "w1": np.eye(2, dtype=np.float32), "s": np.float32(1),
                 "z": np.int8(0)}
    with open_model(saved(tmp_path / "net.onnx", [node], constants, {"x": [1, 2]}, ["y"])) as file:
        assert {file.tensors[name].dtype for name in ("w0", "w1")} == {np.dtype(np.float32 if same else np.int8)}


def test_many_tensors_of_one_name(tmp_path, onnx):
    """Time must not go by the square of their number."""
    same = tensor("INT8", [1], raw_data=b"a").SerializeToString()
    graph = (b"\x2a" + bytes([len(same)]) + same) * 8000
    length = b"".join(bytes([len(graph) >> shift & 127 | (128 if shift < 21 else 0)]) for shift in (0, 7, 14, 21))
    (tmp_path / "net.onnx").write_bytes(b"\x08\x0a\x3a" + length + graph + b"\x42\x04\x0a\x00\x10\x15")
    start = time.process_time()
    with open_model(tmp_path / "net.onnx") as file:
        assert len(file.tensors) == 8000 and file.read("w#8000").tolist() == [97]
    assert time.process_time() - start < 30


def test_operators_of_onnx_with_too_few_inputs_and_outputs(tmp_path, onnx):
    nodes = [onnx.helper.make_node("QLinearConv", ["x", "s"], ["a"]),
             onnx.helper.make_node("QuantizeLinear", ["w"], []),
             onnx.helper.make_node("Conv", ["x", "v"], ["", "c"]),
             onnx.helper.make_node("BatchNormalization", ["c", "s", "s", "s", "s"], ["n"]),
             onnx.helper.make_node("Transpose", ["s"], ["t"]), onnx.helper.make_node("MatMul", ["x", "t"], ["y"]),
             onnx.helper.make_node("Transpose", ["u"], ["ut"], perm=[7, 9]),
             onnx.helper.make_node("MatMul", ["x", "ut"], ["z"])]
    constants = {"s": np.float32(1), "w": np.ones((2, 2), np.float32), "v": np.ones((1, 1, 1, 1), np.float32),
                 "u": np.ones((2, 2), np.float32)}
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1]}, ["y"])) as file:
        assert quantize_network(file, Rules(3, per_channel=True))[0].keys() >= {"s", "u", "v"}


def test_two_makers_of_one_tensor_are_refused(tmp_path, onnx):
    nodes = [onnx.helper.make_node("Identity", ["w"], ["y"]) for _ in range(2)]
    path = saved(tmp_path / "net.onnx", nodes, {"w": np.ones(2, np.float32)}, {"x": [1]}, ["y"])
    assert "two operators make the tensor y" in complaint(path)


def test_a_factor_of_another_number_than_one_turns_a_weight(tmp_path, onnx):
    nodes = [onnx.helper.make_node("Gemm", ["x", "w"], ["a"], transB=7),
             onnx.helper.make_node("BatchNormalization", ["a", *"smbv"], ["y"])]
    constants = {"w": np.ones((2, 3), np.float32), **dict.fromkeys("smbv", np.ones(2, np.float32))}
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 3]}, ["y"])) as file:
        assert file.tensors["w"].reason.endswith("normalization folded in") and file.tensors["w"].axis == 0


@pytest.mark.parametrize("case", ["rounded", "bias", "raw", "signal"])
def test_numbers_beyond_floats_warn_of_nothing(tmp_path, onnx, case):
    """Warnings are errors here."""
    make = onnx.helper.make_node
    if case == "rounded":  # 1 by the least float is no float
        nodes = [make("QuantizeLinear", ["w", "s", "z"], ["q"]), make("DequantizeLinear", ["q", "s", "z"], ["d"]),
                 make("MatMul", ["x", "d"], ["y"])]
        constants = {"w": np.array([[1, -1]], np.float32), "s": np.float32(1e-45), "z": np.int8(0)}
    elif case == "bias":  # the product of two scales
        nodes = [make("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z", "b"], ["y"])]
        constants = {"s": np.float32(1e30), "z": np.int8(0), "w": np.ones((1, 1, 1, 1), np.int8),
                     "b": np.ones(1, np.int32)}
    else:
        nodes = [make("Add", ["x", "w"], ["y"])]
        signal = np.array([0x7FF0000000000001], np.uint64).view(np.float64)
        constants = {"w": np.array([1e300]) if case == "raw" else signal}
    with open_model(saved(tmp_path / "net.onnx", nodes, constants, {"x": [1, 1]}, ["y"])) as file:
        if case == "rounded":
            assert file.read("w").tolist() == [[127, -128]]
        else:
            with pytest.raises(InputError, match=r"(b.scale|w) must be finite as float32, not (inf|1e\+300|nan)"):
                quantize_network(file, Rules())


@pytest.mark.parametrize("dimensions", [40, 64])
def test_scales_of_many_dimensions(tmp_path, tflite, dimensions):
    shape = (*(1,) * (dimensions - 1), 3)
    constants = {"w": Constant(np.array([1, 2, 3], np.int8), (1, 2, 3), (0,) * 3, dimensions - 1, shape=shape)}
    (tmp_path / "net.tflite").write_bytes(build([Node("FULLY_CONNECTED", ("x", "w"), "y")], constants))
    with open_model(tmp_path / "net.tflite") as file:
        found, _ = quantize_network(file, Rules())
    assert found["w"].shape == found["w.scale"].shape == shape


def test_names_in_messages_stay_in_one_line(tmp_path, onnx, tflite):
    name = "a\nb\x1b[2J\u2028"
    shown = r"a\nb\x1b[2J\u2028"
    assert f"tensor {shown} is damaged" in complaint(held(tmp_path, tensor("INT8", [3], name, raw_data=b"")), name)
    (tmp_path / "net.tflite").write_bytes(
        build([Node("ADD", ("x", name), "y")], {name: Constant(np.ones(2, np.int8), shape=(3,))}))
    assert f"tensor {shown} of INT8" in complaint(tmp_path / "net.tflite")


CONSTANTS = {"w": Constant(np.ones((2, 3), np.int8), (0.5, 0.25), (0, 0), 0), "b": np.ones(2, np.int32)}


def changed(path, change):
    """The path of a model of one operator, its tables changed by a function; that may return the bytes of the file."""
    tables = take_apart(build([Node("FULLY_CONNECTED", ("x", "w", "b"), "y")], CONSTANTS))
    data = change(tables)
    path = path / "net.tflite"
    path.write_bytes(data if isinstance(data, bytes) else put_together(tables)[0])
    return path


def at(word, number):
    """A change that puts a number of 32 bits at a place of the file."""
    def change(tables):
        data = bytearray(put_together(tables)[0])
        struct.pack_into("<I", data, word(data) if callable(word) else word, number)
        return bytes(data)
    return change


def root(data):
    return struct.unpack_from("<I", data)[0]


def fields(data):
    """Where the outermost table's list of fields is."""
    return root(data) - struct.unpack_from("<i", data, root(data))[0]


@pytest.mark.parametrize(("change", "match"), [
    (lambda model: model[2][0][0][0].update({0: struct.pack("<65i", *[1] * 65)}), "and shape (1, 1,"),
    (lambda model: model[2][0][0][1].update({0: struct.pack("<65i", 2, *[1] * 64)}), "a shape that an array can have"),
    (lambda model: model[2][0][0][0].update({0: struct.pack("<2i", 1 << 20, 1 << 20)}), "must have 1099511627776"),
    (lambda model: model[2][0][0][0].update({2: struct.pack("<I", 9)}), "a tensor is in buffer 9 of 3"),
    (lambda model: model[2][0][0][0].update({3: b"\xff"}), "a name in it is no text"),
    (lambda model: model[2][0][0][0][4].update({6: struct.pack("<i", -2)}), "there are 2 scales or zero points"),
    (lambda model: model[2][0][3][0].update({0: struct.pack("<I", 7)}), "an operator has code 7 of 1"),
    (lambda model: model[2][0][3][0].update({1: struct.pack("<2i", 0, 70)}), "has tensors that are none of 4"),
    (lambda model: model[4][1].update({1: struct.pack("<Q", 60), 2: struct.pack("<Q", 1 << 40)}),
     "1099511627776 bytes at 60"),
    (lambda model: model.update({2: []}), "there is no constant tensor in it"),
    (at(0, 0), "not a sound .tflite file"), (at(0, (1 << 32) - 4), "something in it is at byte 4294967292"),
    (at(fields, 13), "the fields of a table take 13 bytes"), (at(fields, 2), "the fields of a table take 2 bytes"),
    (at(root, 1 << 31), "something in it is at byte"), (at(root, (1 << 32) - 1), "not a sound .tflite file")])
def test_tables_of_tflite(tmp_path, tflite, change, match):
    assert match in complaint(changed(tmp_path, change))


@pytest.mark.parametrize("part", ["tensors", "shapes", "names", "graphs"])
def test_tables_of_tflite_that_lead_to_the_same_again_and_again(tmp_path, tflite, part):
    """Within 150 kB: 5,000 graphs of 5,000 tensors, a name of 60 kB for 500 tensors, and so on."""
    count = 5_000
    tables = take_apart(build([Node("FULLY_CONNECTED", ("x", "w", "b"), "y")], CONSTANTS))
    graph = tables[2][0]
    if part == "graphs":
        tables[2] = [graph, *({} for _ in range(count))]
    if part in ("graphs", "tensors"):
        graph[0] = [*graph[0], *({} for _ in range(count))]
    else:
        field, value = (0, struct.pack("<60000b", *[1] * 60000)) if part == "shapes" else (3, b"n" * 60000)
        graph[0] += [{2: b"\1\0\0\0", 1: b"\6", field: b""} for _ in range(count // 10)]
        graph[0][-1][field] = value
    data, _ = put_together(tables)
    (tmp_path / "net.tflite").write_bytes(_shared(bytearray(data), part))
    start = time.process_time()
    assert "the same ones again and again" in complaint(tmp_path / "net.tflite")
    assert time.process_time() - start < 10


def _shared(data, part):
    """The bytes of a file in which every graph and tensor is the first one, every shape or name the last one."""
    def follow(place):
        return place + struct.unpack_from("<I", data, place)[0]

    def field(table, number):
        fields = table - struct.unpack_from("<i", data, table)[0]
        return table + struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]

    def one(vector, first=0):
        places = [vector + 4 + 4 * number for number in range(struct.unpack_from("<I", data, vector)[0])]
        target = follow(places[first])
        for place in places:
            struct.pack_into("<I", data, place, (target - place) % (1 << 32))

    graphs = follow(field(root(data), 2))
    tensors = follow(field(follow(graphs + 4), 0))
    if part in ("graphs", "tensors"):
        one(tensors)
        if part == "graphs":
            one(graphs)
        return bytes(data)
    number = 0 if part == "shapes" else 3
    places = [follow(tensors + 4 + 4 * each) for each in range(struct.unpack_from("<I", data, tensors)[0])]
    target = follow(field(places[-1], number))
    for place in places[4:]:
        held = field(place, number)
        struct.pack_into("<I", data, held, (target - held) % (1 << 32))
    return bytes(data)


def test_a_file_that_becomes_shorter_while_it_is_open(tmp_path, tflite):
    path = changed(tmp_path, lambda model: None)
    with open_model(path) as file:
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(InputError, match="it ends within w"):
            file.read("w")


def test_every_way_of_a_loop_ends(tmp_path, tflite):
    """Operators that hand a tensor on to themselves, or in a ring."""
    nodes = [Node("QUANTIZE", ("a",), "b"), Node("DEQUANTIZE", ("b",), "a"), Node("QUANTIZE", ("w",), "a")]
    path = tmp_path / "net.tflite"
    path.write_bytes(build(nodes, {"w": np.ones((2, 2), np.int8)}))
    with open_model(path) as file:
        assert decide(file, Rules())["w"].reason == "an input of its own operator"
