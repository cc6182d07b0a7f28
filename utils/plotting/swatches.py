"""The table of looks as a figure, made from the table itself."""

import matplotlib.pyplot as plt
import numpy as np

from utils.plotting.layout import Drawn, drawn, panels
from utils.plotting.looks import LOOKS, SCALES, graded, look, sized
from utils.plotting.style import use_style

__all__ = ["LABELS", "swatches"]

#: What figures call a thing, where that is not its name in the table.
LABELS = {
    "bn": "with BN",
    "vanilla": "without",
    "layer_norm": "LayerNorm, GroupNorm",
    "rms_norm": "RMSNorm",
    "level": "floor, largest value, chance",
    "before": "before Equation 6",
    "xavier": "Xavier",
    "xavier_scaled": "Xavier, iterative's scale",
    "slice": "iterative, slice, Σ^(−1/2)",
    "slice1": "iterative, slice, Σ^(−1)",
    "polar": "iterative, polar, Σ^(−1/2)",
    "polar1": "iterative, polar, Σ^(−1)",
    "haar": "iterative, Haar, Σ^(−1/2)",
    "haar1": "iterative, Haar, Σ^(−1)",
    "redrawn": "iterative, slice, samples redrawn",
    "identity_scaled": "identity, iterative's scale",
    "permutation": "permutations",
    "single-precision draws, against NumPy": "single draws, against NumPy",
    "weight_norm": "weight normalization",
    "clip": "clipping",
    "identity_bn": "identity with BN",
    "identity_clip": "identity with clipping",
}
# Groups of the table in one panel each.
TOGETHER = {
    "paper and verdicts": ("paper and theory", "verdict"),
    "instead of BN; times": ("instead of BN", "time of one layer"),
}


def swatches() -> Drawn:
    """A panel for each kind of thing, a row for each thing: how its line and its marks look.

    Returns
    -------
    Drawn

    Examples
    --------
    >>> swatches()
    a figure
    """
    use_style()
    rest = {kind: (kind,) for kind in LOOKS if not any(kind in kinds for kinds in TOGETHER.values())}
    *kinds, ordered = panels(len(TOGETHER | rest) + 1, columns=2, height=2.3)
    for axis, (title, members) in zip(kinds, (TOGETHER | rest).items(), strict=True):
        names = [name for kind in members for name in LOOKS[kind]]
        for row, name in enumerate(names):
            axis.plot(np.arange(3), [row] * 3, **look(name))
        _rows(axis, title, [LABELS.get(name, name) for name in names])
    scales = {quantity: graded(6, quantity) for quantity in SCALES}
    scales["n from 2 to 64"] = [sized(n=2**k) for k in range(1, 7)]
    scales["width from 32 to a million"] = [sized(width=width) for width in (32, 256, *(10**k for k in range(3, 7)))]
    for row, values in enumerate(scales.values()):
        for place, one in enumerate(values):
            ordered.plot([place / 2.5 - 0.1, place / 2.5 + 0.1], [row] * 2, **one)
    _rows(ordered, "small to large", list(scales))
    figure = drawn(ordered.figure, legend=None)
    plt.close(ordered.figure)
    return figure


def _rows(axis, title: str, labels: list[str]) -> None:
    axis.set(title=title, xlim=(-0.3, 2.3), ylim=(max(len(labels), 6) - 0.4, -0.6))
    axis.set_xticks([])
    axis.set_yticks(range(len(labels)), labels=labels)
    axis.tick_params(left=False)
    axis.spines[["left", "bottom"]].set_visible(False)
