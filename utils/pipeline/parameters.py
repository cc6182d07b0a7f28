"""Parameters of a notebook: declared beside their defaults, checked before anything runs.

The cell tagged ``parameters`` holds one assignment a line, its range and meaning in the comment::

    batch_size = 4          # [2, 64] samples in the batch, n
    width = 512             # [batch_size, 10_000_000] width of every layer, d
    widths = [32, 512]      # [2, 1000] every element lies in the range
    data = "digits"         # {digits, cifar10} where images come from
    centred = False         # mean-centre before normalizing

A bound may name another parameter. Numbers need a range, strings a set of choices, booleans neither. Papermill reads
the same lines, so ``papermill --help-notebook`` shows them.
"""

import ast
import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
import yaml

__all__ = ["Parameter", "ParameterError", "check", "declared", "parse_value", "profile_overrides"]

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
        If there is not exactly one parameters cell, or a line of it is not a declaration as above, or a default lies
        outside its own range.
    """
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{notebook}: {len(cells)} cells tagged 'parameters', expected exactly one")
    lines = [line for line in cells[0].source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = papermill.inspect_notebook(str(notebook))
    if len(found) != len(lines):
        raise ParameterError(
            f"{notebook}: the parameters cell should hold one 'name = value  # range meaning' a line, only that, and no '=' in the meaning"
        )
    parameters = {name: _declaration(notebook, name, entry["default"], entry["help"]) for name, entry in found.items()}
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


def parse_value(text: str) -> object:
    """A value as given on a command line, read as YAML.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    ParameterError
        If it is not YAML.

    Examples
    --------
    >>> parse_value("64"), parse_value("[8, 16]"), parse_value("minus-one")
    (64, [8, 16], 'minus-one')
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParameterError(f"the value {text!r} is not YAML: {error}") from None


def profile_overrides(notebook: Path, profile: str) -> dict[str, object]:
    """What a profile changes in a notebook, from ``profiles.yml`` beside it.

    Parameters
    ----------
    notebook : Path
    profile : {"fast", "cifar", "paper"}
        ``fast`` is the notebook as it stands.

    Returns
    -------
    dict of str to object

    Raises
    ------
    ParameterError
        If there is no such profile.
    """
    if profile not in PROFILES:
        raise ParameterError(f"profile {profile!r}: expected one of {', '.join(PROFILES)}")
    path = Path(notebook).with_name("profiles.yml")
    if profile == "fast" or not path.exists():
        return {}
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(profile, {}).get(Path(notebook).stem) or {}


def check(parameters: dict[str, Parameter], given: dict[str, object]) -> dict[str, object]:
    """Check given values against the declarations, each by name, type and range, and together.

    Parameters
    ----------
    parameters : dict of str to Parameter
        As :func:`declared` returns them.
    given : dict of str to object
        Values that replace defaults.

    Returns
    -------
    dict of str to object
        ``given``, with an int where a float is declared turned into one.

    Raises
    ------
    ParameterError
        Naming the parameter, the value and what was expected.
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


def _typed(parameter: Parameter, value: object) -> object:
    name, default = parameter.name, parameter.default
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise ParameterError(
            f"parameter {name!r}: {value!r} is {_kind(value)}, expected {_kind(default)} like the default {default!r}"
        )
    if isinstance(default, list):
        wrong = [item for item in value if type(item) is not type(default[0])]
        if wrong or not value:
            raise ParameterError(
                f"parameter {name!r}: {value!r} should be a non-empty list of values like {default[0]!r}"
            )
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
        if not (math.isfinite(item) and low <= item <= high):
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
    return max(other) if isinstance(other, list) else other
