"""The picture of recorded curves, and the records themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from golden.frontend.curve import Curve, Point, read_curve, write_curve

from .plot_curves import picture

ROOT = Path(__file__).resolve().parents[1]
RECORDS = sorted((ROOT / "docs" / "records").glob("resnet8-*.json"))


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "tests.plot_curves", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True)


def test_the_picture_in_the_docs_is_of_the_records(tmp_path):
    done = run(*RECORDS, "-o", tmp_path / "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(RECORDS) >= 2
    words = (tmp_path / "a.svg").read_text()
    assert all(read_curve(path).title in words for path in RECORDS)
    shown = (ROOT / "docs" / "resnet8.svg").read_text()
    assert all(read_curve(path).title in shown for path in RECORDS)


def test_equal_curves_are_equal_bytes_and_others_are_not():
    curves = [Curve(tuple(Point(1000 + 1000 * i, 0.8 + 0.05 * i, 0.01) for i in range(3)), Point(9000, 0.95), "a")]
    other = [Curve(curves[0].points[:2], curves[0].reference, "a")]
    assert picture(curves) == picture(curves) != picture(other)


@pytest.mark.parametrize("curve, words", [
    (Curve((Point(10, 0.5),)), "a curve must have the accuracy of its float network to be drawn; it has none"),
    (None, "cannot be read"),
])
def test_bad_input(tmp_path, curve, words):
    if curve:
        write_curve(tmp_path / "c.json", curve)
    done = run(tmp_path / "c.json", "-o", tmp_path / "never.svg")
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "never.svg").exists()
