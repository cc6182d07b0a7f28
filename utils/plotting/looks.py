"""What each thing looks like in every figure of the book: its color, its mark, its dashes. One table; {doc}`/book/method` shows it."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

__all__ = [
    "ACTIVATION_COLORS",
    "ARM_COLORS",
    "BN",
    "BOUND",
    "BOUND_COLORS",
    "CENTERED",
    "LEVEL",
    "LOOKS",
    "PUBLISHED",
    "THEORY",
    "VANILLA",
    "VERDICT_COLORS",
    "Look",
    "graded",
    "look",
    "shades",
    "sized",
]


class Look(NamedTuple):
    """How a line and its points are drawn, in matplotlib's terms.

    Attributes
    ----------
    color, marker : str
        No marker if it is empty.
    linestyle : str or tuple

    Examples
    --------
    >>> Look("#0072B2", "o", "-").marker
    'o'
    """

    color: str
    marker: str
    linestyle: str | tuple


# Okabe and Ito's palette: told apart by readers with any color vision.
BN = "#0072B2"  #: Networks with batch normalization.
CENTERED = "#56B4E9"  #: BN with mean-centering, where the paper's is drawn too.
VANILLA = "#D55E00"  #: Networks without.
THEORY = "#000000"  #: What theory predicts.
LEVEL = "#808080"  #: Levels to compare with, such as a floor, a largest value or chance.
BOUND = "#CC79A7"  #: Upper bounds.
PUBLISHED = "#009E73"  #: What the paper printed.

#: Everything that has a look of its own, by kind and name. There are more things than colors that all readers tell apart, so
#: that families share a hue. Within a kind no two have the same mark, or no mark and the same dashes, so that no figure needs its colors.
LOOKS: dict[str, dict[str, Look]] = {
    "paper and theory": {
        "published": Look(PUBLISHED, "D", (0, (5, 1, 1, 1, 1, 1))),
        "released code": Look(LEVEL, "x", "-"),
        "theory": Look(THEORY, "", "--"),
        "level": Look(LEVEL, "", ":"),
        "Theorem 1": Look(BOUND, "", "-."),
        "Appendix B.1": Look("#994477", "", (0, (1, 1))),
        "Lemma 7": Look("#7A4B8C", "", (0, (8, 2))),
    },
    "normalization": {
        "bn": Look(BN, "o", "-"),
        "centering BN": Look(CENTERED, "s", "--"),
        "vanilla": Look(VANILLA, "^", "-."),
        "layer_norm": Look("#56B4E9", "P", "--"),
        "rms_norm": Look("#999933", "v", ":"),
        "ε negligible": Look("#332288", "X", "--"),
        "PyTorch's default weights": Look("#44AA99", "<", "-."),
        "BN after ReLU": Look("#B8860B", ">", ":"),
        "inference mode": Look("#882255", "*", "--"),
    },
    "weights at the start": {
        "before": Look(LEVEL, "o", "--"),
        "xavier": Look(VANILLA, "^", "-."),
        "xavier_scaled": Look("#E69F00", "v", "--"),
        "orthogonal": Look("#8C6D1F", "<", ":"),
        "slice": Look("#332288", "s", "-"),
        "slice1": Look("#6F63BB", "P", "--"),
        "polar": Look("#56B4E9", "h", "-."),
        "polar1": Look("#4A7FA5", "p", ":"),
        "haar": Look("#882255", "X", "-"),
        "haar1": Look("#CC6677", "x", "--"),
        "redrawn": Look("#AA4499", "*", "-."),
        "identity": Look("#117733", ">", "-"),
        "identity_scaled": Look("#44AA99", "d", "--"),
        "permutation": Look("#7A9A01", "+", ":"),
    },
    "instead of BN": {
        "weight_norm": Look("#AA3377", "d", "-."),
        "clip": Look("#6F63BB", "X", "--"),
        "dropout": Look("#8C6D1F", "P", ":"),
        "identity_bn": Look("#56B4E9", "o", "--"),
        "identity_clip": Look("#6F63BB", "p", ":"),
    },
    "activation": {
        "ReLU": Look("#994F00", "^", "-"),
        "tanh": Look("#332288", "v", "--"),
        "sin": Look("#56B4E9", "<", "-."),
        "tanh + 1": Look("#999933", "P", ":"),
        "logistic sigmoid": Look("#44AA99", "X", "-"),
        "GELU": Look("#E69F00", "*", "--"),
    },
    "time of one layer": {
        "against NumPy": Look("#B8860B", "s", "--"),
        "against torch": Look("#4A7FA5", "^", "-."),
        "single-precision draws, against NumPy": Look("#994F00", "v", "-"),
    },
    "verdict": {
        "supported": Look("#1a7f37", "o", "-"),
        "refuted": Look("#b3261e", "s", "-."),
        "inconclusive": Look("#8a5a00", "^", "--"),
    },
}
#: The color scales of quantities with an order, dark to light; whatever else has one is as a learning rate.
SCALES = {
    "width": LinearSegmentedColormap.from_list("width", ["#33081C", "#8A2A0E", "#C07A00", "#E8C400"]),
    "batch size": LinearSegmentedColormap.from_list("batch size", ["#3B1780", "#7040BB", "#9F80DF", "#C7B2EF"]),
    "learning rate": plt.get_cmap("copper"),
}
# Batch sizes by factors of √2 from 2 on, widths by factors of √10 from 4 on; the latter's marks come again far from their first place.
BATCH_MARKERS, WIDTH_MARKERS = "o<s>^PvXpd*", "ov^sXo<P>^vso8"
GRADED_MARKERS = "os^vPX"
GRADED_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))

_BY_NAME = {name: one for kind in LOOKS.values() for name, one in kind.items()}


def _colors(*names: str) -> dict[str, str]:
    return {name: _BY_NAME[name].color for name in names}


#: Where several bounds meet; elsewhere a bound is BOUND.
BOUND_COLORS = _colors("Theorem 1", "Appendix B.1", "Lemma 7")
#: As on the cards.
VERDICT_COLORS = _colors(*LOOKS["verdict"])
#: The arms and methods of the SGD experiments.
ARM_COLORS = _colors(*LOOKS["weights at the start"], *LOOKS["instead of BN"], "bn", "layer_norm", "rms_norm")
#: Activations, by the names that figures use.
ACTIVATION_COLORS = _colors(*LOOKS["activation"])


def _only(part: str | None) -> dict:
    return {"line": {"marker": ""}, "marks": {"linestyle": "none"}}.get(part, {})


def look(name: str, part: str | None = None, **more) -> dict:
    """How a thing is drawn, to ``axis.plot`` or ``axis.errorbar``.

    Parameters
    ----------
    name : str
        Of :data:`LOOKS`.
    part : {"line", "marks"}, optional
        One of the two alone: a line where there is a point at every layer, marks where nothing lies between.
    **more
        What is to be different, or added.

    Returns
    -------
    dict

    Raises
    ------
    KeyError
        If the table has no such name.

    Examples
    --------
    >>> look("bn")
    {'color': '#0072B2', 'marker': 'o', 'linestyle': '-'}
    >>> look("bn", "marks")["linestyle"], look("bn", "line")["marker"]
    ('none', '')
    """
    return _BY_NAME[name]._asdict() | _only(part) | more


def graded(count: int, quantity: str = "width", part: str | None = None) -> list[dict]:
    """How values of a quantity with an order are drawn: dark to light, each with a mark and dashes of its own.

    Parameters
    ----------
    count : int
        Of values, six at most.
    quantity : {"width", "batch size", "learning rate"}
    part : {"line", "marks"}, optional
        As for :func:`look`.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If there are more.

    Examples
    --------
    >>> [one["marker"] for one in graded(3, "batch size")]
    ['o', 's', '^']
    """
    looks = zip(shades(count, quantity), GRADED_MARKERS[:count], GRADED_DASHES[:count], strict=True)
    return [Look(*one)._asdict() | _only(part) for one in looks]


def sized(*, n: int | None = None, width: int | None = None, **more) -> dict:
    """How a batch size or a width is drawn, the same in all figures, with a label.

    Parameters
    ----------
    n, width : int
        One of them.
    **more
        What is to be different, or added.

    Returns
    -------
    dict

    Examples
    --------
    >>> sized(n=4)["marker"], sized(width=512)["label"]
    ('s', 'width 512')
    >>> sized(n=4, label=None, linestyle="none")["linestyle"]
    'none'
    """
    if n is not None:
        label, quantity, markers, place = f"n = {n}", "batch size", BATCH_MARKERS, 2 * np.log2(n) - 2
    else:
        label, quantity, markers, place = f"width {width:,}", "width", WIDTH_MARKERS, 2 * np.log10(width) - 1
    place = int(np.clip(round(place), 0, len(markers) - 1))
    color = SCALES[quantity](0.08 * place)  # most widths are at most a million, the eleventh place
    return {"label": label, "color": color, "marker": markers[place], "markersize": 5} | more


def shades(count: int, quantity: str = "width") -> list:
    """``count`` colors in order, dark to light, for a quantity with an order.

    Parameters
    ----------
    count : int
    quantity : {"width", "batch size", "learning rate"}

    Returns
    -------
    list of colors

    Examples
    --------
    >>> len(shades(3))
    3
    """
    return [tuple(color[:3]) for color in SCALES[quantity](np.linspace(0.1, 0.7, count))]
