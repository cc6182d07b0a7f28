"""What a command is given: no option twice, numbers as whole and as positive as they must be."""

import argparse
import re
from typing import Any

__all__ = ["Options", "count", "described", "whole"]


class Options(argparse.ArgumentParser):
    """A parser of a command's options, each of which is given once at most.

    Examples
    --------
    >>> options = Options()
    >>> _ = options.add_argument("--jobs", type=count)
    >>> options.parse_args(["--jobs", "2"]).jobs
    2
    """

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        self.register("action", None, _Once)


class _Once(argparse.Action):
    """Stores a value, the first and only one: of two, one would be lost without a word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, option: str | None = None
    ) -> None:
        given = vars(namespace).setdefault("given", {})
        if self.dest in given:
            parser.error(f"{option} is given twice, {given[self.dest]} and {value}: give it once")
        given[self.dest] = value
        setattr(namespace, self.dest, value)


def whole(text: str) -> int:
    """A whole number from 0 on, in plain digits without leading zeros.

    Parameters
    ----------
    text : str

    Returns
    -------
    int

    Raises
    ------
    argparse.ArgumentTypeError
        If it is anything else.

    Examples
    --------
    >>> whole("0")
    0
    """
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number")
    return int(text)


def count(text: str) -> int:
    """A :func:`whole` number of at least 1."""
    if whole(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number of at least 1")
    return int(text)


def described(documentation: str | None, paragraph: int = 0) -> str | None:
    """A paragraph of a module's docstring, for a command's help; ``None`` where Python leaves docstrings out."""
    return documentation.split("\n\n")[paragraph] if documentation else None
