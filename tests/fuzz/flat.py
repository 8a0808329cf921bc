"""The FlatBuffers of a TFLite file, taken apart by a plain walk and put together again, without the library.

A table is a dict: the number of a field to its value. A scalar is its bytes, a vector the bytes of its elements, a text
its bytes, a table a dict, and a vector of tables a list. `BEHIND` has the data of a buffer that are behind the tables.
"""

from struct import error, pack_into, unpack_from

__all__ = ["BEHIND", "SCHEMA", "put_together", "take_apart"]

#: The fields that matter, by the kinds of tables: the width of a scalar or of an element, or the kind of a table.
SCHEMA = {
    "Model": {0: ("scalar", 4), 1: ("tables", "Code"), 2: ("tables", "Graph"), 3: ("vector", 1),
              4: ("tables", "Buffer")},
    "Code": {0: ("scalar", 1), 1: ("vector", 1), 2: ("scalar", 4), 3: ("scalar", 4)},
    "Graph": {0: ("tables", "Tensor"), 1: ("vector", 4), 2: ("vector", 4), 3: ("tables", "Operator"), 4: ("vector", 1)},
    "Tensor": {0: ("vector", 4), 1: ("scalar", 1), 2: ("scalar", 4), 3: ("vector", 1), 4: ("table", "Quantization"),
               5: ("scalar", 1), 6: ("table", "Sparsity"), 7: ("vector", 4)},
    "Quantization": {2: ("vector", 4), 3: ("vector", 8), 6: ("scalar", 4)},
    "Sparsity": {0: ("vector", 4)},
    "Operator": {0: ("scalar", 4), 1: ("vector", 4), 2: ("vector", 4)},
    "Buffer": {0: ("vector", 1), 1: ("scalar", 8), 2: ("scalar", 8)},
}
BEHIND = "behind"
TABLES = 1 << 14  #: Files of more are not taken apart.


def take_apart(data, strict=True):
    """The model table, or ``None`` for bytes that are no sound tables. Unless strict, a field that is not within the
    file is left out, with what is behind it."""
    try:
        return _Reader(data, strict).table(unpack_from("<I", data)[0], "Model")
    except (error, ValueError):
        return None


class _Reader:
    def __init__(self, data, strict):
        self.data = data
        self.strict = strict
        self.tables = 0

    def number(self, form, place):
        if place < 0:
            raise ValueError("a place before the file")
        return unpack_from(form, self.data, place)[0]

    def table(self, place, kind):
        self.tables += 1
        if self.tables > TABLES:
            raise ValueError("too many tables")
        fields = place - self.number("<i", place)
        size = self.number("<H", fields)
        if size % 2 or size < 4:
            raise ValueError("a list of fields of half a field")
        found = {}
        for field, (form, of) in SCHEMA[kind].items():
            offset = self.number("<H", fields + 4 + 2 * field) if 6 + 2 * field <= size else 0
            if offset:
                try:
                    found[field] = self.field(place + offset, form, of)
                except (error, ValueError):
                    if self.strict:
                        raise
        if kind == "Buffer" and 1 in found and 2 in found:
            start, count = (int.from_bytes(found[field], "little") for field in (1, 2))
            if 1 < start <= start + count <= len(self.data):
                found[BEHIND] = self.data[start:start + count]
        return found

    def field(self, place, form, of):
        if form == "scalar":
            return self.bytes(place, of)
        place += self.number("<I", place)
        if form == "table":
            return self.table(place, of)
        count = self.number("<I", place)
        if form == "vector":
            return self.bytes(place + 4, count * of)
        places = (place + 4 + 4 * number for number in range(count))
        return [self.table(each + self.number("<I", each), of) for each in places]

    def bytes(self, place, count):
        if place + count > len(self.data):
            raise ValueError("the file ends within a field")
        return bytes(self.data[place:place + count])


def put_together(model):
    """The bytes of a file, and the places of all its offsets."""
    out, offsets, behind = bytearray(8), [], []
    out[4:] = b"TFL3"
    _put(out, 0, model, "Model", offsets, behind)
    for place, data in behind:
        pack_into("<Q", out, place, len(out))
        out += data
    return bytes(out), offsets


def _put(out, held, value, form, offsets, behind):
    """Append a table, or a vector, and let the offset at ``held`` lead to it."""
    if isinstance(value, dict):
        fields = {field: SCHEMA[form][field] for field in sorted(value.keys() & SCHEMA[form].keys())}
        out += bytes(len(out) % 2)
        start = len(out)
        table = start + 4 + 2 * (max(fields, default=-1) + 1)
        table += -table % 4
        out += bytes(table - start + 4)
        for field, (kind, _) in fields.items():
            out += bytes(-len(out) % 4)
            pack_into("<H", out, start + 4 + 2 * field, len(out) - table)
            out += value[field] if kind == "scalar" else bytes(4)
        pack_into("<HH", out, start, table - start, len(out) - table)
        pack_into("<i", out, table, table - start)
        places = {field: table + unpack_from("<H", out, start + 4 + 2 * field)[0] for field in fields}
        if BEHIND in value and 1 in places:
            behind.append((places[1], value[BEHIND]))
        children = [(places[field], value[field], of) for field, (kind, of) in fields.items() if kind != "scalar"]
    elif isinstance(value, list):
        out += bytes(-len(out) % 4)
        table = len(out)
        out += len(value).to_bytes(4, "little") + bytes(4 * len(value))
        children = [(table + 4 + 4 * number, each, form) for number, each in enumerate(value)]
    else:
        out += bytes(-len(out) % 4)
        table, children = len(out), []
        out += (len(value) // form).to_bytes(4, "little") + value + b"\0"
    pack_into("<I", out, held, table - held)
    offsets.append(held)
    for place, each, kind in children:
        _put(out, place, each, kind, offsets, behind)
