"""The accuracy-size curve: what is written is read, and what is wrong is named."""

import json

import pytest

from golden.errors import InputError
from golden.frontend.curve import Curve, Point, read_curve, write_curve

CURVE = Curve((Point(1200, 0.95, 0.003, 0.98, "λ = 3"), Point(2400, 0.98)), Point(40_000, 0.99, 0.001), "digits")


def test_there_and_back(tmp_path):
    write_curve(tmp_path / "c.json", CURVE, minutes=[3, 4])
    assert read_curve(tmp_path / "c.json") == CURVE
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert list(written) == ["title", "float", "points", "minutes"]
    assert written["points"] == [{"bytes": 1200, "accuracy": 0.95, "standard_error": 0.003, "bits_per_weight": 0.98,
                                  "label": "λ = 3"}, {"bytes": 2400, "accuracy": 0.98}]


def test_least(tmp_path):
    (tmp_path / "c.json").write_text('{"points": [{"bytes": 1, "accuracy": 0, "seed": 7}]}')
    assert read_curve(tmp_path / "c.json") == Curve((Point(1, 0),))


@pytest.mark.parametrize("text, message", [
    ("{", "must be a file of JSON"),
    ("\udcff", "must be a file of JSON"),
    ("[" * 100_000, "must be a file of JSON"),
    ("[]", "must be an object with a list points"),
    ('{"points": 3}', "must be an object with a list points"),
    ('{"points": []}', "points must hold at least one point"),
    ('{"points": [4]}', "point 0 must be an object, not 4"),
    ('{"points": [{"bytes": 4}]}', "point 0 must have the member accuracy"),
    ('{"points": [{"bytes": 4, "accuracy": 87.2}]}', "point 0: accuracy must be a number from 0 to 1, not 87.2"),
    ('{"points": [{"bytes": 4, "accuracy": NaN}]}', "point 0: accuracy must be a number from 0 to 1, not nan"),
    ('{"points": [{"bytes": 4, "accuracy": true}]}', "point 0: accuracy must be a number from 0 to 1, not True"),
    ('{"points": [{"bytes": 4, "accuracy": null}]}', "point 0: accuracy must be a number from 0 to 1, not None"),
    ('{"points": [{"bytes": 0, "accuracy": 1}]}', "point 0: bytes must be a whole number above 0, not 0"),
    ('{"points": [{"bytes": 1.5, "accuracy": 1}]}', "point 0: bytes must be a whole number above 0, not 1.5"),
    ('{"points": [{"bytes": 1, "accuracy": 1, "standard_error": -1}]}', "standard_error must be a number from 0 to 1"),
    ('{"points": [{"bytes": 1, "accuracy": 1, "bits_per_weight": Infinity}]}', "bits_per_weight must be a number from"),
    ('{"points": [{"bytes": 1, "accuracy": 1, "label": 3}]}', "label must be a string, not 3"),
    ('{"points": [{"bytes": 1, "accuracy": 1}], "title": 3}', "title must be a string, not 3"),
    ('{"points": [{"bytes": 1, "accuracy": 1}], "float": {"bytes": 3}}', "float must have the member accuracy"),
], ids=range(19))
def test_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as error:
        read_curve(path)
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_curve(tmp_path / "c.json")
