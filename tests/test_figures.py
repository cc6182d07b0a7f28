"""Figures in two layouts: read back, the same bytes for the same data, labels where no neighbor shows them."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils.plotting import band, collisions, contents, drawn, panels, use_style
from utils.plotting.layout import _arrange


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
    assert drawn(example()) == drawn(example())


@pytest.mark.parametrize("legend", ["shared", "each", None])
def test_one_layout_is_wide_and_one_is_narrow(legend):
    figure = drawn(example(), legend)
    assert size(figure.wide)[0] == 7.5 and size(figure.narrow)[0] == 3.75
    assert size(figure.narrow)[1] > 1.5 * size(figure.wide)[1]


@pytest.mark.parametrize("legend", ["shared", "each", None])
def test_axes_have_the_height_that_was_asked_for(legend):
    figure = example()
    drawn(figure, legend)  # leaves the narrow layout
    heights = [axis.get_position().height * figure.get_figheight() for axis in figure.axes]
    assert heights == pytest.approx([2.1] * 4, abs=0.02)


def test_inner_panels_show_no_labels_that_a_neighbor_shows():
    figure = example()
    for columns, shown in ((2, [True, False, True, False]), (1, [True] * 4)):
        _arrange(figure, 4 // columns, columns)
        assert [axis.yaxis.label.get_visible() for axis in figure.axes] == shown


def test_fonts_and_collisions_are_recorded():
    figure = drawn(example())
    for svg in (figure.wide, figure.narrow):
        assert 'data-labels="13.33" data-ticks="12.00"' in svg and "data-collisions" not in svg
    assert "data-collisions" in drawn(example(title="a title that has no room above one panel, beside another")).wide


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
