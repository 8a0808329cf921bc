"""The exploration: which points, which rows, which designs are named; the cache; a Dask cluster of two workers."""

import contextlib
import json
import subprocess
import sys
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path

import numpy as np
import pytest

from golden.config import TableMemory, TableStyle
from golden.errors import InputError, TansyError
from hw.explore import plot
from hw.explore import workers as workers_module
from hw.explore.cache import Cache, key_of
from hw.explore.pareto import front, named
from hw.explore.rows import Sweep
from hw.explore.sweep import Point, build_design, points
from hw.explore.text import options_of, text_of
from hw.explore.workers import attempt, workers
from hw.tools import tool_version

ROOT = Path(__file__).resolve().parents[1]


def row(lut, rate, **changes):
    """A row of a sweep that did not fail."""
    return {"target": "ecp5-25k-6", "point": Point(lanes=2).as_dict(), "failed": None, "lut": lut, "ff": 7,
            "block_rams": 0, "lut_words": "TRELLIS_COMB of nextpnr", "fmax_median": 100.0, "weights_per_cycle": 1.0,
            "weights_per_second": rate, "config": {"lanes": 2, "vector": 1, "word_bits": 32, "table_log": 7,
                                                   "max_run": 1, "ring": 1}} | changes


ROWS = [row(1000, 100e6), row(1500, 300e6), row(900, 50e6), row(1600, 290e6), row(3000, 310e6), row(900, 40e6),
        row(1500, 300e6)]


def test_points():
    """All combinations, without those that no decoder can have, and without repetitions."""
    made = points({"lanes": [1, 6], "ring": [1, 3], "memory": [TableMemory.LOGIC, TableMemory.BLOCK], "vector": [2, 2]})
    assert [(p.lanes, p.ring, p.memory.value) for p in made] == [(1, 1, "logic"), (6, 1, "logic"), (6, 3, "logic"),
                                                                 (6, 3, "block")]
    assert points({"word_bits": [8], "table_log": [7, 9, None]}) == [Point(word_bits=8, table_log=7),
                                                                     Point(word_bits=8)]
    assert points({"lanes": [0]}) == []


def test_front():
    assert [(kept["lut"], kept["weights_per_second"]) for kept in front(ROWS)] == [
        (900, 50e6), (1000, 100e6), (1500, 300e6), (3000, 310e6)]
    assert front([]) == []


def test_named():
    assert {name: kept["lut"] for name, kept in named(ROWS).items()} == {
        "smallest": 900, "best per LUT": 1500, "fastest": 3000}
    assert named([]) == {}
    area = [row(1000, None, weights_per_cycle=1.0), row(1800, None, weights_per_cycle=2.0)]
    assert {name: kept["lut"] for name, kept in named(area).items()} == {
        "smallest": 1000, "best per LUT": 1800, "fastest": 1800}


def test_text():
    failed = {"target": "ecp5-25k-6", "point": Point(lanes=3, tables=TableStyle.RAM, table_log=9).as_dict(),
              "failed": "no"}
    found = {"ecp5-25k-6": {"front": front(ROWS), "named": named(ROWS)}}
    lines = text_of([*ROWS, failed], found, ["out", "a.png"]).splitlines()
    assert lines[0] == "ecp5-25k-6: 7 designs, 4 on the front" and len(lines) == 8
    assert lines[4].split() == ["1,500", "7", "0", "100.0", "300.0", "0.200", "--lanes", "2", "--vector", "1", "<-",
                                "best", "per", "LUT"]
    assert lines[6] == "  failed  --lanes 3 --vector 1 --table-log 9 --tables ram: no"
    assert options_of(Point(ring=4, memory=TableMemory.BLOCK).as_dict()) == (
        "--lanes 8 --vector 1 --memory block --ring 4")


@pytest.mark.parametrize("rows", [ROWS, [row(900, None), row(90, None)], ROWS[:1]])
def test_picture(rows):
    """Both forms, the same bytes from the same rows."""
    png, svg = (plot.picture("A device", rows, form) for form in ("png", "svg"))
    assert png.startswith(b"\x89PNG") and b"<svg" in svg
    assert (png, svg) == tuple(plot.picture("A device", rows, form) for form in ("png", "svg"))


def test_the_key_is_of_all_that_counts():
    one = ("0" * 64, "ice40-up5k", (1, 2), False, {"yosys": "0.70"})
    others = [("1" * 64, *one[1:]), (one[0], "ice40-hx8k", *one[2:]), (*one[:2], (1, 3), *one[3:]),
              (*one[:3], True, one[4]), (*one[:4], {"yosys": "0.71"})]
    assert len({key_of(*arguments) for arguments in [one, *others]}) == 6
    assert key_of(*one) == key_of(*one)


def test_cache(tmp_path):
    """What was put is got; a file that was cut short is no result."""
    cache = Cache(tmp_path / "deep" / "cache")
    key = cache.key("0" * 64, "xilinx-7", (1,), False)
    assert cache.get(key) is None
    cache.put(key, {"lut": 3})
    assert Cache(tmp_path / "deep" / "cache").get(key) == {"lut": 3}
    (tmp_path / "deep" / "cache" / f"{key}.json").write_text('{"lut":')
    assert cache.get(key) is None
    assert cache.versions("xilinx-7") == {"yosys": tool_version("yosys")}
    with pytest.raises(InputError, match="cannot be written"):
        Cache("/dev/null/cache")


def refuse(message):
    raise TansyError(message)


def test_a_job_may_fail_in_any_way():
    assert attempt(int, "7") == (7, None)
    assert attempt(refuse, "two\n lines") == (None, "two\\n lines")
    assert attempt(int, "x") == (None, "ValueError: invalid literal for int() with base 10: 'x'")


class Broken:
    """An executor whose worker dies with its first job, and takes no other."""

    def __init__(self):
        self.jobs = 0

    def submit(self, *_):
        self.jobs += 1
        if self.jobs > 1:
            raise BrokenExecutor
        future = Future()
        future.set_exception(BrokenExecutor())
        return future


class Bar:
    """A progress bar that counts."""

    def __init__(self):
        self.moved = 0

    def update(self):
        self.moved += 1


def test_a_dead_worker_is_rows(tmp_path):
    bar = Bar()
    rows = Sweep({}, ["xilinx-7", "ice40-up5k"], (1,), False, Cache(tmp_path), Broken()).run(points({"lanes": [1, 2]}),
                                                                                            bar)
    assert [(made["target"], made["point"]["lanes"], made["failed"]) for made in rows] == [
        (target, lanes, "its worker is gone: BrokenExecutor") for lanes in (1, 2)
        for target in ("xilinx-7", "ice40-up5k")]
    assert bar.moved == 4


def test_the_scheduler_must_answer(monkeypatch):
    monkeypatch.setattr(workers_module, "PATIENCE", 1)
    with pytest.raises(InputError, match=r"^tcp://127.0.0.1:9: no Dask scheduler answers"), \
            workers("tcp://127.0.0.1:9"):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TansyError, match=r"pip install tansy\[dask\]"), workers("tcp://127.0.0.1:9"):
        pass


NETWORK = {"layer": np.random.default_rng(5).integers(-1, 2, (20, 10)).astype(np.int8)}


def test_build_design():
    """The parameters arrive; the same point gives the same Verilog, another one another."""
    point = Point(lanes=2, word_bits=8, table_log=4, max_run=1)
    design = build_design(NETWORK, point)
    config = design.config
    assert (config.lanes, config.word_bits, config.table_log, config.max_run) == (2, 8, 4, 1)
    assert "module decoder" in design.verilog and design.figures["weights"] == 200
    assert build_design(NETWORK, point).digest == design.digest
    assert build_design(NETWORK, Point(lanes=1, word_bits=8, table_log=4)).digest != design.digest


@pytest.mark.parametrize("target, primitive", [(None, None), ("ecp5", "DP16KD"), ("ice40", "SB_RAM40_4K")])
def test_build_design_is_hw_build(tmp_path, target, primitive):
    """A row's design is the one that `hw.build` makes of the options beside it, block RAM of the family included."""
    np.savez(tmp_path / "net.npz", **NETWORK)
    block = {"ring": 4, "memory": TableMemory.BLOCK} if target else {}
    made = build_design(NETWORK, Point(lanes=4, word_bits=16, **block), target)
    options = ["--memory", "block", "--ring", "4", "--target", target] if target else []
    done = subprocess.run([sys.executable, "-m", "hw.build", "--weights", tmp_path / "net.npz", "--lanes", "4",
                           "--word-bits", "16", *options, "-o", tmp_path / "build"], cwd=ROOT, text=True,
                          capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert made.verilog == (tmp_path / "build" / "decoder.v").read_text()
    assert primitive is None or primitive in made.verilog


def explore(*arguments):
    return subprocess.run([sys.executable, "-m", "hw.explore", *arguments], cwd=ROOT, text=True, capture_output=True)


CLUSTER = """
import sys
from distributed import LocalCluster
with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def two_workers():
    """A Dask cluster in processes of its own, as a user would start one; the address of its scheduler."""
    with subprocess.Popen([sys.executable, "-c", CLUSTER], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as cluster:
        yield cluster.stdout.readline().strip()
        cluster.stdin.close()


def test_a_sweep_on_two_dask_workers(tmp_path):
    """On a cluster, then on processes here, which find the cache of that: a result changed there is seen."""
    pytest.importorskip("distributed")
    np.savez(tmp_path / "net.npz", **NETWORK)
    options = [str(tmp_path / "net.npz"), "--targets", "xilinx-7", "--lanes", "1,2", "--word-bits", "8", "--table-log",
               "4,8", "--max-run", "1", "--cache", str(tmp_path / "cache"), "--json"]
    with two_workers() as address:
        done = explore(*options, "--scheduler", address, "-o", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(made["point"]["lanes"], made["point"]["table_log"], bool(made["failed"])) for made in rows] == [
        (1, 4, False), (1, 8, True), (2, 4, False), (2, 8, True)]
    assert "table log" in rows[1]["failed"]
    assert 0 < rows[0]["lut"] < rows[2]["lut"] and 0 < rows[0]["weights_per_cycle"] < rows[2]["weights_per_cycle"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["pareto-xilinx-7.png", "pareto-xilinx-7.svg",
                                                                       "rows.json"]
    first, _ = (tmp_path / "cache" / f"{name}.json" for name in cached(rows))
    first.write_text(json.dumps(json.loads(first.read_text()) | {"lut": 7}))
    again = explore(*options, "--processes", "1", "-o", str(tmp_path / "b"))
    assert (again.returncode, again.stderr) == (0, "")
    rows[0]["lut"] = 7
    assert json.loads(again.stdout)["rows"] == rows


def cached(rows):
    """The keys of the rows that did not fail, in order."""
    versions = {"yosys": tool_version("yosys")}
    return [key_of(made["digest"], made["target"], made["seeds"] or (1, 2, 3), made["registered"], versions)
            for made in rows if not made["failed"]]


@pytest.mark.parametrize("arguments, complaint", [
    (["--targets", "z80"], "target must be one of ecp5-85k-6, "),
    (["--seeds", "0"], "seeds must be at least 1, not 0"),
    (["--limit", "nan"], "limit must be more than 0 seconds, not nan"),
    (["--processes", "0"], "processes must be at least 1, not 0"),
    (["--lanes", "1,x"], "argument --lanes: invalid list of numbers value: '1,x'"),
    (["--lanes", "0,99"], "no combination of these parameters makes a decoder"),
    (["nowhere.tsy"], "nowhere.tsy: cannot be read"),
    (["--tables", "paper"], "argument --tables: invalid list of rom, ram value: 'paper'"),
])
def test_bad_command_lines(tmp_path, arguments, complaint):
    done = explore(*arguments, "--cache", str(tmp_path / "c"), "-o", str(tmp_path / "o"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hw.explore: error: ") and done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert not (tmp_path / "o").exists()
