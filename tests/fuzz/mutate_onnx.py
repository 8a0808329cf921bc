"""Structured mutation of ONNX files: fields of messages through the library, then their bytes as the wire has them."""

import math
from struct import pack

from .change import NUMBERS, bytes_changed

__all__ = ["onnx"]

NAMES = ("", "a", "a\nb", "a\0", "é", "a.scale", "a.zero_point", "net.data", "../net.data", "input.onnx", "/etc/passwd",
         ".", "x" * 300)
KINDS = ("MatMul", "Gemm", "Conv", "ConvTranspose", "BatchNormalization", "QuantizeLinear", "DequantizeLinear",
         "QLinearConv", "QLinearMatMul", "QGemm", "MatMulInteger", "ConvInteger", "Constant", "Identity", "Transpose",
         "Reshape", "Flatten", "Cast", "Gather", "LSTM", "If", "Add", "Swirl", "DynamicQuantizeMatMul", "Attention")
ATTRIBUTES = ("axis", "perm", "transA", "transB", "block_size", "epsilon", "group", "alpha", "training_mode", "value",
              "value_int", "value_ints", "value_float", "value_floats", "value_string", "value_strings", "sparse_value")
KEYS = ("location", "offset", "length", "checksum")
VALUES = ("0", "1", "4", "24", "-1", "999999999999999999", "1" * 30, "٣", "x", "", "net.data", "a\0b")
DOUBLES = (0.0, -1.0, 0.5, 1e-45, 3e38, 1e300, math.inf, -math.inf, math.nan)
SHAPES = ((), (0,), (1,) * 64, (1,) * 65, (-1,), (-1, -1), (1 << 40,), (1 << 62, 4), (0, 1 << 62, 4), (2, 3))


def onnx(data, random) -> bytes:
    """Another file."""
    try:
        from onnx import ModelProto
    except ImportError:
        return data
    model = ModelProto()
    try:
        model.ParseFromString(data)
        if random.randrange(8):
            for _ in range(random.choice((1, 1, 2, 3))):
                _changed(model, random)
            data = model.SerializeToString()
        if not random.randrange(3):
            data = _rewired(data, model.DESCRIPTOR, random)
    except Exception:  # bytes that are no model, names that are no text: in any of the ways in which protobuf complains
        return data
    return data


def _messages(message):
    """A message and all within it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if _repeated(field) else [value]:
                yield from _messages(each)


def _repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED


def _changed(model, random):
    messages = list(_messages(model))
    kind = random.choice(("TensorProto", "TensorProto", "NodeProto", "AttributeProto", None))
    message = random.choice([each for each in messages if kind in (None, each.DESCRIPTOR.name)] or messages)
    if message.DESCRIPTOR.name == "TensorProto" and random.randrange(2):
        _fitted(message, random)
        return
    set_fields = [field for field, _ in message.ListFields()]
    field = random.choice(set_fields if set_fields and random.randrange(3) else message.DESCRIPTOR.fields)
    if not random.randrange(6):
        message.ClearField(field.name)
    elif not _repeated(field):
        if field.message_type is not None:
            same = [each for each in messages if each.DESCRIPTOR is field.message_type]
            other = type(getattr(message, field.name))()
            if same:  # by its bytes: it may hold the message
                other.ParseFromString(random.choice(same).SerializeToString())
            getattr(message, field.name).CopyFrom(other)
        else:
            setattr(message, field.name, _value(field, model, random, getattr(message, field.name)))
    else:
        _listed(getattr(message, field.name), field, model, random)


def _listed(values, field, model, random):
    """A repeated field: one more, one less, another one."""
    place = random.randrange(len(values)) if values else None
    match random.randrange(4):
        case 0 if values:
            del values[place]
        case 1 if values:
            values.append(values[place])
        case 2 if len(values) > 1 and field.message_type is None:
            other = random.randrange(len(values))
            values[place], values[other] = values[other], values[place]
        case _ if field.message_type is not None:
            values.add()
        case _ if values:
            values[place] = _value(field, model, random, values[place])
        case _:
            values.append(_value(field, model, random, None))


def _value(field, model, random, old):
    """Another value of a field."""
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.type == field.TYPE_STRING:
        if field.name == "op_type":
            return random.choice(KINDS)
        if field.containing_type.name == "AttributeProto":
            return random.choice(ATTRIBUTES)
        if field.containing_type.name == "StringStringEntryProto":
            return random.choice(KEYS if field.name == "key" else (*VALUES, *NAMES))
        names = [name for node in model.graph.node for name in (*node.input, *node.output)]
        return random.choice((*NAMES, *names, *names))
    if field.type == field.TYPE_BYTES:
        return bytes_changed(old or b"", random)
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice(DOUBLES)
    number = random.choice((*NUMBERS, -1, -2, -1 << 31, -1 << 63, (1 << 63) - 1, random.randrange(20)))
    if field.type in (field.TYPE_UINT64, field.TYPE_UINT32):
        return abs(number)
    return number if field.type == field.TYPE_INT64 else (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _fitted(tensor, random):
    """A tensor of another type, shape or place of data, and mostly data of that size."""
    shape = random.choice((*SHAPES, [random.randrange(1, 5) for _ in range(random.randrange(5))]))
    del tensor.dims[:]
    tensor.dims.extend(shape)
    tensor.data_type = random.randrange(27)
    count = math.prod(shape)
    if not 0 <= count < 256:
        return
    for name in ("raw_data", "int32_data", "int64_data", "uint64_data", "float_data", "double_data", "external_data"):
        if random.randrange(8):
            tensor.ClearField(name)
    tensor.data_location = 0
    match random.randrange(6):
        case 0:
            tensor.int32_data.extend(random.choice((-128, -8, 0, 3, 7, 127, 200, 255, 65535)) for _ in range(count))
        case 1:
            tensor.int64_data.extend(random.choice((-1 << 63, 0, 3)) for _ in range(count))
        case 2:
            tensor.uint64_data.extend(random.choice(((1 << 64) - 1, 1 << 32, 3)) for _ in range(count))
        case 3:
            random.choice((tensor.float_data, tensor.double_data)).extend([random.choice(DOUBLES)] * count)
        case 4:
            tensor.data_location = 1
            location = random.choice(("net.data", "input.onnx", "", ".", "no.data"))
            tensor.external_data.add(key="location", value=location)
            tensor.external_data.add(key="offset", value=str(random.randrange(9)))
            if random.randrange(3):
                tensor.external_data.add(key="length", value=str(count * random.choice((1, 1, 2, 4, 8))))
        case _:
            tensor.raw_data = random.randbytes(count * random.choice((1, 1, 2, 4, 8)) // random.choice((1, 1, 2, 4)))


def _rewired(data, descriptor, random):
    """The same messages with a field once more, elsewhere, or as a field of another number or kind."""
    fields = _fields(data, descriptor)
    every = [fields]
    for level in every:
        every.extend(content for _, kind, content in level if kind == "message")
    level = random.choice([each for each in every if each] or [[]])
    if not level:
        return data
    place = random.randrange(len(level))
    number, kind, content = level[place]
    match random.randrange(5):
        case 0:
            level.insert(random.randrange(len(level) + 1), level[place])
        case 1:
            level.insert(random.randrange(len(level)), level.pop(place))
        case 2:
            level[place] = random.choice([number for number, _, _ in level] + list(range(16))), kind, content
        case 3:
            other = random.choice(((0, 5), (1, bytes(8)), (5, pack("<f", 1)), (2, b"a"), (3, b""), (4, b"")))
            level[place] = number, *other
        case 4 if kind == "message":
            level[place] = number, 2, bytes_changed(_wire(content), random)
    return _wire(fields)


def _fields(data, descriptor):
    """Number, kind and content of each field; of a message within it again a list, its kind "message"."""
    found, place = [], 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            content, place = _varint(data, place)
        elif kind == 2:
            length, place = _varint(data, place)
            content, place = data[place:place + length], place + length
            inner = descriptor.fields_by_number.get(number)
            if inner is not None and inner.message_type is not None:
                kind, content = "message", _fields(content, inner.message_type)
        else:
            length = {1: 8, 5: 4}[kind]
            content, place = data[place:place + length], place + length
        found.append((number, kind, content))
    return found


def _varint(data, place):
    number = shift = 0
    while True:
        number |= (data[place] & 127) << shift
        place, shift = place + 1, shift + 7
        if data[place - 1] < 128:
            return number, place


def _wire(fields):
    out = b""
    for number, kind, content in fields:
        content = _wire(content) if kind == "message" else content
        kind = 2 if kind == "message" else kind
        out += _number(number << 3 | kind)
        out += _number(content) if kind == 0 else _number(len(content)) + content if kind == 2 else content
    return out


def _number(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])
