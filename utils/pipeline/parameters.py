"""Parameters of a notebook: declared beside their defaults, checked before anything runs.

The cell tagged ``parameters`` holds one assignment a line, its range and meaning in the comment::

    batch_size = 4          # [2, 64] samples in the batch, n
    width = 512             # [batch_size, 10_000_000] width of every layer, d
    widths = [32, 512]      # [2, 1000] every element lies in the range
    data = "digits"         # {digits, cifar10} where images come from
    centered = False         # mean-center before normalizing

A bound may name another parameter. Numbers need a range, strings a set of choices, booleans neither. Papermill reads
the same lines, so ``papermill --help-notebook`` shows them. What replaces a default may be text, from a command line or
``profiles.yml``; the declared type says how it is read: numbers as Python reads them, ``true`` or ``false``, words as they
are, and lists of these in brackets.
"""

import ast
import difflib
import json
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbformat.warnings import DuplicateCellId
from papermill.translators import PythonTranslator

__all__ = ["Parameter", "ParameterError", "check", "declared", "opened", "profile_overrides"]

RANGE = re.compile(r"\[\s*(?P<low>[^,\]]+?)\s*,\s*(?P<high>[^,\]]+?)\s*\]\s*(?P<meaning>\S.*)?")
CHOICES = re.compile(r"\{(?P<choices>[^}]+)\}\s*(?P<meaning>\S.*)?")
PROFILES = ("fast", "cifar", "paper")


class ParameterError(ValueError):
    """A parameter or its declaration is wrong; the message says which, and what would be right."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: its default fixes the type; ``low``/``high`` (numbers or names) or ``choices`` the values."""

    name: str
    default: object
    low: float | str | None = None
    high: float | str | None = None
    choices: tuple[str, ...] = ()


def opened(notebook: Path) -> nbformat.NotebookNode:
    """A notebook that can be run as it is: a regular file, valid nbformat 4, with a Python kernel.

    Parameters
    ----------
    notebook : Path

    Returns
    -------
    NotebookNode

    Raises
    ------
    ParameterError
        If it is anything else; one sentence says what.
    """
    notebook = Path(notebook)
    if not notebook.is_file():
        raise ParameterError(f"no notebook at {notebook}")
    try:
        text = notebook.read_bytes().decode("utf-8")
        content = json.loads(text)
        if not isinstance(content, dict) or type(content.get("nbformat")) is not int:
            raise ParameterError(f"{notebook} is not a notebook: expected a JSON object with a number 'nbformat'")
        if content["nbformat"] != 4:
            raise ParameterError(
                f"{notebook} has nbformat {content['nbformat']}, expected 4; `jupyter nbconvert --to notebook` converts it"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("error", DuplicateCellId)
            nbformat.validate(content)
    except OSError as error:
        raise ParameterError(f"{notebook} cannot be read: {error.strerror}") from None
    except DuplicateCellId as error:
        what = str(error).partition(" detected")[0]
        raise ParameterError(
            f"{notebook} is not a valid notebook: {what}; JupyterLab gives new ones on saving"
        ) from None
    except nbformat.ValidationError as error:
        raise ParameterError(f"{notebook} is not a valid notebook: {error.message}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ParameterError(
            f"{notebook} is not a notebook: expected JSON in UTF-8 without a byte-order mark, but {error}"
        ) from None
    read = nbformat.reads(text, as_version=4)
    kernel, language = read.metadata.get("kernelspec", {}), read.metadata.get("language_info", {})
    if "name" not in kernel or kernel.get("language", language.get("name")) != "python":
        raise ParameterError(
            f"{notebook} names no Python kernel (metadata 'kernelspec': {dict(kernel)}); choose one in JupyterLab and save"
        )
    return read


def declared(notebook: Path) -> dict[str, Parameter]:
    """Parameters a notebook declares.

    Parameters
    ----------
    notebook : Path

    Returns
    -------
    dict of str to Parameter
        In the order of the cell.

    Raises
    ------
    ParameterError
        If it cannot be run (:func:`opened`) or was run with other parameters, there is not exactly one parameters cell, a line of it is not a declaration as
        above, or a default lies outside its own range.
    """
    everything = opened(notebook).cells
    if any("injected-parameters" in cell.metadata.get("tags", []) for cell in everything):
        raise ParameterError(
            f"{notebook} holds the parameters of an earlier run (a cell tagged 'injected-parameters'): delete that cell"
        )
    cells = [cell for cell in everything if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{notebook}: {len(cells)} cells tagged 'parameters', expected exactly one")
    lines = [line for line in cells[0].source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = {p.name: p for p in PythonTranslator.inspect(cells[0])}
    if len(found) != len(lines):
        raise ParameterError(
            f"{notebook}: the parameters cell should hold one 'name = value  # range meaning' a line, only that, and no '=' in the meaning"
        )
    parameters = {name: _declaration(notebook, name, entry.default, entry.help) for name, entry in found.items()}
    check(parameters, {})
    return parameters


def _declaration(notebook: Path, name: str, default: str, comment: str) -> Parameter:
    where = f"{notebook}: parameter {name!r}"
    try:
        value = ast.literal_eval(default)
    except (ValueError, SyntaxError):
        raise ParameterError(f"{where}: the default {default!r} should be a plain value") from None
    inner = value[0] if isinstance(value, list) and value else value
    if isinstance(inner, bool):
        return Parameter(name, value)
    if isinstance(inner, int | float) and (match := RANGE.match(comment)):
        try:
            return Parameter(name, value, low=_bound(match["low"]), high=_bound(match["high"]))
        except (ValueError, SyntaxError):
            raise ParameterError(f"{where}: a bound is a number or a parameter's name, got {comment!r}") from None
    if isinstance(inner, str) and (match := CHOICES.match(comment)):
        return Parameter(name, value, choices=tuple(choice.strip() for choice in match["choices"].split(",")))
    raise ParameterError(
        f"{where}: expected '# [low, high] meaning' after a number, '# {{a, b}} meaning' after a string, got {comment!r}"
    )


def _bound(text: str) -> float | str:
    return text if text.isidentifier() else ast.literal_eval(text)


class _Texts(yaml.BaseLoader):
    """Scalars as they are written, for the declared type to read, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def profile_overrides(notebook: Path, profile: str) -> dict[str, object]:
    """What a profile changes in a notebook, from ``profiles.yml`` beside it.

    Parameters
    ----------
    notebook : Path
    profile : {"fast", "cifar", "paper"}
        ``fast`` is the notebook as it is.

    Returns
    -------
    dict of str to object
        Texts and lists of them, for :func:`check` to read.

    Raises
    ------
    ParameterError
        If there is no such profile, or the file is not of that form.
    """
    if profile not in PROFILES:
        raise ParameterError(f"profile {profile!r}: expected one of {', '.join(PROFILES)}")
    path = Path(notebook).with_name("profiles.yml")
    if profile == "fast" or not path.exists():
        return {}
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Texts)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    for level in (profile, Path(notebook).stem, None):
        if not isinstance(content or {}, dict):
            raise ParameterError(f"{path}: expected 'profile: {{notebook: {{name: value}}}}', got {content!r}")
        content = (content or {}).get(level) if level else content or {}
    return content


def check(parameters: dict[str, Parameter], given: dict[str, object]) -> dict[str, object]:
    """Check given values against the declarations, each by name, type and range, and together.

    Parameters
    ----------
    parameters : dict of str to Parameter
        As :func:`declared` returns them.
    given : dict of str to object
        Values that replace defaults, or texts that the declared type reads.

    Returns
    -------
    dict of str to object
        The values, with an int where a float is declared turned into one.

    Raises
    ------
    ParameterError
        Naming the parameter, the value and what was expected.

    Examples
    --------
    >>> rates = Parameter("rates", [0.1], low=0, high=1)
    >>> check({"rates": rates}, {"rates": "[1e-3, 1]"})
    {'rates': [0.001, 1.0]}
    """
    for name in given:
        if name not in parameters:
            close = difflib.get_close_matches(name, parameters, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ParameterError(f"no parameter {name!r}{hint or '.'} There are: {', '.join(parameters)}")
    typed = {name: _typed(parameters[name], value) for name, value in given.items()}
    everything = {name: typed.get(name, parameter.default) for name, parameter in parameters.items()}
    for parameter in parameters.values():
        _in_range(parameter, everything)
    return typed


def _typed(parameter: Parameter, given: object) -> object:
    name, default = parameter.name, parameter.default
    value = _read(given, default)
    if type(value) is not type(default):
        raise ParameterError(
            f"parameter {name!r}: {given!r} is {_kind(value)}, expected {_kind(default)} like the default {default!r}"
        )
    if isinstance(default, list):
        wrong = [item for item in value if type(item) is not type(default[0])]
        if wrong or not value:
            raise ParameterError(
                f"parameter {name!r}: {given!r} should be a non-empty list of values like {default[0]!r}"
            )
    return value


def _read(value: object, default: object) -> object:
    """A value as the type of a default reads it; what does not read so comes back as it is, to be named."""
    try:
        if isinstance(default, list):
            value = yaml.load(value, _Texts) if isinstance(value, str) and value.startswith("[") else value
            return [_read(item, default[0]) for item in value] if isinstance(value, list) else value
        if isinstance(value, str) and isinstance(default, bool):
            return {"true": True, "false": False}.get(value.lower(), value)
        if isinstance(value, str) and not isinstance(default, str):
            value = ast.literal_eval(value)
        return float(value) if isinstance(default, float) and type(value) is int else value
    except (ValueError, SyntaxError, MemoryError, RecursionError, OverflowError, yaml.YAMLError):
        return value


def _kind(value: object) -> str:
    return {int: "an integer", float: "a number", str: "a string", bool: "true or false", list: "a list"}.get(
        type(value), f"a {type(value).__name__}"
    )


def _in_range(parameter: Parameter, everything: dict[str, object]) -> None:
    value = everything[parameter.name]
    for item in value if isinstance(value, list) else [value]:
        if parameter.choices and item not in parameter.choices:
            raise ParameterError(
                f"parameter {parameter.name!r}: {item!r}, expected one of {', '.join(parameter.choices)}"
            )
        if parameter.low is None:
            continue
        low, high = (_resolved(bound, parameter, everything) for bound in (parameter.low, parameter.high))
        if not low <= item <= high or item in (math.inf, -math.inf):
            described = " to ".join(
                f"{bound} ({resolved})" if isinstance(bound, str) else str(bound)
                for bound, resolved in ((parameter.low, low), (parameter.high, high))
            )
            raise ParameterError(f"parameter {parameter.name!r}: {item!r} is out of range, expected {described}")


def _resolved(bound: float | str, parameter: Parameter, everything: dict[str, object]) -> float:
    if not isinstance(bound, str):
        return bound
    if bound not in everything:
        raise ParameterError(f"parameter {parameter.name!r}: its range names {bound!r}, which is not a parameter")
    other = everything[bound]
    if type(other) not in (int, float, list) or (isinstance(other, list) and type(other[0]) not in (int, float)):
        raise ParameterError(f"parameter {parameter.name!r}: its range names {bound!r}, which is not a number")
    return max(other) if isinstance(other, list) else other
