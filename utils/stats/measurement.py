"""What a notebook measured at one setting of a claim, and the few numbers of it that a verdict needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Measurement", "Summary"]


@dataclass(frozen=True)
class Summary:
    """A measurement without its samples: all that a verdict is made of.

    Attributes
    ----------
    label : str
    mean : float
    standard_error : float
        Of the mean; NaN for one sample, 0 for a number that was computed.
    samples : int
        Independent samples; 0 for a number that was computed.
    target, tolerance : float
        As in :class:`Measurement`.
    limit : float or None
        ``None`` if there is none.
    error : float or None
        Of a computed number; ``None`` for a sampled one.

    Examples
    --------
    >>> Summary("layer 3", 0.25, 0.0, 0, target=0.75, tolerance=1.0, limit=None, error=0.125).vacuous
    False
    """

    label: str
    mean: float
    standard_error: float
    samples: int
    target: float
    tolerance: float
    limit: float | None
    error: float | None

    @property
    def vacuous(self) -> bool:
        """Whether ``target``, as an upper bound, exceeds what is possible anyway."""
        return self.limit is not None and self.target >= self.limit


@dataclass(frozen=True)
class Measurement:
    """One setting of a claim (a width, a layer, a start), with what was measured there.

    Attributes
    ----------
    label : str
        Which setting, as a reader would say it.
    samples : array_like of float, shape (m,)
        Independent measurements of a quantity whose mean the claim is about; or one number with ``error``.
    target : float
        What the mean is compared with: a bound, a theoretical or a published value.
    tolerance : float
        Unit of a deviation from ``target``; > 0.
    limit : float
        Largest value the quantity can take: a bound at or above it is vacuous. Infinite if there is none.
    error : float, optional
        For a number computed rather than sampled: how far it may be off.
    at : mapping of str to object
        Coordinates of the setting, ``{"layer": 3, "width": 8}``, for figures and tables.

    Examples
    --------
    >>> Measurement("width 8, layer 3", [0.5, 0.6], target=2.0, limit=1.0).vacuous
    True
    """

    label: str
    samples: object
    target: float = 0.0
    tolerance: float = 1.0
    limit: float = math.inf
    error: float | None = None
    at: Mapping[str, object] = field(default_factory=dict)

    @property
    def vacuous(self) -> bool:
        """Whether ``target``, as an upper bound, exceeds what is possible anyway."""
        return self.target >= self.limit

    def summary(self) -> Summary:
        """Its mean and standard error.

        Returns
        -------
        Summary

        Raises
        ------
        ValueError
            If the samples are not one row of finite numbers, or the measurement is malformed otherwise.

        Examples
        --------
        >>> Measurement("layer 3", [1.0, 3.0]).summary().mean
        2.0
        """
        x = np.atleast_1d(np.asarray(self.samples, dtype=float))
        what = f"measurement {self.label!r}"
        if x.ndim != 1 or not x.size or not np.isfinite(x).all() or not math.isfinite(self.target):
            raise ValueError(f"{what}: samples must be one row of finite numbers, the target finite")
        if not self.tolerance > 0:
            raise ValueError(f"{what}: tolerance={self.tolerance!r}, expected a positive number")
        if self.error is not None and x.size != 1:
            raise ValueError(f"{what}: a computed number has one value and an error, not {x.size}")
        spread = x.std(ddof=1) / math.sqrt(x.size) if x.size > 1 else math.nan
        return Summary(
            label=self.label,
            mean=float(x.mean()),
            standard_error=float(spread) if self.error is None else 0.0,
            samples=x.size if self.error is None else 0,
            target=float(self.target),
            tolerance=float(self.tolerance),
            limit=float(self.limit) if math.isfinite(self.limit) else None,
            error=None if self.error is None else float(self.error),
        )
