"""How figures look: one style, and the same colour for the same thing in the whole book."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib_inline.backend_inline import set_matplotlib_formats
from pandas.io.formats.style import Styler

__all__ = [
    "ACTIVATION_COLORS",
    "ARM_COLORS",
    "BN",
    "BOUND",
    "BOUND_COLORS",
    "CENTRED",
    "PUBLISHED",
    "THEORY",
    "VANILLA",
    "VERDICT_COLORS",
    "band",
    "shades",
    "table",
    "use_style",
]

# Okabe and Ito's palette: told apart by readers with any colour vision.
BN = "#0072B2"  #: Networks with batch normalization.
CENTRED = "#56B4E9"  #: BN with mean-centring, where it stands beside the paper's.
VANILLA = "#D55E00"  #: Networks without.
THEORY = "#000000"  #: What theory predicts.
BOUND = "#CC79A7"  #: Upper bounds.
PUBLISHED = "#009E73"  #: Numbers that the paper printed.
#: Where several bounds meet; elsewhere a bound is BOUND.
BOUND_COLORS = {"Theorem 1": BOUND, "Appendix B.1": "#882255", "Lemma 7": "#E69F00"}
#: As on the cards.
VERDICT_COLORS = {"supported": "#1a7f37", "refuted": "#b3261e", "inconclusive": "#8a5a00"}
#: The arms and methods of the SGD experiments, more than that palette has, so that families share a hue and figures add line styles.
ARM_COLORS = {
    "xavier": VANILLA,
    "xavier_scaled": "#E69F00",
    "orthogonal": "#8C6D1F",
    "bn": BN,
    "slice": "#332288",
    "slice1": "#6F63BB",
    "polar": "#56B4E9",
    "polar1": "#4A7FA5",
    "haar": "#882255",
    "haar1": "#CC6677",
    "redrawn": "#AA4499",
    "identity": "#117733",
    "identity_scaled": "#44AA99",
    "permutation": "#7A9A01",
    "layer_norm": "#56B4E9",
    "rms_norm": "#999933",
    "weight_norm": "#AA3377",
    "clip": "#6F63BB",
    "dropout": "#8C6D1F",
    "identity_bn": "#56B4E9",
    "identity_clip": "#6F63BB",
}
#: Activations, by the names that figures use; none is a colour from above, as all of these networks have BN.
ACTIVATION_COLORS = {
    "ReLU": "#882255",
    "tanh": "#332288",
    "sin": "#56B4E9",
    "tanh + 1": "#999933",
    "logistic sigmoid": "#44AA99",
    "GELU": "#E69F00",
}


def use_style() -> None:
    """Set the book's style: vector figures, which dark pages show in inverted lightness, no chart junk.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> use_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    set_matplotlib_formats("svg")
    sns.set_theme(context="notebook", style="ticks")
    plt.rcParams |= {
        "figure.figsize": (9, 3.6),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "savefig.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "svg.hashsalt": "companion",  # the same figure gives the same bytes
    }


def shades(count: int) -> list:
    """``count`` colours in order, dark to light, for a quantity with an order (width, batch size).

    Parameters
    ----------
    count : int

    Returns
    -------
    list of colours

    Examples
    --------
    >>> len(shades(3))
    3
    """
    return sns.color_palette("viridis", count)


def band(axis, x, samples, *, color, label=None, **line) -> None:
    """Mean over runs as a line and the middle 90 % of runs as a band.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : array_like, shape (layers,)
    samples : array_like, shape (layers, runs)
    color : colour
    label : str, optional
    **line
        To ``axis.plot``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> band(axis, range(20), np.zeros((20, 100)), color=BN, label="BN")
    >>> len(axis.lines), len(axis.collections)
    (1, 1)
    >>> plt.close()
    """
    samples = np.asarray(samples)
    low, high = np.quantile(samples, [0.05, 0.95], axis=1)
    axis.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axis.plot(x, samples.mean(axis=1), color=color, label=label, **line)


def table(rows) -> Styler:
    """A table as pages show it: numbers in columns, no index.

    Parameters
    ----------
    rows : DataFrame, or list of dict
        One a row, by the columns' headings.

    Returns
    -------
    Styler

    Examples
    --------
    >>> table([{"depth": 5, "loss": "0.25"}]).to_html().count("<td")
    2
    """
    return pd.DataFrame(rows).style.hide(axis="index").set_table_attributes('class="numbers"')
