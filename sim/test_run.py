"""``python -m sim.run`` as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from golden import digits
from golden.cycles import CAUSES
from golden.network import encode_network


def command(*arguments, **environment):
    """Run a module, return its completed process."""
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, env=os.environ | environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the first command of the README writes."""
    folder = tmp_path_factory.mktemp("run") / "build"
    done = command("hw.build", "--lanes", 8, "-o", folder)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "output").write_text(done.stdout)
    return folder


def test_readme(simulator, folder):
    """The README shows what the commands print, but for folder and simulator."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = {block.split(maxsplit=1)[0]: block.split("```")[0] for block in readme.split("```text\n")[1:]}
    done = command("sim.run", "--build", folder, "--simulator", simulator.name)
    assert blocks["decoder"] == (folder / "output").read_text().replace(str(folder), "build")
    assert blocks["stream"].splitlines()[1:] == done.stdout.splitlines()[1:]


def test_text(simulator, folder):
    done = command("sim.run", "--build", folder, "--stream", folder / "net.tsy", "--simulator", simulator.name)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("9,744 in 1,218 beats, equal bit for bit", "equal one for one", "weights per cycle", "1,218  beats"):
        assert words in done.stdout


def test_json(simulator, folder):
    done = command("sim.run", "--build", folder, "--json", "--source", "random:0.3:1", "--sink", "burst:4:9",
                   TANSY_SIM=simulator.name)
    figures = json.loads(done.stdout)
    assert figures["simulator"] == str(simulator)
    assert sum(figures["causes"].values()) == figures["cycles"] == figures["header_cycles"] + figures["decoding_cycles"]
    assert set(figures["causes"]) == set(CAUSES) and figures["causes"]["sink"] > figures["beats"]
    assert figures["weights"] == 9744


@pytest.mark.parametrize("arguments, complaint", [
    (["--build", "nowhere"], "nowhere/manifest.json: cannot be read: No such file or directory"),
    (["--stream", "nothing.tsy"], "nothing.tsy: cannot be read: No such file or directory"),
    (["--stream", __file__], "the file must begin with b'TNSY'"),
    (["--waves", "waves.gif"], "waves must be a .fst or .vcd file, not waves.gif"),
    (["--waves", "nowhere/waves.vcd"], "nowhere/waves.vcd: cannot be written: No such file or directory"),
    (["--source", "sometimes"], "pattern must be one of always"),
    (["--source", "never"], "source must be willing now and then, not never"),
    (["--simulator", "questa"], "argument --simulator: invalid choice: 'questa'"),
])
def test_bad_input(folder, arguments, complaint):
    done = command("sim.run", "--build", folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sim.run: error: ") and complaint in done.stderr and done.stderr.count("\n") == 1


def test_no_manifest(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    done = command("sim.run", "--build", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"sim.run: error: {tmp_path}/manifest.json is not a manifest of hw.build\n"


@pytest.mark.parametrize("order, lanes, complaint", [
    (1, 4, "the stream was made for lanes 4, not 8"),
    (-1, 8, "{} and the golden model differ: the decoder ended with error STREAM, done 0"),
])
def test_the_stream_of_another_decoder(simulator, folder, tmp_path, order, lanes, complaint):
    other = tmp_path / "other.tsy"
    tensors = {name: tensor.ravel()[::order].reshape(tensor.shape) for name, tensor in digits.load().items()}
    table_log = json.loads((folder / "manifest.json").read_text())["config"]["table_log"]
    other.write_bytes(encode_network(tensors, lanes=lanes, table_log=table_log, spare=2))
    done = command("sim.run", "--build", folder, "--stream", other, "--simulator", simulator.name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"sim.run: error: {complaint.format(simulator)}\n"
