"""Whole networks: into a file and back, and the figures about it."""

import numpy as np
import pytest

from golden import scalar
from golden.codec import decode_measured, encode
from golden.container import pack, unpack
from golden.errors import ConfigError, FormatError, InputError
from golden.figures import entropy, report
from golden.formats import read_tensors
from golden.network import decode_network, encode_network, encode_stream
from golden.plan import plan
from golden.rules import Rules, quantize_network
from golden.stream import Stream
from tests.cases import laplacian


def network(seed=0):
    """A network of several layers, one without elements, one of zeros, one scalar, and raw tensors."""
    rng = np.random.default_rng(seed)
    return {"first": laplacian(rng, 127, 300, 20).astype(np.int8).reshape(10, 30), "first.scale": np.float32(0.5),
            "bias": rng.normal(size=10), "none": np.zeros((0, 3), dtype=np.int16), "zero": np.zeros(77, dtype=np.uint8),
            "sparse": laplacian(rng, 1, 2000, 0.3).reshape(2, 10, 100), "one": np.array(-5, dtype=np.int32)}


def assert_same(back, tensors):
    assert set(back) == set(tensors)
    for name, array in tensors.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == (np.int8 if array.dtype.kind in "iu" else array.dtype)
        np.testing.assert_array_equal(back[name], array)


@pytest.mark.parametrize("options", [
    {}, {"lanes": 1}, {"lanes": 3, "vector": 3}, {"lanes": 64, "vector": 8, "word_bits": 128}, {"word_bits": 16},
    {"table_log": 9, "preload": 5}, {"max_run": 4}, {"restart_every": 500}, {"restart_every": 0}, {"search_rounds": 1},
    {"own_tables": True, "vector": 2, "search_rounds": 3}])
def test_round_trip(options):
    tensors = network()
    data = encode_network(tensors, **options)
    assert_same(decode_network(data), tensors)
    assert encode_network(tensors, **options) == data
    stream, _ = unpack(data)
    flat = np.concatenate([a.reshape(-1) for a in tensors.values() if a.dtype.kind in "iu"])
    np.testing.assert_array_equal(np.concatenate(scalar.decode(stream)), flat)


def test_refused_tensors():
    for array, message in ((np.array([0, 128]), "-127 to 127, not 128"), (np.array([-128], np.int8), "not -128"),
                           (np.array([200], np.uint8), "not 200"), (np.array([True]), "or floats, not of bool"),
                           (np.array([1j]), "not of complex128"), (np.array(["a"]), "not of <U1")):
        with pytest.raises(InputError, match=message):
            encode_network({"layer": array, "other": np.zeros(4)})
    with pytest.raises(InputError, match="at least one weight, not 0"):
        encode_network({"bias": np.zeros(4), "none": np.zeros(0, np.int8)})
    with pytest.raises(ConfigError, match="lanes must be a whole number from 1 to 64, not 0"):
        encode_network(network(), lanes=0)


def test_limit():
    with pytest.raises(FormatError, match="at most 2377 weights, not 2378"):
        decode_network(encode_network(network()), max_weights=2377)


def test_entropy():
    assert entropy(np.zeros(100, np.int8)) == 0
    assert entropy(np.array([0, 1, -1, 2] * 25, np.int8)) == pytest.approx(200)
    assert entropy(np.array([0] * 3 + [-7], np.int8)) == pytest.approx(4 * 0.8112781244591328)


def test_report_adds_up():
    """The tokens are the trace's, and sizes sum to the file."""
    tensors = network()
    stream, directory = encode_stream(tensors, restart_every=700)
    figures = report(stream, directory, decode_measured(stream))
    total, layers = figures["total"], {layer["name"]: layer for layer in figures["layers"]}
    assert list(layers) == ["first", "none", "zero", "sparse", "one"]
    tokens = [token for span in scalar.trace(stream) for lane in span for token in lane]
    assert total["coded_bits"] == sum(token.bits for token in tokens)
    assert total["coded_bits"] == sum(row["coded_bits"] for row in layers.values())
    assert total["weights"] == sum(row["weights"] for row in layers.values()) == 2378
    found = sum(row["weights"] / row["weights_per_token"] for row in layers.values() if row["weights"])
    assert found == pytest.approx(len(tokens))
    assert total["file_bytes"] == len(encode_network(tensors, restart_every=700))
    assert total["file_bytes"] == total["header_bytes"] + total["words_bytes"] + total["tail_bytes"]
    assert layers["zero"]["coded_excess_percent"] is None and layers["none"]["coded_bits"] == 0


def test_real_networks(shared_data):
    """The excess that the first release promises, at 15 bins and 8 lanes."""
    for name, words, whole in (("resnet8", 0.3, 1.5), ("kws", 1.0, 2.0)):
        tensors, _ = quantize_network(read_tensors(shared_data / f"{name}.npz"), Rules(15), progress=False)
        stream, directory = encode_stream(tensors)
        decoded = decode_measured(stream)
        total = report(stream, directory, decoded)["total"]
        assert total["words_excess_percent"] <= words and total["stream_excess_percent"] <= whole
        assert_same(decode_network(encode_network(tensors)), tensors)
        for one, (other, _) in zip(scalar.decode(stream), decoded):
            np.testing.assert_array_equal(one, other)


def test_search_never_makes_a_stream_larger():
    """On small networks the lanes' last words weigh more than what the search gains, and come out at random."""
    larger = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        tensors = {"a": laplacian(rng, 1, 1500, 0.5), "b": laplacian(rng, 3, 1500, 0.9)}
        options = {"table_log": 5, "word_bits": 8}
        plain, found = (len(encode_network(tensors, search_rounds=rounds, **options)) for rounds in (0, 9))
        searched = plan(tensors, search_rounds=9, **options)
        words = encode(searched.config, searched.tables, searched.segments, list(tensors.values()))
        larger += len(pack(Stream(searched.config, searched.tables, searched.segments, words),
                           encode_stream(tensors)[1])) > plain
        assert found <= plain
    assert larger
