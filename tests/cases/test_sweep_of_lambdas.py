"""``sweep`` of two lambdas or closures with the same values: the second returned the first's rows."""

import functools

import pytest
import torch

from utils.experiments.sweep import sweep


def named(width):
    return [{"value": width}]


def closure(factor):
    def times(width):
        return [{"value": factor * width}]

    return times


@functools.wraps(named)
def under_a_borrowed_name(width):
    return [{"value": -width}]


class Measure:
    def method(self, width):
        return [{"value": width}]

    def __call__(self, width):
        return [{"value": width}]


AT_THE_TOP = lambda width: [{"value": width}]  # noqa: E731

REFUSED = {
    "a lambda": lambda width: [{"value": width}],
    "a lambda with a name": AT_THE_TOP,
    "a closure": closure(2),
    "a wrapped function": under_a_borrowed_name,
    "a partial": functools.partial(named),
    "a method": Measure().method,
    "a function of a class": Measure.method,
    "a callable": Measure(),
    "a builtin": len,
    "a string": "named",
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_before_anything_is_stored(what, tmp_path):
    with pytest.raises(ValueError, match="not a function at the top level of a module"):
        sweep(REFUSED[what], [{"width": 3}], store=tmp_path, jobs=1)
    assert not list(tmp_path.iterdir())


def test_a_function_of_a_module_is_computed(tmp_path):
    assert sweep(named, [{"width": 3}], store=tmp_path, jobs=1)["value"].tolist() == [3]


@pytest.mark.parametrize("value", [torch.ones(2), {1, 2}, named, 1j, b"x"], ids=lambda value: type(value).__name__)
def test_values_that_are_not_plain_are_named(value, tmp_path):
    with pytest.raises(TypeError, match="grid: width="):
        sweep(named, [{"width": value}], store=tmp_path, jobs=1)
