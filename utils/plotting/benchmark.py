"""The benchmark's ratios as a figure, made from ``bench.json``."""

import matplotlib.pyplot as plt
import numpy as np

from utils.plotting.layout import Drawn, drawn, panels
from utils.plotting.looks import look
from utils.plotting.style import ticks, use_style

__all__ = ["benchmark_figure"]


def benchmark_figure(record: dict) -> Drawn:
    """Ratios of one layer in ``bench.json`` against width."""
    use_style()
    (axis,) = panels()
    lines = {"numpy": "against NumPy", "torch": "against torch", "single": "single-precision draws, against NumPy"}
    for name, label in lines.items():
        mine = [one for one in record["ratios"] if one["id"].startswith(f"layer-{name}-")]
        widths = np.array([int(one["id"].rsplit("-", 1)[1]) for one in mine])
        axis.plot(widths, [one["ratio"] for one in mine], label=label, **look(label))
    axis.plot(widths, widths / 8, **look("theory"), label="$d/n$, the ratio of normal variates")
    axis.set(xscale="log", yscale="log", xlabel="width $d$", ylabel="direct / exact, seconds per layer")
    ticks(axis, widths)
    figure = drawn(axis.figure)
    plt.close(axis.figure)
    return figure
