"""Slopes on logarithmic axes, and means of groups of runs that each give a slope of their own."""

import numpy as np

__all__ = ["group_means", "log_log_line", "log_log_slope"]


def group_means(samples: np.ndarray, groups: int) -> np.ndarray:
    """Means over layers and over groups of runs.

    Parameters
    ----------
    samples : ndarray or Tensor, shape (layers, runs)
    groups : int
        As many runs to each; what is left over is dropped.

    Returns
    -------
    ndarray, shape (groups,)

    Examples
    --------
    >>> group_means(np.array([[1.0, 2.0, 3.0, 4.0, 99.0]]), 2)
    array([1.5, 3.5])
    """
    runs = samples.mean(0)
    return np.asarray(runs[: len(runs) // groups * groups].reshape(groups, -1).mean(1))


def log_log_line(x: np.ndarray, y: np.ndarray, slope: float) -> np.ndarray:
    """Values of a line of a slope on logarithmic axes, through the middle of the points.

    Examples
    --------
    >>> log_log_line([1.0, 100.0], [3.0, 27.0], 0.5).round(3)
    array([ 2.846, 28.46 ])
    """
    return np.exp(np.log(y).mean() + slope * (np.log(x) - np.log(x).mean()))


def log_log_slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least-squares slope of log y on log x.

    Parameters
    ----------
    x : array_like, shape (points,)
    y : array_like, shape (points, ...)
        Positive; each of the further axes has slopes of its own.

    Returns
    -------
    ndarray, shape (...)

    Examples
    --------
    >>> x = np.array([1.0, 10.0, 100.0])
    >>> log_log_slope(x, np.stack([x**-0.5, 3 * x], 1)).round(6)
    array([-0.5,  1. ])
    """
    centered = np.log(x) - np.log(x).mean()
    return np.einsum("p,p...->...", centered, np.log(y)) / (centered**2).sum()
