"""Structured mutation: a file is taken apart, one to three things in it are changed, and its CRCs are made right again.

Bytes that cannot be taken apart come back as they are; changing them is the engine's business. All chance is from a
`random.Random`.
"""

import io
import json
import math
import warnings
import zipfile
from copy import deepcopy

from tests.parts import put_together, take_apart

from .change import NUMBERS, bytes_changed
from .mutate_onnx import onnx
from .mutate_tflite import tflite

__all__ = ["MUTATORS"]

JSON_VALUES = (0, 1, -1, 1.5, True, None, "", "x", "<f4", "|b1", "<f16", "|O", "a\0b", "é", "\ud800", [], {}, [0],
               [1] * 33, [1 << 40], [0, 1 << 62], 1 << 64, 10 ** 400)
NPY_TYPES = ("|i1", "|u1", "<i2", ">i4", "<i8", "<f2", "<f4", ">f8", "<f16", "|b1", "|O", "<U3", "|S4", "<M8[s]", "<c8",
             "|V3")
LENGTHS = (0, 1, 2, 3, 6, 7, 24, 1 << 20, 1 << 40, 1 << 62, -1)
MEMBERS = ("a", "a.npy", ".npy", "a/../b.npy", "é.npy", "a.npy.npy")
SAFETENSORS_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U8", "BOOL", "F8_E4M3", "F4",
                     "F6_E2M3", "C64", "x")
SHAPES = ([], [0], [0, 1 << 62], [0, 1 << 63], [1] * 64, [1] * 65, [2, 3], [-1], [1 << 40], [0] * 70)


def _number_changed(number, random):
    if number is None or random.randrange(2):
        return random.choice(NUMBERS)
    return max(0, number + random.choice((-2, -1, 1, 2)))


def _fields_changed(fields, random):
    place = random.randrange(len(fields))
    match random.randrange(8):
        case 0:
            del fields[place]
        case 1:
            fields.insert(place, list(fields[place]))
        case 2:  # two counts that keep their sum
            counts = [field for field in fields if field[0] == "a count" and field[1]]
            if counts:
                one, other = random.choice(counts), random.choice(counts)
                one[1], other[1] = one[1] - 1, other[1] + 1 if one is not other else other[1]
        case 3:  # one field for another
            other = random.randrange(len(fields))
            fields[place], fields[other] = fields[other], fields[place]
        case 4:  # a segment's size, to a likely one
            sizes = [field for field in fields if field[0] == "the weights of a segment"]
            if sizes:
                random.choice(sizes)[1] = random.randrange(1, 64)
        case 5:  # a run of fields once more, with the numbers of tables and segments as they are or one more
            last = random.randrange(place, len(fields)) + 1
            fields[place:place] = [list(field) for field in fields[place:last]]
            if len(fields) > 9:
                fields[random.choice((8, 9))][1] += 1
        case _:
            fields[place][1] = _number_changed(fields[place][1], random)
            if fields[place][2]:
                fields[place][1] &= (1 << 4 * fields[place][2]) - 1


def _json_changed(value, random):
    """A JSON value with one thing changed in it."""
    children = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if children and random.randrange(5):
        key = random.choice(children)
        value[key] = _json_changed(value[key], random)
        return value
    if isinstance(value, list) and random.randrange(2):
        match random.randrange(3):
            case 0:
                value.append(deepcopy(random.choice(value or JSON_VALUES)))
            case 1:
                del value[random.randrange(len(value) + 1):]
            case 2:
                random.shuffle(value)
        return value
    if type(value) is int and random.randrange(2):
        return value + random.choice((-1, 1))
    return deepcopy(random.choice(JSON_VALUES))


def _directory_changed(directory, random):
    if not random.randrange(4):
        return bytes_changed(directory, random)
    try:
        listing = _json_changed(json.loads(directory), random)
    except (ValueError, RecursionError):
        return bytes_changed(directory, random)
    return json.dumps(listing, ensure_ascii=not random.randrange(4)).encode("utf-8", "surrogatepass")


def tsy(data, random) -> bytes:
    """Another ``.tsy`` file."""
    parts = take_apart(data)
    if parts is None:
        return data
    for _ in range(random.choice((1, 1, 2, 3))):
        match random.randrange(8):
            case 0 | 1:
                parts.words = bytes_changed(parts.words, random)
            case 2:
                parts.directory = _directory_changed(parts.directory, random)
            case 3:
                parts.raw = bytes_changed(parts.raw, random)
                parts.form = random.choice((0, 1, 0, 1, 2))
            case _:
                if parts.fields:
                    _fields_changed(parts.fields, random)
    return put_together(parts)


def npz(data, random) -> bytes:
    """Another archive: members cut, doubled, renamed, compressed, or with other headers, their CRC-32s right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < 1 << 16]
    except Exception:  # a damaged archive, in any of the ways in which zipfile complains
        return data
    if not members:
        return data
    place = random.randrange(len(members))
    name, content = members[place]
    match random.randrange(6):
        case 0:
            members.insert(random.randrange(len(members) + 1), (name, content))
        case 1:
            members[place] = random.choice(MEMBERS), content
        case 2:
            members[place] = name, bytes_changed(content, random)
        case _:
            members[place] = name, _npy_changed(content, random)
    made = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(made, "w") as archive:  # two members of one name
        for name, content in members:
            info = zipfile.ZipInfo(name)
            archive.writestr(info, content, random.choice(methods) if not random.randrange(4) else zipfile.ZIP_STORED)
    return made.getvalue()


def _npy_changed(content, random):
    """An array file with another header; the data stay, or are cut."""
    start = content.find(b"{")
    end = content.find(b"\n", start)
    if start < 0 or end < 0:
        return bytes_changed(content, random)
    shape = tuple(random.choice(LENGTHS) for _ in range(random.randrange(5)))
    if not random.randrange(16):
        shape = (1,) * random.choice((32, 33, 64, 65))
    described = {"descr": random.choice(NPY_TYPES), "fortran_order": random.choice((False, True, 0)), "shape": shape}
    header = str(described).encode() if random.randrange(8) else bytes_changed(content[start:end], random)
    header += b"\n"
    data = content[end + 1:]
    if not random.randrange(4):
        data = data[:random.randrange(len(data) + 1)]
    version = random.choice((1, 1, 1, 2, 2, 3))
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def safetensors(data, random) -> bytes:
    """Another file: its header changed as JSON, its length right."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:8 + length])
    except (ValueError, RecursionError):
        return data
    body = data[8 + length:]
    names = [name for name, place in header.items() if isinstance(place, dict) and "shape" in place] \
        if isinstance(header, dict) else []
    match random.randrange(6):
        case 0 | 1 if names:
            place = header[random.choice(names)]
            place["dtype"] = random.choice(SAFETENSORS_TYPES)
            if random.randrange(2):
                _fit(place)
        case 2 | 3 if names:
            place = header[random.choice(names)]
            place["shape"] = list(random.choice(SHAPES))
            if random.randrange(2):
                _fit(place)
        case 4:
            body = bytes_changed(body, random)
        case _:
            header = _json_changed(header, random)
    text = json.dumps(header, ensure_ascii=not random.randrange(4)).encode("utf-8", "surrogatepass")
    if not random.randrange(8):
        text = bytes_changed(text, random)
    return len(text).to_bytes(8, "little") + text + body


def _fit(place):
    """The end of an array where its shape and type put it."""
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "U64": 8, "C64": 8}
    try:
        count = math.prod(place["shape"])
        first = int(place["data_offsets"][0])
        place["data_offsets"] = [first, first + count * sizes.get(place["dtype"], 1)]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return


MUTATORS = {"tsy": tsy, "npz": npz, "safetensors": safetensors, "onnx": onnx, "tflite": tflite}
