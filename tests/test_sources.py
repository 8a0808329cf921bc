"""The sources that other tests and benchmarks measure with."""

import json
import re

import numpy as np
import pytest

from golden.figures import entropy
from golden.tune import coding_cost

from . import bench_tables
from .sources import laplacian, laplacian_probabilities


@pytest.mark.parametrize("bins, bits", [(3, 0.4), (3, 1.5), (7, 1.0), (15, 2.0), (15, 3.0), (255, 5.0)])
def test_a_source_has_the_entropy_it_is_asked_for(bins, bits):
    p = laplacian_probabilities(bins, bits)
    assert coding_cost(p, p) == pytest.approx(bits, abs=1e-6)
    assert p == pytest.approx(p[::-1])
    assert (np.diff(p[bins // 2:]) < 0).all()
    weights = laplacian(bins, bits, 200000, seed=5)
    assert weights.dtype == np.int8
    assert -(bins // 2) <= weights.min() < 0 < weights.max() <= bins // 2
    assert entropy(weights) / len(weights) == pytest.approx(bits, rel=0.02)
    assert (weights == laplacian(bins, bits, 200000, seed=5)).all()
    assert (weights != laplacian(bins, bits, 200000, seed=6)).any()


@pytest.mark.parametrize("bits", [0.0, 1.6, -1.0])
def test_an_entropy_out_of_reach_is_refused(bits):
    with pytest.raises(ValueError, match="3 bins must be above 0 and below 1.585"):
        laplacian_probabilities(3, bits)


def test_bench_of_tables(monkeypatch, capsys, tmp_path):
    """Its rows, small, without the real networks; the excess of the words is about that of ends and rate together."""
    monkeypatch.setenv("TANSY_SHARED", str(tmp_path))
    monkeypatch.setattr(bench_tables, "LAPLACIAN", [(3, 0.6, {"table_log": 6, "vector": 8}, 0.3),
                                                    (7, 1.5, {"table_log": 7}, None)])
    monkeypatch.setattr("sys.argv", ["bench", "--weights", "100000", "--search", "5"])
    bench_tables.main()
    *table, empty, skipped = capsys.readouterr().out.splitlines()
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert empty == ""
    assert re.fullmatch("resnet8 and kws are left out: no real networks in .*; TANSY_SHARED may .*", skipped)
    monkeypatch.setattr("sys.argv", ["bench", "--weights", "100000", "--search", "5", "--json"])
    bench_tables.main()
    figures = json.loads(capsys.readouterr().out)
    assert [row["table_log"] for row in figures["rows"]] == [6, 7]
    for row in figures["rows"]:
        assert row["words_searched_percent"] == pytest.approx(
            row["rate_searched_percent"] + row["lane_ends_percent"], abs=0.5)
        assert row["records_searched_percent"] > 0
    assert figures["rows"][0]["weights_per_token"] > 5 * figures["rows"][1]["weights_per_token"]
