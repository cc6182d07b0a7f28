"""What a figure holds, read back from it: its data as a table, its least font sizes, texts that collide."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.collections import Collection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

__all__ = ["collisions", "contents", "least_fonts"]

PIXELS = 96 / 72  # of a style sheet, for each point of type


def contents(figure) -> pd.DataFrame:
    """The data that a figure shows: its lines, points, error bars and bands.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    DataFrame
        One row a point: ``panel`` (from 1, with its ``title`` and axes' labels), ``series``, ``x``, ``y``, and the ends of error
        bars and bands, ``low`` and ``high``. A line across a whole panel has no ``x``, or no ``y``; where
        ticks are names, so are the values. What has no label has that of
        a line that looks the same.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> bars = axis.errorbar([1, 2], [3, 4], [[0.5, 0.5], [1, 1]], label="BN")
    >>> contents(plt.gcf())[["series", "x", "y", "low", "high"]].values.tolist()
    [['BN', 1.0, 3.0, 2.5, 4.0], ['BN', 2.0, 4.0, 3.5, 5.0]]
    >>> plt.close()
    """
    labels = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            for look in _looks(handle[0] if isinstance(handle, ErrorbarContainer) else handle):
                labels.setdefault(look, label)
    tables = [
        rows.replace({"x": _names(axis.xaxis), "y": _names(axis.yaxis)}).assign(
            panel=panel, title=axis.get_title(), x_label=axis.get_xlabel(), y_label=axis.get_ylabel()
        )
        for panel, axis in enumerate(figure.axes, start=1)
        for rows in _series(axis, labels)
    ]
    columns = ["panel", "title", "series", "x_label", "x", "y_label", "y", "low", "high"]
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables).reindex(columns=columns).dropna(axis="columns", how="all")


def least_fonts(figure) -> tuple[float, float]:
    """The least font sizes of a figure, in pixels of its natural size.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    labels, ticks : float
        Of titles, labels, legends and notes; and of the numbers at axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis = plt.figure().subplots()
    >>> _ = axis.set_xlabel("depth", size=9), axis.tick_params(labelsize=6)
    >>> least_fonts(plt.gcf())
    (12.0, 8.0)
    >>> plt.close()
    """
    at_ticks = _tick_labels(figure)
    sizes = [(text in at_ticks, text.get_size() * PIXELS) for text in _texts(figure)]
    return tuple(min((size for tick, size in sizes if tick == which), default=np.inf) for which in (False, True))


def collisions(figure) -> list[str]:
    """Texts of a figure, once it is laid out, that touch each other or are cut off at its edge.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    list of str
        Empty if all can be read.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axes = plt.figure().subplots(1, 2)
    >>> for axis in axes:
    ...     _ = axis.set_title("a title that is much too long for its panel, next to another")
    >>> plt.gcf().draw_without_rendering()
    >>> len(collisions(plt.gcf())) > 0
    True
    >>> plt.close()
    """
    boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(figure)]
    edge = figure.bbox.padded(1)
    cut = [f"{name} | edge" for name, box in boxes if not (edge.contains(*box.min) and edge.contains(*box.max))]
    return cut + [f"{a} | {b}" for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def _texts(figure) -> list[Text]:
    """Those that are shown: the numbers of ticks beyond an axis' ends are not."""
    lines = [line for axis in figure.axes for line in (axis.xaxis, axis.yaxis)]
    beyond = {label for line in lines for label in line.get_ticklabels(which="both")} - _tick_labels(figure)
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in beyond]


def _tick_labels(figure) -> set[Text]:
    lines = [line for axis in figure.axes for line in (axis.xaxis, axis.yaxis)]
    return {label for line in lines for tick in line._update_ticks() for label in (tick.label1, tick.label2)}


def _looks(artist) -> list[tuple]:
    """What tells lines apart, color and dashes; and for the bands around them the color alone."""
    if isinstance(artist, Line2D):
        color = to_hex(artist.get_color())
        return [(color, artist.get_linestyle()), (color,)]
    return [(to_hex(color),) for color in artist.get_facecolor()[:1]] if isinstance(artist, Collection) else []


def _series(axis, labels: dict) -> list[pd.DataFrame]:
    """What a panel shows, one table for each line, set of points or band that is not some line's."""
    bars = {box[0]: box for box in axis.containers if isinstance(box, ErrorbarContainer)}
    parts = {part for box in bars.values() for part in (*box[1], *box[2])}
    found = []
    for line in axis.lines:
        if line in parts:
            continue
        rows = pd.DataFrame(np.transpose(line.get_data(orig=False)).astype(float), columns=["x", "y"])
        if line in bars and bars[line].has_yerr:
            segments = bars[line][2][-1].get_segments()
            rows["low"], rows["high"] = np.array([segment[:, 1] for segment in segments]).T
        # A line across the panel is at home in the data along one axis only.
        for name, at_home in zip("xy", line.get_transform().contains_branch_seperately(axis.transData), strict=True):
            rows = rows if at_home else rows[:1].assign(**{name: np.nan})
        found.append(rows.assign(series=_label(bars.get(line, line)) or labels.get(_looks(line)[0], "")))
    for one in axis.collections:
        if one in parts:
            continue
        series = _label(one) or next((labels[look] for look in _looks(one) if look in labels), "")
        if isinstance(one, PathCollection):  # points
            found.append(pd.DataFrame(np.asarray(one.get_offsets()), columns=["x", "y"]).assign(series=series))
            continue
        for path in one.get_paths():
            edges = (
                pd.DataFrame(path.vertices, columns=["x", "y"]).groupby("x").y.agg(low="min", high="max").reset_index()
            )
            own = next(
                (k for k, rows in enumerate(found) if rows.series.eq(series).all() and rows.x.equals(edges.x)), None
            )
            if own is None:
                found.append(edges.assign(series=series))
            else:
                found[own] = found[own].assign(low=edges.low, high=edges.high)
    return [rows for rows in found if len(rows)]


def _names(line) -> dict[float, str]:
    """What is written at an axis' ticks, where that is names."""
    at, formatter = line.get_ticklocs(), line.get_major_formatter()
    names = (
        [str(name).replace("\n", " ") for name in formatter.format_ticks(at)]
        if isinstance(formatter, FuncFormatter)
        else []
    )
    return dict(zip(at, names, strict=True)) if any(letter.isalpha() for letter in "".join(names)) else {}


def _label(artist) -> str:
    return "" if str(artist.get_label()).startswith("_") else str(artist.get_label())
