"""Properties of what the readers of model files are made of, so that a damaged file cannot hurt them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.frontend.flat_tables import SHARED, SPARE, Table, root
from golden.frontend.names import Names
from golden.frontend.unsound import Unsound, library
from golden.frontend.verdicts import Verdict, best, follow
from tests.properties import LIMITS, about, examples, flipped, refused

flatbuffers = pytest.importorskip("flatbuffers", reason="needs the extra 'tflite'")

fields = st.lists(st.none() | st.integers(-1 << 31, (1 << 31) - 1) | st.text(max_size=5)
                  | st.lists(st.integers(0, 255), max_size=6), min_size=1, max_size=5)


def written(tables) -> bytes:
    """A FlatBuffers file of these tables, by the library: a table whose field 0 is the vector of them."""
    builder = flatbuffers.Builder()
    places = []
    for values in tables:
        kept = [builder.CreateString(value) if isinstance(value, str) else
                builder.CreateByteVector(bytes(value)) if isinstance(value, list) else value for value in values]
        builder.StartObject(len(values))
        for field, (value, place) in enumerate(zip(values, kept)):
            if isinstance(value, int):
                builder.PrependInt32Slot(field, place, None)
            elif value is not None:
                builder.PrependUOffsetTRelativeSlot(field, place, 0)
        places.append(builder.EndObject())
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    vector = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def looked_at(table, values):
    """What the table says of these fields."""
    return [table.text(field) if isinstance(value, str) else table.vector(field, np.uint8).tolist()
            if isinstance(value, list) else table.scalar(field, "<i") for field, value in enumerate(values)]


@about(Table, root)
@examples(150)
@given(st.lists(fields, max_size=4), st.integers(0, 1 << 16), st.integers(0, 1 << 16))
def test_flat_tables_are_those_that_the_library_writes(tables, bit, cut):
    """And of a damaged file they say something, or that it is unsound, and nothing else."""
    data = written(tables)
    found = list(root(data).tables(0))
    assert len(found) == len(tables)
    for table, values in zip(found, tables):
        assert looked_at(table, values) == [0 if value is None else value for value in values]
        assert table.scalar(len(values), "<i") == 0 and table.table(len(values)) is None
        assert table.span(len(values), 1) == (0, 0)
    for damaged in (flipped(data, bit), data[:cut % len(data)]):
        try:
            for table, values in zip(root(damaged).tables(0), tables):
                looked_at(table, values)
        except Unsound as error:
            assert str(error) and "\n" not in str(error)


@about(Table)
@LIMITS
@given(st.integers(0, 40))
def test_tables_that_lead_to_the_same_ones_come_to_an_end(size):
    """Together they have a few times the bytes of the file, however often it refers to one of them."""
    data = written([["x" * size]])
    file, place, read = root(data).file, next(root(data).tables(0)).place, 0
    with pytest.raises(Unsound, match="again and again"):
        while True:
            read += len(Table(file, place).text(0)) + 4
            assert read <= SHARED * len(data) + SPARE
    assert read > SPARE // 4


@about(Names)
@LIMITS
@given(st.lists(st.sampled_from(("a", "b", "a#2", "a#3", "")), max_size=12))
def test_names_are_given_once(names):
    """The first of a name keeps it, unless one made from another is there already."""
    made = Names()
    given_names = [made.give(name) for name in names]
    assert len(set(given_names)) == len(names)
    for number, (name, got) in enumerate(zip(names, given_names)):
        stem, _, count = got.rpartition("#")
        assert got == name or stem == name and int(count) >= 2 and name in given_names[:number]
        assert got == name or name in given_names[:number]


@about(library)
@LIMITS
@given(st.sampled_from((ValueError, KeyError, IndexError, RecursionError, OSError)), st.text())
def test_what_a_library_complains_of_is_one_line(kind, text):
    """But want of memory stays what it is."""
    with refused(Unsound), library():
        raise kind(text)
    with pytest.raises(MemoryError), library():
        raise MemoryError
    with library():
        done = True
    assert done


@about(follow)
@examples(150)
@given(st.integers(1, 7), st.data())
def test_verdicts_are_followed_to_the_ends(size, data):
    """Of any graph without circles, as a definition that calls itself has it."""
    edges = [(tensor, number, data.draw(st.none() | st.integers(tensor + 1, size - 1)) if tensor + 1 < size else None)
             for tensor in range(size) for number in range(data.draw(st.integers(0, 2)))]
    actions = {edge: data.draw(st.sampled_from(("weight", "raw", None))) for edge in edges}
    outputs = data.draw(st.sets(st.integers(0, size - 1)))

    def uses(tensor):
        return [edge for edge in edges if edge[0] == tensor]

    def say(tensor, use, further):
        return further if use[2] is not None else Verdict(actions[use], str(use), None, use[:2])

    def defined(tensor):
        found = [say(tensor, use, None if use[2] is None else defined(use[2])) for use in uses(tensor)]
        return best(found) if found or tensor not in outputs else Verdict("raw", "an output of the graph")

    known = {}
    for tensor in data.draw(st.permutations(range(size))):
        assert follow(tensor, uses, lambda tensor, use: use[2], say, outputs.__contains__, known) == defined(tensor)
