import nbformat
import pytest
from books import KERNEL

from utils.pipeline.parameters import ParameterError, check, declared, profile_overrides

CELL = """
# The knobs.
batch_size = 4  # [2, 64] samples in the batch
width = 512  # [batch_size, 10_000] width of every layer
widths = [32, 512]  # [2, 1000] several
rate = 0.1  # [0, 1] a share
data = "digits"  # {digits, cifar10} where images come from
centered = False  # mean-center first
"""


def write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path


@pytest.fixture
def parameters(tmp_path):
    return declared(write(tmp_path / "n.ipynb", CELL))


def test_declarations_are_read(parameters):
    assert list(parameters) == ["batch_size", "width", "widths", "rate", "data", "centered"]
    assert (parameters["width"].low, parameters["width"].high) == ("batch_size", 10_000)
    assert parameters["data"].choices == ("digits", "cifar10")
    assert parameters["widths"].default == [32, 512]


def test_good_values_pass_and_an_integer_for_a_number_becomes_one(parameters):
    good = {"batch_size": 64, "width": 10_000, "rate": 1, "data": "cifar10", "centered": True, "widths": [5]}
    assert check(parameters, good) == good
    assert isinstance(check(parameters, good)["rate"], float)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"widht": 64}, "no parameter 'widht'; did you mean 'width'?"),
        ({"zzz": 1}, "no parameter 'zzz'. There are: batch_size"),
        ({"width": "minus-one"}, "'width': 'minus-one' is a string, expected an integer"),
        ({"width": 64.0}, "64.0 is a number, expected an integer"),
        ({"width": True}, "True is true or false, expected an integer"),
        ({"centered": 1}, "1 is an integer, expected true or false"),
        ({"batch_size": -3}, "'batch_size': -3 is out of range, expected 2 to 64"),
        ({"width": 3}, "'width': 3 is out of range, expected batch_size (4) to 10000"),
        ({"batch_size": 32, "width": 16}, "'width': 16 is out of range, expected batch_size (32)"),
        ({"rate": float("nan")}, "nan is out of range"),
        ({"data": "mnist"}, "'data': 'mnist', expected one of digits, cifar10"),
        ({"widths": [32, 5000]}, "5000 is out of range"),
        ({"widths": []}, "non-empty list"),
        ({"widths": [1.5]}, "non-empty list of values like 32"),
        ({"widths": 32}, "32 is an integer, expected a list"),
    ],
)
def test_bad_values_are_named(parameters, given, words):
    with pytest.raises(ParameterError) as error:
        check(parameters, given)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ([], "0 cells tagged 'parameters'"),
        (["a = 1  # [0, 2]", "b = 1  # [0, 2]"], "2 cells tagged"),
        (["a = 1"], "expected '# [low, high] meaning'"),
        (["a = 'x'  # a word"], "expected '# [low, high] meaning' after a number, '# {a, b}"),
        (["a = 5  # [0, 2] beyond"], "5 is out of range"),
        (["a = 1  # [0, 2**8] computed"], "a bound is a number or a parameter's name"),
        (["a = 1  # [0, b] unknown"], "its range names 'b'"),
        (["a = f(1)  # [0, 2]"], "should be a plain value"),
        (["a = 1  # [0, 2]\nprint(a)"], "only that"),
        (["a = [\n  1,\n]  # [0, 2]"], "only that"),
        (['a = "x"  # {x}\nb = 1  # [0, a]'], "its range names 'a', which is not a number"),
    ],
)
def test_bad_declarations_are_named(sources, words, tmp_path):
    with pytest.raises(ParameterError) as error:
        declared(write(tmp_path / "n.ipynb", *sources))
    assert words in str(error.value)


def test_profiles(tmp_path):
    notebook = write(tmp_path / "n.ipynb", CELL)
    assert profile_overrides(notebook, "paper") == {}
    (tmp_path / "profiles.yml").write_text("paper:\n  n: {width: 1000}\n")
    assert profile_overrides(notebook, "paper") == {"width": "1000"}
    assert profile_overrides(notebook, "fast") == {}
    with pytest.raises(ParameterError, match="'fastest': expected one of fast, cifar, paper"):
        profile_overrides(notebook, "fastest")
