"""How figures look: one style, and what many of them draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib_inline.backend_inline import set_matplotlib_formats
from pandas.io.formats.style import Styler

__all__ = ["band", "errorbars", "means", "table", "ticks", "use_style"]


def use_style() -> None:
    """Set the book's style: vector figures, which dark pages show in inverted lightness, no chart junk.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> use_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    import seaborn as sns  # here, because it takes half a second to load, and every command loads this module

    plt.rcdefaults()  # not the user's matplotlibrc
    set_matplotlib_formats("svg")
    sns.set_theme(
        style="ticks", rc={"font.size": 10, "font.sans-serif": ["DejaVu Sans"]}
    )  # the font that matplotlib brings
    plt.rcParams |= dict.fromkeys(("axes.titlesize", "axes.labelsize", "legend.fontsize"), 10)
    plt.rcParams |= dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 9)
    plt.rcParams |= {
        "figure.figsize": (7.5, 3),
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


def band(axis, x, samples, *, color, label=None, **line) -> None:
    """Mean over runs as a line and the middle 90 % of runs as a band.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : array_like, shape (layers,)
    samples : array_like, shape (layers, runs)
    color : color
    label : str, optional
    **line
        To ``axis.plot``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> band(axis, range(20), np.zeros((20, 100)), color="#0072B2", label="BN")
    >>> len(axis.lines), len(axis.collections)
    (1, 1)
    >>> plt.close()
    """
    samples = np.asarray(samples)
    low, high = np.quantile(samples, [0.05, 0.95], axis=1)
    axis.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axis.plot(x, samples.mean(axis=1), color=color, label=label, **line)


def table(rows, columns=None) -> Styler:
    """A table as pages show it: numbers in columns, no index.

    Parameters
    ----------
    rows : DataFrame, list of dict, or list of tuple
        A dict holds a row by the columns' headings.
    columns : list of str, optional
        The headings, for rows that are tuples.

    Returns
    -------
    Styler

    Examples
    --------
    >>> table([{"depth": 5, "loss": "0.25"}]).to_html().count("<td")
    2
    """
    return pd.DataFrame(rows, columns=columns).style.hide(axis="index").set_table_attributes('class="numbers"')


def errorbars(axis, x, intervals, **style) -> None:
    """Means as dots, with bars for their intervals.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : iterable, shape (m,)
    intervals : iterable of (mean, low, high), shape (m, 3)
        As :func:`utils.stats.intervals.mean_and_interval` returns them.
    **style
        To ``axis.errorbar``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> errorbars(axis, [1, 2], [(0.5, 0.4, 0.6), (0.7, 0.6, 0.8)], color="black")
    >>> len(axis.containers)
    1
    >>> plt.close()
    """
    mean, low, high = np.array(list(intervals)).T
    style = {"capsize": 2, "linestyle": "none", "marker": "o", "markersize": 4} | style
    axis.errorbar(list(x), mean, [mean - low, high - mean], **style)


def ticks(axis, at, labels=None) -> None:
    """Ticks of a logarithmic x axis at these values and nowhere else.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    at : sequence of float
    labels : sequence, optional
        The values themselves by default.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> axis.set_xscale("log")
    >>> ticks(axis, [6, 8, 16])
    >>> [label.get_text() for label in axis.get_xticklabels()]
    ['6', '8', '16']
    >>> plt.close()
    """
    axis.set_xticks(at, labels=at if labels is None else labels)
    axis.minorticks_off()


def means(axis, x, samples, *, errors: float | None = None, **line) -> None:
    """Mean of each group of runs, with error bars of so many standard errors if asked for.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : iterable of float
        One a group.
    samples : iterable of array_like, shape (runs,) each
    errors : float, optional
    **line
        To ``axis.errorbar``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> means(axis, [32, 64], [[0.1, 0.3], [0.2, 0.2]], errors=4, color="black")
    >>> [round(float(y), 6) for y in axis.lines[0].get_ydata()]
    [0.2, 0.2]
    >>> plt.close()
    """
    samples = [np.asarray(group) for group in samples]
    bars = None if errors is None else [errors * group.std() / len(group) ** 0.5 for group in samples]
    axis.errorbar(list(x), [group.mean() for group in samples], bars, capsize=3, **line)
