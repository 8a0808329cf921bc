"""An ONNX file without its large tensors, which stay on disk until they are read.

The library parses a file as a whole, tensors and all. Here the fields of the outermost messages are found by their
lengths (the wire format of protocol buffers) and handed to the library piece by piece; a large tensor is handed over
without its data, whose place in the file is kept beside it. Large integers that are stored as numbers of variable
length, which no exporter does by itself, are parsed as they are.
"""

from typing import NamedTuple

from ..errors import InputError
from ..formats import missing_extra
from .mapped import forget, map_file
from .unsound import Unsound, library

__all__ = ["Loaded", "load_graph"]

#: Tensors up to this many bytes are parsed at once.
SMALL = 4096

#: Field numbers of onnx.proto: the ways from the outermost message to tensors.
GRAPH, NODE, INITIALIZER, ATTRIBUTE, TENSOR = 7, 1, 5, 5, 5
#: The fields of a tensor whose bytes are its data: ``raw_data``, and floats and doubles one after the other. With the
#: types that have them there.
DATA = {9: None, 4: "FLOAT", 10: "DOUBLE"}
LENGTH_DELIMITED = 2


class Loaded(NamedTuple):
    """The graph of a file, and where data are that stayed there."""

    graph: object  #: the library's ``GraphProto``
    #: First byte and end of the data of initializer I, as (I,), and of those of attribute J of node I, as (I, J).
    places: dict[tuple[int, ...], tuple[int, int]]


def load_graph(path) -> Loaded:
    """The graph of a file.

    Raises
    ------
    InputError
        If the package is missing, or the file cannot be read.
    Unsound
        If it is not a model.
    """
    try:
        import onnx
    except ImportError:
        raise missing_extra(path, "onnx") from None
    model, places = onnx.ModelProto(), {}
    try:
        with open(path, "rb") as file:
            with library():
                data = map_file(file)
            with data:
                _pieces(data, 0, len(data), model, {GRAPH: lambda *of: _graph(*of[:3], of[3].graph, places)})
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not model.HasField("graph") or not (model.graph.node or model.graph.initializer):
        raise Unsound("there is no graph in it")
    if model.ir_version >= 3 and not model.opset_import:  # What is written last.
        raise Unsound("it ends after the graph")
    return Loaded(model.graph, places)


def _graph(data, start, end, graph, places):
    _pieces(data, start, end, graph, {
        NODE: lambda *of: _node(*of, places),
        INITIALIZER: lambda *of: _tensor(*of[:3], of[3].initializer.add(), places, (len(of[3].initializer) - 1,))})


def _node(data, start, end, graph, places):
    node, number = graph.node.add(), len(graph.node) - 1
    _pieces(data, start, end, node, {ATTRIBUTE: lambda *of: _attribute(*of, places, (number, len(node.attribute)))})


def _attribute(data, start, end, node, places, key):
    attribute = node.attribute.add()
    tensors = [field for field in _fields(data, start, end) if field.number == TENSOR]
    if len(tensors) != 1:  # The library makes one of several.
        _merge(attribute, data[start:end])
        return
    _pieces(data, start, end, attribute, {TENSOR: lambda *of: _tensor(*of[:3], of[3].t, places, key)})


def _tensor(data, start, end, tensor, places, key):
    """Fill a tensor; where it is a large one, keep the place of its data instead of them."""
    import onnx

    tensor.SetInParent()
    found = []
    if end - start > SMALL:
        found = [field for field in _fields(data, start, end) if field.number in DATA]
    if len(found) == 1 and found[0].kind == LENGTH_DELIMITED:
        _pieces(data, start, end, tensor, dict.fromkeys(DATA, lambda *_: None))
        kind = DATA[found[0].number]
        if (kind is None or tensor.data_type == onnx.TensorProto.DataType.Value(kind)) and (
                tensor.data_location != onnx.TensorProto.EXTERNAL):
            places[key] = found[0].content, found[0].end
            forget(data)
            return
        tensor.Clear()
    _merge(tensor, data[start:end])


def _pieces(data, start, end, message, special):
    """Merge the fields of a message into the library's, but leave some messages within it to functions."""
    for field in _fields(data, start, end):
        if field.number in special and field.kind == LENGTH_DELIMITED:
            special[field.number](data, field.content, field.end, message)
        else:
            _merge(message, data[field.start:field.end])


def _merge(message, data):
    with library():
        message.MergeFromString(data)


class _Field(NamedTuple):
    """A field of a message, by places in the file."""

    number: int
    kind: int
    start: int
    content: int
    end: int


def _fields(data, start, end):
    while start < end:
        key, content = _varint(data, start, end)
        number, kind = key >> 3, key & 7
        if kind == LENGTH_DELIMITED:
            length, content = _varint(data, content, end)
            last = content + length
        elif kind == 0:
            _, last = _varint(data, content, end)
        elif kind in (1, 5):
            last = content + (8 if kind == 1 else 4)
        else:
            raise Unsound(f"there is a field of kind {kind} in it")
        if last > end:
            raise Unsound("it ends within a field")
        yield _Field(number, kind, start, content, last)
        start = last


def _varint(data, start, end):
    """A number of variable length, and where it ends."""
    number = 0
    for place in range(start, min(end, start + 10)):
        number |= (data[place] & 127) << 7 * (place - start)
        if data[place] < 128:
            return number, place + 1
    raise Unsound("it ends within a number")
