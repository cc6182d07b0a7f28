"""Figures in two layouts: read back, the same bytes for the same data, labels where no neighbor shows them."""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from utils.experiments.trial import ARMS
from utils.plotting import LOOKS, band, collisions, contents, drawn, graded, panels, use_style
from utils.plotting.layout import _arrange, _svg
from utils.plotting.looks import SCALES
from utils.plotting.swatches import LABELS, swatches


@pytest.fixture(autouse=True)
def style():
    use_style()
    yield
    plt.close("all")


def example(count=4, *, title="a panel"):
    axes = panels(count, sharey=True)
    for axis in axes:
        axis.plot([1, 2, 3], [1, 4, 9], color="C0", label="squares")
        axis.set(title=title, xlabel="x", ylabel="y")
    return axes[0].figure


def size(svg):
    return [float(re.search(rf'{side}="([\d.]+)pt"', svg)[1]) / 72 for side in ("width", "height")]


def test_the_same_data_give_the_same_bytes():
    assert drawn(example(1)) == drawn(example(1))


@pytest.fixture(scope="module", params=["shared", "each", None])
def laid_out(request):
    """A figure, left in its narrow layout, and what is drawn of it, with each kind of legend."""
    use_style()
    return (figure := example()), drawn(figure, request.param)


def test_drawing_is_what_savefig_draws_of_a_layout_that_is_done(laid_out):
    figure, file = laid_out[0], io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    assert _svg(figure) == file.getvalue()
    assert figure.dpi == plt.rcParams["figure.dpi"] and figure.canvas.get_renderer()


def test_one_layout_is_wide_and_one_is_narrow(laid_out):
    _, shown = laid_out
    assert size(shown.wide)[0] == 7.5 and size(shown.narrow)[0] == 3.75
    assert size(shown.narrow)[1] > 1.5 * size(shown.wide)[1]


def test_axes_have_the_height_that_was_asked_for(laid_out):
    figure, _ = laid_out
    heights = [axis.get_position().height * figure.get_figheight() for axis in figure.axes]
    assert heights == pytest.approx([2.1] * 4, abs=0.02)


def test_inner_panels_show_no_labels_that_a_neighbor_shows():
    figure = example()
    for columns, shown in ((2, [True, False, True, False]), (1, [True] * 4)):
        _arrange(figure, 4 // columns, columns)
        assert [axis.yaxis.label.get_visible() for axis in figure.axes] == shown


def test_fonts_are_recorded(laid_out):
    for svg in (laid_out[1].wide, laid_out[1].narrow):
        assert 'data-labels="13.33" data-ticks="12.00"' in svg and "data-collisions" not in svg


def test_collisions_are_recorded():
    assert "data-collisions" in drawn(example(2, title="a title that has no room above one panel, beside another")).wide


def test_more_than_six_panels_are_refused():
    with pytest.raises(ValueError, match="split it"):
        panels(7)


def test_lines_bands_points_and_lines_across_are_read_back():
    (axis,) = panels()
    band(axis, [1, 2], np.array([[0.0, 1.0], [2.0, 3.0]]), color="C0", label="runs")
    axis.scatter([5, 6], [7, 8], color="C1", label="points")
    axis.axhline(0.5, color="C2")
    rows = contents(axis.figure).set_index("series")
    assert rows.loc["runs", ["x", "y", "low", "high"]].to_numpy() == pytest.approx(
        np.array([[1, 0.5, 0.05, 0.95], [2, 2.5, 2.05, 2.95]])
    )
    assert rows.loc["points", ["x", "y"]].to_numpy().tolist() == [[5, 7], [6, 8]]
    assert np.isnan(rows.loc["", "x"]) and rows.loc["", "y"] == 0.5


def test_names_at_ticks_are_read_back_as_names():
    (axis,) = panels()
    axis.plot([0, 1], [5, 7], "o", label="accuracy")
    axis.set_xticks([0, 1], labels=["with\nBN", "without"])
    assert contents(axis.figure)[["x", "y"]].to_numpy().tolist() == [["with BN", 5], ["without", 7]]


def test_what_has_no_label_has_that_of_what_looks_the_same():
    left, right = panels(2)
    left.plot([1], [1], "--", color="C3", label="dashed")
    right.plot([2], [2], "--", color="C3")
    right.plot([3], [3], ":", color="C3")
    assert contents(left.figure).series.tolist() == ["dashed", "dashed", ""]


def test_a_texts_end_at_the_edge_is_seen():
    (axis,) = panels()
    axis.set_ylabel("a label that is far longer than the axis is high, and goes on and on and on")
    axis.figure.draw_without_rendering()
    assert any(found.endswith("edge") for found in collisions(axis.figure))


@pytest.mark.parametrize("kind", LOOKS)
def test_no_figure_needs_its_colors(kind):
    told_apart_by = [one.marker or one.linestyle for one in LOOKS[kind].values()]
    assert len(set(told_apart_by)) == len(told_apart_by)


def test_no_two_things_look_the_same():
    looks = [one for kind in LOOKS.values() for one in kind.values()]
    assert {one for one in looks if looks.count(one) > 1} == {
        LOOKS["normalization"]["vanilla"]
    }  # Xavier's networks are


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_all_looks_can_be_seen_on_white():
    colors = [one.color for kind in LOOKS.values() for one in kind.values()]
    colors += [one["color"] for quantity in SCALES for one in graded(6, quantity)]
    assert min(1.05 / (luminance(color) + 0.05) for color in colors) > 2


def test_values_in_order_go_from_dark_to_light_each_with_a_mark_of_its_own():
    for quantity in SCALES:
        values = graded(6, quantity)
        assert (np.diff([luminance(one["color"]) for one in values]) > 0).all()
        assert len({one["marker"] for one in values}) == len({one["linestyle"] for one in values}) == 6
    with pytest.raises(ValueError):
        graded(7)


def test_the_table_of_looks_shows_every_name():
    names = {LABELS.get(name, name) for kind in LOOKS.values() for name in kind}
    shown = swatches()
    assert {f"<!-- {name} -->" for name in names} <= set(re.findall("<!-- .* -->", shown.wide.replace("&#x27;", "'")))
    assert "data-collisions" not in shown.wide + shown.narrow
    of_arms = {name: ARMS[name].label for name in LOOKS["weights at the start"] if name in ARMS}
    assert {name: LABELS.get(name, name) for name in of_arms} == of_arms
