"""``-p width 010``, ``1:30``, a parameter given twice; ``-p rate 1e-3``, ``-p rates "[0.001, 1]"``; the same in profiles."""

import importlib

import pytest
from books import notebook

from utils.experiments import long_run
from utils.pipeline.execute import resolve
from utils.pipeline.parameters import ParameterError
from utils.run import main

CELL = """width = 512  # [1, 10_000] width of every layer
widths = [32, 512]  # [2, 1000] several
rate = 0.1  # [0, 1] a share
rates = [0.1]  # [0, 1] several
data = "010"  # {010, 1e-3, null, true} a word
names = ["a"]  # {a, b c, 1e-3} several
centered = False  # mean-center first"""

READ = [
    ("rate", "1e-3", 0.001),
    ("rate", "1", 1.0),
    ("rate", ".5", 0.5),
    ("rates", "[0.001, 1]", [0.001, 1.0]),
    ("rates", "[1e-3]", [0.001]),
    ("width", "1_000", 1000),
    ("width", "0x10", 16),
    ("widths", "[8, 1_000]", [8, 1000]),
    ("data", "010", "010"),
    ("data", "1e-3", "1e-3"),
    ("data", "null", "null"),
    ("data", "true", "true"),
    ("names", "[a, 'b c', 1e-3]", ["a", "b c", "1e-3"]),
    ("centered", "true", True),
    ("centered", "False", False),
]
REFUSED = [
    ("width", "010"),
    ("width", "1:30"),
    ("width", "1e2"),
    ("width", "true"),
    ("width", "null"),
    ("width", "1, 2"),
    ("width", "9" * 400),
    ("width", "9" * 5000),
    ("width", "(" * 5000),
    ("width", "[8]"),
    ("widths", "[010, 8]"),
    ("widths", "[1:30]"),
    ("widths", "[8, [8]]"),
    ("widths", "[8"),
    ("widths", "8, 9"),
    ("widths", "[]"),
    ("rate", "1:30"),
    ("rate", "nan"),
    ("rate", "1e999"),
    ("rate", "9" * 400),
    ("rates", "[.nan]"),
    ("rates", f"[{'9' * 400}]"),
    ("centered", "yes"),
    ("centered", "1"),
    ("data", "011"),
    ("names", "a"),
]


@pytest.fixture
def source(tmp_path):
    return notebook(tmp_path / "n.ipynb", "width", parameters=CELL)


@pytest.mark.parametrize(("name", "text", "value"), READ, ids=str)
def test_texts_are_read_by_the_declared_type(source, name, text, value):
    given = resolve(source, "fast", {name: text})
    assert given == {name: value} and type(given[name]) is type(value)


@pytest.mark.parametrize(("name", "text"), REFUSED, ids=lambda text: text[:12])
def test_what_the_type_does_not_read_is_refused(source, name, text):
    with pytest.raises(ParameterError, match=f"parameter '{name}'"):
        resolve(source, "fast", {name: text})


@pytest.mark.parametrize(("name", "text", "value"), READ, ids=str)
def test_profiles_are_read_alike(source, name, text, value):
    source.with_name("profiles.yml").write_text(f"paper:\n  n:\n    {name}: {text}\n")
    assert resolve(source, "paper", {}) == {name: value}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("paper:\n  n: {width: 010}", "parameter 'width'"),
        ("paper:\n  n: {width: 1:30}", "parameter 'width'"),
        ("paper:\n  n: {width: 8, width: 9}", "'width' is there twice"),
        ("paper:\n  n: {width: 8}\npaper:\n  n: {width: 9}", "'paper' is there twice"),
        ("paper: [n]", "expected 'profile"),
        ("- paper", "expected 'profile"),
        ("paper:\n  n: width", "expected 'profile"),
        ("paper: {", "cannot be read"),
    ],
)
def test_profiles_that_do_not_read_are_refused(source, text, words):
    source.with_name("profiles.yml").write_text(text)
    with pytest.raises(ParameterError, match=words):
        resolve(source, "paper", {})


def test_a_parameter_given_twice(source, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        main([str(source), str(tmp_path / "o.ipynb"), "-p", "width", "5", "-p", "width", "6"])
    assert error.value.code == 2 and "-p width is given twice, 5 and 6" in capsys.readouterr().err
    assert not (tmp_path / "o.ipynb").exists()


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("run", ["n.ipynb", "o.ipynb", "--profile", "cifar", "--profile", "fast"]),
        ("run", ["n.ipynb", "o.ipynb", "--cell-timeout", "60", "--cell-timeout=90"]),
        ("build", ["--jobs", "2", "--jobs", "2"]),
        ("build", ["--profile", "paper", "--prof", "fast"]),
        ("build", ["--seed", "1", "--seed", "2"]),
        ("claims.compare", ["a", "b", "--how", "x", "--how", "y"]),
    ],
    ids=str,
)
def test_an_option_given_twice(command, given, capsys):
    with pytest.raises(SystemExit) as error:
        importlib.import_module(f"utils.{command}").main(given)
    assert error.value.code == 2 and "is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["--width", "010"],
        ["--width", "0"],
        ["--width", "-3"],
        ["--depths", "5", "1:30"],
        ["--rate", "nan"],
        ["--seeds", "0"],
    ],
    ids=" ".join,
)
def test_long_runs_read_their_numbers_alike(given, capsys):
    wanted = ["04_sgd_speedup.x", "--width", "8", "--depths", "2", "--arms", "xavier"]
    with pytest.raises(SystemExit) as error:
        long_run.main([*wanted, *given])
    assert error.value.code == 2 and f"{given[-1]!r}, expected" in capsys.readouterr().err
