"""Small sound ONNX models: float, QDQ, QOperator, with branches, types of all kinds, data beside the file."""

import numpy as np

from tests.onnx_models import model

__all__ = ["onnx_models"]


def onnx_models() -> list[bytes]:
    """The bytes of each."""
    return [made.SerializeToString(deterministic=True) for made in
            (_floats(), _beside(), _qdq(), _rounded(), _qoperators(), _branches(), _types())]


def _normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def _integers(rng, *shape):
    return rng.integers(-127, 128, shape).astype(np.int8)


def _floats():
    """Layers with a normalization behind them, and tensors that reach theirs through others."""
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(1)
    constants = {"w": _normal(rng, 2, 1, 2, 2), "b": _normal(rng, 2), "scale": _normal(rng, 2),
                 "shift": _normal(rng, 2), "mean": _normal(rng, 2), "var": np.ones(2, np.float32),
                 "v": _normal(rng, 3, 2), "shape": np.array([1, -1]), "u": _normal(rng, 4, 3)}
    table = numpy_helper.from_array(_normal(rng, 3, 2).astype(np.float16), "t")
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"]),
             helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"], epsilon=0.01),
             helper.make_node("Reshape", ["n", "shape"], ["r"]),
             helper.make_node("Constant", [], ["table"], value=table),
             helper.make_node("Constant", [], ["sizes"], value_ints=[1, 2, -3]),
             helper.make_node("Constant", [], ["words"], value_strings=["é", "b"]),
             helper.make_node("Identity", ["v"], ["vi"]),
             helper.make_node("Transpose", ["vi"], ["vt"], perm=[1, 0]),
             helper.make_node("MatMul", ["r", "vt"], ["m"]),
             helper.make_node("Gemm", ["m", "u"], ["g"], transB=1),
             helper.make_node("Gather", ["table", "sizes"], ["z"])]
    return model(nodes, constants, {"x": [1, 1, 3, 3]}, ["g", "z", "words"])


def _beside():
    """Data in `tests.fuzz.onnx.BESIDE`."""
    from onnx import TensorProto, helper

    tensors = {}
    for name, kind, offset, length in (("w", TensorProto.FLOAT, 0, 24), ("q", TensorProto.INT8, 24, 6),
                                       ("f", TensorProto.UINT4, 30, 3)):
        tensors[name] = TensorProto(name=name, dims=(2, 3), data_type=kind, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", "net.data"), ("offset", offset), ("length", length)):
            tensors[name].external_data.add(key=key, value=str(value))
    nodes = [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in tensors]
    return model(nodes, tensors, {"x": [1, 2]}, ["yw"])


def _qdq():
    from onnx import helper

    rng = np.random.default_rng(2)
    constants = {"w": _integers(rng, 2, 1, 2, 2), "ws": rng.uniform(0.1, 1, 2).astype(np.float32),
                 "wz": np.zeros(2, np.int8), "b": np.array([300, -7], np.int32), "bs": np.float32([0.1, 0.2]),
                 "v": _integers(rng, 3, 2).view(np.uint8), "vs": np.float32(0.5), "vz": np.uint8(128)}
    nodes = [helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
             helper.make_node("DequantizeLinear", ["b", "bs"], ["bd"], axis=0),
             helper.make_node("DequantizeLinear", ["v", "vs", "vz"], ["vd"]),
             helper.make_node("Conv", ["x", "wd", "bd"], ["c"]),
             helper.make_node("MatMul", ["c", "vd"], ["y"])]
    return model(nodes, constants, {"x": [1, 1, 3, 3]}, ["y"])


def _rounded():
    from onnx import helper

    rng = np.random.default_rng(3)
    constants = {"w": _normal(rng, 2, 3), "s": np.float32([0.02, 0.05]), "z": np.array([128, 120], np.uint8)}
    nodes = [helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=0),
             helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
             helper.make_node("Gemm", ["x", "d"], ["y"], transB=1)]
    return model(nodes, constants, {"x": [1, 3]}, ["y"])


def _qoperators():
    from onnx import helper

    rng = np.random.default_rng(4)
    constants = {"s": np.float32(0.1), "z": np.int8(0), "w": _integers(rng, 2, 1, 1, 1), "ws": np.float32([1, 2]),
                 "wz": np.zeros(2, np.int8), "b": np.array([5, -999], np.int32), "v": _integers(rng, 2, 3),
                 "vs": np.float32([1, 2, 3]), "vz": np.zeros(3, np.int8), "u": _integers(rng, 3, 2).view(np.uint8),
                 "uz": np.uint8(128)}
    nodes = [helper.make_node("QLinearConv", ["x", "s", "z", "w", "ws", "wz", "s", "z", "b"], ["c"]),
             helper.make_node("QLinearMatMul", ["c2", "s", "z", "v", "vs", "vz", "s", "z"], ["d"]),
             helper.make_node("MatMulInteger", ["d", "u", "", "uz"], ["e"])]
    return model(nodes, constants, {"x": [1, 1, 2, 2], "c2": [2, 2]}, ["c", "e"])


def _branches():
    from onnx import TensorProto, helper, numpy_helper

    branches = [helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["inner"])], "branch", [],
                                  [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
                                  [numpy_helper.from_array(np.full((2, 3), number, np.float32), "w")])
                for number in (1, 2)]
    return model([helper.make_node("If", ["c"], ["y"], else_branch=branches[0], then_branch=branches[1])], {},
                 {"x": [1, 2]}, ["y"])


def _types():
    """Types that NumPy lacks, and numbers in the fields of their types."""
    from onnx import TensorProto, helper

    kinds = {"bf": TensorProto.BFLOAT16, "four": TensorProto.INT4, "two": TensorProto.UINT4, "i8": TensorProto.INT8,
             "u16": TensorProto.UINT16, "i64": TensorProto.INT64, "u64": TensorProto.UINT64, "d": TensorProto.DOUBLE,
             "f": TensorProto.FLOAT, "f8": TensorProto.FLOAT8E4M3FN, "yes": TensorProto.BOOL}
    tensors = {name: helper.make_tensor(name, kind, (2, 3), [1, 0, 1, 1, 0, 1]) for name, kind in kinds.items()}
    tensors["text"] = helper.make_tensor("text", TensorProto.STRING, (1,), [b"hello"])
    return model([helper.make_node("Swirl", ["x", *tensors], ["y"], domain="com.example")], tensors, {"x": [1]}, ["y"],
                 domain="com.example")
