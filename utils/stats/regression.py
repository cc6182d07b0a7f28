"""Slopes on logarithmic axes."""

import numpy as np

__all__ = ["log_log_slope"]


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
