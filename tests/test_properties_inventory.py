"""Every public name of golden has a property that says that it is about it, or stands here with the reason why not."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import golden

#: What no property is about, and why. Besides these: constants, exceptions, and ``main`` (tests/test_commands.py).
EXCEPTIONS = {
    "golden.digits.load": "takes the name of one of two stored files; tests/test_digits.py looks at both whole",
    "golden.digits.record": "takes nothing: one stored file, held against the network by tests/test_digits.py",
    "golden.digits.train.train": "minutes for one seed; its parts, split, train_float and Trainer, have properties",
    "golden.frontend.page_draw.check_plotting": "takes nothing: whether a package is there; tests/test_report.py",
}
EXTRAS = ("jax", "optax", "matplotlib", "onnx", "tflite", "safetensors", "sklearn")


@pytest.fixture(scope="module", autouse=True)
def extras():
    """Some of golden cannot even be imported without its extra."""
    for package in EXTRAS:
        pytest.importorskip(package, reason="the inventory of golden needs every extra")


def has_no_property(name, value) -> bool:
    """Constants, commands and exceptions."""
    constant = not hasattr(value, "__qualname__")  # no function and no class
    return constant or name == "main" or inspect.isclass(value) and issubclass(value, BaseException)


def public_names() -> dict:
    """The functions and classes that any module makes public, by the names that they have where they are from."""
    found = {}
    for module in pkgutil.walk_packages(golden.__path__, "golden."):
        values = importlib.import_module(module.name)
        for name in getattr(values, "__all__", ()):
            value = getattr(values, name)
            if not has_no_property(name, value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def properties() -> dict:
    """Every test of the files of properties, by file and name."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_properties*.py")):
        if path != Path(__file__):
            module = importlib.import_module(f"tests.{path.stem}")
            found |= {f"{path.name}::{name}": value for name, value in vars(module).items() if name.startswith("test_")}
    return found


def test_every_property_is_searched_and_says_what_it_is_about():
    found = properties()
    assert len(found) > 100
    assert [name for name, test in found.items() if not getattr(test, "is_hypothesis_test", False)] == []
    assert [name for name, test in found.items() if not getattr(test, "about", ())] == []


def test_properties_are_about_public_names():
    public = {id(value) for value in public_names().values()}
    assert [(name, subject) for name, test in properties().items() for subject in test.about
            if id(subject) not in public] == []


def test_every_public_name_has_a_property_or_a_reason():
    covered = {id(subject) for test in properties().values() for subject in test.about}
    without = {name for name, value in public_names().items() if id(value) not in covered}
    assert without - set(EXCEPTIONS) == set(), "these need a property"
    assert set(EXCEPTIONS) - without == set(), "these have a property, or are no public names any more"
    assert all(EXCEPTIONS.values())


def test_a_name_without_a_property_is_seen(monkeypatch):
    """So is a reason that is not needed, and a property about what is no longer public."""
    from golden import stream

    def forgotten():
        """A function without a property."""

    forgotten.__module__, forgotten.__qualname__ = stream.__name__, "forgotten"
    monkeypatch.setattr(stream, "forgotten", forgotten, raising=False)
    monkeypatch.setattr(stream, "__all__", [*stream.__all__, "forgotten"])
    with pytest.raises(AssertionError, match="golden.stream.forgotten"):
        test_every_public_name_has_a_property_or_a_reason()
    monkeypatch.setitem(EXCEPTIONS, "golden.stream.forgotten", "for this test")
    test_every_public_name_has_a_property_or_a_reason()
    monkeypatch.setattr(stream, "__all__", [name for name in stream.__all__ if name not in ("forgotten", "Stream")])
    with pytest.raises(AssertionError, match="no public names any more"):
        test_every_public_name_has_a_property_or_a_reason()
    with pytest.raises(AssertionError, match="test_a_stream_of_parts"):
        test_properties_are_about_public_names()
