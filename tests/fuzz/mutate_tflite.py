"""Structured mutation of TFLite files: tables, vectors, texts, scalars, and where offsets lead."""

import math
from copy import deepcopy
from struct import pack_into, unpack_from

from .change import NUMBERS, bytes_changed
from .flat import BEHIND, SCHEMA, put_together, take_apart

__all__ = ["tflite"]

TEXTS = (b"", b"a", b"a\nb", b"a\0", b"\xff", "é".encode(), b"a.scale", b"a.zero_point", b"tensor", b"x" * 70)
#: Numbers of operators, those that matter here and some others.
OPERATORS = (0, 3, 4, 6, 7, 9, 16, 22, 32, 36, 39, 44, 51, 53, 67, 77, 82, 111, 114, 119, 126, 127, 128, 132, 133, 500)
SHAPES = ((), (0,), (1,) * 64, (1,) * 65, (-1,), (-1, -1), (1 << 30,) * 4, (0, 1 << 30, 1 << 30, 1 << 30), (2, 3))


def tflite(data, random) -> bytes:
    """Another file."""
    model = take_apart(data)
    if model is None:
        return data
    for _ in range(random.choice((1, 1, 2, 3))):
        _changed(model, random)
    made, offsets = put_together(model)
    made = bytearray(made)
    match random.randrange(12):
        case 0:  # one table, vector or text for another
            place, other = random.choice(offsets), random.choice(offsets)
            pack_into("<I", made, place, (other + unpack_from("<I", made, other)[0] - place) % (1 << 32))
        case 1:  # any word: the place of a table's fields, the length of a vector, an offset
            pack_into("<I", made, 4 * random.randrange(len(made) // 4), _number(random) % (1 << 32))
        case 2:  # a field of another place
            pack_into("<H", made, 2 * random.randrange(len(made) // 2), random.choice((0, 1, 2, 4, 6, 8, 65535)))
    return bytes(made)


def _number(random):
    return random.choice((*NUMBERS, -1, -2, -128, -1 << 31))


def _changed(model, random):
    if not random.randrange(4):
        _fitted(model, random)
        return
    tables = list(_tables(model, "Model"))
    kind = random.choice(list(dict.fromkeys(kind for kind, _ in tables)))
    table = random.choice([table for each, table in tables if each == kind])
    field = random.choice(list(SCHEMA[kind]))
    form, of = SCHEMA[kind][field]
    value = table.get(field)
    match random.randrange(6):
        case 0:
            table.pop(random.choice((field, BEHIND)), None)
        case 1:  # as another table has it
            others = [other[field] for each, other in tables if each == kind and field in other]
            if others:
                table[field] = deepcopy(random.choice(others))
        case _ if form == "scalar":
            old = int.from_bytes(value or b"", "little")
            new = random.choice((_number(random), old - 1, old + 1, random.choice(OPERATORS)))
            table[field] = (new % (1 << 8 * of)).to_bytes(of, "little")
        case _ if form == "table":
            table[field] = {}
        case _ if form == "tables":
            table[field] = _listed(value or [], random)
        case _ if of == 1:
            table[field] = random.choice((*TEXTS, bytes_changed(value or b"", random)))
        case _:
            table[field] = _vector(value or b"", of, random)


def _tables(table, kind):
    yield kind, table
    for field, (form, of) in SCHEMA[kind].items():
        if field in table and form in ("table", "tables"):
            for each in table[field] if form == "tables" else [table[field]]:
                yield from _tables(each, of)


def _listed(tables, random):
    """Some tables: one more, one less, in another order."""
    match random.randrange(4):
        case 0 if tables:
            tables.insert(random.randrange(len(tables) + 1), deepcopy(random.choice(tables)))
        case 1 if tables:
            del tables[random.randrange(len(tables))]
        case 2:
            random.shuffle(tables)
        case _:
            tables.append({})
    return tables


def _vector(data, width, random):
    """The elements of a vector: one more, one less, another one."""
    items = [data[place:place + width] for place in range(0, len(data), width)]
    number = (random.choice((_number(random), random.randrange(-2, 12))) % (1 << 8 * width)).to_bytes(width, "little")
    match random.randrange(4):
        case 0 if items:
            items[random.randrange(len(items))] = number
        case 1:
            items.insert(random.randrange(len(items) + 1), number)
        case 2 if items:
            del items[random.randrange(len(items))]
        case _:
            items = items * random.choice((0, 2, 2, 3))
    return b"".join(items)


def _fitted(model, random):
    """A tensor of another type, or shape, and mostly data of that size."""
    tensors = [table for kind, table in _tables(model, "Model") if kind == "Tensor"]
    buffers = model.get(4, [])
    if not tensors or not buffers:
        return
    tensor = random.choice(tensors)
    shape = random.choice((*SHAPES, [random.randrange(1, 5) for _ in range(random.randrange(5))]))
    tensor[0] = b"".join((size % (1 << 32)).to_bytes(4, "little") for size in shape)
    tensor[1] = bytes([random.randrange(19)])
    number = int.from_bytes(tensor.get(2, b""), "little")
    size = math.prod(shape) * random.choice((1, 1, 2, 4, 8)) // random.choice((1, 1, 1, 2))
    if 0 < number < len(buffers) and 0 <= size < 512:
        buffers[number] = {0: random.randbytes(size)}
