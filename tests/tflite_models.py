"""Small TFLite models, built with the library's own builder functions."""

from typing import NamedTuple

import numpy as np

__all__ = ["Constant", "Node", "build", "chain"]


class Constant(NamedTuple):
    """A tensor with data."""

    array: np.ndarray
    scale: tuple = ()
    zero_point: tuple = ()
    axis: int = 0
    kind: str | None = None  #: the type's name, where it is not that of the array
    shape: tuple | None = None  #: likewise


class Node(NamedTuple):
    """An operator: its name (or one that the format does not have), names of its inputs, name of its output."""

    kind: str
    inputs: tuple
    output: str


def build(nodes, constants, behind=False, shapes=None) -> bytes:
    """The bytes of a model.

    Parameters
    ----------
    nodes : list of Node
    constants : dict of str to Constant or ndarray
    behind : bool
        Put the data behind the tables, as files of more than 2 GB have it.
    shapes : dict of str to tuple
        Of tensors without data.
    """
    constants = {name: each if isinstance(each, Constant) else Constant(np.asarray(each))
                 for name, each in constants.items()}
    if not behind:
        return _build(nodes, constants, shapes or {}, None)
    tables = len(_build(nodes, constants, shapes or {}, 1 << 40))
    data = b"".join(each.array.tobytes() for each in constants.values())
    return _build(nodes, constants, shapes or {}, tables) + data


def chain(arrays) -> bytes:
    """A model that multiplies by one matrix after the other."""
    return build([Node("FULLY_CONNECTED", ("x", name), f"y{name}") for name in arrays], arrays)


def _build(nodes, constants, shapes, behind):
    import flatbuffers
    import tflite

    codes = {name: number for number, name in tflite.BUILTIN_OPCODE2NAME.items()}
    builder = flatbuffers.Builder(1 << 16)

    def vector(start, items, prepend):
        start(builder, len(items))
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    def offsets(start, items):
        return vector(start, items, builder.PrependUOffsetTRelative)

    names = list(dict.fromkeys([*constants, *(name for node in nodes for name in (*node.inputs, node.output) if name)]))
    buffers = [None, *constants]
    buffer_tables, place = [], behind
    for name in buffers:
        data = b"" if name is None else constants[name].array.tobytes()
        held = None if behind or not data else builder.CreateByteVector(data)
        tflite.BufferStart(builder)
        if held is not None:
            tflite.BufferAddData(builder, held)
        elif data:
            tflite.BufferAddOffset(builder, place)
            tflite.BufferAddSize(builder, len(data))
            place += len(data)
        buffer_tables.append(tflite.BufferEnd(builder))
    tensors = [_tensor(builder, tflite, vector, name, constants.get(name), buffers, shapes.get(name, (1, 4)))
               for name in names]
    kinds = list(dict.fromkeys(node.kind for node in nodes))
    code_tables = []
    for kind in kinds:
        custom = None if kind in codes else builder.CreateString(kind)
        number = codes.get(kind, codes["CUSTOM"])
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(builder, number)
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(builder, custom)
        code_tables.append(tflite.OperatorCodeEnd(builder))
    operators = []
    for node in nodes:
        inputs = vector(tflite.OperatorStartInputsVector, [names.index(name) if name else -1 for name in node.inputs],
                        builder.PrependInt32)
        outputs = vector(tflite.OperatorStartOutputsVector, [names.index(node.output)], builder.PrependInt32)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, kinds.index(node.kind))
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        operators.append(tflite.OperatorEnd(builder))
    tensor_vector = offsets(tflite.SubGraphStartTensorsVector, tensors)
    operator_vector = offsets(tflite.SubGraphStartOperatorsVector, operators)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddOperators(builder, operator_vector)
    graphs = offsets(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    code_vector = offsets(tflite.ModelStartOperatorCodesVector, code_tables)
    buffer_vector = offsets(tflite.ModelStartBuffersVector, buffer_tables)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, code_vector)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffer_vector)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(builder, tflite, vector, name, constant, buffers, shape):
    types = {"float32": "FLOAT32", "float16": "FLOAT16", "float64": "FLOAT64", "int8": "INT8", "uint8": "UINT8",
             "int16": "INT16", "int32": "INT32", "int64": "INT64"}
    kind = "FLOAT32"
    quantization = None
    if constant is not None:
        shape = constant.array.shape if constant.shape is None else constant.shape
        kind = constant.kind or types[constant.array.dtype.name]
        if constant.scale:
            scale = vector(tflite.QuantizationParametersStartScaleVector, constant.scale, builder.PrependFloat32)
            zero = vector(tflite.QuantizationParametersStartZeroPointVector, constant.zero_point, builder.PrependInt64)
            tflite.QuantizationParametersStart(builder)
            tflite.QuantizationParametersAddScale(builder, scale)
            tflite.QuantizationParametersAddZeroPoint(builder, zero)
            tflite.QuantizationParametersAddQuantizedDimension(builder, constant.axis)
            quantization = tflite.QuantizationParametersEnd(builder)
    label = builder.CreateString(name)
    sizes = vector(tflite.TensorStartShapeVector, list(shape), builder.PrependInt32)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, sizes)
    tflite.TensorAddType(builder, getattr(tflite.TensorType, kind))
    tflite.TensorAddBuffer(builder, buffers.index(name) if constant is not None else 0)
    tflite.TensorAddName(builder, label)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return tflite.TensorEnd(builder)
