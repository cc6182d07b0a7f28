"""Numbers, short sentences and verdicts as text, in the form a reader expects."""

import math
import re
from html import escape

import numpy as np

from utils.stats.intervals import mean_and_interval

__all__ = ["MARKS", "badge", "interval", "latex", "link", "number", "prose"]

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not judged": "–"}


def number(x: float | None) -> str:
    """A number with three significant digits, in the form a reader expects; ``None`` is an open end."""
    if x is None:
        return "∞"
    if x != 0 and not 1e-3 <= abs(x) < 1e4:
        mantissa, exponent = f"{x:.2e}".split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{float(mantissa):g}·10{power}".replace("-", "−")
    return (f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}").replace("-", "−")


def interval(samples: np.ndarray, digits: int = 2, *, least: float = -math.inf, errors: float | None = None) -> str:
    """Mean and interval in a form that no line breaks.

    Parameters
    ----------
    samples : array_like, shape (m,), m ≥ 2
    digits : int
        After the point.
    least : float
        Where the quantity ends: the interval is shown from there on.
    errors : float, optional
        Standard errors on either side; by default Student's interval at 95 %.

    Returns
    -------
    str
        ``mean [low, high]``, its spaces non-breaking.

    Examples
    --------
    >>> interval([-1.0, 0.0, 2.5]).replace("\N{NO-BREAK SPACE}", " ")
    '0.50 [−3.98, 4.98]'
    >>> interval([0.1, 0.2, 0.6], 1, least=0.0).replace("\N{NO-BREAK SPACE}", " ")
    '0.3 [0.0, 1.0]'
    """
    mean, low, high = mean_and_interval(samples)
    if errors is not None:
        half = errors * np.std(samples, ddof=1) / math.sqrt(len(samples))
        low, high = mean - half, mean + half
    text = f"{mean:.{digits}f} [{max(low, least):.{digits}f}, {high:.{digits}f}]"
    return text.replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")


def latex(x: float) -> str:
    r"""A number with two significant digits, for use between dollars.

    Examples
    --------
    >>> latex(0.00012)
    '1.2\\cdot 10^{-4}'
    """
    mantissa, exponent = f"{x:.1e}".split("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"


def prose(text: str) -> str:
    """HTML of a sentence of the registry, its exponents ``^ℓ`` and ``^(−1/2)`` and indices ``_ℓ`` as such."""
    raised = re.sub(r"\^(?:\(([^()]*)\)|(\w))", lambda found: f"<sup>{found[1] or found[2]}</sup>", escape(text))
    return re.sub(r"_([ℓνkn])(?![a-z])", r"<sub>\1</sub>", raised)


def badge(verdict: str) -> str:
    """A verdict, or that there is none, in a color and a mark of its own."""
    return f'<span class="verdict verdict-{verdict.replace(" ", "-")}">{MARKS[verdict]} {verdict}</span>'


def link(claim_id: str, entry: dict) -> str:
    """HTML link from a notebook to the card of a claim, with the verdict that the registry commits to.

    Parameters
    ----------
    claim_id : str
    entry : dict
        The claim's entry in the registry, or its record. No book is published whose verdict differs from the registry's.

    Returns
    -------
    str

    Examples
    --------
    >>> link("fig1", {"notebook": "01_orthogonalization_rate", "verdict": "supported"})[:48]
    '<a href="01_orthogonalization_rate.html#claim-fi'
    """
    anchor = f"claim-{claim_id.replace('.', '-')}"
    return f'<a href="{entry["notebook"]}.html#{anchor}"><code>{escape(claim_id)}</code></a> {badge(entry["verdict"])}'
