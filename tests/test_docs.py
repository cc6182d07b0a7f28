"""The API pages: every module has its place, every docstring says what it must, every example runs."""

import ast
import doctest
import importlib
import inspect
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

from utils.files import ROOT

MODULES = {
    ".".join(path.relative_to(ROOT / "utils").with_suffix("").parts)
    for path in (ROOT / "utils").rglob("*.py")
    if path.stem != "__init__"
}
PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "book" / "api").glob("*.md"))}
DOCUMENTED = sorted(name for text in PAGES.values() for name in re.findall(r"automodule:: utils\.([\w.]+)", text))
# Names of numpydoc's for: parameters not documented, unknown, in another order, badly spaced; no returns; no examples;
# sections in another order or unheard of. https://numpydoc.readthedocs.io/en/latest/validation.html
CHECKS = {"PR01", "PR02", "PR03", "PR10", "RT01", "EX01", "GL06", "GL07"}
NO_EXAMPLE = {
    "utils.experiments.archive.keep": "writes among the committed evidence",
    "utils.protocols.stationary.drifts": "takes seconds, and page 2 calls it",
}


def public(module):
    """Documented names of a module, constants, exceptions and command lines aside."""
    found = {name: getattr(module, name) for name in module.__all__ if name != "main"}
    errors = {name for name, thing in found.items() if inspect.isclass(thing) and issubclass(thing, Exception)}
    return {
        name: found[name]
        for name in found
        if callable(found[name]) and name not in errors and not is_helper(found[name])
    }


def is_helper(thing) -> bool:
    """A few lines of code, for which one line of words is enough, and an example if there is one."""
    if not inspect.isfunction(thing) or "Parameters" in thing.__doc__:
        return False
    return len(inspect.getsource(thing).splitlines()) - len(thing.__doc__.splitlines()) <= 9


def faults(name, thing) -> list[str]:
    """What a docstring lacks, in numpydoc's words."""
    errors = dict(validate(name)["errors"])
    sections = get_doc_object(thing)
    if inspect.isclass(thing) and sections["Attributes"]:  # a record: its fields are its arguments
        documented = [part for field in sections["Attributes"] for part in field.name.split(", ")]
        if set(inspect.signature(thing).parameters) <= set(documented):
            errors.pop("PR01", None)
    if sections["Yields"]:
        errors.pop("RT01", None)
    if name in NO_EXAMPLE:
        errors.pop("EX01", None)
    return [f"{name}: {what}" for code, what in errors.items() if code in CHECKS]


def test_every_module_has_its_place_on_the_api_pages():
    listed = set(re.findall(r"`~?utils\.([\w.]+)`", PAGES["index"]))
    assert listed == MODULES
    assert set(re.findall(r"~utils\.([\w.]+)", PAGES["index"])) == set(DOCUMENTED)
    assert len(DOCUMENTED) == len(set(DOCUMENTED))


def test_no_folder_has_more_than_eight_modules_and_packages_only_pass_names_on():
    for path in (ROOT / "utils").rglob("__init__.py"):
        assert len(list(path.parent.glob("*.py"))) <= 9, path.parent
        kinds = {type(node).__name__ for node in ast.parse(path.read_text()).body}
        assert kinds <= {"Expr", "ImportFrom", "Assign"}, path


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_are_complete(name):
    module = importlib.import_module(f"utils.{name}")
    assert [fault for what, thing in public(module).items() for fault in faults(f"utils.{name}.{what}", thing)] == []


def plain(x, y: int = 1):
    """One argument is missing, and everything else.

    Parameters
    ----------
    x : Tensor
    """
    return x


def test_an_incomplete_docstring_is_seen():
    found = faults(f"{__name__}.plain", plain)
    assert [part in "".join(found) for part in ("'y'", "No Returns", "No examples")] == [True] * 3


@pytest.mark.parametrize("name", sorted(MODULES))
def test_examples_run_as_they_stand(name, capsys):
    """After the imports that book/api/index.md names."""
    module = importlib.import_module(f"utils.{name}")
    names = {"math": math, "torch": torch, "np": np, "pd": pd} | {
        what: getattr(module, what) for what in module.__all__
    }
    failed, ran = doctest.testmod(module, globs=names)
    assert failed == 0, capsys.readouterr().out
    assert ran or name not in DOCUMENTED or not public(module)
