"""What properties of golden are searched over: names, alphabets, tables, weights, streams; networks, their arrays."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golden.config import Config
from golden.frontend.description import Network, Node
from golden.table import Alphabet, Table
from tests.cases import random_case

__all__ = ["alphabets", "cases", "counts_of_sum", "names", "networks", "pixels_for", "seeds", "shapes", "small_case",
           "tables", "tensors_for", "weights_of"]

seeds = st.integers(0, 1 << 20)
shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
alphabets = st.one_of(st.builds(Alphabet, st.integers(1, 20), st.just(0), st.integers(1, 6)),
                      st.builds(Alphabet, st.integers(1, 127), st.integers(1, 7)))


@st.composite
def counts_of_sum(draw, size, total):
    """Counts, some of them 0."""
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=size - 1, max_size=size - 1)))
    return tuple(b - a for a, b in zip([0, *cuts], [*cuts, total]))


@st.composite
def tables(draw, table_log=None, most=40):
    """A table by counts or by a slot list."""
    alphabet = draw(alphabets.filter(lambda a: a.size <= most))
    table_log = draw(st.integers(1, 7)) if table_log is None else table_log
    counts = draw(counts_of_sum(alphabet.size, 1 << table_log))
    slots = [token for token, count in enumerate(counts) for _ in range(count)]
    return Table(alphabet, table_log, counts, draw(st.none() | st.permutations(slots).map(tuple)))


@st.composite
def weights_of(draw, alphabet, most=60):
    """Weights that an alphabet has, zeros often among them."""
    half = alphabet.half
    return np.array(draw(st.lists(st.just(0) | st.integers(-half, half), max_size=most)), dtype=np.int8)


def cases(most=60):
    """Random networks of any configuration; see `tests.cases.random_case`."""
    return seeds.map(lambda seed: random_case(seed, most=most))


def small_case(seed, **parameters):
    """A random network for a small decoder."""
    usual = {"lanes": 2, "vector": 2, "word_bits": 16, "table_log": 5, "max_run": 3, "raw_bits": 1, "bins": 255}
    return random_case(seed, Config(**usual | parameters), 40)


@st.composite
def networks(draw, most=3, kinds=("conv", "depthwise", "dense", "add", "mean", "max_pool", "average_pool"),
             activations=("none", "relu")):
    """Networks of one to some nodes of any kind, and a dense one at the end."""
    shape = (draw(st.integers(2, 5)), draw(st.integers(2, 5)), draw(st.integers(1, 2)))
    nodes = []
    for number in range(draw(st.integers(0, most))):
        found = Network("n", shape, tuple(nodes)).shapes if nodes else {"input": shape}
        spatial = [name for name, each in found.items() if len(each) == 3]
        kind = draw(st.sampled_from(kinds))
        if kind == "dense" and number < most - 1:
            continue
        taken = draw(st.sampled_from(spatial if kind not in ("dense", "add") else list(found)))
        inputs, more = (taken,), {}
        if kind == "add":
            alike = [name for name, each in found.items() if each == found[taken]]
            inputs = (taken, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2)))
        if kind in ("conv", "dense"):
            more["outputs"] = draw(st.integers(1, 3))
        if kind in ("conv", "depthwise", "max_pool", "average_pool"):
            more["padding"] = draw(st.sampled_from(("same", "valid")))
            sides = [st.integers(1, min(3, side) if more["padding"] == "valid" else 3) for side in found[taken][:2]]
            more["size"] = draw(st.tuples(*sides))
            more["stride"] = draw(st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)))
        nodes.append(Node(f"n{number}", kind, inputs, activation=draw(st.sampled_from(activations)), **more))
    nodes.append(Node("scores", "dense", (nodes[-1].name if nodes else "input",), outputs=draw(st.integers(2, 3))))
    return Network("n", shape, tuple(nodes), draw(st.sampled_from((0.0, 1.5))), draw(st.sampled_from((1.0, 0.25))))


def tensors_for(network, seed, dtype=np.float32) -> dict[str, np.ndarray]:
    """Random weights and biases of a network."""
    random, found = np.random.default_rng(seed), {}
    for name, shape in network.weights.items():
        found[f"{name}.weight"] = random.normal(size=shape).astype(dtype)
        found[f"{name}.bias"] = random.normal(size=shape[network.node(name).output_axis]).astype(dtype)
    return found


def pixels_for(network, count, seed) -> np.ndarray:
    """Random images for a network."""
    return np.random.default_rng(seed).normal(size=(count, *network.input_shape)).astype(np.float32)
