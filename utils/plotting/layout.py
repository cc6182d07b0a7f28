"""Panels for every screen: a figure is drawn wide and narrow by the same cell, and a page shows the one that fits.

A cell makes its panels, draws into them, and shows them::

    axes = panels(4, sharey=True)
    for axis in axes:
        axis.plot(...)
        axis.set(xlabel="depth", ylabel="loss")
    show()

Every panel gets its labels; where panels share an axis, the inner ones' are hidden, in each layout as it needs. Legends hide no data: they are outside the axes.
"""

import io
from dataclasses import dataclass
from functools import partial
from math import ceil
from xml.sax.saxutils import quoteattr

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.gridspec import GridSpec
from matplotlib.transforms import ScaledTranslation

from utils.plotting.readback import collisions, contents, least_fonts

__all__ = ["FIGURE", "Drawn", "drawn", "panels", "show"]

#: The key of an output's metadata under which a shown figure carries its narrow layout and its data.
FIGURE = "companion-figure"
# Inches: the text column of a desktop's page, and of a phone's.
WIDE, NARROW = 7.5, 3.75


@dataclass(frozen=True)
class Drawn:
    """A figure as it is shown: SVG in two layouts, and its data.

    Attributes
    ----------
    wide, narrow : str
        SVG. The root element says in ``data-labels`` and ``data-ticks`` the least font size in pixels of its natural size, and in
        ``data-collisions``, if it is there, which texts touch.
    data : str
        CSV, see :func:`utils.plotting.readback.contents`.

    Examples
    --------
    >>> Drawn("<svg/>", "<svg/>", "panel,series,x,y")
    a figure
    """

    wide: str
    narrow: str
    data: str

    def __repr__(self) -> str:
        return "a figure"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": self.wide, "text/plain": repr(self)}, {
            FIGURE: {"narrow": self.narrow, "data": self.data}
        }


def panels(count: int = 1, columns: int | None = None, *, height: float | None = None, **shared):
    """Axes for a figure of some panels.

    Parameters
    ----------
    count : int
        Six at most, or a phone's reader is lost.
    columns : int, optional
        In the wide layout; up to three by default, two for four panels. The narrow one has one.
    height : float, optional
        Of the area inside each panel's axes, inches; legends and labels come on top of it.
    **shared
        ``sharex`` and ``sharey``, to matplotlib's ``subplots``.

    Returns
    -------
    tuple of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are more than six.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> len(panels(4, sharey=True))
    4
    >>> plt.close()
    """
    if not 1 <= count <= 6:
        raise ValueError(f"a figure has one to six panels, not {count}: split it into several")
    columns = columns or (2 if count == 4 else min(count, 3))
    rows = ceil(count / columns)
    height = height or (2.8 if count == 1 else 2.1)
    _, axes = plt.subplots(rows, columns, figsize=(WIDE, height * rows), squeeze=False, **shared)
    for unused in axes.flat[count:]:
        unused.remove()
    return tuple(axes.flat[:count])


def show(legend: str | None = "shared", *, narrow: int = 1) -> None:
    """Show the current figure and close it; the call that ends a plotting cell.

    Parameters
    ----------
    legend : {"shared", "each", None}
        One for all panels, below them (above where they are stacked); or one below each panel, of its own labels; or none.
    narrow : int
        Columns of the narrow layout: more than one only for panels that need no width.

    Examples
    --------
    >>> axis, = panels()
    >>> axis.set(xlabel="depth", ylabel="loss") and show()
    a figure
    """
    figure = plt.gcf()
    display(drawn(figure, legend, narrow=narrow))
    plt.close(figure)


def drawn(figure, legend: str | None = "shared", *, narrow: int = 1) -> Drawn:
    """Draw a figure in both layouts and collect its data.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its axes as :func:`panels` returns them.
    legend, narrow
        As for :func:`show`.

    Returns
    -------
    Drawn

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> axis, = panels()
    >>> lines = axis.plot([1, 2], [3, 4], label="BN")
    >>> drawn(plt.gcf()).data.splitlines()
    ['panel,title,series,x_label,x,y_label,y', '1,,BN,,1,,3', '1,,BN,,2,,4']
    >>> plt.close()
    """
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    height = figure.get_figheight() / grid.nrows
    data = contents(figure).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    layouts = ((WIDE, grid.ncols), (NARROW, narrow))
    return Drawn(*(_laid_out(figure, width, columns, height, legend) for width, columns in layouts), data)


def _laid_out(figure, width: float, columns: int, height: float, legend: str | None) -> str:
    """SVG of a figure in so many columns."""
    rows = ceil(len(figure.axes) / columns)
    figure.set_layout_engine("constrained", h_pad=0.1)
    figure.set_size_inches(width, (height + 0.5) * rows)
    _arrange(figure, rows, columns)
    if legend == "shared":  # where panels are stacked, readers need it before the first
        legends = _shared_legend(figure, "upper" if width == NARROW and rows > 1 else "lower")
    else:
        legends = _own_legends(figure) if legend == "each" else []
    figure.get_layout_engine().execute(figure)
    # What is around the axes keeps its size, so that one correction gives them their height.
    inside = figure.axes[0].get_position(original=True).height * figure.get_figheight()
    figure.set_figheight(figure.get_figheight() + rows * (height - inside))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # done: drawing takes half the time
    labels, ticks = least_fonts(figure)
    marks = f'data-labels="{labels:.2f}" data-ticks="{ticks:.2f}"'
    if touching := collisions(figure):
        marks += f" data-collisions={quoteattr('; '.join(touching))}"
    svg = _svg(figure)
    for one in legends:
        one.remove()
    return svg.replace("<svg ", f"<svg {marks} ", 1)


def _svg(figure) -> str:
    """As ``savefig`` gives it, which draws twice, for a layout that is done here."""
    file, canvas, dpi = io.StringIO(), figure.canvas, figure.dpi
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    figure.set_canvas(canvas)
    figure.dpi = dpi
    return file.getvalue()


def _arrange(figure, rows: int, columns: int) -> None:
    """Put panels into columns, and show labels where no neighbor shows them."""
    grid = GridSpec(rows, columns, figure=figure)
    axes = figure.axes
    for place, axis in enumerate(axes):
        axis.set_subplotspec(grid[divmod(place, columns)])
        left = axes[place - 1] if place % columns else None
        below = axes[place + columns] if place + columns < len(axes) else None
        of_x = below is None or not axis.get_shared_x_axes().joined(axis, below)
        of_y = left is None or not axis.get_shared_y_axes().joined(axis, left)
        axis.xaxis.label.set_visible(of_x or axis.get_xlabel() != below.get_xlabel())
        axis.yaxis.label.set_visible(of_y or axis.get_ylabel() != left.get_ylabel())
        axis.tick_params(which="both", labelbottom=of_x, labelleft=of_y)


def _shared_legend(figure, side: str) -> list:
    found = _labeled(figure.axes)
    if not found:
        return []

    def make(columns: int):
        return figure.legend(found.values(), found.keys(), loc=f"outside {side} center", ncols=columns)

    return [_fitted(make, len(found), figure.bbox.width)]


def _own_legends(figure) -> list:
    figure.draw_without_rendering()
    legends = []
    for axis in figure.axes:
        found = _labeled([axis])
        if not found:
            continue
        ticks = axis.xaxis.get_tightbbox(figure.canvas.get_renderer()) or axis.bbox
        under = (ticks.y0 - axis.bbox.y0) / figure.dpi
        anchor = axis.transAxes + ScaledTranslation(0, under, figure.dpi_scale_trans)
        where = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": anchor}
        make = partial(axis.legend, found.values(), found.keys(), **where)
        legends.append(_fitted(lambda columns, make=make: make(ncols=columns), len(found), axis.bbox.width))
    return legends


def _labeled(axes) -> dict:
    """What some panels show, each label once."""
    found = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def _fitted(make, count: int, room: float):
    """A legend in as many columns as there is room for, and no more than its rows need."""
    for columns in range(count, 0, -1):
        legend = make(ceil(count / ceil(count / columns)))
        if columns == 1 or legend.get_window_extent().width <= room:
            return legend
        legend.remove()
