"""What ails a network, in plain sentences with numbers, from the table of :func:`~utils.probe.table.probe`.

The thresholds are below, each with what it means; a network that passes none of them gets no sentence.
"""

import math
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd

from utils.stats.text import number
from utils.theory import critical_width, gradient_growth, relu_gradient_growth

__all__ = ["ALIGNED", "COLLAPSED", "DEAD", "EXPLODED", "LOST", "SMALL", "Finding", "diagnose"]

#: Mean absolute cosine from which samples align, if from some layer to the end.
ALIGNED = 0.9
#: Share of what input, width and batch allow below which the effective rank has collapsed, if from some layer to the end.
COLLAPSED = 0.1
#: Share of the eigenvalues' mean below which a dimension is lost.
LOST = 1e-4
#: Factor of the gradients' energy over all layers at which they explode (or vanish).
EXPLODED = 1e4
#: Share of an activation's units, constant on a batch of at least eight samples, from which they count as dead.
DEAD = 0.25
#: Values under BN's statistics up to which a batch is too small, because gradients have no finite variance.
SMALL = 5
FEW = 8  # units below which angles, and samples below which constant units, say little


class Finding(NamedTuple):
    """One thing that ails a network.

    Attributes
    ----------
    illness : str
        "not finite", "aligned", "collapsed", "rank lost", "exploding", "vanishing", "dead" or "small batch".
    layer : str
        Where it begins, or is worst.
    sentence : str
        What is seen there, in numbers, and what theory has to say of it.
    page : str
        The notebook that explains it.

    Examples
    --------
    >>> Finding("aligned", "fc3", "Samples align.", "01_orthogonalization_rate").page
    '01_orthogonalization_rate'
    """

    illness: str
    layer: str
    sentence: str
    page: str


def diagnose(table: pd.DataFrame) -> list[Finding]:
    """Say what ails a network.

    Parameters
    ----------
    table : DataFrame
        As :func:`~utils.probe.table.probe` makes it; gradients are judged if it was given a loss.

    Returns
    -------
    list of Finding
        Empty if nothing is found.

    Raises
    ------
    ValueError
        If the table is not one of ``probe``'s.

    Examples
    --------
    >>> from utils.probe import probe
    >>> layers = [part for _ in range(20) for part in (torch.nn.Linear(64, 64), torch.nn.Sigmoid())]
    >>> diagnose(probe(torch.nn.Sequential(*layers), torch.randn(16, 64)))[0].illness
    'aligned'
    """
    missing = {"name", "kind", "call", "cosine", "rank", "gradient", "statistics"} - set(table.columns)
    if missing:
        raise ValueError(f"table: no columns {sorted(missing)}, expected a table that probe returned")
    rows = table[(table.call > 0) & (table.name != "(input)")]
    start, hidden = table.iloc[0], rows.iloc[:-1] if len(rows) > 1 else rows  # a head may have two outputs, or one
    found = [*_not_finite(rows), *_aligned(hidden, start)]
    if not any(one.illness == "aligned" for one in found):
        found += [*_collapsed(hidden, start), *_rank_lost(hidden, start)]
    return [*found, *_gradients(rows), *_dead(rows), *_small_batch(rows)]


def _not_finite(rows: pd.DataFrame) -> Iterator[Finding]:
    for _, row in rows[rows.note.str.contains("for the first time")].iterrows():
        text = f"Entries are NaN or infinite from {_called(row)} on; what is before it is finite."
        yield Finding("not finite", row["name"], text, "08_the_price")


def _aligned(rows: pd.DataFrame, start: pd.Series) -> Iterator[Finding]:
    wide = rows[(rows.width >= FEW) & rows.cosine.notna()]
    if ill := _to_the_end(wide, wide.cosine >= ALIGNED):
        first, last = wide.loc[ill[0]], wide.loc[ill[-1]]
        text = (
            f"Samples align: their mean absolute cosine is {number(start.cosine)} in the input, {number(first.cosine)} from "
            f"{_called(first)} on and {number(last.cosine)} at {_called(last)}, where {int(last.samples)} samples have an "
            f"effective rank of {number(last['rank'])}."
        )
        if rows.statistics.isna().all() and last.cosine > first.cosine:
            text += " Random layers without batch normalization go on aligning samples, layer by layer."
        yield Finding("aligned", first["name"], text, "01_orthogonalization_rate")


def _collapsed(rows: pd.DataFrame, start: pd.Series) -> Iterator[Finding]:
    measured = rows[rows["rank"].notna()]
    possible = np.minimum(measured.samples - (measured.centered == 1), measured.width)
    possible = np.fmin(possible, start["rank"])
    if ill := _to_the_end(measured, (measured["rank"] < COLLAPSED * possible)):
        first = measured.loc[ill[0]]
        text = (
            f"The rank collapses at {_called(first)}: the effective rank of {int(first.samples)} samples is "
            f"{number(first['rank'])} from there on, where input, width and batch allow {number(possible[ill[0]])}. "
            "No later layer brings it back, unless it normalizes over the batch."
        )
        yield Finding("collapsed", first["name"], text, "02_width_floor")


def _rank_lost(rows: pd.DataFrame, start: pd.Series) -> Iterator[Finding]:
    normed = rows[(rows.statistics == rows.samples) & (rows.samples - rows.centered <= rows.width)]
    if normed.empty or not start.least_eigenvalue * start.samples > LOST:
        return
    dimensions = normed.samples - normed.centered
    if ill := _to_the_end(normed, normed.least_eigenvalue * dimensions < LOST):
        first, last = normed.loc[ill[0]], normed.loc[ill[-1]]
        n, d = int(last.samples), last.width
        if n < FEW or d >= critical_width(n, centered=True):
            return
        batches = [m for m in range(5, n) if critical_width(m, centered=True) <= d]
        smaller = f", or from batches of {batches[-1]} or fewer at this width" if batches else ""
        text = (
            f"A dimension is lost: the least eigenvalue of {n} samples is {number(first.least_eigenvalue * dimensions[ill[0]])} "
            f"times the mean one at {_called(first)} and {number(last.least_eigenvalue * dimensions[ill[-1]])} at "
            f"{_called(last)}, while the gap, {number(last.gap)}, does not show it. A linear BN network keeps the rank of "
            f"{n} samples from width {number(math.ceil(critical_width(n, centered=True)))} on (this one has {number(d)}){smaller}."
        )
        yield Finding("rank lost", first["name"], text, "02_width_floor")


def _gradients(rows: pd.DataFrame) -> Iterator[Finding]:
    normed = rows[rows.statistics.notna() & rows.gradient.notna()]
    kept = normed if len(normed) >= 3 else rows[rows.kind.isin(["linear", "convolution"]) & rows.gradient.notna()]
    if len(kept) < 3:
        return
    energy = np.square(kept.gradient.to_numpy())
    if not np.isfinite(energy).all():
        worst = kept[~np.isfinite(energy)].iloc[-1]
        text = f"Gradients overflow from {_called(worst)} back: no earlier layer can learn."
        yield Finding("exploding", worst["name"], text, "08_the_price")
        return
    if not energy[0]:
        worst = kept.iloc[np.argmax(energy > 0) - 1]  # the last of those before one that gets a gradient, or of all
        text = f"Gradients are exactly zero from {_called(worst)} back: no earlier layer can learn."
        yield Finding("vanishing", worst["name"], text, "08_the_price")
        return
    energy = energy[energy > 0]  # a branch may get none, while a skip around it passes on all
    slope = -np.polyfit(np.arange(len(energy)), np.log(energy), 1)[0]
    total, first = math.exp(min(700, slope * (len(energy) - 1))), kept.iloc[0]
    if 1 / EXPLODED < total < EXPLODED:
        return
    layers = f"over {len(energy)} layers"
    if slope > 0:
        all_in_all = f"10^{slope * (len(energy) - 1) / math.log(10):.0f}-fold {layers}"
        text = f"Gradients explode: their energy grows {number(math.exp(slope))}-fold per layer going back, about {all_in_all}."
    else:
        left = f"10^−{-slope * (len(energy) - 1) / math.log(10):.0f} {layers}"
        text = (
            f"Gradients vanish: {number(math.exp(slope))} of their energy is left per layer going back, about {left}."
        )
    n = normed.statistics.median()
    if slope > 0 and len(normed) >= 3 and n > 3:
        text += (
            f" With mean-centering BN over n = {int(n)} values a linear network has "
            f"(n − 2)/(n − 3) = {number(gradient_growth(int(n), centered=True))}, one with ReLU and a large batch "
            f"{number(relu_gradient_growth())}, at any width."
        )
    yield Finding("exploding" if slope > 0 else "vanishing", first["name"], text, "08_the_price")


def _dead(rows: pd.DataFrame) -> Iterator[Finding]:
    ill = rows[(rows.dead >= DEAD) & (rows.samples >= FEW)]
    if len(ill):
        worst = ill.loc[ill.dead.idxmax()]
        text = (
            f"Units are dead: {worst.dead:.0%} of those of {_called(worst)} have one and the same value on all "
            f"{int(worst.samples)} samples, and {len(ill)} of {int(rows.dead.notna().sum())} activations have at least {DEAD:.0%} such units."
        )
        yield Finding("dead", worst["name"], text, "05_activations")


def _small_batch(rows: pd.DataFrame) -> Iterator[Finding]:
    ill = rows[rows.statistics <= SMALL]
    if len(ill):
        worst = ill.loc[ill.statistics.idxmin()]
        n = int(worst.statistics)
        if n < 3:
            what = "each unit becomes ±1, whatever its size"
        elif n == 3:
            what = "the mean growth of a linear network's gradients is infinite"
        else:
            what = f"a linear network's gradients grow by {number(gradient_growth(n, centered=True))} per layer"
        text = (
            f"The batch is too small for batch normalization: in {len(ill)} of its layers, first {_called(ill.iloc[0])}, mean and "
            f"variance are over as few as {n} values. There {what}; up to {SMALL} values that growth has no finite variance."
        )
        yield Finding("small batch", worst["name"], text, "08_the_price")


def _to_the_end(rows: pd.DataFrame, ill: pd.Series) -> list:
    """Labels of the last rows that are ill without a healthy one among them, the first of them first."""
    return [label for label, _ in takewhile(lambda one: one[1], list(ill.items())[::-1])][::-1]


def _called(row: pd.Series) -> str:
    again = f", call {int(row['call'])}" if row["call"] > 1 else ""
    return f"`{row['name']}` ({row['type']}{again})"
